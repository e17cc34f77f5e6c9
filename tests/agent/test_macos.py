"""The agent where Python says `darwin`, and where what only Linux has is missing from the standard library.

No Mac runs these tests. What macOS prints is held against recorded outputs where it is read (test_gateway,
test_interfaces, test_vault, test_home); here the modules are imported, and commands do their work, without Linux.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lab.office import office
from lab.site import BEYOND_LOOPBACK, Lab

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="takes away what Linux has")

ROOT = Path(__file__).resolve().parents[2]

# What macOS' Python lacks of these modules. Written down from the documentation ("Availability: Linux").
LINUX_ONLY = {
    "socket": (
        "AF_PACKET", "AF_NETLINK", "AF_CAN", "AF_ALG", "AF_VSOCK", "AF_QIPCRTR", "AF_TIPC", "MSG_ERRQUEUE", "MSG_CONFIRM",
        "MSG_MORE", "SO_BINDTODEVICE", "SO_DOMAIN", "SO_MARK", "SO_PASSCRED", "SO_PASSSEC", "SO_PEERCRED", "SO_PRIORITY",
        "SO_PROTOCOL", "SO_INCOMING_CPU", "IP_RECVTOS", "TCP_CORK", "TCP_USER_TIMEOUT", "TCP_QUICKACK", "SOCK_CLOEXEC",
        "SOCK_NONBLOCK",
    ),
    "select": ("epoll", "EPOLLIN"),
    "selectors": ("EpollSelector",),
    "os": (
        "sched_getaffinity", "sched_setaffinity", "eventfd", "memfd_create", "getrandom", "posix_fadvise", "posix_fallocate",
        "fdatasync", "pipe2", "splice", "copy_file_range", "setns", "unshare", "getresuid", "pidfd_open", "O_TMPFILE", "O_PATH",
    ),
    "fcntl": ("F_SETPIPE_SZ", "F_OFD_SETLK"),
    "signal": ("SIGSTKFLT", "SIGPWR", "SIGPOLL"),
}  # fmt: skip

WITHOUT_LINUX = f"""
import asyncio, ctypes, importlib, selectors, socket, subprocess, sys, tempfile, uuid, zoneinfo
sys.platform = "darwin"
for name, missing in {LINUX_ONLY!r}.items():
    module = importlib.import_module(name)
    for one in missing:
        if hasattr(module, one):
            delattr(module, one)
selectors.DefaultSelector = selectors.PollSelector
"""


def on_macos(program, *arguments, **options):
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_LINUX + program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        **options,
    )


def test_every_module_of_the_agent_imports_without_linux():
    modules = [
        ".".join(path.relative_to(ROOT / "agent").with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((ROOT / "agent" / "flexprint_agent").rglob("*.py"))
        if path.stem != "__main__"
    ]
    done = on_macos(f"for name in {modules!r}: importlib.import_module(name)\nprint('all')")
    assert (done.returncode, done.stdout) == (0, "all\n"), done.stderr


COMMANDS = """
from flexprint_agent.cli import main
home, *words = sys.argv[1:]
sys.exit(main(["--home", home, *words]))
"""


@pytest.fixture
def agent(tmp_path):
    def run(*words, status=0):
        done = on_macos(COMMANDS, tmp_path / "home", *words)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    return run


def test_printers_are_searched_and_read_without_linux(agent):
    printers = [one for one in office() if one.truth and one.truth.model.startswith("ECOSYS P")][:2]
    for name, value in (("search_timeout", "0.5"), *((one, "off") for one in BEYOND_LOOPBACK)):
        agent("settings", name, value)
    with Lab(printers) as lab:
        agent("add", *(f"{one.address}:{lab.port}" for one in printers), f"127.20.99.99:{lab.port}")
        found = json.loads(agent("search", "--json"))
        read = [json.loads(line) for line in agent("read", "--json").splitlines()]
        probed = json.loads(agent("probe", f"{printers[0].address}:{lab.port}", "--json"))
    assert (found["asked"], found["printers"]) == (3, 2)
    assert {one["identity"]["serial"] for one in read} == {one.truth.serial for one in printers}
    assert probed["identity"]["serial"] == printers[0].truth.serial


def test_a_key_that_no_keychain_takes_lies_in_its_file(agent, tmp_path):
    """`security` is not here: what is sealed is sealed all the same, and doctor has a word for each problem."""
    agent("settings", "communities", "s3cr3t")
    key = (tmp_path / "home" / "key").read_bytes()
    assert len(key) == 32
    assert "s3cr3t" not in (tmp_path / "home" / "agent.db").read_bytes().decode("latin-1")
    findings = json.loads(agent("doctor", "--json", status=1))["findings"]
    assert all(one["next_step"] for one in findings)


def test_a_system_whose_programs_are_missing_has_no_gateway_and_says_why(agent):
    told = json.loads(agent("segments", "--json"))["gateway"]
    assert (told["address"], told["answered"]) == (None, False)
    assert "netstat" in told["error"] or "routes" in told["error"]
