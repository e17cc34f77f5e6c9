"""The agent does its job on Windows: a genuine CPython for Windows runs it under wine, against the lab on loopback."""

import json
import re
from pathlib import Path

import httpx
import pytest

from flexprint_agent import __version__
from flexprint_agent.search.gateway import default_gateways
from lab.office import office
from lab.secured import Account, Safe, Secured
from lab.site import BEYOND_LOOPBACK, Lab
from services.process import wait_until

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def printers():
    return [one for one in office() if one.truth and one.truth.model.startswith("ECOSYS P")][:2]


@pytest.fixture
def agent(windows, tmp_path):
    """Runs one command on Windows in a home of this test's own; gives what was said once its status was as expected."""

    def run(*words, status=0, typed=""):
        done = windows.agent("--home", windows.path(tmp_path / "home"), *map(str, words), typed=typed)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


def test_every_module_of_the_agent_imports(windows):
    modules = [
        ".".join(path.relative_to(ROOT / "agent").with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((ROOT / "agent" / "flexprint_agent").rglob("*.py"))
        if path.stem != "__main__"
    ]
    done = windows.python(
        "-c", f"import importlib\nfor name in {modules!r}: importlib.import_module(name)\nprint('all')"
    )
    assert (done.returncode, done.stdout) == (0, "all\n"), done.stderr


def test_the_program_says_what_it_can_do(windows):
    assert "finds printers in what was chosen" in windows.agent("--help").stdout
    assert windows.agent("--version").stdout == f"flexprint-agent {__version__}\n"


def test_without_a_home_named_the_agent_keeps_to_the_folder_for_services(windows):
    status = json.loads(windows.agent("status", "--json").stdout)
    assert status["home"] == r"C:\ProgramData\FlexPrint\Agent"


def test_a_site_is_searched_read_and_handed_over(agent, collector, printers):
    """The whole job: enrol, choose, search, read, keep, seal, send."""
    agent("enroll", "--server", collector.url, "--insecure-loopback", "--key", "-", typed="KEY\n")
    for name, value in (("search_timeout", "0.5"), *((one, "off") for one in BEYOND_LOOPBACK)):
        agent("settings", name, value)
    with Lab(printers) as lab:
        agent("add", *(f"{one.address}:{lab.port}" for one in printers))
        found = json.loads(agent("search", "--json").stdout)
        assert (found["asked"], found["printers"], found["new"]) == (2, 2, 2)
        lab.grow(7)
        woken = json.loads(agent("wake", "--json").stdout)
    assert (woken["read"], woken["silent"], woken["sent"]["acknowledged"]) == (2, 0, 1)
    truths = {one.truth.serial: one.truth.total for one in lab.devices.values()}
    assert dict(collector.reads()) == truths
    known = json.loads(agent("devices", "--json").stdout)["devices"]
    assert {one["serial"]: one["meters"]["total"] for one in known} == truths


def test_a_probe_says_what_one_printer_says(agent, printers):
    with Lab(printers) as lab:
        said = json.loads(agent("probe", f"{printers[0].address}:{lab.port}", "--json").stdout)
    assert (said["answered"], said["printer"]) == (True, True)
    assert said["identity"]["serial"] == printers[0].truth.serial


def test_nothing_listening_at_an_address_is_no_answer(agent):
    """Windows reports a closed port as an error of the whole socket; others must still be heard after it."""
    done = agent("probe", "127.20.99.98:9", "127.20.99.99:9", "--timeout", "0.3", "--retries", "0", "--json", status=1)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["answered"] for one in said] == [False, False]


WAITING = """
import sys
from pathlib import Path
from flexprint_agent.keep.home import only_one
with only_one(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_while_one_agent_works_another_waits_and_a_dead_one_locks_nobody_out(agent, windows, tmp_path):
    agent("status")
    with windows.popen("-c", WAITING, windows.path(tmp_path / "home")) as holder:
        try:
            assert holder.stdout.readline() == "locked\n"
            assert "another flexprint-agent is at work" in agent("wake", status=1).stderr
        finally:
            holder.kill()
    assert json.loads(agent("status", "--json").stdout)["at_work"] is False


FROM_BEFORE = """
import sys
from pathlib import Path
from flexprint_agent.keep.vault import Vault
home = Path(sys.argv[1])
before = Vault(home)
before._protector = None
sealed = before.seal("a", b"secret")
plain = (home / "key").read_bytes()
print(len(plain), Vault(home).open("a", sealed), plain in (home / "key").read_bytes())
"""


def test_the_vaults_key_is_protected_by_windows(agent, windows, tmp_path):
    """CryptProtectData and CryptUnprotectData, called for real; a key from before is taken under protection."""
    home, key = tmp_path / "home", tmp_path / "home" / "key"
    home.mkdir()
    done = windows.python("-c", FROM_BEFORE, windows.path(home))
    assert done.stdout == "32 b'secret' False\n", done.stderr
    protected = key.read_bytes()
    assert protected.startswith(b"flexprint-agent key, protected by dpapi\n")
    agent("credentials", "add", "--user", "meter", "--auth-protocol", "SHA-256", typed="a good password\n")
    assert key.read_bytes() == protected
    listed = json.loads(agent("credentials", "list", "--json").stdout)["credentials"]
    assert [(one["user"], one["auth"]) for one in listed] == [("meter", "SHA-256")]
    # Spoilt, or of another computer.
    key.write_bytes(protected[:-4] + bytes(4))
    assert "does not open here: CryptUnprotectData failed" in agent("credentials", "list", status=1).stderr


def test_a_v3_printer_is_read_from_windows(agent, printers):
    account = Account("meter", "SHA-256", "a good password", "AES-256", "another password")
    with Secured([Safe("127.33.0.1", printers[0].rows, (account,))]) as secured:
        said = agent(
            *("probe", f"127.33.0.1:{secured.port}", "--json", "--user", "meter"),
            *("--auth-protocol", "SHA-256", "--privacy-protocol", "AES-256"),
            typed="a good password\nanother password\n",
        )
    assert json.loads(said.stdout)["identity"]["serial"] == printers[0].truth.serial


def test_windows_names_the_gateway_that_linux_names(windows, agent):
    """iphlpapi's routes, of the one machine that both run on."""
    done = windows.python("-c", "from flexprint_agent.search import gateway; print(*gateway.default_gateways())")
    assert (done.returncode, done.stdout.split()) == (0, default_gateways()), done.stderr
    for address in default_gateways():
        agent("exclude", address)
    gateway = json.loads(agent("segments", "--json").stdout)["gateway"]
    assert ([gateway["address"]] if gateway["address"] else []) == default_gateways()[:1]
    assert gateway["packets"] == 0


def test_the_proxy_of_windows_internet_options_is_used_with_its_exceptions(windows):
    """As a browser's settings write them: HKEY_CURRENT_USER, with ProxyOverride."""
    key = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings"
    for name, kind, value in (
        ("ProxyEnable", "REG_DWORD", "1"),
        ("ProxyServer", "REG_SZ", "http=10.9.9.8:80;https=10.9.9.9:3128"),
        ("ProxyOverride", "REG_SZ", "*.intern.example;<local>"),
    ):
        assert windows.run("reg.exe", "add", key, "/v", name, "/t", kind, "/d", value, "/f").returncode == 0
    try:
        told = windows.python(
            "-c",
            "from flexprint_agent.send.proxies import of_the_system as of\n"
            "print(of('https://collector.example.com').url, of('https://collector.intern.example'), of('https://box'))",
        )
    finally:
        windows.run("reg.exe", "add", key, "/v", "ProxyEnable", "/t", "REG_DWORD", "/d", "0", "/f")
    assert told.stdout == "http://10.9.9.9:3128 None None\n", told.stderr


def test_the_service_is_installed_wakes_the_agent_and_is_removed(agent, collector, tmp_path):
    """Windows' own service manager starts it, is told how it is, stops it and forgets it."""
    agent("enroll", "--server", collector.url, "--insecure-loopback", "--key", "-", typed="KEY\n")
    for name in BEYOND_LOOPBACK:
        agent("settings", name, "off")
    assert "No service is installed" in agent("service", "status").stdout
    try:
        did = agent("service", "install").stdout
        assert "the service FlexPrintAgent was made" in did
        wait_until(lambda: bool(collector.check_ins), "the first wake", 60)
        assert collector.check_ins[0]["platform"].startswith("Windows")
        wait_until(lambda: not json.loads(agent("status", "--json").stdout)["at_work"], "the end of the wake", 60)
        told = json.loads(agent("service", "status", "--json").stdout)
        assert (told["installed"], told["running"], told["where"]) == (True, True, "FlexPrintAgent")
        assert told["asleep"].startswith("asleep, process ")
        assert told["next_wake_at"]
        assert "looked after already" in agent("run", status=1).stderr
    finally:
        agent("service", "remove")
    told = json.loads(agent("service", "status", "--json").stdout)
    assert (told["installed"], told["asleep"]) == (False, None)


def test_the_page_opens_once_for_whoever_has_its_address(agent, windows, tmp_path):
    """The page of this home is served on loopback, found again by a second command, and its private file is its owner's."""
    home = windows.path(tmp_path / "home")
    with windows.popen("-m", "flexprint_agent", "--home", home, "page", "--json", "--no-browser") as serving:
        try:
            first = json.loads(serving.stdout.readline())
            with httpx.Client(trust_env=False) as client:
                entered = client.get(first["url"])
                assert entered.status_code == 200
                root = re.search(r"url=([^\"]+)", entered.text)[1]
                page = client.get(httpx.URL(first["url"]).join(root), follow_redirects=True)
                assert "Connect this computer to your dealer" in page.text
                assert client.get(first["url"]).status_code == 403
            second = json.loads(agent("page", "--json", "--no-browser").stdout)
            assert second["already_running"]
            assert second["url"].partition("?")[0] == first["url"].partition("?")[0]
        finally:
            serving.kill()
