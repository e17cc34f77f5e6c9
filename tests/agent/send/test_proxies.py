"""Which proxy is on the way: what was set, what a PAC file says, what the system says."""

import ssl
import warnings

import pytest

from flexprint_agent.send import proxies
from flexprint_agent.send.client import Route, proxy_of
from flexprint_agent.send.errors import BadRoute, Unreachable
from flexprint_agent.send.proxies import Proxy, of_a_pac, of_the_system, with_user

pytestmark = pytest.mark.usefixtures("no_proxy")

SERVER = "https://collector.example.com"


def pac(*ways):
    return f'function FindProxyForURL(url, host) {{ return "{"; ".join(ways)}"; }}'


@pytest.mark.parametrize(
    ("written", "url", "user", "password"),
    [
        ("http://proxy.example.com:3128", "http://proxy.example.com:3128", None, None),
        ("proxy.example.com:3128", "http://proxy.example.com:3128", None, None),
        ("http://office:p%40ss@proxy:8080/", "http://proxy:8080", "office", "p@ss"),
        ("https://[fd00::1]:3128", "https://[fd00::1]:3128", None, None),
    ],
)
def test_a_proxy_is_understood_as_systems_write_it(written, url, user, password):
    found = with_user(written, "system")
    assert (found.url, found.user, found.password) == (url, user, password)
    assert password is None or password not in repr(found)


def test_the_environment_names_one_with_exceptions(monkeypatch):
    assert of_the_system(SERVER) is None
    monkeypatch.setenv("HTTPS_PROXY", "http://office:secret@10.0.0.9:3128")
    assert of_the_system(SERVER) == Proxy("http://10.0.0.9:3128", "system", "office", "secret")
    monkeypatch.setenv("NO_PROXY", "example.org,.example.com")
    assert of_the_system(SERVER) is None


def test_an_address_that_is_none_is_told_without_its_words(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://:secret@:99x")
    with pytest.raises(BadRoute, match="HTTPS_PROXY") as refused:
        of_the_system(SERVER)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("ways", "opened", "found"),
    [
        (["DIRECT"], set(), None),
        (["PROXY a:3128", "PROXY b:3128"], {"a", "b"}, "http://a:3128"),
        (["PROXY a:3128", "PROXY b:3128"], {"b"}, "http://b:3128"),
        (["PROXY a:3128", "DIRECT"], set(), None),
        (["HTTPS a:443"], {"a"}, "https://a:443"),
        (["SOCKS a:1080", "PROXY b:3128"], {"a", "b"}, "http://b:3128"),
        (["nonsense", "PROXY b:3128"], {"b"}, "http://b:3128"),
    ],
)
def test_of_the_ways_in_a_pac_file_the_first_that_is_open_is_taken(ways, opened, found):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        proxy = of_a_pac(pac(*ways), SERVER, lambda one: one.place[0] in opened)
    assert (proxy and proxy.url) == found


def test_a_pac_file_may_decide_by_the_collectors_name():
    text = """function FindProxyForURL(url, host) {
        return dnsDomainIs(host, ".example.com") ? "PROXY inside:3128" : "DIRECT"; }"""
    assert of_a_pac(text, SERVER, lambda _one: True) == Proxy("http://inside:3128", "pac")
    assert of_a_pac(text, "https://elsewhere.example.org", lambda _one: True) is None


def test_where_no_way_is_open_all_are_named():
    with pytest.raises(Unreachable, match=r"http://a:3128, socks\S+ \(of a kind"):
        of_a_pac(pac("PROXY a:3128", "SOCKS b:1080"), SERVER, lambda _one: False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>Sign in</html>",
        "function FindProxyForURL(",
        "throw new Error('no')",
        "x = 1",
        "\x00" * 100,
        "function FindProxyForURL(url, host) { throw new Error('at night'); }",
    ],
)
def test_a_pac_file_that_is_none_is_told(text):
    with pytest.raises(BadRoute, match="PAC file cannot be used"):
        of_a_pac(text, SERVER, lambda _one: True)


def test_without_the_addition_a_pac_file_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pypac.parser", None)
    with pytest.raises(BadRoute, match=r"flexprint-agent\[pac\]"):
        of_a_pac(pac("DIRECT"), SERVER)


def test_a_pac_file_that_cannot_be_had_is_told(collector):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    collector.behaviours.append(lambda _: (404, "text/html", b"not here", {}))
    with pytest.raises(Unreachable, match="proxy_pac"):
        proxies.fetched(f"{collector.url}/proxy.pac", context)
    collector.behaviours.append(lambda _: None)
    with pytest.raises(Unreachable, match="proxy_pac"):
        proxies.fetched(f"{collector.url}/proxy.pac", context)


def test_what_was_set_comes_before_the_pac_file_and_that_before_the_system(collector, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://system:3128")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    file = f"{collector.url}/proxy.pac"
    monkeypatch.setattr(proxies, "connects", lambda _one: True)
    collector.behaviours.append(lambda _: (200, "text/plain", pac("PROXY pac:3128").encode(), {}))
    route = Route(SERVER, proxy="http://set:3128", proxy_pac=file, proxy_user="office", proxy_password="pw")
    assert proxy_of(route, context) == Proxy("http://set:3128", "settings", "office", "pw")
    assert proxy_of(Route(SERVER, proxy_pac=file), context) == Proxy("http://pac:3128", "pac")
    assert proxy_of(Route(SERVER), context) == Proxy("http://system:3128", "system")
    assert proxy_of(Route(SERVER, proxy_user="office"), context) == Proxy("http://system:3128", "system", "office")
