"""The code after the password: turned on, asked for, lost, and insisted on."""

import re
from contextlib import closing
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import func, select

from flexprint_server.tenants import second_factor, sign_in, totp
from flexprint_server.tenants.guessing import TooManyAttempts
from flexprint_server.tenants.models import AuditEntry, RecoveryCode, SecondFactor, SignIn, User
from flexprint_server.tenants.second_factor import WrongCode
from flexprint_server.tenants.sign_in import Origin, open_session
from services.pages import ALICE, BOB, COMING_AND_GOING, NOW, Visit, fields
from services.seeded import PASSWORD, password_hash


def now_code(secret, clock, steps=0):
    return totp.code(secret, totp.step_at(clock.now) + steps)


def turn_on(visit, clock, password=PASSWORD, code=None):
    """The answer, and the secret that the page gave."""
    form = fields(visit.get("/account/second-factor").text)
    secret = totp.read(form["secret"])
    typed = code or now_code(secret, clock)
    return visit.post("/account/second-factor", {**form, "code": typed, "password": password}), secret


def codes_on(answer):
    return re.findall(r"\b[A-Z2-7]{4}(?:-[A-Z2-7]{4}){3}\b", answer.text)


def give(visit, code):
    return visit.post("/sign-in/code", {**fields(visit.get("/sign-in/code").text), "code": code})


def deeds(fleet):
    with fleet.reading() as session:
        return [
            (entry.who, entry.what, entry.target)
            for entry in session.scalars(select(AuditEntry).where(AuditEntry.what.not_in(COMING_AND_GOING)))
        ]


@pytest.fixture
def phone(alice, clock):
    """Alice has turned it on half a minute ago: the secret, and her recovery codes."""
    answer, secret = turn_on(alice, clock)
    clock.now += timedelta(seconds=30)
    return secret, codes_on(answer)


def test_once_it_is_on_a_code_is_asked_for_after_the_password(nobody, phone, clock, fleet):
    """Where one wanted to go is where one gets."""
    secret, codes = phone
    assert len(set(codes)) == 10
    answer = nobody.sign_in(ALICE, target="/reports")
    assert answer.headers["location"] == "/sign-in/code?next=/reports"
    form = fields(nobody.get(answer.headers["location"]).text)
    answer = nobody.post("/sign-in/code", {**form, "code": now_code(secret, clock)})
    assert answer.headers["location"] == "/reports"
    assert nobody.get("/reports").status_code == 200
    assert deeds(fleet) == [(ALICE, "second_factor.on", ALICE)]


def test_the_password_alone_opens_nothing(nobody, phone, fleet, url):
    nobody.sign_in(ALICE)
    for path in ("/", "/account", "/people", "/reports", "/account/second-factor"):
        assert nobody.get(path).headers["location"].startswith("/sign-in")
    assert "flexprint-browser" not in nobody.client.cookies
    with fleet.reading() as session:
        assert session.scalar(select(User.last_sign_in_at).where(User.email == ALICE)) == NOW, "the seeded one"


def test_a_session_that_waits_is_not_listed_and_ends_after_ten_minutes(alice, nobody, phone, clock):
    secret, _ = phone
    nobody.sign_in(ALICE)
    assert alice.get("/account").text.count("signed in <time") == 1
    clock.now += sign_in.WAITS_FOR
    assert nobody.get("/sign-in/code").headers["location"] == "/sign-in"
    form = fields(nobody.get("/sign-in").text)
    answer = nobody.post("/sign-in/code", {**form, "code": now_code(secret, clock)})
    assert answer.headers["location"] == "/sign-in"


def test_a_code_counts_once(nobody, phone, clock, url):
    secret, _ = phone
    nobody.sign_in(ALICE)
    typed = now_code(secret, clock)
    assert give(nobody, typed).status_code == 303
    with closing(Visit(url)) as thief:
        thief.sign_in(ALICE)
        answer = give(thief, typed)
        assert answer.status_code == 403
        assert "not the code of now" in answer.text


def test_the_code_that_turned_it_on_does_not_sign_in(alice, nobody, clock):
    _, secret = turn_on(alice, clock)
    nobody.sign_in(ALICE)
    assert give(nobody, now_code(secret, clock)).status_code == 403


def test_a_recovery_code_stands_for_the_phone_once(alice, nobody, phone, url):
    _, codes = phone
    nobody.sign_in(ALICE)
    assert give(nobody, codes[3].lower().replace("-", " ")).status_code == 303
    assert "9 recovery codes left" in nobody.get("/account/second-factor").text
    with closing(Visit(url)) as again:
        again.sign_in(ALICE)
        assert give(again, codes[3]).status_code == 403
        assert give(again, codes[4]).status_code == 303


def test_guessing_codes_gets_slow(nobody, phone, clock):
    secret, _ = phone
    nobody.sign_in(ALICE)
    wrong = now_code(secret, clock, 5)
    assert [give(nobody, wrong).status_code for _ in range(6)] == [403] * 5 + [429]
    assert give(nobody, now_code(secret, clock)).status_code == 429
    clock.now += timedelta(seconds=1)
    assert give(nobody, now_code(secret, clock)).status_code == 303


def test_whoever_has_the_password_too_keeps_its_owner_out_by_no_guessing(nobody, phone, clock, url):
    """The owner's browser is known and counted apart; many networks together guess little more than one."""
    secret, _ = phone
    nobody.sign_in(ALICE)
    give(nobody, now_code(secret, clock))
    nobody.post("/sign-out", fields(nobody.get("/").text))
    clock.now += timedelta(seconds=30)
    with closing(Visit(url)) as thief:
        thief.sign_in(ALICE)
        wrong = now_code(secret, clock, 5)
        assert [give(thief, wrong).status_code for _ in range(6)] == [403] * 5 + [429]
    nobody.sign_in(ALICE)
    assert give(nobody, now_code(secret, clock)).status_code == 303


def test_many_networks_together_guess_few_codes(fleet, phone, clock):
    with fleet.reading() as session:
        user_id = session.scalar(select(User.id).where(User.email == ALICE))
        key = "5e" * 32
    tokens = [open_session(fleet, user_id, Origin("", ""), clock.now, waits=True)[1] for _ in range(11)]
    for number, token in enumerate(tokens):
        expected = TooManyAttempts if number == 10 else WrongCode
        with pytest.raises(expected):
            second_factor.give(
                fleet, key, token=token, typed="x", origin=Origin(f"203.0.113.{number}", ""), now=clock.now
            )


@pytest.mark.parametrize("typed", ["", "\0", "é", "x" * 5000, '"><script>'])
def test_no_code_whatever_breaks_the_door(nobody, phone, typed):
    nobody.sign_in(ALICE)
    answer = give(nobody, typed)
    assert answer.status_code == 403
    assert "<script" not in answer.text


def test_secret_and_codes_cannot_be_read_in_the_database(phone, fleet):
    secret, codes = phone
    with fleet.reading() as session:
        assert secret not in session.scalars(select(SecondFactor.secret)).one()
        kept = session.scalars(select(RecoveryCode.code_hash)).all()
    assert len(kept) == 10
    assert not any(code.replace("-", "").encode() in row for code in codes for row in kept)


def test_it_goes_on_only_with_a_code_that_proves_the_phone_and_with_the_password(alice, clock, fleet):
    """An open browser that somebody finds does not lock its owner out."""
    assert turn_on(alice, clock, code="000000x")[0].status_code == 422
    answer, _ = turn_on(alice, clock, password="not the password")
    assert answer.status_code == 403
    assert "not your present password" in answer.text
    form = fields(alice.get("/account/second-factor").text)
    assert alice.post("/account/second-factor", {**form, "secret": "short", "code": "1"}).status_code == 400
    with fleet.reading() as session:
        assert session.scalar(select(func.count()).select_from(SecondFactor)) == 0


def test_it_is_turned_off_with_the_password_alone(alice, nobody, phone, fleet):
    token = fields(alice.get("/account/second-factor").text)["token"]
    off = "/account/second-factor/off"
    assert alice.post(off, {"token": token, "password": "not the password"}).status_code == 403
    assert alice.post(off, {"token": token, "password": PASSWORD}).status_code == 303
    assert nobody.sign_in(ALICE).headers["location"] == "/"
    with fleet.reading() as session:
        assert session.scalar(select(func.count()).select_from(RecoveryCode)) == 0
    assert deeds(fleet)[-1] == (ALICE, "second_factor.off", ALICE)


# --- Owners


@pytest.fixture
def carol(fleet, url):
    """A technician of Alice's dealer, signed in."""
    with fleet.transaction() as session:
        dealer = session.scalar(select(User.dealer_id).where(User.email == ALICE))
        user = User(dealer_id=dealer, email="carol@northwind.example", password_hash=password_hash(), role="technician", created_at=NOW)  # fmt: skip
        session.add(user)
    with closing(Visit(url)) as visit:
        visit.sign_in("carol@northwind.example")
        yield visit


def insist(visit, wanted="yes"):
    return visit.post("/people/second-factor", {"token": fields(visit.get("/people").text)["token"], "wanted": wanted})


def test_an_owner_can_require_it_and_then_nothing_opens_before_it_is_on(alice, carol, bob, clock, fleet):
    insist(alice)
    for visit in (alice, carol):
        for path in ("/", "/account", "/agents", "/devices/1"):
            assert visit.get(path).headers["location"] == "/account/second-factor"
        assert "Your company asks for a second factor" in visit.get("/account/second-factor").text
    assert bob.get("/").status_code == 200, "another dealer"
    answer, _ = turn_on(carol, clock)
    assert answer.status_code == 200
    assert carol.get("/").status_code == 200
    assert deeds(fleet)[0] == (ALICE, "dealer.second_factor", "Northwind Copiers")


def test_whoever_has_to_turn_it_on_may_sign_out_instead(alice):
    insist(alice)
    token = fields(alice.get("/account/second-factor").text)["token"]
    assert alice.post("/sign-out", {"token": token}).headers["location"] == "/sign-in"


def test_it_can_be_made_optional_again(alice, carol, clock):
    turn_on(alice, clock)
    insist(alice)
    assert carol.get("/").status_code == 303
    insist(alice, "no")
    assert carol.get("/").status_code == 200


def test_an_owner_helps_somebody_who_has_lost_the_phone(alice, carol, nobody, bob, clock, fleet):
    turn_on(carol, clock)
    page = unescape(alice.get("/people").text)
    (off,) = re.findall(r'action="(/people/\d+/second-factor/off)"', page)
    assert bob.post(off, {"token": fields(bob.get("/people").text)["token"]}).status_code == 404
    assert alice.post(off, {"token": fields(page)["token"]}).status_code == 303
    assert nobody.sign_in("carol@northwind.example").headers["location"] == "/"
    assert deeds(fleet)[-1] == (ALICE, "second_factor.taken_away", "carol@northwind.example")


def test_nobody_takes_their_own_away_without_the_password(alice, phone, fleet):
    with fleet.reading() as session:
        hers = session.scalar(select(User.id).where(User.email == ALICE))
    token = fields(alice.get("/people").text)["token"]
    assert alice.post(f"/people/{hers}/second-factor/off", {"token": token}).status_code == 404
    with fleet.reading() as session:
        assert session.scalar(select(func.count()).select_from(SecondFactor)) == 1
        assert session.scalar(select(func.count()).select_from(SignIn)) == 2, f"hers and {BOB}'s"
