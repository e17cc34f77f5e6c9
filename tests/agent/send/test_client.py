import inspect
import socket
import ssl
import threading
from contextlib import contextmanager

import httpx
import pytest

from flexprint_agent.send import client
from flexprint_agent.send.client import Collector, Patience, Route, pause_before, server_address, translated
from flexprint_agent.send.errors import (
    BadRoute,
    DeliveryError,
    NotTheCollector,
    NotTrusted,
    Overloaded,
    ProxyRefused,
    Unreachable,
)
from services import collector as bad_days
from services.collector import FakeCollector

pytestmark = pytest.mark.usefixtures("no_proxy")

SEALED = b"FPB1 sealed octets"


def loopback(url):
    return Route(url, insecure_loopback=True)


@contextmanager
def reaching(route, **options):
    pauses = []
    with Collector(route, sleep=pauses.append, luck=lambda: 0.0, **options) as opened:
        opened.pauses = pauses
        yield opened


def ask(opened):
    return opened.post("/anything", SEALED, "application/octet-stream")


def every_httpx_error():
    kinds = [kind for _, kind in inspect.getmembers(httpx, inspect.isclass) if issubclass(kind, Exception)]
    assert len(kinds) > 25
    return sorted(kinds, key=lambda kind: kind.__name__)


def an(kind):
    request = httpx.Request("GET", "https://collector.example.com")
    if kind is httpx.HTTPStatusError:
        return kind("sentence", request=request, response=httpx.Response(500, request=request))
    if not inspect.signature(kind).parameters:
        return kind()
    return kind("sentence")


@pytest.mark.parametrize("kind", every_httpx_error())
def test_every_error_of_httpx_becomes_one_of_ours(kind):
    """The sentence names the collector, or the proxy, and says what happens or what to do next."""
    ours = translated(an(kind), "https://collector.example.com")
    assert isinstance(ours, DeliveryError)
    assert "collector.example.com" in str(ours) or "proxy" in str(ours)
    assert ";" in str(ours)


def test_an_error_of_our_own_is_not_dressed_up_as_the_network():
    with pytest.raises(KeyError):
        translated(KeyError("a bug"), "https://collector.example.com")


@pytest.mark.parametrize(
    ("behaviour", "kind", "attempts"),
    [
        (bad_days.cut, Unreachable, 3),
        (bad_days.status(500), Overloaded, 3),
        (bad_days.status(429), Overloaded, 3),
        (bad_days.status(404), NotTheCollector, 1),
        (bad_days.status(302, {"location": "https://login.example.net/"}), NotTheCollector, 1),
        (bad_days.portal, NotTheCollector, 1),
        (bad_days.wrong_hash, NotTheCollector, 1),
        (bad_days.status(200, {"content-encoding": "gzip"}), NotTheCollector, 1),
    ],
)
def test_a_batch_is_tried_again_where_that_makes_sense(collector, behaviour, kind, attempts):
    collector.behaviours.extend([behaviour] * 5)
    with reaching(loopback(collector.url)) as opened, pytest.raises(kind):
        opened.hand_over(SEALED, bytes(32))
    assert len(collector.requests) == attempts
    assert opened.octets == attempts * len(SEALED)


def test_a_short_trouble_is_got_over_within_one_send(collector):
    collector.behaviours.extend([bad_days.status(503, {"retry-after": "5"}), bad_days.cut, lambda _: receipt()])
    with reaching(loopback(collector.url)) as opened:
        assert opened.hand_over(SEALED, bytes(32)) == 2
    assert opened.pauses == [5.0, 2.0]


def receipt():
    return 200, "application/json", b'{"batch": "' + b"00" * 32 + b'", "reads": 2}', {}


def test_a_collector_that_wants_an_hour_is_left_alone(collector):
    collector.behaviours.append(bad_days.status(503, {"retry-after": "3600"}))
    with reaching(loopback(collector.url)) as opened, pytest.raises(Overloaded) as asked:
        opened.hand_over(SEALED, bytes(32))
    assert asked.value.retry_after == 3600
    assert opened.pauses == []


@pytest.mark.parametrize(
    ("attempt", "retry_after", "luck", "seconds"),
    [(2, None, 0, 1), (3, None, 0, 2), (4, None, 0, 4), (2, None, 1, 0.5), (2, 7.0, 1, 7), (3, 0.0, 0, 0)],
)
def test_pauses_double_and_scatter(attempt, retry_after, luck, seconds):
    assert pause_before(attempt, retry_after, luck) == seconds


def test_a_collector_that_says_nothing_is_given_up(collector):
    release = threading.Event()
    collector.behaviours.append(lambda _: release.wait(20) and None)
    impatient = Patience(silence=0.1)
    with reaching(loopback(collector.url), patience=impatient) as opened, pytest.raises(Unreachable, match="too long"):
        ask(opened)
    release.set()


def test_an_answer_without_end_is_cut_off(collector):
    """What answers may be anything: no more than 256 KiB of it are read, and not for ever."""
    collector.behaviours.append(lambda _: (200, "text/html", b"x" * 5_000_000, {}))
    with reaching(loopback(collector.url)) as opened:
        assert len(ask(opened).body) == 256 << 10
        ticks = iter(range(0, 10_000, 200))
        opened._clock = lambda: next(ticks)
        collector.behaviours.append(lambda _: (200, "text/html", b"x" * 50_000, {}))
        with pytest.raises(Unreachable, match="too long"):
            ask(opened)


def test_nobody_listening_is_said():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        route = loopback(f"http://127.0.0.1:{unused.getsockname()[1]}")
    with reaching(route) as opened, pytest.raises(Unreachable, match="cannot be reached"):
        ask(opened)


def test_a_private_authority_is_trusted_where_it_was_added(secure, ca_file):
    with reaching(Route(secure.url, ca=ca_file)) as opened:
        assert ask(opened).status == 200


def test_a_collector_that_cannot_prove_who_it_is_gets_nothing(secure):
    with reaching(Route(secure.url)) as opened, pytest.raises(NotTrusted, match="settings ca FILE") as refused:
        opened.hand_over(SEALED, bytes(32))
    assert not refused.value.again
    assert secure.requests == []


def test_a_certificate_for_another_name_is_refused(authority, ca_file):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("collector.example.com").configure_cert(context)
    with FakeCollector(context) as running, reaching(Route(running.url, ca=ca_file)) as opened:
        with pytest.raises(NotTrusted):
            ask(opened)
        assert running.requests == []


def test_plain_http_behind_an_https_address_is_refused(collector):
    with reaching(Route(collector.url.replace("http:", "https:"))) as opened, pytest.raises(Unreachable):
        ask(opened)


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_ca_file_that_is_none_is_said(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadRoute, match="PEM"):
        Collector(Route("https://collector.example.com", ca=str(path)))


def test_a_proxy_with_user_and_password_is_used(secure, ca_file, web_proxy):
    route = Route(secure.url, ca=ca_file, proxy=web_proxy, proxy_user="office", proxy_password="p@ss:word")
    with reaching(route) as opened:
        assert ask(opened).status == 200


def test_a_proxy_that_asks_nobody_who_they_are_is_used(secure, ca_file, open_proxy):
    """Also where a user was typed for another one."""
    for user in (None, "office"):
        with reaching(Route(secure.url, ca=ca_file, proxy=open_proxy, proxy_user=user, proxy_password=user)) as opened:
            assert ask(opened).status == 200


@pytest.mark.parametrize("password", [None, "wrong"])
def test_a_proxy_that_wants_another_password_is_said(secure, ca_file, web_proxy, password):
    route = Route(secure.url, ca=ca_file, proxy=web_proxy, proxy_user=password and "office", proxy_password=password)
    with reaching(route) as opened, pytest.raises(ProxyRefused, match="proxy_password"):
        ask(opened)
    assert "wrong" not in repr(route)


def test_a_proxy_of_the_environment_is_used_and_no_proxy_respected(secure, ca_file, web_proxy, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", web_proxy.replace("//", "//office:p%40ss%3Aword@"))
    with reaching(Route(secure.url, ca=ca_file)) as opened:
        assert ask(opened).status == 200
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with reaching(Route(secure.url, ca=ca_file)) as opened, pytest.raises(Unreachable):
        ask(opened)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with reaching(Route(secure.url, ca=ca_file)) as opened:
        assert ask(opened).status == 200


def test_plain_http_never_leaves_this_computer_by_a_proxy(collector, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with reaching(loopback(collector.url)) as opened:
        assert ask(opened).status == 200


def test_a_proxy_that_cannot_be_used_is_said(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy.example.com:1080")
    with pytest.raises(BadRoute, match="ALL_PROXY"):
        Collector(Route("https://collector.example.com"))


@pytest.mark.parametrize(
    ("typed", "insecure", "kept"),
    [
        ("https://collector.example.com/", False, "https://collector.example.com"),
        ("collector.example.com", False, "https://collector.example.com"),
        ("https://collector.example.com:8443/print/", False, "https://collector.example.com:8443/print"),
        ("http://127.0.0.1:8080", True, "http://127.0.0.1:8080"),
        ("http://localhost:8080", True, "http://localhost:8080"),
        ("http://[::1]:8080", True, "http://[::1]:8080"),
    ],
)
def test_the_collectors_address_is_kept_as_https(typed, insecure, kept):
    assert server_address(typed, insecure_loopback=insecure) == kept


@pytest.mark.parametrize(
    ("typed", "insecure"),
    [
        ("http://127.0.0.1:8080", False),
        ("http://collector.example.com", True),
        ("http://127.0.0.1.example.com", True),
        ("http://10.1.2.3", True),
        ("ftp://collector.example.com", False),
        ("https://", False),
        ("", False),
        ("https://user:password@collector.example.com", False),
        ("https://collector.example.com/?a=b", False),
        ("https://collector.example.com:99999", False),
        ("https://[::1", False),
    ],
)
def test_an_address_that_is_not_encrypted_or_no_address_is_refused(typed, insecure):
    with pytest.raises(BadRoute):
        server_address(typed, insecure_loopback=insecure)


def test_a_stored_plain_address_of_another_machine_is_refused_too():
    with pytest.raises(BadRoute):
        Collector(Route("http://collector.example.com", insecure_loopback=True))


def test_there_is_no_way_to_turn_verification_off():
    assert "verify=False" not in inspect.getsource(client)
    assert client.trust(None).verify_mode == ssl.CERT_REQUIRED
