"""As whom a device is asked: pure, without a home and without packets."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from flexprint_agent import settings
from flexprint_agent.keep.credentials import Credential, Refused
from flexprint_agent.snmp.v3 import FAULTS, Engine, Refusal, User
from flexprint_agent.wake.credentials import MOST_USERS, REST, Keyring, facts_of, user_of

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PASSWORD = "a good password"


def person(number, scope, name):
    return Credential(number, scope, {"user": name, "auth": "MD5", "auth_password": PASSWORD})


def group(number, scope, community):
    return Credential(number, scope, {"community": community})


HELD = [
    person(1, "", "all"),
    person(2, "10.1.0.0/16", "site"),
    person(3, "10.1.2.0/24", "floor"),
    person(4, "10.1.2.0/24", "floor too"),
    person(5, "10.1.2.3", "one"),
    person(6, "hall-printer", "hall"),
    group(7, "10.1.2.0/24", "floor-reads"),
    group(8, "10.1.2.3:1161", "port-reads"),
]


def ring(held=HELD, refusals=(), **chosen):
    names = {"hall-printer": ["10.9.9.9"]}
    return Keyring(
        held, refusals, settings.in_force({"communities": "public,other"} | chosen), lambda name: names.get(name, [])
    )


@pytest.mark.parametrize(
    ("address", "port", "users", "communities"),
    [
        ("10.1.2.3", 161, ["one", "floor", "floor too"], ["floor-reads", "public", "other"]),
        ("10.1.2.3", 1161, ["one", "floor", "floor too"], ["port-reads", "floor-reads", "public", "other"]),
        ("10.1.2.0", 161, ["floor", "floor too", "site"], ["floor-reads", "public", "other"]),
        ("10.1.3.4", 161, ["site", "all"], ["public", "other"]),
        ("10.2.3.4", 161, ["all"], ["public", "other"]),
        ("10.9.9.9", 161, ["hall", "all"], ["public", "other"]),
    ],
)
def test_the_closest_scope_is_asked_first(address, port, users, communities):
    endpoint = ring().endpoint(address, port, {}, NOON)
    assert [user.name for user in endpoint.users] == users[:MOST_USERS]
    assert list(endpoint.communities) == communities


def test_what_worked_is_asked_first_whatever_its_scope():
    endpoint = ring().endpoint("10.1.2.3", 161, {"credential": 2}, NOON)
    assert [user.name for user in endpoint.users] == ["site", "one", "floor"]
    assert ring().endpoint("10.1.2.3", 161, {"community": 1}, NOON).communities[0] == "other"
    assert ring().endpoint("10.1.2.3", 1161, {"credential": 7}, NOON).communities[0] == "floor-reads"
    # What is remembered may be gone.
    assert ring().endpoint("10.2.2.3", 161, {"credential": 99, "community": 9}, NOON).communities == ("public", "other")


@pytest.mark.parametrize(
    ("ago", "insist", "asked"),
    [
        (timedelta(0), False, ["floor", "site", "all"]),
        (REST - timedelta(seconds=1), False, ["floor", "site", "all"]),
        (REST, False, ["floor", "floor too", "site"]),
        (timedelta(0), True, ["floor", "floor too", "site"]),
        (-timedelta(hours=1), False, ["floor", "floor too", "site"]),  # the clock was set back
    ],
)
def test_a_device_is_left_alone_by_a_user_it_refused_for_a_day(ago, insist, asked):
    refusals = [
        Refused("10.1.2.9", 161, 4, "wrong-digest", NOON - ago),
        Refused("10.1.2.8", 161, 3, "wrong-digest", NOON),
    ]
    endpoint = ring(refusals=refusals).endpoint("10.1.2.9", 161, {}, NOON, insist=insist)
    assert [user.name for user in endpoint.users] == asked


def outcome(user=None, community="", engine=None, refusals=()):
    endpoint = SimpleNamespace(address="10.1.2.3", port=161)
    return SimpleNamespace(endpoint=endpoint, user=user, community=community, engine=engine, refusals=refusals)


def test_what_is_remembered_is_a_number_and_never_a_secret():
    made = ring()
    user = user_of(HELD[2].facts)
    engine = Engine(b"\x80\x00engine", 7, 100)
    learned = made.learned(outcome(user, engine=engine), {}, NOON)
    started = round(NOON.timestamp() * 1000) - 100_000
    assert learned == {"credential": 3, "engine": {"id": engine.id.hex(), "boots": 7, "started": started}}
    assert made.learned(outcome(community="floor-reads"), {}, NOON) == {"credential": 7}
    assert made.learned(outcome(community="other"), {}, NOON) == {"community": 1}
    assert made.learned(outcome(community="typed for one probe"), {}, NOON) == {}


def test_an_engine_is_remembered_by_when_it_started_so_that_its_clock_goes_on():
    made, user = ring(), user_of(HELD[2].facts)
    known = made.learned(outcome(user, engine=Engine(b"engine", 7, 100)), {}, NOON)
    later = NOON + timedelta(days=1)
    assert made.endpoint("10.1.2.3", 161, known, later).engine == Engine(b"engine", 7, 100 + 86400)
    # Where two clocks only tick apart nothing is written; a restart is.
    assert made.learned(outcome(user, engine=Engine(b"engine", 7, 86502)), known, later) == known
    assert made.learned(outcome(user, engine=Engine(b"engine", 8, 5)), known, later) != known
    # A clock that was set back gives no negative time.
    assert made.endpoint("10.1.2.3", 161, known, NOON - timedelta(days=9)).engine.time == 0


def test_a_device_asked_by_community_has_no_use_for_an_engine():
    known = {"engine": {"id": "00", "boots": 1, "started": 0}}
    assert ring([group(7, "", "x")]).endpoint("10.1.2.3", 161, known, NOON).engine is None


def test_refusals_are_told_by_number():
    refusals = (Refusal(user_of(HELD[4].facts), FAULTS["wrong-digest"]), Refusal(User("typed"), FAULTS["unknown-user"]))
    assert ring().refused(outcome(refusals=refusals)) == {5: "wrong-digest"}


def test_a_user_survives_being_kept():
    for user in (User("a"), User("a", "SHA-512", PASSWORD, "AES-256-C", PASSWORD + "!", "floor2")):
        assert user_of(facts_of(user)) == user


def test_a_search_is_told_where_which_credential_is_for_the_closest_first():
    told = ring().scopes()
    assert [scope.community for scope in told] == [None, None, "port-reads", None, None, "floor-reads", None, None]
    assert told[0].spans == [told[0].spans[0]]
    assert told[-1].spans is None
    assert "floor-reads" not in repr(told)
