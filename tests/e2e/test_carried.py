"""A site that reaches no collector: its batches go in a file, the acknowledgement comes back in one."""

import errno
import io
import os
import subprocess
import sys

import pytest
from sqlalchemy import func, select

from flexprint_agent.cli import main
from flexprint_agent.keep import Keep
from flexprint_agent.keep.enrolment import Enrolment
from flexprint_server.database import Database
from flexprint_server.fleet.models import Read
from flexprint_server.ingest import offline
from flexprint_server.ingest.models import Batch
from flexprint_server.ingest.service import Inbox
from flexprint_server.tenants.models import Agent as AgentRow
from flexprint_shared.offline import NotThisFile, acknowledged
from services import agents
from services.reads import NOON, a_read


@pytest.fixture
def database(sqlite_url):
    opened = Database(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def inbox(database):
    return Inbox(database, lambda: agents.keyring(database), "example.com")


@pytest.fixture
def home(tmp_path, database):
    """A home that is enrolled with the collector behind `database`, and has never reached it since."""
    agent, keys = agents.an_agent(database), agents.keyring(database)
    path = tmp_path / "home"
    with Keep(path) as keep:
        enrolment = Enrolment(
            server="https://collector.invalid", insecure_loopback=False, agent=agent.id, dealer="", customer="", site="",
            identity_key=keys.identity.public_key().public_bytes_raw(),
            sealing_key=keys.current.public_key().public_bytes_raw(), enrolled_at=NOON,
        )  # fmt: skip
        keep.enrolments.put(enrolment, agent.key.private_bytes_raw())
    return path


def read(home, *numbers):
    with Keep(home) as keep:
        for number in numbers:
            keep.keep_read(a_read(f"VD{number:08}"), {})


def run(home, *words, status=0):
    assert main(["--home", str(home), *map(str, words)]) == status


def waiting(home):
    with Keep(home) as keep:
        return keep.spool.count("waiting")


def exported(home, tmp_path, name):
    run(home, "export", tmp_path / name)
    return (tmp_path / name).read_bytes()


def taken(database, inbox, octets, *more, **keywords):
    return offline.take(database, inbox, io.BytesIO(octets), *more, **keywords)


def stored(database):
    with database.reading() as session:
        return [session.scalar(select(func.count()).select_from(model)) for model in (Batch, Read)]


def test_what_is_carried_in_a_file_is_stored_and_acknowledged_by_a_file(home, tmp_path, database, inbox):
    read(home, 1, 2)
    imported = taken(database, inbox, exported(home, tmp_path, "a.fpx"), NOON)
    assert (imported.new, imported.before, imported.reads, imported.refused) == (1, 0, 2, {})
    assert stored(database) == [1, 2]
    assert waiting(home) == 1
    (tmp_path / "a.ack").write_bytes(imported.acknowledgement)
    run(home, "import", tmp_path / "a.ack")
    assert waiting(home) == 0
    run(home, "export", tmp_path / "b.fpx")
    assert not (tmp_path / "b.fpx").exists()


def test_a_file_that_finds_no_room_is_not_there_and_nothing_counts_as_carried(home, tmp_path, monkeypatch, capsys):
    """The disk, or the stick, is full in the midst of it."""
    read(home, 1)
    (tmp_path / "a.fpx").write_bytes(b"of yesterday")

    def full(_):
        yield b"FPX1"
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("flexprint_shared.offline.exported", full)
        run(home, "export", tmp_path / "a.fpx", status=1)
    assert "No space left" in capsys.readouterr().err
    assert [(path.name, path.read_bytes()) for path in tmp_path.glob("a.fpx*")] == [("a.fpx", b"of yesterday")]
    with Keep(home) as keep:
        assert [one.exported_at for one in keep.spool.batches()] == [None]
    run(home, "export", tmp_path / "a.fpx")
    assert (tmp_path / "a.fpx").read_bytes().startswith(b"FPX1")


def test_a_batch_that_no_collector_takes_keeps_no_other_from_being_carried(
    home, tmp_path, database, inbox, monkeypatch
):
    read(home, *range(1, 60))
    exported(home, tmp_path, "1.fpx")
    read(home, 60)
    with Keep(home) as keep:
        largest = keep.spool.next_waiting()[0].octets - 1
    monkeypatch.setattr("flexprint_shared.batch.LARGEST_SEALED", largest)
    assert taken(database, inbox, exported(home, tmp_path, "2.fpx"), NOON).reads == 1
    assert waiting(home) == 2


def test_order_and_repetition_do_no_harm(home, tmp_path, database, inbox):
    """The later file first, the earlier one after it, each twice; what both hold is stored once."""
    read(home, 1)
    first = exported(home, tmp_path, "1.fpx")
    (tmp_path / "1.ack").write_bytes(taken(database, inbox, first, NOON).acknowledgement)
    read(home, 2)
    second = exported(home, tmp_path, "2.fpx")
    run(home, "import", tmp_path / "1.ack")
    read(home, 3)
    third = exported(home, tmp_path, "3.fpx")
    for octets in (third, second, first, third, second):
        imported = taken(database, inbox, octets, NOON)
        assert imported.refused == {}
    assert stored(database) == [3, 3]
    (tmp_path / "3.ack").write_bytes(imported.acknowledgement)
    run(home, "import", tmp_path / "3.ack")
    assert waiting(home) == 1


def test_a_batch_that_comes_behind_later_ones_fills_its_gap(home, tmp_path, database, inbox):
    files = []
    for number in (1, 2):
        read(home, number)
        files.append(exported(home, tmp_path, f"{number}.fpx"))
    with Keep(home) as keep:
        one = keep.spool.next_waiting()
        two = keep.spool.next_waiting(one[0].number)
    inbox.receive(two[1], NOON)
    assert taken(database, inbox, files[0], NOON).new == 1
    assert stored(database) == [2, 2]
    with database.reading() as session:
        assert session.scalar(select(AgentRow.last_sequence)) == 2


def test_batches_of_another_dealer_are_refused_and_said(home, tmp_path, database, inbox):
    agents.an_agent(database, dealer="Elsewhere Office")
    read(home, 1)
    octets = exported(home, tmp_path, "a.fpx")
    with database.reading() as session:
        ours, others = session.scalars(select(AgentRow.dealer_id).order_by(AgentRow.dealer_id))
    imported = taken(database, inbox, octets, NOON, dealer_id=others)
    assert (imported.new, stored(database)) == (0, [0, 0])
    assert "does not have" in next(iter(imported.refused.values()))
    assert taken(database, inbox, octets, NOON, dealer_id=ours).new == 1


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda _: b"",
        lambda o: b"PK" + o,
        lambda o: o[:-1],
        lambda o: o[:40],
        lambda o: o[:60] + b"x" + o[61:],
        lambda o: o + o,
    ],
)
def test_a_file_that_is_not_whole_is_refused_as_a_whole(home, tmp_path, database, inbox, spoilt):
    read(home, 1)
    octets = exported(home, tmp_path, "a.fpx")
    with pytest.raises(NotThisFile):
        taken(database, inbox, spoilt(octets), NOON)
    assert stored(database) == [0, 0]


def test_an_acknowledgement_of_somebody_else_acknowledges_nothing(home, tmp_path, database, inbox, capsys):
    read(home, 1)
    imported = taken(database, inbox, exported(home, tmp_path, "a.fpx"), NOON)
    for octets in (b"", b"FPA1", imported.acknowledgement[:-1], b"FPA1" + bytes(64) + imported.acknowledgement[68:]):
        (tmp_path / "a.ack").write_bytes(octets)
        run(home, "import", tmp_path / "a.ack", status=1)
    assert waiting(home) == 1
    assert "nothing was changed" in capsys.readouterr().err


def test_the_operator_imports_on_the_command_line(home, tmp_path, database, sqlite_url):
    read(home, 1)
    exported(home, tmp_path, "a.fpx")
    environment = {
        "FLEXPRINT_DATABASE_URL": sqlite_url,
        "FLEXPRINT_SECRET_KEY": agents.SECRET_KEY,
        "FLEXPRINT_DATA": str(tmp_path),
    }
    program = [sys.executable, "-m", "flexprint_server.cli", "import", str(tmp_path / "a.fpx")]
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from flexprint_server.cli import main; sys.exit(main(sys.argv[1:]))", *program[3:]],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        "1 batches with 1 reads stored, 0 were here before.",
    ), done.stderr
    identity = agents.keyring(database).identity.public_key()
    assert len(acknowledged((tmp_path / "a.fpx.ack").read_bytes(), identity).taken) == 1
    run(home, "import", tmp_path / "a.fpx.ack")
    assert waiting(home) == 0
