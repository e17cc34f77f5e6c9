"""What pages do with users, their invitations and their sessions holds on both databases, within the wall."""

import re
import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from flexprint_server.database import Database
from flexprint_server.mail import outbox
from flexprint_server.mail.models import OutgoingMail
from flexprint_server.mail.outbox import Outbox
from flexprint_server.tenants import account, people, resets, second_factor, sign_in, totp
from flexprint_server.tenants.models import AuditEntry, Customer, Invitation, User
from flexprint_server.tenants.people import LastOwner, NotYourself
from flexprint_server.tenants.sign_in import Origin, Visitor
from services.pages import ALICE, COMING_AND_GOING, NOW
from services.seeded import PASSWORD, bare_dealer

CAROL = "carol@northwind.example"
SECRET_KEY = "ab" * 32
OUTBOX = Outbox(SECRET_KEY, "example.com")
URL = "https://meters.example.com"


@pytest.fixture
def dealer_id(database):
    with database.transaction() as session:
        dealer = bare_dealer(session, NOW, "Northwind Copiers", ALICE)
        session.add(Customer(dealer_id=dealer.id, name="Harbour Dental", created_at=NOW))
        return dealer.id


def signed_in(database: Database, email: str, password: str = PASSWORD) -> Visitor:
    token = sign_in.sign_in(database, email=email, password=password, address="::1", browser=None, now=NOW)
    with database.reading() as session:
        visitor = sign_in.visitor(session, token, NOW)
    assert visitor
    return visitor


def newest_token(database: Database) -> str:
    with database.reading() as session:
        mail = session.scalars(select(OutgoingMail).order_by(OutgoingMail.id.desc())).first()
        return re.search(r"/(?:invitations|resets)/(\S+)", outbox.opened(mail, SECRET_KEY).text)[1]


def join(database: Database, by: Visitor, email: str, role: str, customer: str = "") -> int:
    with database.transaction(by.scope) as session:
        given = {"email": email, "role": role, "customer": customer, "public_url": URL, "now": NOW}
        people.invite(session, by, OUTBOX, **given)
    return people.take_up(database, newest_token(database), PASSWORD, NOW)


def test_a_user_comes_changes_and_goes(database, dealer_id):
    alice = signed_in(database, ALICE)
    with database.reading(alice.scope) as session:
        (customer,) = people.customers(dealer_id, session)
    carol = join(database, alice, CAROL, "customer", customer)
    with database.transaction(alice.scope) as session:
        assert people.change_role(session, alice, carol, "technician", "", NOW)
    with database.reading(alice.scope) as session:
        (_, found) = people.users(dealer_id, session, 0)
        assert (found.email, found.role, found.customer) == (CAROL, "technician", None)
        assert people.invitations(dealer_id, session, NOW) == []
    with database.transaction(alice.scope) as session:
        assert people.remove(session, alice, carol, NOW)
        assert not people.remove(session, alice, carol, NOW)
    with database.reading(alice.scope) as session:
        assert [user.email for user in people.users(dealer_id, session, 0)] == [ALICE]
        whats = session.scalars(
            select(AuditEntry.what).where(AuditEntry.what.not_in(COMING_AND_GOING)).order_by(AuditEntry.id)
        ).all()
    assert whats == ["user.invited", "user.joined", "user.role_changed", "user.removed"]


def test_an_invitation_is_withdrawn(database, dealer_id):
    alice = signed_in(database, ALICE)
    with database.transaction(alice.scope) as session:
        given = {"email": CAROL, "role": "viewer", "customer": "", "public_url": URL, "now": NOW}
        people.invite(session, alice, OUTBOX, **given)
    with database.transaction(alice.scope) as session:
        (waiting,) = people.invitations(dealer_id, session, NOW)
        assert (waiting.email, waiting.mail) == (CAROL, "queued")
        assert people.withdraw(dealer_id, session, waiting.id) == CAROL
    assert people.offer(database, newest_token(database), NOW) is None


def test_an_invitation_taken_up_twice_at_once_makes_one_user(database, dealer_id):
    alice = signed_in(database, ALICE)
    with database.transaction(alice.scope) as session:
        given = {"email": CAROL, "role": "viewer", "customer": "", "public_url": URL, "now": NOW}
        people.invite(session, alice, OUTBOX, **given)
    token, together, outcomes = newest_token(database), threading.Barrier(4), []

    def try_it():
        together.wait()
        try:
            outcomes.append(people.take_up(database, token, PASSWORD, NOW))
        except (people.InvitationGone, people.AlreadyThere) as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=try_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([outcome for outcome in outcomes if isinstance(outcome, int)]) == 1
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(User).where(User.email == CAROL)) == 1
        assert session.scalar(select(func.count()).select_from(Invitation)) == 0


def test_two_owners_who_remove_each_other_at_the_same_moment_leave_one(database, dealer_id):
    alice = signed_in(database, ALICE)
    join(database, alice, CAROL, "owner")
    carol = signed_in(database, CAROL)
    together, outcomes = threading.Barrier(2), []

    def remove(by, whom):
        together.wait()
        try:
            with database.transaction(by.scope) as session:
                outcomes.append(people.remove(session, by, whom.user_id, NOW))
        except LastOwner:
            outcomes.append(False)

    threads = [threading.Thread(target=remove, args=pair) for pair in ((alice, carol), (carol, alice))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False, True]
    with database.reading(alice.scope) as session:
        assert len(people.users(dealer_id, session, 0)) == 1


def test_nobody_removes_themselves(database, dealer_id):
    alice = signed_in(database, ALICE)
    with pytest.raises(NotYourself), database.transaction(alice.scope) as session:
        people.remove(session, alice, alice.user_id, NOW)


def test_passwords_and_sessions_of_a_customers_user(database, dealer_id):
    """What somebody does with an account of their own is written down even where they may not read it."""
    alice = signed_in(database, ALICE)
    with database.reading(alice.scope) as session:
        (customer,) = people.customers(dealer_id, session)
    join(database, alice, CAROL, "customer", customer)
    carol, phone = signed_in(database, CAROL), signed_in(database, CAROL)
    assert {one.id for one in account.sessions(database, carol, NOW)} == {carol.sign_in_id, phone.sign_in_id}
    assert account.end_session(database, carol, phone.sign_in_id, NOW)
    assert not account.end_session(database, carol, alice.sign_in_id, NOW)
    new = "another password entirely"
    account.change_password(database, carol, OUTBOX, old=PASSWORD, new=new, now=NOW)
    assert [one.id for one in account.sessions(database, carol, NOW)] == [carol.sign_in_id]
    resets.ask(database, OUTBOX, email=CAROL, address="::1", public_url=URL, now=NOW)
    resets.use(database, OUTBOX, newest_token(database), PASSWORD, NOW)
    assert account.sessions(database, carol, NOW) == []
    carol = signed_in(database, CAROL)
    account.end_all_sessions(database, carol, NOW)
    with database.reading() as session:
        deeds = session.execute(select(AuditEntry.who, AuditEntry.what).order_by(AuditEntry.id)).all()
    hers = [what for who, what in deeds if who == CAROL and what not in COMING_AND_GOING]
    assert hers == ["user.joined", "session.ended", "password.changed", "password.reset", "session.all_ended"]


def test_a_session_of_a_user_removed_a_moment_ago_is_not_opened(database, dealer_id):
    with pytest.raises(sign_in.WrongCredentials):
        sign_in.open_session(database, 99999, Origin("::1", ""), NOW)


def test_a_second_factor_is_turned_on_used_insisted_on_and_taken_away(database, dealer_id):
    """Of several that show the same code at the same moment, one gets in."""
    alice = signed_in(database, ALICE)
    carol = signed_in(database, join_as(database, alice, CAROL, "technician"))
    secret = second_factor.new_secret()
    given = {"secret": secret, "typed": totp.code(secret, totp.step_at(NOW)), "password": PASSWORD}
    codes = second_factor.turn_on(database, carol, SECRET_KEY, **given, now=NOW)
    later, origin = NOW + timedelta(seconds=30), Origin("::1", "")
    typed = totp.code(secret, totp.step_at(later))
    tokens = [
        sign_in.sign_in(database, email=CAROL, password=PASSWORD, address="::1", browser=None, now=later)
        for _ in range(3)
    ]
    together, outcomes = threading.Barrier(3), []

    def try_it(token):
        together.wait()
        try:
            second_factor.give(database, SECRET_KEY, token=token, typed=typed, origin=origin, now=later)
            outcomes.append("in")
        except second_factor.WrongCode:
            outcomes.append("out")

    threads = [threading.Thread(target=try_it, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["in", "out", "out"]
    token = sign_in.sign_in(database, email=CAROL, password=PASSWORD, address="::1", browser=None, now=later)
    second_factor.give(database, SECRET_KEY, token=token, typed=codes[0], origin=origin, now=later)
    assert second_factor.codes_left(database, carol) == 9
    with database.transaction(alice.scope) as session:
        people.want_second_factor(session, alice, wanted=True, now=NOW)
        assert second_factor.take_away(session, alice, carol.user_id, NOW)
    assert second_factor.codes_left(database, carol) is None
    assert signed_in(database, ALICE).must_turn_on


def join_as(database: Database, by: Visitor, email: str, role: str) -> str:
    join(database, by, email, role)
    return email
