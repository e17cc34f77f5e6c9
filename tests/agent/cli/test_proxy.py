"""An agent behind a real proxy, as a person sets it up."""

import io
import ssl

import proxy
import pytest
import trustme

from services.collector import FakeCollector


class Terminal(io.StringIO):
    """Where a person sits and types."""

    def isatty(self):
        return True


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def ca_file(authority, tmp_path):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return str(tmp_path / "ca.pem")


@pytest.fixture
def secure(authority, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with FakeCollector(context) as running:
        yield running


@pytest.fixture(scope="module")
def guarded():
    """A real proxy that wants a user and a password."""
    flags = ["--hostname", "127.0.0.1", "--port", "0", "--num-workers", "1", "--num-acceptors", "1"]
    with proxy.Proxy([*flags, "--log-level", "CRITICAL", "--basic-auth", "office:Qx7-open"]) as running:
        yield f"http://127.0.0.1:{running.flags.port}"


@pytest.fixture
def person(agent, monkeypatch):
    """The same at a terminal: what is typed, and the password where it is asked for."""

    def run(*words, typed, password):
        asked = []
        monkeypatch.setattr("getpass.getpass", lambda prompt: asked.append(prompt) or password)
        monkeypatch.setattr(io, "StringIO", Terminal)
        said = agent(*words, typed=typed)
        monkeypatch.undo()
        return said, asked

    return run


def test_the_proxys_password_is_asked_once_and_kept(agent, person, secure, ca_file, guarded, tmp_path, monkeypatch):
    enrol = ("enroll", "--server", secure.url, "--key", "KEY", "--ca", ca_file, "--proxy", guarded)
    home = ("--home", tmp_path / "home")
    without = agent(*enrol)
    assert without.status == 1
    assert "proxy_password" in without.err
    said, asked = person(*enrol, *home, typed="office\n", password="Qx7-open")
    assert (said.status, len(asked)) == (0, 1)
    assert "Qx7-open" not in said.out + said.err
    assert agent("doctor", "--json", *home).json["walk"][0]["told"].endswith("as office")
    listed = agent("settings", *home)
    assert "Qx7-open" not in listed.out
    assert "********" in listed.out
    assert b"Qx7-open" not in b"".join(path.read_bytes() for path in (tmp_path / "home").iterdir() if path.is_file())


def test_a_proxy_named_by_a_pac_file_is_used(agent, secure, ca_file, guarded, collector):
    file = f'function FindProxyForURL(url, host) {{ return "PROXY {guarded.removeprefix("http://")}"; }}'.encode()
    agent("settings", "proxy_pac", f"{collector.url}/proxy.pac")
    agent("settings", "proxy_user", "office")
    agent("settings", "proxy_password", "-", typed="Qx7-open\n")
    collector.behaviours.extend([lambda _: (200, "application/x-ns-proxy-autoconfig", file, {})] * 2)
    assert agent("enroll", "--server", secure.url, "--key", "KEY", "--ca", ca_file).status == 0
    collector.behaviours.clear()
    collector.behaviours.extend([lambda _: (200, "application/x-ns-proxy-autoconfig", file, {})] * 4)
    told = agent("doctor", "--json").json["walk"]
    assert told[0]["told"] == f"{guarded}, named by the PAC file, as office"
    assert {one["state"] for one in told[:7]} == {"ok"}


@pytest.mark.parametrize("typed", ["ftp://wpad/proxy.pac", "http://office:secret@wpad/proxy.pac", "wpad"])
def test_a_pac_files_address_that_is_none_is_refused(agent, typed):
    said = agent("settings", "proxy_pac", typed)
    assert said.status == 2
    assert "http://wpad.example.com/proxy.pac" in said.err


def test_the_doctors_report_is_one_file_and_never_overwritten(agent, secure, ca_file, guarded, tmp_path):
    agent("enroll", "--server", secure.url, "--key", "KEY", "--ca", ca_file)
    agent("settings", "proxy", guarded.replace("//", "//office:Qx7-open@"))
    file = tmp_path / "report.txt"
    agent("doctor", "--report", file)
    told = file.read_text(encoding="utf-8")
    assert "the collector answers" in told
    assert "Qx7-open" not in told
    again = agent("doctor", "--report", file)
    assert (again.status, "is there already" in again.err) == (2, True)
    assert agent("doctor", "--report", tmp_path / "nowhere" / "x").status == 2


def test_the_collectors_is_the_one_host_that_a_wake_speaks_to(agent, secure, ca_file, monkeypatch):
    """By TCP; what printers are asked is SNMP."""
    import socket

    agent("enroll", "--server", secure.url, "--key", "KEY", "--ca", ca_file)
    agent("recipients", "add", "office@example.com")
    reached, connect = set(), socket.create_connection

    def watched(place, *arguments, **more):
        reached.add(place[:2])
        return connect(place, *arguments, **more)

    monkeypatch.setattr(socket, "create_connection", watched)
    assert agent("send", "--report", "--json").json["acknowledged"] == 1
    assert reached == {("127.0.0.1", secure.port)}
