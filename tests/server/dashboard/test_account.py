"""One's own account: the password, the sessions, and the way back in for somebody who has forgotten the password."""

import re
from contextlib import closing
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import event, func, select, update

from flexprint_server.mail import outbox
from flexprint_server.mail.models import OutgoingMail
from flexprint_server.settings import read_settings
from flexprint_server.tenants import resets
from flexprint_server.tenants.models import AuditEntry, Customer, PasswordReset, SignIn, User
from services.pages import ALICE, BOB, COMING_AND_GOING, Visit, fields
from services.seeded import PASSWORD

NEW = "another password entirely"


@pytest.fixture
def mails(fleet, tmp_path):
    """What the mails that wait say, by kind, the oldest first."""

    def read(kind):
        secret_key = read_settings({}, data=tmp_path).secret_key
        with fleet.reading() as session:
            asked = select(OutgoingMail).where(OutgoingMail.kind == kind).order_by(OutgoingMail.id)
            return [outbox.opened(mail, secret_key).text for mail in session.scalars(asked)]

    return read


def ask(visit, email=ALICE):
    return visit.post("/forgot", {**fields(visit.get("/forgot").text), "email": email})


def link_in(mail):
    return re.search(r"http://\S+?(/resets/\S+)", mail)[1]


def choose(visit, link, password=NEW):
    return visit.post(link, {**fields(visit.get(link).text), "password": password})


def change(visit, old=PASSWORD, new=NEW):
    token = fields(visit.get("/account").text)["token"]
    return visit.post("/account/password", {"token": token, "old": old, "new": new})


def deeds(fleet):
    with fleet.reading() as session:
        return [
            (entry.who, entry.what)
            for entry in session.scalars(select(AuditEntry).where(AuditEntry.what.not_in(COMING_AND_GOING)))
        ]


# --- A forgotten password


def test_a_forgotten_password_is_set_anew_by_mail(nobody, alice, mails, fleet):
    """From the link under the sign-in form to the fleet; whoever was signed in before is out."""
    assert 'href="/forgot"' in nobody.get("/sign-in").text
    assert "Look into your mailbox" in ask(nobody).text
    (mail,) = mails("reset")
    answer = choose(nobody, link_in(mail))
    assert answer.headers["location"] == "/sign-in?done=password"
    assert "Sign in with it" in nobody.get("/sign-in?done=password").text
    assert alice.get("/").status_code == 303
    assert nobody.sign_in(ALICE).status_code == 403, "the old one"
    assert nobody.sign_in(ALICE, NEW).status_code == 303
    assert deeds(fleet) == [("somebody at the door", "password.reset_asked"), (ALICE, "password.reset")]
    assert "was changed just now" in mails("password")[0]


def test_whoever_is_kept_waiting_by_others_guesses_gets_in_by_mail(nobody, mails, url):
    """Somebody in the same network guesses without end, and this browser never signed in here before."""
    with closing(Visit(url)) as stranger:
        while stranger.sign_in(ALICE, "guess").status_code == 403:
            pass
    assert nobody.sign_in(ALICE).status_code == 429
    ask(nobody)
    choose(nobody, link_in(mails("reset")[0]))
    assert nobody.sign_in(ALICE, NEW).status_code == 303


def test_the_answer_is_the_same_whether_or_not_there_is_such_an_account(nobody, mails):
    def shown(email):
        answer = ask(nobody, email)
        return answer.status_code, answer.text.replace(email, "")

    assert shown(ALICE) == shown("nobody@northwind.example")
    assert len(mails("reset")) == 1


def test_nor_does_the_work_that_the_answer_takes_tell(nobody, fleet, clock):
    """The same statements for whoever has an account, has none, or was mailed a moment ago; none is ever mailed twice."""

    def asked(email):
        sent = []
        event.listen(fleet.engine, "before_cursor_execute", note := lambda *given: sent.append(given[2]))
        ask(nobody, email)
        event.remove(fleet.engine, "before_cursor_execute", note)
        return [statement for statement in sent if "SAVEPOINT" not in statement]

    first = asked(ALICE)
    assert any("INSERT INTO outgoing_mail" in statement for statement in first)
    assert asked("nobody@northwind.example") == first
    assert asked(ALICE) == first
    with fleet.reading() as session:
        assert session.scalars(select(OutgoingMail.recipient).where(OutgoingMail.kind == "reset")).all() == [ALICE]
    assert [what for _, what in deeds(fleet)] == ["password.reset_asked"]


def test_a_link_works_once_and_looking_at_it_does_not_use_it_up(nobody, mails):
    ask(nobody)
    link = link_in(mails("reset")[0])
    for _ in range(3):
        assert nobody.get(link).status_code == 200
    choose(nobody, link)
    assert "holds no longer" in nobody.get(link).text
    form = fields(nobody.get("/forgot").text)
    assert nobody.post(link, {**form, "password": "a third one of its own"}).status_code == 404
    assert nobody.sign_in(ALICE, NEW).status_code == 303


def test_a_link_expires_after_an_hour(nobody, mails, clock):
    ask(nobody)
    clock.now += resets.HOLDS_FOR
    assert nobody.get(link_in(mails("reset")[0])).status_code == 404


def test_of_two_links_the_newer_holds(nobody, mails, clock):
    ask(nobody)
    clock.now += resets.QUIET
    ask(nobody)
    old, new = map(link_in, mails("reset"))
    assert nobody.get(old).status_code == 404
    assert nobody.get(new).status_code == 200


def test_nobodys_mailbox_is_filled_by_asking(nobody, mails, clock):
    """And asking without end is slowed down."""
    answers = [ask(nobody).status_code for _ in range(7)]
    assert answers == [200] * 5 + [429] * 2
    assert len(mails("reset")) == 1
    assert "Too many attempts" in ask(nobody).text
    clock.now += timedelta(minutes=1)
    assert ask(nobody).status_code == 200
    assert len(mails("reset")) == 1


def test_asking_does_not_slow_down_signing_in(nobody):
    for _ in range(7):
        ask(nobody)
    assert nobody.sign_in(ALICE).status_code == 303


def test_the_token_is_nowhere_in_the_database(nobody, mails, fleet):
    ask(nobody)
    token = link_in(mails("reset")[0]).rpartition("/")[2].encode()
    with fleet.reading() as session:
        assert token not in session.scalars(select(PasswordReset.token_hash)).one()
        assert token not in session.scalars(select(OutgoingMail.content)).one()


def test_the_password_stays_until_the_link_is_used_and_one_that_does_not_do_is_explained(nobody, alice, mails):
    ask(nobody)
    link = link_in(mails("reset")[0])
    answer = choose(nobody, link, "short")
    assert answer.status_code == 422
    assert "10 to 256 characters" in answer.text
    assert alice.get("/").status_code == 200
    assert nobody.sign_in(ALICE).status_code == 303


def test_a_link_of_a_removed_account_is_worth_nothing(nobody, mails, fleet):
    ask(nobody)
    with fleet.transaction() as session:
        session.delete(session.scalars(select(User).where(User.email == ALICE)).one())
    assert nobody.get(link_in(mails("reset")[0])).status_code == 404


@pytest.mark.parametrize("email", ["", "\0", "a\r\nBcc: b@example.com", '"><script>', "é" * 300, "\ud800"])
def test_no_address_whatever_breaks_the_page(nobody, email):
    answer = ask(nobody, email.encode("utf-8", "surrogatepass").decode("latin-1"))
    assert answer.status_code == 200
    assert "<script" not in answer.text


# --- Another password


def test_a_changed_password_ends_the_other_sessions_and_keeps_this_one(alice, nobody, url, mails, fleet):
    with closing(Visit(url)) as other:
        other.sign_in(ALICE)
        assert change(alice).headers["location"] == "/account?done=password"
        assert "Your password is changed" in alice.get("/account?done=password").text
        assert other.get("/").status_code == 303
    assert alice.get("/").status_code == 200
    assert nobody.sign_in(ALICE).status_code == 403
    assert nobody.sign_in(ALICE, NEW).status_code == 303
    assert deeds(fleet) == [(ALICE, "password.changed")]
    assert len(mails("password")) == 1


def test_a_changed_password_ends_a_reset_that_waits(alice, nobody, mails):
    ask(nobody)
    change(alice)
    assert nobody.get(link_in(mails("reset")[0])).status_code == 404


def test_the_present_password_is_needed_and_guessing_at_it_gets_slow(alice, nobody, fleet):
    for _ in range(5):
        answer = change(alice, "a guess of some length")
        assert answer.status_code == 403
        assert "not your present password" in answer.text
    assert change(alice).status_code == 429
    assert deeds(fleet) == []


def test_a_new_password_that_does_not_do_is_explained(alice, nobody):
    answer = change(alice, new="short")
    assert answer.status_code == 422
    assert "10 to 256 characters" in answer.text
    assert nobody.sign_in(ALICE).status_code == 303


def test_a_customers_user_changes_their_password_too(alice, fleet):
    """It is written down although they do not see the log."""
    with fleet.transaction() as session:
        customer = session.scalar(select(func.min(Customer.id)))
        session.execute(update(User).where(User.email == ALICE).values(role="customer", customer_id=customer))
    assert change(alice).status_code == 303
    assert deeds(fleet) == [(ALICE, "password.changed")]


# --- Sessions


def test_sessions_are_listed_with_where_they_are_and_can_be_ended(alice, url, fleet):
    with closing(Visit(url)) as phone:
        phone.client.headers["user-agent"] = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1"
        phone.sign_in(ALICE)
        page = unescape(alice.get("/account").text)
        assert "Safari on iPhone" in page
        assert "from 127.0.0.1" in re.sub("<[^>]*>", "", page)
        assert page.count("This browser") == 1
        (end,) = re.findall(r'action="(/account/sessions/\d+/end)"', page)
        assert alice.post(end, {"token": fields(page)["token"]}).headers["location"] == "/account"
        assert phone.get("/").status_code == 303
    assert alice.get("/").status_code == 200
    assert deeds(fleet) == [(ALICE, "session.ended")]


def test_signing_out_everywhere_ends_this_session_too(alice, url, fleet):
    with closing(Visit(url)) as phone:
        phone.sign_in(ALICE)
        token = fields(alice.get("/account").text)["token"]
        assert alice.post("/account/sign-out-everywhere", {"token": token}).headers["location"] == "/sign-in"
        assert phone.get("/").status_code == 303
    assert alice.get("/").status_code == 303
    with fleet.reading() as session:
        left = session.scalars(select(User.email).join(SignIn, SignIn.user_id == User.id)).all()
    assert left == [BOB]


def test_nobody_ends_the_session_of_somebody_else(alice, bob, fleet):
    with fleet.reading() as session:
        hers = session.scalar(select(SignIn.id).join(User, User.id == SignIn.user_id).where(User.email == ALICE))
    token = fields(bob.get("/account").text)["token"]
    assert bob.post(f"/account/sessions/{hers}/end", {"token": token}).status_code == 404
    assert alice.get("/").status_code == 200


def test_a_browser_with_a_hostile_name_is_shown_and_not_run(alice, url):
    with closing(Visit(url)) as strange:
        strange.client.headers["user-agent"] = "<script>alert(1)</script>"
        strange.sign_in(ALICE)
    page = alice.get("/account").text
    assert "<script" not in page
    assert "&lt;script&gt;" in page
