"""`flexprint-server` as its operator meets it."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from flexprint_server.cli import main
from flexprint_server.database import Database
from services import agents
from services.agents import PASSWORD
from services.process import Program, free_port, wait_until


@pytest.fixture
def operator(tmp_path, monkeypatch, capsys, database_url):
    """Runs a command on a migrated database; gives (status, standard output, standard error)."""
    for name in [name for name in os.environ if name.startswith("FLEXPRINT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FLEXPRINT_DATABASE_URL", database_url)

    def run(*arguments, password=None):
        if password is not None:
            monkeypatch.setattr("sys.stdin", __import__("io").StringIO(password + "\n"))
        status = main([*arguments, "--data", str(tmp_path / "data")])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_a_dealer_is_added_with_a_password_shown_once(operator):
    status, out, _ = operator("dealer", "add", "Northwind", "--email", "alice@example.com")
    assert status == 0
    assert len(re.search(r"^Password: (\S+)$", out, re.MULTILINE)[1]) >= 12


def test_a_password_given_is_not_printed(operator):
    status, out, err = operator(
        "dealer", "add", "Northwind", "--email", "a@example.com", "--password-stdin", "--json", password=PASSWORD
    )
    assert (status, json.loads(out)) == (0, {"dealer": "Northwind", "email": "a@example.com"})
    assert PASSWORD not in out + err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("dealer", "add", "Northwind", "--email", "b@example.com"), "Choose another name"),
        (("dealer", "add", "Other", "--email", "nobody"), "name@example.com"),
        (("install-key", "--dealer", "Nobody", "--customer", "C", "--site", "S"), "dealer add"),
        (("install-key", "--dealer", "Northwind", "--customer", " ", "--site", "S"), "empty"),
        (("api-key", "--dealer", "Nobody"), "no dealer"),
        (("api-key", "--dealer", "Northwind", "--scopes", "all"), "Choose from fleet"),
        (("api-key", "--dealer", "Northwind", "--days", "0"), "days"),
    ],
)
def test_what_does_not_work_says_what_to_do_next(operator, arguments, words):
    operator("dealer", "add", "Northwind", "--email", "alice@example.com")
    status, out, err = operator(*arguments)
    assert (status, out) == (1, "")
    assert words in err
    assert "Traceback" not in err


def test_an_install_key_stands_alone_on_standard_output(operator):
    """So that a script can take it."""
    operator("dealer", "add", "Northwind", "--email", "alice@example.com")
    status, out, err = operator("install-key", "--dealer", "Northwind", "--customer", "Harbour", "--site", "Main")
    assert status == 0
    assert re.fullmatch(r"FPK(-[0-9A-Z]{4}){5}\n", out)
    assert "once" in err
    status, out, _ = operator("install-key", "--dealer", "Northwind", "--customer", "C", "--site", "S", "--json")
    assert set(json.loads(out)) == {"key", "expires_at"}


def test_an_api_key_stands_alone_on_standard_output(operator):
    operator("dealer", "add", "Northwind", "--email", "alice@example.com")
    status, out, err = operator("api-key", "--dealer", "Northwind", "--scopes", "fleet,reads", "supplies")
    assert status == 0
    assert re.fullmatch(r"fpa_[\w-]{43}\n", out)
    assert "fleet, reads, supplies" in err
    status, out, _ = operator("api-key", "--dealer", "Northwind", "--json", "--days", "7")
    assert set(json.loads(out)) == {"key", "scopes", "expires_at"}


def test_a_dealer_is_exported_into_a_file_and_erased(operator, tmp_path, monkeypatch):
    operator("dealer", "add", "Northwind", "--email", "alice@example.com")
    file = tmp_path / "northwind.zip"
    status, out, _ = operator("export", "--dealer", "Northwind", str(file), "--json")
    assert status == 0
    assert json.loads(out)["rows"]["user_account"] == 1
    assert file.is_file()
    status, _, err = operator("export", "--dealer", "Northwind", str(tmp_path / "no" / "folder.zip"))
    assert status == 1
    assert "Name another file" in err
    status, out, _ = operator("erase", "--dealer", "Northwind", password="not asked for")
    assert (status, "nothing of Northwind is left" in out) == (0, True)
    assert operator("erase", "--dealer", "Northwind")[0] == 1


def test_a_person_at_a_terminal_types_the_name_of_whom_they_erase(operator, monkeypatch):
    class Terminal(__import__("io").StringIO):
        def isatty(self):
            return True

    operator("dealer", "add", "Northwind", "--email", "alice@example.com")
    for typed, expected in (("Northwynd\n", 1), ("", 1), ("Northwind\n", 0)):
        monkeypatch.setattr("sys.stdin", Terminal(typed))
        assert operator("erase", "--dealer", "Northwind")[0] == expected


def test_a_database_that_was_never_migrated_is_named_as_the_trouble(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FLEXPRINT_DATABASE_URL", f"sqlite:///{tmp_path / 'empty.db'}")
    assert main(["dealer", "add", "N", "--email", "a@example.com", "--data", str(tmp_path)]) == 1
    assert "flexprint-server migrate" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["api", "worker", "scheduler"])
def test_parts_of_their_own_want_a_queue(tmp_path, monkeypatch, capsys, command):
    monkeypatch.delenv("FLEXPRINT_REDIS_URL", raising=False)
    assert main([command, "--data", str(tmp_path)]) == 2
    assert "FLEXPRINT_REDIS_URL" in capsys.readouterr().err


def test_a_setting_that_does_not_exist_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FLEXPRINT_DATABSE_URL", "x")
    assert main(["migrate", "--data", str(tmp_path)]) == 2
    assert "FLEXPRINT_DATABSE_URL" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value"), [("FLEXPRINT_SMTP_URL", "smtp://u@mail.example.com"), ("FLEXPRINT_MAIL_FROM", "nobody")]
)
def test_up_refuses_at_once_what_its_worker_would_refuse(tmp_path, monkeypatch, capsys, name, value):
    monkeypatch.setenv(name, value)
    assert main(["up", "--data", str(tmp_path), "--port", "0"]) == 2
    assert f"{name}: " in capsys.readouterr().err


def test_with_another_secret_key_the_collector_does_not_start(operator, database, monkeypatch):
    """It could answer no agent; better that the operator hears of it than every customer."""
    agents.keyring(database)
    monkeypatch.setenv("FLEXPRINT_SECRET_KEY", "00" * 32)
    monkeypatch.setenv("FLEXPRINT_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    status, _, err = operator("api", "--port", "0")
    assert status == 2
    assert "Set the key that was used" in err


def test_up_with_another_secret_key_does_not_start(tmp_path, sqlite_url):
    """It ends with the same words, instead of starting a part again and again that cannot run."""
    database = Database(sqlite_url)
    agents.keyring(database)
    database.close()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLEXPRINT_")}
    environment |= {"FLEXPRINT_DATABASE_URL": sqlite_url, "FLEXPRINT_SECRET_KEY": "00" * 32}
    command = [sys.executable, "-m", "flexprint_server.cli", "up", "--data", str(tmp_path / "data"), "--port", "0"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 2
    assert "Set the key that was used" in ended.stderr
    assert "starts again" not in ended.stderr


@pytest.mark.parametrize("arguments", [[], ["dealer"], ["nothing"], ["api", "--port", "70000"], ["api", "--port", "x"]])
def test_wrong_usage_is_status_two(arguments, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2


@pytest.fixture
def embedded(tmp_path):
    """`up` as a newcomer starts it: SQLite, a queue of its own, any port."""
    folder = tmp_path / "data"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLEXPRINT_")}
    command = [sys.executable, "-m", "flexprint_server.cli", "up", "--data", str(folder), "--port", "0"]
    program = Program(command, tmp_path / "log", env=environment)
    try:
        program.ready_when(lambda: "is ready at" in program.text(), 90)
        yield program, folder, environment
    finally:
        program.stop(signal.SIGKILL)


def descendants(pid):
    """Every process below `pid`, by pid, with its command."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
            command = (stat.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(stat.parent.name)] = (int(fields[1]), command)
    found, waiting = {}, [pid]
    while waiting:
        above = waiting.pop()
        below = [child for child, (parent, _) in parents.items() if parent == above]
        found.update({child: parents[child][1] for child in below})
        waiting += below
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
def test_up_runs_everything_and_stops_everything(embedded):
    """One command, one line when it is ready, a private folder, every part alive, nothing left after SIGTERM."""
    program, folder, environment = embedded
    url = re.search(r"ready at (\S+)", program.text())[1]
    assert httpx.get(f"{url}/readyz", trust_env=False).json() == {"database": "ready", "queue": "ready"}
    assert folder.stat().st_mode & 0o777 == 0o700
    parts = descendants(program.pid)
    for part in ("valkey-server", " api ", " worker", " scheduler"):
        assert any(part in command for command in parts.values()), part

    second = [sys.executable, "-m", "flexprint_server.cli", "up", "--data", str(folder), "--port", "0"]
    refused = subprocess.run(second, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "Stop it first" in refused.stderr

    queue = next(pid for pid, command in parts.items() if "valkey-server" in command)
    os.kill(queue, signal.SIGKILL)
    wait_until(lambda: httpx.get(f"{url}/readyz", trust_env=False).status_code == 200 and queue not in descendants(program.pid), "the return of the queue")  # fmt: skip
    assert "The queue ended" in program.text()

    parts = descendants(program.pid)
    assert program.stop(signal.SIGTERM, 40) == 0
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in parts), "the end of every part")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_up_killed_leaves_nothing_behind(embedded):
    program, _, _ = embedded
    parts = descendants(program.pid)
    assert len(parts) >= 4
    program.stop(signal.SIGKILL)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in parts), "the end of every part")
