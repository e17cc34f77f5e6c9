"""Who may come in: nobody but the person who was given the address, in the one browser that opened it."""

import stat

import httpx
import pytest

from flexprint_agent.page import door as doors
from flexprint_agent.page.door import Door, Session
from services.local_page import Person, heading

HERE = {"host": "127.0.0.1:7000"}


@pytest.fixture
def clock():
    class Clock:
        now = 0.0

        def __call__(self):
            return self.now

    return Clock()


@pytest.fixture
def door(clock):
    return Door(7000, clock)


def token_of(address):
    return address.partition("token=")[2]


def test_an_address_is_good_once_and_for_half_an_hour(door, clock):
    first, second = token_of(door.address()), token_of(door.address())
    assert isinstance(door.enter(first, {}), Session)
    assert door.enter(first, {}) == "used"
    clock.now = doors.TOKEN_SECONDS + 1
    assert door.enter(second, {}) == "used"


def test_a_browser_that_fetches_ahead_does_not_spend_the_address(door):
    token = token_of(door.address())
    assert door.enter(token, {"sec-purpose": "prefetch;prerender"}) == "too_early"
    assert isinstance(door.enter(token, {}), Session)


def test_old_sessions_end_where_there_are_too_many(door):
    sessions = [door.enter(token_of(door.address()), {}) for _ in range(doors.MOST_SESSIONS + 1)]
    known = [door.session_of({"cookie": f"{doors.COOKIE}={one.cookie}"}) for one in sessions]
    assert known == [None, *sessions[1:]]


@pytest.mark.parametrize(
    "host", ["localhost:7000", "evil.example:7000", "127.0.0.1", "127.0.0.1:7001", "", "127.0.0.1:7000.evil.example"]
)
def test_a_name_that_was_made_to_lead_here_is_not_us(door, host):
    assert not door.is_ours({"host": host})
    assert door.is_ours(HERE)


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({}, True),
        ({"origin": "http://127.0.0.1:7000", "sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"origin": "http://127.0.0.1:7001", "sec-fetch-site": "same-site"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
    ],
)
def test_only_our_own_page_may_ask(door, headers, ours):
    assert door.comes_from_us(headers) == ours


# The same over HTTP, on the real page


def test_who_has_the_address_gets_in_and_everybody_else_sees_nothing(running):
    person = Person(running)
    assert person.get().status_code == 403
    entered = person.enter()
    assert entered.status_code == 200
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert f"Path={running.door.root}/" in cookie
    assert heading(person.get().text) == "Connect this computer to your dealer"
    other = httpx.Client(base_url=running.door.origin, trust_env=False)
    for path in (
        "/",
        "/printers",
        f"{running.door.root}/",
        f"{running.door.root}/printers",
        f"{running.door.root}/static/page.css",
    ):
        answer = other.get(path)
        assert answer.status_code in (403, 404), path
        assert "FlexPrint" not in answer.text or answer.status_code == 403
    other.close()
    person.close()


def test_a_used_address_says_how_to_get_another(running):
    address = running.door.address()
    with httpx.Client(trust_env=False) as client:
        assert client.get(address).status_code == 200
        again = client.get(address, headers={"accept-language": "de"})
    assert again.status_code == 403
    assert "flexprint-agent page" in again.text
    assert "Dieser Link wurde schon benutzt" in again.text


def test_a_rebound_name_gets_nothing(person, running):
    for path in ("/", f"{running.door.root}/", running.door.address().removeprefix(running.door.origin)):
        answer = person.client.get(path, headers={"host": f"rebound.example:{running.door.port}"})
        assert (answer.status_code, answer.text) == (421, "421\n")


def test_a_form_of_another_page_is_refused(person, running, home):
    """Without our word, with the word of another session, or from another origin: nothing is changed."""
    form = {"addresses": "evil@example.com"}
    good = person.page
    for page in ("", 'name="csrf" value="guess"'):
        person.page = page
        assert person.post("workbook/add", form).status_code == 403
    for headers in ({"origin": "http://evil.example"}, {"sec_fetch_site": "same-site"}, {"origin": "null"}):
        person.page = good
        assert person.post("workbook/add", form, **headers).status_code == 403
    person.page = good
    assert person.post("workbook/add", form, origin=running.door.origin).status_code == 200
    assert "evil@example.com" in person.page


def test_another_sites_link_shows_nothing(person):
    assert person.get("printers", sec_fetch_site="cross-site").status_code == 403
    assert person.get("printers", sec_fetch_site="same-origin").status_code == 200


@pytest.mark.parametrize("path", ["", "printers", "sent", "enter", "static/page.js", "nowhere"])
def test_every_answer_is_kept_by_nobody_and_runs_nothing_foreign(person, running, path):
    answer = person.client.get(f"/{path}") if path == "enter" else person.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers or "Python" not in answer.headers["server"]


def test_what_tells_where_the_page_is_can_be_read_by_its_owner_alone(running, home):
    for name in ("page.json", "page.lock"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_nothing_listens_beyond_loopback(running):
    assert running.server.server_address[0] == "127.0.0.1"
