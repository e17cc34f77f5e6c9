"""An agent behind a real proxy, as a person sets it up."""

import io

import pytest


class Terminal(io.StringIO):
    """Where a person sits and types."""

    def isatty(self):
        return True


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


def test_the_proxys_password_is_asked_once_and_kept(agent, person, secure, ca_file, web_proxy, tmp_path, monkeypatch):
    enrol = ("enroll", "--server", secure.url, "--key", "KEY", "--ca", ca_file, "--proxy", web_proxy)
    home = ("--home", tmp_path / "home")
    without = agent(*enrol)
    assert without.status == 1
    assert "proxy_password" in without.err
    said, asked = person(*enrol, *home, typed="office\n", password="p@ss:word")
    assert (said.status, len(asked)) == (0, 1)
    assert "p@ss:word" not in said.out + said.err
    assert agent("doctor", "--json", *home).json["walk"][0]["told"].endswith("as office")
    listed = agent("settings", *home)
    assert "p@ss:word" not in listed.out
    assert "********" in listed.out
    assert b"p@ss:word" not in b"".join(path.read_bytes() for path in (tmp_path / "home").iterdir() if path.is_file())


def test_a_proxy_named_by_a_pac_file_is_used(agent, secure, ca_file, web_proxy, collector):
    file = f'function FindProxyForURL(url, host) {{ return "PROXY {web_proxy.removeprefix("http://")}"; }}'.encode()
    agent("settings", "proxy_pac", f"{collector.url}/proxy.pac")
    agent("settings", "proxy_user", "office")
    agent("settings", "proxy_password", "-", typed="p@ss:word\n")
    collector.behaviours.extend([lambda _: (200, "application/x-ns-proxy-autoconfig", file, {})] * 2)
    assert agent("enroll", "--server", secure.url, "--key", "KEY", "--ca", ca_file).status == 0
    collector.behaviours.clear()
    collector.behaviours.extend([lambda _: (200, "application/x-ns-proxy-autoconfig", file, {})] * 4)
    told = agent("doctor", "--json").json["walk"]
    assert told[0]["told"] == f"{web_proxy}, named by the PAC file, as office"
    assert {one["state"] for one in told[:7]} == {"ok"}


@pytest.mark.parametrize("typed", ["ftp://wpad/proxy.pac", "http://office:secret@wpad/proxy.pac", "wpad"])
def test_a_pac_files_address_that_is_none_is_refused(agent, typed):
    said = agent("settings", "proxy_pac", typed)
    assert said.status == 2
    assert "http://wpad.example.com/proxy.pac" in said.err


def test_the_doctors_report_is_one_file_and_never_overwritten(agent, secure, ca_file, web_proxy, tmp_path):
    agent("enroll", "--server", secure.url, "--key", "KEY", "--ca", ca_file)
    agent("settings", "proxy", web_proxy.replace("//", "//office:p%40ss%3Aword@"))
    file = tmp_path / "report.txt"
    agent("doctor", "--report", file)
    told = file.read_text(encoding="utf-8")
    assert "the collector answers" in told
    assert "p@ss:word" not in told
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
