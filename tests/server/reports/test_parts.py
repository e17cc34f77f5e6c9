"""A workbook in the database, a part at a time."""

import io
import random

import pytest

from flexprint_server.database import Scope
from flexprint_server.mail.relay import FolderPost
from flexprint_server.reports import parts
from services.rude_smtp import Rude

SMALL = 1000


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(parts, "PART", SMALL)


def stored(house, report_id):
    with house.database.reading() as session:
        return parts.find(house.agent.dealer_id, session, report_id)


def read(house, report_id):
    return list(parts.every_part(house.database, Scope(house.agent.dealer_id), stored(house, report_id)))


@pytest.mark.parametrize("size", [1, SMALL, SMALL + 1, 3 * SMALL])
def test_what_is_stored_in_parts_is_read_as_it_was(house, small_parts, size):
    report_id, content = house.ask(), random.Random(size).randbytes(size)
    for kept in (bytes(9 * SMALL), content):  # the second in place of the first, which had more parts
        with house.database.transaction() as session:
            parts.keep(session, report_id, io.BytesIO(kept))
    assert b"".join(read(house, report_id)) == content
    assert (stored(house, report_id).size, stored(house, report_id).parts) == (size, -(-size // SMALL))


def test_a_mail_carries_all_parts(house, small_parts, tmp_path):
    report_id = house.ask()
    house.deliver(report_id, post=FolderPost(tmp_path))
    (kept,) = tmp_path.glob("*.xlsx")
    found = read(house, report_id)
    assert len(found) > 3
    assert kept.read_bytes() == b"".join(found)


def test_another_dealer_finds_no_part(house, tmp_path):
    report_id = house.ask()
    house.deliver(report_id, post=FolderPost(tmp_path))
    with house.database.reading() as session:
        assert parts.find(house.agent.dealer_id + 1, session, report_id) is None


class Killed(BaseException):
    """The end of a worker in the middle of it, as no handler catches it."""


class Dying(io.BytesIO):
    def read(self, size=-1):
        if self.tell() >= 2 * SMALL:
            raise Killed
        return super().read(size)


def test_a_worker_that_dies_between_two_parts_leaves_none(house, small_parts, monkeypatch):
    """Nor a report that counts as built: the next worker builds and mails the whole of it."""
    report_id, keep = house.ask(), parts.keep
    monkeypatch.setattr(parts, "keep", lambda session, number, _file: keep(session, number, Dying(bytes(5 * SMALL))))
    with Rude() as rude:
        with pytest.raises(Killed):
            house.deliver(report_id, rude)
        assert house.states(report_id) == ("building", ["queued"])
        assert stored(house, report_id) is None
        monkeypatch.setattr(parts, "keep", keep)
        house.now = house.report(report_id).lease_until
        assert house.deliver(report_id, rude).state == "sent"
    assert b"".join(read(house, report_id))[:2] == b"PK"
    assert len(rude.mails) == 1
