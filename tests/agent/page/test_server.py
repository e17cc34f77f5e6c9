"""Slow, huge and broken clients cost little; the page ends by itself; there is one of it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from flexprint_agent.page import instance, server
from flexprint_agent.page.server import Request, Response, Server
from services.local_page import serving, the_time


@pytest.fixture
def clock():
    class Clock:
        now = 0.0

        def __call__(self):
            return self.now

    return Clock()


@pytest.fixture
def busy():
    return []


@pytest.fixture
def bare(clock, busy):
    """A server that answers everything with what it was asked."""
    made = Server(lambda: bool(busy), clock)
    made.answers_with(lambda request: Response(repr(request.form).encode()), lambda: None)
    thread = threading.Thread(target=made.run)
    thread.start()
    yield made
    made.shutdown()
    thread.join()


def connect(bare):
    return socket.create_connection(("127.0.0.1", bare.port), timeout=20)


def ask(bare, octets):
    with connect(bare) as client:
        client.sendall(octets)
        answer = b""
        while some := client.recv(65536):
            answer += some
    return answer


def post(body=b"", **headers):
    lines = {"Content_Type": "application/x-www-form-urlencoded", "Content_Length": str(len(body))} | headers
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items() if value is not None)
    return f"POST / HTTP/1.1\r\n{head}\r\n".encode() + body


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (post(Content_Length=None), 411),
        (post(Content_Length="-1"), 411),
        (post(Content_Length="1", Transfer_Encoding="chunked"), 411),
        (post(Content_Length=str(server.LARGEST_BODY + 1)), 413),
        (post(b"{}", Content_Type="application/json"), 415),
        (post(b"a=1&" * 7000), 400),
        (b"DELETE / HTTP/1.1\r\n\r\n", 501),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 300 + b"\r\n", 431),
        (b"GET http://[bad/ HTTP/1.1\r\n\r\n", 400),
    ],
)
def test_what_is_no_form_of_ours_is_refused_before_it_costs_anything(bare, octets, status):
    said = ask(bare, octets)
    assert f" {status} ".encode() in said.splitlines()[0] + b" " or said.startswith(f"{status}".encode())


def test_a_form_arrives_as_it_was_typed(bare):
    assert b"{'name': ['K\xc3\xb6ln & more'], 'empty': ['']}" in ask(bare, post(b"name=K%C3%B6ln+%26+more&empty="))


def test_a_client_that_drips_is_cut(bare, clock):
    """One octet now and then keeps no place for ever."""
    with connect(bare) as client:
        client.sendall(b"GET / HT")
        while not bare._arriving:
            threading.Event().wait(0.01)
        clock.now = server.PATIENCE + 1
        assert client.recv(10) == b""


def test_no_more_than_so_many_are_answered_at_once(bare):
    waiting = [connect(bare) for _ in range(server.MOST_AT_ONCE)]
    try:
        while len(bare._arriving) < server.MOST_AT_ONCE:
            threading.Event().wait(0.01)
        with connect(bare) as one_more:
            assert one_more.recv(10) == b""
    finally:
        for client in waiting:
            client.close()
    while bare._arriving:
        threading.Event().wait(0.01)
    assert b" 200 " in ask(bare, b"GET / HTTP/1.1\r\n\r\n")


def test_the_page_closes_when_nobody_uses_it_but_not_while_it_works(clock, busy):
    made = Server(lambda: bool(busy), clock)
    thread = threading.Thread(target=made.run)
    thread.start()
    busy.append("a search")
    clock.now = server.IDLE * 2
    threading.Event().wait(3 * server._TICK)  # a few rounds of its own clockwork
    assert thread.is_alive()
    busy.clear()
    clock.now = server.IDLE * 3 + 1
    thread.join(20)
    assert not thread.is_alive()


def test_a_request_is_what_it_says():
    request = Request("GET", "/", {"a": ["1", "2"]}, {}, {"b": ["x"]})
    assert (request.asked("a"), request.asked("b"), request.typed("b"), request.typed("c")) == ("1", "", "x", "")


# One page for one home


def program(home, *words):
    environment = {**os.environ, "FLEXPRINT_AGENT_HOME": str(home)}
    environment.pop("DISPLAY", None)
    environment.pop("WAYLAND_DISPLAY", None)
    return [sys.executable, "-m", "flexprint_agent", "page", *words], environment


def test_a_second_command_gives_a_new_address_of_the_same_page(home):
    with serving(home) as running:
        command, environment = program(home, "--json")
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    said = json.loads(done.stdout)
    assert said["already_running"]
    assert said["url"].startswith(f"http://127.0.0.1:{running.door.port}/enter?token=")


def test_the_command_gives_its_address_and_ends_with_ctrl_c(home):
    command, environment = program(home, "--json", "--no-browser")
    started = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that starts the tests in the background has told them to ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  one call, no lock
    )
    said = json.loads(started.stdout.readline())
    assert said["url"].startswith("http://127.0.0.1:")
    assert not said["browser"]
    assert (home / "page.json").exists()
    started.send_signal(2)
    _, err = started.communicate(timeout=30)
    assert started.returncode == 0, err
    assert not (home / "page.json").exists()


def test_a_page_that_was_killed_leaves_no_lock_behind(home):
    command, environment = program(home, "--json", "--no-browser")
    started = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    json.loads(started.stdout.readline())
    started.kill()
    started.communicate()
    assert (home / "page.json").exists()  # it says where nobody is
    with instance.opened(home, the_time) as fresh:
        assert json.loads((home / "page.json").read_text())["port"] == fresh.door.port


def test_the_list_of_processes_never_shows_the_token(home, monkeypatch):
    """The browser is given the name of a file that nobody else can read."""
    import webbrowser

    opened = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    home.mkdir(mode=0o700)
    assert instance.open_browser(home, "http://127.0.0.1:1/enter?token=SECRET")
    (shown,) = opened
    assert "SECRET" not in shown
    step = home / "page.html"
    assert step.stat().st_mode & 0o777 == 0o600
    assert "token=SECRET" in step.read_text()


def test_without_a_screen_no_browser_is_opened(home, monkeypatch):
    import webbrowser

    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(webbrowser, "open", lambda _: pytest.fail("a browser was opened"))
    assert not instance.open_browser(home, "http://127.0.0.1:1/enter?token=SECRET")


def test_the_person_can_close_the_page(person, running):
    answer = person.post("close")
    assert "The page is closed" in answer.text
    running.server._BaseServer__is_shut_down.wait(20)
    assert running.server._BaseServer__is_shut_down.is_set()


def test_no_other_command_pays_for_the_page():
    """A wake, the service and every other command run without a module of it, and without an HTTP server."""
    program = (
        "import sys\n"
        "from flexprint_agent.cli import commands, parser\n"
        "for name in ('wake', 'search', 'run', 'segments', 'credentials', 'settings', 'capture', 'status', 'enroll'):\n"
        "    commands.function_of(name)\n"
        "print([name for name in sys.modules if name.startswith(('flexprint_agent.page', 'http.server', 'socketserver'))])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
