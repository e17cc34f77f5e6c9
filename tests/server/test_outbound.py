"""What somebody types into a page makes the collector ask nobody inside its own network."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address, ip_network

import httpcore
import pytest

from flexprint_server.outbound import AT_ONCE, LARGEST, CannotReach, Outbound, Timed, is_public
from flexprint_server.settings import SettingsError, read_settings


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("2002:7f00:1::", False),  # 6to4 of 127.0.0.1
        ("64:ff9b::7f00:1", False),
        ("2001:0:7f00:1::", False),
        ("ff02::1", False),
    ],
)
def test_only_what_is_anybodys_on_the_internet_is_public(address, expected):
    assert is_public(ip_address(address)) is expected


class Answering(BaseHTTPRequestHandler):
    waiting, go_on = threading.Semaphore(0), threading.Event()

    def do_GET(self):
        body = {"/object": b'{"a": 1}', "/list": b"[]", "/deep": b"[" * 100_000, "/large": b" " * (LARGEST + 1)}
        if self.path == "/slow":
            self.waiting.release()
            self.go_on.wait()
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1/")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.get(self.path, json.dumps({"host": self.headers["Host"]}).encode()))

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def here():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def allowed():
    return Outbound([ip_network("127.0.0.1/32")])


def test_what_the_operator_allows_is_asked(here, allowed):
    assert allowed.get(f"http://127.0.0.1:{here}/object") == {"a": 1}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433"])
def test_nothing_inside_is_asked_without_the_operators_word(here, host):
    for scheme in ("http", "https"):
        with pytest.raises(CannotReach):
            Outbound().get(f"{scheme}://{host}:{here}/object")


def test_a_name_that_leads_inside_is_not_asked(here, monkeypatch):
    """Nor one that leads inside the second time it is looked up: it is looked up once."""
    looked_up = []

    def lookup(host, port, **_):
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", port))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with pytest.raises(CannotReach, match="FLEXPRINT_INSIDE"):
        Outbound().get("https://login.example.com/")
    assert looked_up == ["login.example.com"]


@pytest.mark.parametrize(
    ("path", "says"),
    [("/list", "no JSON object"), ("/deep", "no JSON object"), ("/large", "too much"), ("/moved", "answers 302")],
)
def test_an_answer_that_is_no_use_is_told_without_its_content(here, allowed, path, says):
    with pytest.raises(CannotReach, match=says):
        allowed.get(f"http://127.0.0.1:{here}{path}")


def test_a_host_that_does_not_answer_holds_few_of_our_threads(here, allowed):
    """Whoever else wants to ask it is told at once, and other hosts are asked as ever."""
    url = f"http://127.0.0.1:{here}"
    threads = [threading.Thread(target=allowed.get, args=(f"{url}/slow",)) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for _ in threads:
        Answering.waiting.acquire()
    with pytest.raises(CannotReach, match="has not answered others yet"):
        allowed.get(f"{url}/object")
    Answering.go_on.set()
    for thread in threads:
        thread.join()
    assert allowed.get(f"{url}/object") == {"a": 1}


class Dripping(httpcore.NetworkStream):
    """An octet each nine seconds, by a clock of its own."""

    now = 0.0

    def read(self, max_bytes, timeout=None):
        self.now += 9
        assert timeout == min(10, 29 - self.now)
        return b"x"


def test_an_answer_that_comes_an_octet_at_a_time_ends_all_the_same():
    dripping = Dripping()
    stream = Timed(dripping, 20.0, lambda: dripping.now)
    assert [stream.read(1, 10.0) for _ in range(3)] == [b"x"] * 3
    with pytest.raises(httpcore.ReadTimeout, match="takes too long"):
        stream.read(1, 10.0)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "gopher://x/", "http://", "https://user:secret@x.example/", "https://x.example:0/", "https://[", "https://x.example/\r\nHost: y", "http://x.example/", "https://\u00e9.example/"]
)  # fmt: skip
def test_what_is_no_address_to_ask_is_refused_before_anything_is_sent(allowed, url):
    with pytest.raises(CannotReach):
        allowed.check(url)


def test_networks_inside_are_read_from_the_settings(tmp_path):
    inside = read_settings({"FLEXPRINT_INSIDE": "10.20.0.5, 192.168.7.0/24"}, data=tmp_path).inside
    assert inside == (ip_network("10.20.0.5/32"), ip_network("192.168.7.0/24"))
    with pytest.raises(SettingsError, match="FLEXPRINT_INSIDE"):
        read_settings({"FLEXPRINT_INSIDE": "intranet"}, data=tmp_path)
