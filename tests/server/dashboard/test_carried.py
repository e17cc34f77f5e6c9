"""Exports of agents that reach no collector, brought to the dashboard by somebody."""

import io
import re
import zlib
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import func, select, update

from flexprint_server.dashboard import uploads
from flexprint_server.fleet.models import Read
from flexprint_server.ingest.models import Batch, CarriedFile
from flexprint_server.reports.models import WorkbookPart
from flexprint_server.settings import read_settings
from flexprint_server.tenants.models import AuditEntry, Customer, User
from flexprint_shared.offline import EXPORT, LARGEST_EXPORT, MOST_BATCHES, acknowledged, batches_of, exported
from flexprint_shared.sealing import batch_hash
from services import agents
from services.pages import ALICE, NOW, fields, serving
from services.reads import a_read

PLACE = "/agents/carried"
YESTERDAY = NOW - timedelta(days=1)


@pytest.fixture
def url(fleet, clock, tmp_path):
    """With the key under which the agents of `services.agents` enrol."""
    settings = read_settings({"FLEXPRINT_SECRET_KEY": agents.SECRET_KEY}, data=tmp_path)
    with serving(settings, fleet, clock) as url:
        yield url


@pytest.fixture
def agent(fleet):
    return agents.an_agent(fleet)


def batch(agent, number, **more):
    return agent.batch(a_read(f"VD{number:08}", at=YESTERDAY), at=YESTERDAY, **more)


def bring(visit, octets, name="reads.fpx", **more):
    token = fields(visit.get(PLACE).text)
    return visit.client.post(PLACE, data=token | more, files={"export": (name, octets)}, follow_redirects=True)


def reads_of(fleet, agent):
    with fleet.reading() as session:
        return session.scalar(
            select(func.count(Read.id)).join(Batch, Batch.id == Read.batch_id).where(Batch.agent_id == agent.id)
        )


def acknowledgement(visit, fleet, page):
    answer = visit.get(f"{page.url.path}/acknowledgement")
    assert 'filename="reads.fpx.ack"' in answer.headers["content-disposition"]
    return acknowledged(answer.content, agents.keyring(fleet).identity.public_key())


def test_a_file_is_stored_and_its_acknowledgement_is_for_the_agent(alice, fleet, agent):
    batches = [batch(agent, 1), batch(agent, 2)]
    page = bring(alice, b"".join(exported(batches)))
    assert "2 reads are stored" in page.text
    assert acknowledgement(alice, fleet, page).taken == [batch_hash(one) for one in batches]
    assert reads_of(fleet, agent) == 2


def test_a_file_that_is_brought_again_is_known_and_acknowledged_again(alice, fleet, agent):
    octets = b"".join(exported([batch(agent, 1)]))
    first, second = bring(alice, octets), bring(alice, octets)
    assert "Everything in it was here before" in second.text
    assert acknowledgement(alice, fleet, first) == acknowledgement(alice, fleet, second)
    assert reads_of(fleet, agent) == 1
    assert alice.get(PLACE).text.count("reads.fpx</bdi>") == 2


def test_the_workbook_that_a_file_asks_for_is_due(alice, fleet, agent):
    asked = batch(agent, 1, recipients=["office@harbour.example"], report_requested_at=YESTERDAY)
    page = bring(alice, b"".join(exported([asked])))
    with fleet.reading() as session:
        report = session.scalar(select(func.max(WorkbookPart.report_id)))
    assert "Workbooks asked for" in page.text
    assert report is not None


def test_it_stands_in_the_audit_log(alice, fleet, agent):
    bring(alice, b"".join(exported([batch(agent, 1)])))
    with fleet.reading() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert (entry.what, entry.target) == ("export.brought", "reads.fpx")
    assert entry.after == {"batches": 1, "reads": 1, "refused": 0}


def test_a_batch_of_another_dealer_looks_like_one_of_nobody(alice, bob, fleet, agent):
    page = bring(bob, b"".join(exported([batch(agent, 1)])))
    assert "Nothing of it was taken" in page.text
    assert "does not have" in page.text
    assert "Harbour" not in page.text
    assert acknowledgement(bob, fleet, page).taken == []
    assert reads_of(fleet, agent) == 0
    assert alice.get(page.url.path).status_code == 404
    assert alice.get(f"{page.url.path}/acknowledgement").status_code == 404


def test_the_page_says_of_each_batch_what_became_of_it(alice, fleet, agent):
    known = batch(agent, 1)
    bring(alice, b"".join(exported([known])))
    page = unescape(bring(alice, b"".join(exported([known, batch(agent, 2), b"garbage"]))).text)
    fates = re.findall(r'class="tag [a-z]*">(Stored|Stored before|Refused)<', page)
    assert fates == ["Refused", "Stored before", "Stored"]
    for words in ("FRONT-DESK", "Harbour Dental", "Main Street", "not known"):
        assert words in page, words


def test_a_batch_that_is_spoilt_is_refused_and_the_others_are_stored(alice, fleet, agent):
    good, spoilt = batch(agent, 1), batch(agent, 2)
    page = bring(alice, b"".join(exported([good, spoilt[:-1] + b"\0", b"garbage"])))
    assert "1 read is stored" in page.text
    assert "not signed" in page.text
    assert "not a sealed batch" in page.text
    assert acknowledgement(alice, fleet, page).taken == [batch_hash(good)]


def bomb(agent):
    """A batch that is small, and 256 MiB when it is opened."""
    deflater, zeros = zlib.compressobj(9), bytes(1 << 20)
    return agent.next(b"".join(deflater.compress(zeros) for _ in range(256)) + deflater.flush())


def test_a_batch_that_would_fill_the_memory_is_refused(alice, fleet, agent):
    page = bring(alice, b"".join(exported([bomb(agent)])))
    assert "cannot be read" in page.text
    assert reads_of(fleet, agent) == 0


def test_nothing_of_a_file_is_held_in_memory_but_one_batch(agent):
    """The file is read a batch at a time, whatever its size."""
    asked = []

    class Counted(io.BytesIO):
        def read(self, size=-1):
            asked.append(size)
            return super().read(size)

    octets = b"".join(exported([batch(agent, number) for number in range(5)]))
    assert len(list(batches_of(Counted(octets)))) == 5
    assert 0 < max(asked) < len(octets) / 4
    assert min(asked) > 0


def too_many(_):
    return b"".join(exported([b"x"] * (MOST_BATCHES + 1)))


def too_long(_):
    return EXPORT + b"\xff" * 64


@pytest.mark.parametrize("spoil", [lambda _: b"", lambda o: b"PK\3\4" + o, lambda o: o[:-1], lambda o: o[:40], lambda o: o + o, too_many, too_long])  # fmt: skip
def test_a_file_that_is_not_whole_is_said_to_be_and_nothing_is_stored(alice, fleet, agent, spoil):
    page = bring(alice, spoil(b"".join(exported([batch(agent, 1)]))))
    assert page.status_code == 422
    assert "Nothing was stored" in unescape(page.text)
    assert reads_of(fleet, agent) == 0


def test_a_form_without_a_file_asks_for_one(alice):
    page = bring(alice, b"", name="")
    assert page.status_code in (400, 422)


def test_a_name_with_markup_stays_text(alice, agent):
    page = bring(alice, b"".join(exported([batch(agent, 1)])), name="<script>alert(1)</script>\r\n.fpx")
    assert "<script>alert" not in page.text + alice.get(PLACE).text


def test_a_form_that_is_not_ours_stores_nothing(alice, fleet, agent):
    octets = b"".join(exported([batch(agent, 1)]))
    assert bring(alice, octets, token="somebody else's").status_code == 403
    assert reads_of(fleet, agent) == 0


def test_a_form_from_another_site_stores_nothing(alice, fleet, agent):
    alice.client.headers["sec-fetch-site"] = "cross-site"
    assert bring(alice, b"".join(exported([batch(agent, 1)]))).status_code == 403
    assert reads_of(fleet, agent) == 0


@pytest.mark.parametrize("role", ["viewer", "billing", "customer"])
def test_of_whom_it_is_not_wanted_no_octet_is_read(alice, fleet, agent, role, monkeypatch):
    with fleet.transaction() as session:
        customer = session.scalar(select(func.min(Customer.id))) if role == "customer" else None
        session.execute(update(User).where(User.email == ALICE).values(role=role, customer_id=customer))
    monkeypatch.setattr(uploads, "MultiPartParser", None)
    page = bring(alice, b"".join(exported([batch(agent, 1)])))
    assert page.status_code == 403
    assert "Not for this account" in page.text


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\n"),
        ("multipart/form-data; boundary=b", b"no boundary at all"),
        ("multipart/form-data; boundary=b; charset=none", b"--b\r\nContent-Disposition: form-data; name=\xff\r\n\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: attachment\r\n\r\nx\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="export"\r\n\r\nx\r\n--b--\r\n'),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\nx\r\n' * 20 + b"--b--\r\n"),
        ("application/x-www-form-urlencoded", b"export=x"),
    ],
)  # fmt: skip
def test_a_broken_form_is_a_bad_request(alice, kind, body):
    answer = alice.client.post(PLACE, content=body, headers={"content-type": kind})
    assert answer.status_code == 400


def pieces(megabytes):
    """A form with a file of that size; how large it will be is not said beforehand."""
    yield b'--b\r\nContent-Disposition: form-data; name="export"; filename="x"\r\n\r\n'
    for _ in range(megabytes):
        yield bytes(1 << 20)


FORM = {"content-type": "multipart/form-data; boundary=b"}


def test_more_than_a_file_may_hold_is_refused(alice):
    assert alice.client.post(PLACE, content=pieces((LARGEST_EXPORT >> 20) + 1), headers=FORM).status_code == 413


def test_a_file_that_does_not_come_to_an_end_is_given_up(alice, monkeypatch):
    monkeypatch.setattr(uploads, "SLOWEST", 0)
    assert alice.client.post(PLACE, content=pieces(4), headers=FORM).status_code == 408


def test_the_list_shows_the_newest_first(alice, fleet, agent):
    for number in (1, 2):
        bring(alice, b"".join(exported([batch(agent, number)])), name=f"{number}.fpx")
    page = alice.get(PLACE).text
    assert page.index("2.fpx") < page.index("1.fpx")
    with fleet.reading() as session:
        assert session.scalar(select(func.count(CarriedFile.id))) == 2
