import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from flexprint_agent.keep import Keep, database
from flexprint_agent.keep.errors import Busy, Damaged, KeyMissing, Newer, NoRoom, NotWritable
from flexprint_agent.keep.home import at_work, default_home, only_one
from flexprint_agent.keep.schema import PENDING, STEPS
from flexprint_agent.keep.vault import Vault
from flexprint_agent.service.log import Log

posix = pytest.mark.skipif(os.name != "posix", reason="file modes are a POSIX thing")


@posix
def test_the_home_and_its_key_belong_to_one_user_alone(tmp_path):
    with Keep(tmp_path / "deep" / "home") as keep:
        keep.choices.set({"communities": "s3cret"}, {"communities"})
    assert stat.S_IMODE((tmp_path / "deep" / "home").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "deep" / "home" / "key").stat().st_mode) == 0o600


@posix
def test_in_a_folder_that_is_open_to_all_the_files_are_not(tmp_path):
    """Addresses, recipients and batches in clear are nobody else's business."""
    tmp_path.chmod(0o755)
    with Keep(tmp_path) as keep:
        keep.choices.set({"communities": "s3cret"}, {"communities"})
        Log(tmp_path).line("woken")
        assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    (tmp_path / "agent.db").chmod(0o644)
    with Keep(tmp_path):
        assert stat.S_IMODE((tmp_path / "agent.db").stat().st_mode) == 0o600


def test_a_secret_is_nowhere_in_the_files_in_clear(tmp_path):
    with Keep(tmp_path) as keep:
        keep.choices.set({"communities": "s3cret-community", "proxy_user": "me"}, {"communities"})
        assert keep.choices.settings() == {"proxy_user": "me"}
        assert keep.choices.secrets() == {"communities": "s3cret-community"}
    for path in tmp_path.iterdir():
        assert b"s3cret-community" not in path.read_bytes(), path


def test_a_database_without_its_key_file_gives_away_nothing(tmp_path):
    with Keep(tmp_path) as keep:
        keep.choices.set({"communities": "s3cret"}, {"communities"})
        (tmp_path / "key").unlink()
        with pytest.raises(KeyMissing, match="missing"):
            keep.choices.secrets()
        Vault(tmp_path).seal("other", b"makes another key")
        with pytest.raises(KeyMissing, match="not the key"):
            keep.choices.secrets()


def test_a_secret_cannot_take_the_place_of_another(tmp_path):
    vault = Vault(tmp_path)
    with pytest.raises(KeyMissing):
        vault.open("proxy_password", vault.seal("communities", b"public"))


def test_an_empty_value_takes_the_default_again(keep):
    keep.choices.set({"proxy": "http://proxy:3128"}, ())
    keep.choices.set({"proxy": ""}, ())
    assert keep.choices.settings() == {}


def test_two_wakes_never_run_at_once(tmp_path):
    """The lock is the system's: it holds between processes, and goes with its holder, even one killed -9."""
    holder = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from flexprint_agent.keep.home import only_one\n"
        f"with only_one(Path({str(tmp_path)!r})):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        assert at_work(tmp_path)
        with pytest.raises(Busy, match="another flexprint-agent"), only_one(tmp_path):
            pass
        process.kill()
        process.wait()
    with only_one(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotWritable, match="--home"):
        Keep(tmp_path / "file" / "home")


def test_a_file_that_is_no_database_is_said(tmp_path):
    (tmp_path / "agent.db").write_bytes(b"this is a letter to my aunt, not a database. " * 100)
    with pytest.raises(Damaged, match="no database of the agent"):
        Keep(tmp_path)


def test_a_database_of_a_newer_agent_is_left_alone(tmp_path):
    Keep(tmp_path).database.close()
    with sqlite3.connect(tmp_path / "agent.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(Newer, match="newer flexprint-agent"):
        Keep(tmp_path)


def test_an_older_database_is_brought_up_to_date_once(tmp_path):
    for _ in range(2):
        with Keep(tmp_path) as keep:
            assert keep.database.value("PRAGMA user_version") == len(STEPS)
            assert keep.database.value("PRAGMA synchronous") == 2
            assert keep.database.value("PRAGMA journal_mode") == "wal"


def test_a_home_from_before_keeps_what_is_pending_and_sheds_what_is_in_batches(tmp_path, a_read, monkeypatch):
    """Earlier versions left an emptied row of each read that was in a batch."""
    before = next(number for number, step in enumerate(STEPS) if step is PENDING)
    with monkeypatch.context() as earlier:
        earlier.setattr(database, "STEPS", STEPS[:before])
        with Keep(tmp_path) as keep:
            for number in (1, 2):
                keep.keep_read(a_read(number), {})
            batch = (
                "INSERT INTO batches (agent, sequence, previous, hash, octets, reads, state, made_at) "
                "VALUES ('a', 1, x'', x'', 1, 1, 'waiting', 0)"
            )
            keep.database.write("UPDATE reads SET batch = ?, body = NULL WHERE id = 1", keep.database.insert(batch))
    with Keep(tmp_path) as keep:
        assert (keep.spool.pending(), keep.spool.count("waiting"), keep.spool.unsettled()) == (1, 1, 2)


def test_a_full_disk_loses_nothing(keep, a_read):
    """The read that found no room is undone as a whole, the message says so, and with room it works again."""
    keep.keep_read(a_read(1), {})
    pages = keep.database.value("PRAGMA page_count")
    keep.database.value(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(NoRoom, match=r"disk that holds .* is full; make room"):
        for number in range(2, 200):
            keep.keep_read(a_read(number), {})
    kept = keep.spool.pending()
    assert keep.devices.count() == kept
    keep.database.value("PRAGMA max_page_count = 100000")
    keep.keep_read(a_read(500), {})
    assert keep.spool.pending() == kept + 1


@pytest.mark.parametrize(
    ("platform", "root", "environ", "home"),
    [
        ("linux", True, {}, "/var/lib/flexprint-agent"),
        ("linux", False, {}, "/home/me/.local/state/flexprint-agent"),
        ("linux", False, {"XDG_STATE_HOME": "/state"}, "/state/flexprint-agent"),
        ("darwin", True, {}, "/Library/Application Support/FlexPrint Agent"),
        ("darwin", False, {}, "/home/me/Library/Application Support/FlexPrint Agent"),
        ("win32", False, {"PROGRAMDATA": "D:/Data"}, "D:/Data/FlexPrint/Agent"),
    ],
)
def test_the_home_is_where_this_system_keeps_such_things(platform, root, environ, home):
    assert default_home(environ, platform, is_root=root, user_home=Path("/home/me")) == Path(home)
