"""Sessions end, guessing gets slow, and nobody can lock an owner out for good."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import argon2
import pytest
from sqlalchemy import func, select

from flexprint_server.tenants import passwords, sign_in
from flexprint_server.tenants.guessing import REMEMBERED, TooManyAttempts, wait
from flexprint_server.tenants.models import SignIn, SignInFailure, User
from flexprint_server.tenants.sign_in import WrongCredentials
from services.seeded import PASSWORD, bare_dealer

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
ALICE = "alice@northwind.example"
SECRET = "ab" * 32


def seconds(count):
    return timedelta(seconds=count)


@pytest.mark.parametrize(
    ("failures", "since_the_newest", "expected"),
    [
        (0, 0, 0),
        (4, 0, 0),
        (5, 0, 1),
        (5, 1, 0),
        (6, 0, 2),
        (8, 3, 5),
        (11, 0, 60),
        (40, 0, 60),
        (4000, 59, 1),
        (4000, 60, 0),
    ],
)
def test_waits_double_from_a_second_to_a_minute_and_never_longer(failures, since_the_newest, expected):
    newest = NOW - seconds(since_the_newest)
    assert wait([newest] * failures, 5, NOW) == seconds(expected)


@pytest.mark.parametrize(
    ("age", "left", "expected"),
    [
        (timedelta(hours=1), timedelta(hours=11), None),
        (timedelta(hours=7), timedelta(hours=5), timedelta(hours=12)),
        (timedelta(days=13, hours=20), timedelta(hours=3), timedelta(hours=4)),
        (timedelta(days=13, hours=23), timedelta(hours=1), None),
    ],
)
def test_a_session_in_use_is_renewed_but_not_for_ever(age, left, expected):
    until = sign_in.renewed(NOW - age, NOW + left, NOW)
    assert until == (NOW + expected if expected else None)


def test_an_address_counts_by_its_network_where_addresses_are_free():
    def key(address):
        return sign_in.limits(ALICE, address, None)[0].key

    assert key("2001:db8:1:2::1") == key("2001:db8:1:2:ffff::9")
    assert key("2001:db8:1:2::1") != key("2001:db8:1:3::1")
    assert key("198.51.100.1") != key("198.51.100.2")


def test_a_browser_is_known_only_by_our_mark_and_for_its_own_account():
    mark = sign_in.browser_mark(SECRET, ALICE)
    assert sign_in.known_browser(SECRET, "ALICE@northwind.example ", mark)
    assert sign_in.known_browser(SECRET, "mallory@example.com", mark) is None
    assert sign_in.known_browser("cd" * 32, ALICE, mark) is None
    for damaged in (None, "", ".", "00.11", "zz" + mark, mark[:-1], mark + "0", "é" * 40, mark.split(".")[0]):
        assert sign_in.known_browser(SECRET, ALICE, damaged) is None


@pytest.fixture
def house(database):
    with database.transaction() as session:
        bare_dealer(session, NOW, "Northwind Copiers", ALICE)
    return database


def knock(database, password=PASSWORD, *, email=ALICE, address="198.51.100.1", browser=None, now=NOW):
    return sign_in.sign_in(database, email=email, password=password, address=address, browser=browser, now=now)


def guess(database, count, **more):
    for number in range(count):
        with pytest.raises(WrongCredentials):
            knock(database, f"guess number {number}", **more)


def test_the_right_password_opens_a_session_whose_token_is_nowhere_in_the_database(house):
    token = knock(house, email="  Alice@Northwind.example ")
    with house.reading() as session:
        seen = sign_in.visitor(session, token, NOW)
        row = session.scalars(select(SignIn)).one()
    assert (seen.dealer, seen.email) == ("Northwind Copiers", ALICE)
    assert token.encode() not in row.token_hash
    assert token != row.csrf_token


def test_a_session_ends_by_itself_and_by_signing_out(house):
    token, other = knock(house), knock(house)
    with house.transaction() as session:
        assert sign_in.visitor(session, token, NOW + sign_in.IDLE) is None
        sign_in.sign_out(session, token, NOW)
        assert sign_in.visitor(session, token, NOW) is None
        assert sign_in.visitor(session, other, NOW)


@pytest.mark.parametrize("token", ["", "x", "é", "\0", "a" * 5000])
def test_no_token_but_the_right_one_is_anybodys(house, token):
    with house.reading() as session:
        assert sign_in.visitor(session, token, NOW) is None


def test_guessing_one_account_gets_slow_where_it_comes_from_and_nowhere_else(house):
    """Whoever guesses without end at an account keeps nobody out of it who comes from another network."""
    guess(house, 5, address="2001:db8:1:2::1")
    with pytest.raises(TooManyAttempts) as refused:
        knock(house, address="2001:db8:1:2:3::4")
    assert refused.value.wait == seconds(1)
    assert knock(house, address="2001:db8:1:3::1")


def test_many_networks_together_guess_little_more_than_one(house):
    for number in range(10):
        guess(house, 5, address=f"203.0.113.{number}")
    with pytest.raises(TooManyAttempts) as refused:
        knock(house, address="203.0.113.200")
    assert refused.value.wait == seconds(1)
    mark = sign_in.browser_mark(SECRET, ALICE)
    assert knock(house, browser=sign_in.known_browser(SECRET, ALICE, mark)), "a browser that is known does not wait"


def test_trying_many_accounts_from_one_address_gets_slow(house):
    for number in range(20):
        guess(house, 1, email=f"user{number}@example.com")
    with pytest.raises(TooManyAttempts):
        knock(house)


def test_the_owner_gets_in_after_the_wait_while_the_guessing_goes_on(house):
    guess(house, 5)
    with pytest.raises(TooManyAttempts) as refused:
        knock(house)
    assert knock(house, now=NOW + refused.value.wait)


@pytest.mark.parametrize(("times", "email"), [(5, ALICE), (20, "somebody else of the office")])
def test_a_browser_that_signed_in_before_does_not_wait_for_strangers(house, times, email):
    """Not even for those of its own network."""
    for number in range(times):
        guess(house, 1, email=email if email == ALICE else f"{email} {number}")
    mark = sign_in.browser_mark(SECRET, ALICE)
    assert knock(house, browser=sign_in.known_browser(SECRET, ALICE, mark))


def test_refused_attempts_do_not_make_the_wait_longer(house):
    guess(house, 5)
    for _ in range(10):
        with pytest.raises(TooManyAttempts):
            knock(house)
    assert knock(house, now=NOW + seconds(1))


def test_failures_are_forgotten_after_a_quarter_of_an_hour(house):
    guess(house, 5)
    later = NOW + REMEMBERED
    guess(house, 1, now=later)
    with house.reading() as session:
        assert session.scalar(select(func.count()).select_from(SignInFailure)) == 3


def test_a_right_password_leaves_no_failure_behind(house):
    knock(house)
    with house.reading() as session:
        assert session.scalar(select(func.count()).select_from(SignInFailure)) == 0


def test_attempts_at_the_same_time_are_counted_like_attempts_in_a_row(house):
    """Twelve guesses at once: five are looked at, the others are told to wait."""

    def one(number):
        try:
            knock(house, f"guess number {number}")
        except (WrongCredentials, TooManyAttempts) as refused:
            return type(refused)

    with ThreadPoolExecutor(12) as pool:
        outcomes = list(pool.map(one, range(12)))
    assert outcomes.count(WrongCredentials) == 5
    assert outcomes.count(TooManyAttempts) == 7


def test_a_hash_of_older_parameters_is_made_anew_at_sign_in(house):
    older = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    with house.transaction() as session:
        session.scalars(select(User)).one().password_hash = older
    knock(house)
    with house.reading() as session:
        kept = session.scalars(select(User.password_hash)).one()
    assert kept != older
    assert passwords.verify(kept, PASSWORD)


@pytest.mark.parametrize("email", ["", "\0", "a\r\nb", "é" * 500, "\ud800"])
def test_no_account_name_whatever_breaks_the_door(house, email):
    with pytest.raises(WrongCredentials):
        knock(house, email=email)
