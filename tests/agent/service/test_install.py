"""Installing, removing and looking at the service: what is written, what is run, what is said."""

import hashlib
import plistlib
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from flexprint_agent.keep.protect import SERVICE
from flexprint_agent.service import launchd, systemd, windows
from flexprint_agent.service.manage import ServiceFailed, of_this_system, ran
from flexprint_agent.service.windows import Found, WindowsFailed, WindowsService

COMMAND = ["/opt/flex print/bin/python", "-P", "-m", "flexprint_agent", "--home", "/var/lib/100%/$HOME", "run"]


class System:
    """Runs nothing, and remembers what it was to run. `says` is answered by the last word that is in the command."""

    def __init__(self, **says):
        self.ran, self.says = [], says

    def __call__(self, words):
        self.ran.append(" ".join(words))
        status, out = next((said for word, said in self.says.items() if word in " ".join(words)), (0, ""))
        return subprocess.CompletedProcess(words, status, out, out)


# ---------------------------------------------------------------- systemd


@pytest.fixture
def systemctl(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")


@pytest.mark.parametrize("of_system", [True, False])
def test_the_unit_is_one_that_systemd_understands(tmp_path, of_system):
    """Its own checker finds nothing to say."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    python = tmp_path / "my python"
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    path = tmp_path / systemd.NAME
    path.write_text(systemd.unit([str(python), *COMMAND[1:]], of_system=of_system))
    scope = [] if of_system else ["--user"]
    done = subprocess.run(
        ["systemd-analyze", *scope, "verify", "--man=no", path], capture_output=True, text=True, check=False,
        env={"XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    ours = [line for line in (done.stderr + done.stdout).splitlines() if "flexprint" in line]
    assert ours == []


def test_the_unit_names_its_words_so_that_none_is_taken_for_something_else():
    unit = systemd.unit(COMMAND, of_system=True)
    assert (
        'ExecStart="/opt/flex print/bin/python" "-P" "-m" "flexprint_agent" "--home" "/var/lib/100%%/$$HOME" "run"'
        in unit
    )
    assert "WantedBy=multi-user.target" in unit
    assert "ProtectSystem" in unit
    of_user = systemd.unit(COMMAND, of_system=False)
    assert "WantedBy=default.target" in of_user
    assert "ProtectSystem" not in of_user


def test_a_service_of_systemd_is_installed_looked_at_and_removed(tmp_path, systemctl):
    system = System(**{"is-active": (0, "active\n")})
    service = systemd.Systemd(system, of_system=True, folder=tmp_path)
    assert not service.state().installed
    assert service.remove() == []
    assert system.ran == []
    did = service.install(COMMAND)
    path = tmp_path / "flexprint-agent.service"
    assert did[0] == f"{path} was written"
    assert system.ran == [
        "systemctl daemon-reload",
        "systemctl enable flexprint-agent.service",
        "systemctl restart flexprint-agent.service",
    ]
    assert (service.state().installed, service.state().running) == (True, True)
    del system.ran[:]
    assert f"{path} was removed" in service.remove()
    assert system.ran == ["systemctl disable --now flexprint-agent.service", "systemctl daemon-reload"]
    assert list(tmp_path.iterdir()) == []


def test_without_an_administrator_it_is_a_service_of_the_person(tmp_path, systemctl):
    system = System(**{"is-active": (3, "failed\n")})
    service = of_this_system("linux", is_root=False, user_home=tmp_path, home=tmp_path / "home", program=[], run=system)
    did = service.install(COMMAND)
    assert (tmp_path / ".config/systemd/user/flexprint-agent.service").exists()
    assert all(words.startswith("systemctl --user ") for words in system.ran)
    assert any("enable-linger" in one for one in did)
    assert (service.state().running, service.state().says) == (False, "failed")


def test_what_systemd_refuses_is_said(tmp_path, systemctl):
    service = systemd.Systemd(System(enable=(1, "Access denied")), of_system=True, folder=tmp_path)
    with pytest.raises(ServiceFailed, match="enable flexprint-agent"):
        service.install(COMMAND)


def test_a_system_without_systemd_says_what_to_do_instead(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ServiceFailed, match="flexprint-agent run"):
        systemd.Systemd(System(), of_system=True, folder=tmp_path).install(COMMAND)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path, systemctl):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ServiceFailed, match="administrator"):
        systemd.Systemd(System(), of_system=True, folder=tmp_path / "file").install(COMMAND)


def test_a_program_that_is_not_there_is_said():
    with pytest.raises(ServiceFailed, match="no-such-program"):
        ran(["no-such-program"])


# ---------------------------------------------------------------- launchd


def test_the_job_of_launchd_is_one_property_list():
    job = plistlib.loads(launchd.plist(COMMAND))
    assert job["ProgramArguments"] == COMMAND
    assert (job["Label"], job["RunAtLoad"], job["KeepAlive"]) == ("flexprint-agent", True, {"SuccessfulExit": False})


def test_a_job_of_launchd_is_installed_looked_at_and_removed(tmp_path):
    system = System(print=(0, "flexprint-agent = {\n\tstate = running\n\tpid = 7\n}\n"))
    service = of_this_system("darwin", is_root=False, user_home=tmp_path, home=tmp_path, program=[], run=system)
    assert service.remove() == []
    service.install(COMMAND)
    path = tmp_path / "Library/LaunchAgents/flexprint-agent.plist"
    assert system.ran[-1].endswith(f" {path}")
    assert system.ran[-1].startswith("launchctl bootstrap gui/")
    assert (service.state().running, service.state().says) == (True, "running")
    service.remove()
    assert not path.exists()


# ---------------------------------------------------------------- Windows


class Services:
    """Windows' services, as far as we use them; one that is stopped is stopping for a moment."""

    def __init__(self):
        self.did, self.found = [], None

    def install(self, command):
        self.did.append("install")
        self.found = Found("stopped", command)

    def start(self):
        self.did.append("start")
        self.found = Found("running", self.found.command)

    def stop(self):
        self.did.append("stop")
        self.found = Found("stopped", self.found.command)

    def remove(self):
        self.did.append("remove")
        self.found = None

    def find(self):
        return self.found


HOME = r"C:\ProgramData\FlexPrint\Agent"
PROFILE = r"C:\Users\Kim Lee"


def of_windows(system, services, *program):
    return WindowsService(system, HOME, program, PROFILE, services)


def test_a_service_of_windows_is_installed_looked_at_and_removed():
    system, services = System(), Services()
    service = of_windows(system, services, r"C:\Program Files\Python312")
    assert not service.state().installed
    assert service.remove() == []
    did = service.install([r"C:\Program Files\Python312\python.exe", "-I", HOME])
    assert services.found.command == rf'"C:\Program Files\Python312\python.exe" -I {HOME}'
    assert system.ran == [rf"icacls {HOME} /grant NT SERVICE\FlexPrintAgent:(OI)(CI)M /Q"]
    assert did[0] == r"the service FlexPrintAgent was made, with an account of its own (NT SERVICE\FlexPrintAgent)"
    assert (service.state().running, service.state().where) == (True, "FlexPrintAgent")
    service.remove()
    assert services.did == ["install", "start", "stop", "remove"]
    assert system.ran[-1] == rf"icacls {HOME} /remove:g NT SERVICE\FlexPrintAgent /Q"


def test_installed_again_it_takes_the_place_of_the_one_before():
    services = Services()
    service = of_windows(System(), services)
    service.install(["python.exe"])
    service.install(["python.exe"])
    assert services.did == ["install", "start", "stop", "remove", "install", "start"]


def test_a_program_in_a_persons_own_folder_is_opened_to_the_service_alone():
    """Python installed for one person lies where no other account may look."""
    mine = rf"{PROFILE}\AppData\Local\Programs\Python"
    words = windows.grants(HOME, [mine, mine, r"C:\Python"], PROFILE)
    assert [one[1:4] for one in words] == [
        [HOME, "/grant", r"NT SERVICE\FlexPrintAgent:(OI)(CI)M"],
        [mine, "/grant", r"NT SERVICE\FlexPrintAgent:(OI)(CI)RX"],
    ]


def test_a_folder_that_the_account_could_not_be_let_into_is_said():
    did = of_windows(System(icacls=(5, "Access is denied.")), Services()).install(["python.exe"])
    assert any(f"could not be let into {HOME}" in one for one in did)


def test_an_error_of_windows_says_what_to_do():
    assert "Run as administrator" in str(WindowsFailed("install the service", 5))
    assert "error 87" in str(WindowsFailed("install the service", 87))


def sid(service):
    numbers = struct.unpack("<5I", hashlib.sha1(service.upper().encode("utf-16-le")).digest())
    return "S-1-5-80-" + "-".join(map(str, numbers))


def test_the_key_file_is_open_to_the_account_of_the_service():
    """Windows makes the account's number of the service's name; that of its own TrustedInstaller is well known."""
    assert sid("TrustedInstaller") == "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
    assert sid(windows.NAME) == SERVICE


# ---------------------------------------------------------------- the command


def test_the_command_says_what_it_did_and_what_is(tmp_path, monkeypatch, capsys, systemctl):
    import json

    from flexprint_agent.cli import main
    from flexprint_agent.service import manage

    system = System(**{"is-active": (0, "active\n")})
    monkeypatch.setattr(manage, "ran", system)
    monkeypatch.setattr(
        manage, "of_this_system", lambda *_, **__: systemd.Systemd(system, of_system=True, folder=tmp_path)
    )
    home = ("--home", str(tmp_path / "home"))
    assert main([*home, "service", "status"]) == 0
    assert capsys.readouterr().out == "No service is installed.\n"
    assert main([*home, "service", "install"]) == 0
    said = capsys.readouterr()
    assert "flexprint-agent.service was written" in said.out
    assert "It does not look after" in said.out  # nothing runs here
    assert "belongs to no collector yet" in said.err
    assert f'"--home" "{Path(home[1]).absolute()}" "run"' in (tmp_path / systemd.NAME).read_text()
    assert main([*home, "service", "status", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["installed"], told["running"], told["asleep"], told["next_wake_at"]) == (True, True, None, None)
    assert main([*home, "service", "remove"]) == 0
    assert "Nothing wakes the agent by itself now." in capsys.readouterr().out
