"""Users: invited, come in, changed, removed; and what nobody learns on the way."""

import re
from contextlib import closing
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import func, select, update

from flexprint_server.mail import outbox
from flexprint_server.mail.models import OutgoingMail
from flexprint_server.settings import read_settings
from flexprint_server.tenants import people
from flexprint_server.tenants.models import AuditEntry, Customer, Invitation, SignIn, User
from services.pages import ALICE, BOB, COMING_AND_GOING, NOW, Visit, fields
from services.seeded import PASSWORD

CAROL = "carol@northwind.example"


def invite(visit, email=CAROL, role="viewer", customer=""):
    form = {"token": fields(visit.get("/people").text)["token"], "email": email, "role": role, "customer": customer}
    return visit.post("/people/invitations", form)


@pytest.fixture
def links(fleet, tmp_path):
    """The links in the mails that wait, the oldest first."""

    def read():
        secret_key = read_settings({}, data=tmp_path).secret_key
        with fleet.reading() as session:
            mails = session.scalars(select(OutgoingMail).order_by(OutgoingMail.id)).all()
        return [re.search(r"http://\S+?(/\S+)", outbox.opened(mail, secret_key).text)[1] for mail in mails]

    return read


def start(visit, link, password=PASSWORD):
    return visit.post(link, {**fields(visit.get(link).text), "password": password})


def id_of(fleet, email):
    with fleet.reading() as session:
        return session.scalar(select(User.id).where(User.email == email))


def change(visit, user_id, deed, **form):
    return visit.post(f"/people/{user_id}/{deed}", {"token": fields(visit.get("/people").text)["token"], **form})


@pytest.fixture
def carol(alice, nobody, links, fleet):
    """A viewer of Alice's dealer, signed in."""
    invite(alice)
    assert start(nobody, links()[-1]).status_code == 303
    return nobody


def deeds(fleet):
    with fleet.reading() as session:
        return [
            (entry.who, entry.what, entry.target)
            for entry in session.scalars(select(AuditEntry).where(AuditEntry.what.not_in(COMING_AND_GOING)))
        ]


def test_somebody_invited_chooses_a_password_and_is_in(alice, nobody, links, fleet):
    """From the form to the fleet; the page of people says so, and so does the log."""
    assert invite(alice, " Carol@Northwind.example ", "technician").headers["location"] == "/people"
    page = unescape(alice.get("/people").text)
    assert CAROL in page.split("Invitations that wait", 1)[1]
    (link,) = links()
    assert CAROL in nobody.get(link).text
    assert start(nobody, link).headers["location"] == "/"
    fleet_page = nobody.get("/devices").text
    assert "Kyocera" in fleet_page
    assert 'href="/people"' not in fleet_page
    page = alice.get("/people").text
    assert "Invitations that wait" not in page
    assert "Technician" in page.split("<tbody", 1)[1]
    assert deeds(fleet) == [(ALICE, "user.invited", CAROL), (CAROL, "user.joined", CAROL)]


def test_the_link_works_once(carol, links, url):
    with closing(Visit(url)) as second:
        answer = second.get(links()[-1])
        assert answer.status_code == 404
        assert "holds no longer" in answer.text


def test_looking_at_the_link_does_not_use_it_up(alice, nobody, links):
    """Mail servers open links to see whether they are harmless."""
    invite(alice)
    for _ in range(3):
        assert nobody.get(links()[0]).status_code == 200
    assert start(nobody, links()[0]).status_code == 303


def test_an_invitation_expires_after_a_week(alice, nobody, links, clock):
    invite(alice)
    clock.now += people.HOLDS_FOR
    assert nobody.get(links()[0]).status_code == 404


def test_an_invitation_that_expires_while_the_page_is_open_lets_nobody_in(alice, nobody, links, clock, fleet):
    invite(alice)
    form = fields(nobody.get(links()[0]).text)
    clock.now += people.HOLDS_FOR
    assert nobody.post(links()[0], {**form, "password": PASSWORD}).status_code == 404
    assert id_of(fleet, CAROL) is None


def test_a_withdrawn_invitation_lets_nobody_in(alice, nobody, links, fleet):
    invite(alice)
    page = alice.get("/people").text
    withdraw = re.search(r'action="(/people/invitations/\d+/withdraw)"', page)[1]
    assert alice.post(withdraw, {"token": fields(page)["token"]}).status_code == 303
    assert nobody.get(links()[0]).status_code == 404
    assert alice.post(withdraw, {"token": fields(page)["token"]}).status_code == 404
    assert deeds(fleet)[-1] == (ALICE, "invitation.withdrawn", CAROL)


def test_of_two_invitations_of_one_address_the_newer_holds(alice, nobody, links, fleet):
    invite(alice)
    invite(alice, role="technician")
    old, new = links()
    assert nobody.get(old).status_code == 404
    start(nobody, new)
    with fleet.reading() as session:
        assert session.scalar(select(User.role).where(User.email == CAROL)) == "technician"


def test_the_token_is_nowhere_in_the_database(alice, links, fleet):
    invite(alice)
    token = links()[0].rpartition("/")[2]
    with fleet.reading() as session:
        row = session.scalars(select(Invitation)).one()
        assert token.encode() not in row.token_hash
        assert token.encode() not in session.scalars(select(OutgoingMail.content)).one()


@pytest.mark.parametrize("password", ["", "short", "x" * 257])
def test_a_password_that_does_not_do_can_be_chosen_again(alice, nobody, links, password):
    invite(alice)
    answer = start(nobody, links()[0], password)
    assert answer.status_code == 422
    assert "10 to 256 characters" in answer.text
    assert start(nobody, links()[0]).status_code == 303


def test_the_form_counts_only_from_our_own_page(alice, nobody, links, fleet):
    invite(alice)
    assert nobody.post(links()[0], {"token": "x", "password": PASSWORD}).status_code == 403
    assert id_of(fleet, CAROL) is None


# --- What nobody learns


def test_inviting_does_not_tell_who_signs_in_at_another_dealer(alice, nobody, links, fleet):
    """Bob has an account elsewhere, Dave has none: the answers, the page and the mails look the same. Only who opens
    the link learns that the address is taken."""

    def outcome(email):
        answer = invite(alice, email)
        page = unescape(alice.get("/people").text).split("Invitations that wait", 1)[1]
        return answer.status_code, answer.headers["location"], page.count(email) > 0

    assert outcome(BOB) == outcome("dave@elsewhere.example") == (303, "/people", True)
    bobs, daves = links()
    assert "is in use" in nobody.get(bobs).text
    assert "is in use" not in nobody.get(daves).text
    assert "Elsewhere Office" not in nobody.get(bobs).text
    form = {**fields(nobody.get(daves).text), "password": "a password of some length"}
    assert "is in use" in nobody.post(bobs, form).text
    assert nobody.sign_in(BOB).status_code == 303, "Bob's password is the one he had"


def test_two_dealers_may_invite_the_same_address_and_the_first_taken_up_counts(alice, bob, nobody, links, fleet):
    invite(alice)
    invite(bob)
    hers, his = links()
    start(nobody, his)
    assert "is in use" in nobody.get(hers).text
    with fleet.reading() as session:
        dealers = session.scalars(select(User.dealer_id).where(User.email.in_([CAROL, BOB]))).all()
    assert len(set(dealers)) == 1


def test_another_dealers_people_cannot_be_seen_changed_or_removed(alice, bob, fleet):
    invite(alice)
    page = bob.get("/people").text
    assert ALICE not in page
    assert CAROL not in page
    hers = id_of(fleet, ALICE)
    assert change(bob, hers, "remove").status_code == 404
    assert change(bob, hers, "role", role="viewer").status_code == 404
    with fleet.reading() as session:
        invitation = session.scalars(select(Invitation.id)).one()
        customer = session.scalar(select(func.min(Customer.name)))
    form = {"token": fields(page)["token"]}
    assert bob.post(f"/people/invitations/{invitation}/withdraw", form).status_code == 404
    answer = invite(bob, "eve@elsewhere.example", "customer", customer)
    assert answer.status_code == 422, "a customer of Alice's dealer"


# --- Roles


def test_a_customers_user_is_invited_for_that_customer(alice, nobody, links, fleet):
    with fleet.reading() as session:
        customer, name = session.execute(select(Customer.id, Customer.name).order_by(Customer.id)).first()
        others = session.scalars(select(Customer.name).where(Customer.id != customer)).all()
    invite(alice, role="customer", customer=f" {name} ")
    start(nobody, links()[0])
    page = unescape(nobody.get("/").text)
    assert name in page
    assert not any(other in page for other in others)


@pytest.mark.parametrize(
    ("email", "role", "customer", "words"),
    [
        (CAROL, "customer", "", "Name the customer"),
        (CAROL, "customer", "Nobody & Sons", "Name the customer"),
        (CAROL, "emperor", "", "Choose one of the roles"),
        (CAROL, "", "", "Choose one of the roles"),
        ("", "viewer", "", "no mail address"),
        ("carol", "viewer", "", "no mail address"),
        ("a@b@c.example", "viewer", "", "no mail address"),
        ("büro@example.com", "viewer", "", "No mail can be sent"),
        ("x@example.com\r\nBcc: y@example.com", "viewer", "", "no mail address"),
        ('"><script>alert(1)</script>@example.com', "viewer", "", "mail"),
        ("a" * 300 + "@example.com", "viewer", "", "no mail address"),
        ("\u202ecarol@\x00", "viewer", "", "no mail address"),
        (ALICE, "viewer", "", "signs in here already"),
    ],
)
def test_an_invitation_that_cannot_be_is_explained_and_nothing_is_mailed(alice, fleet, email, role, customer, words):
    answer = invite(alice, email, role, customer)
    assert answer.status_code == 422
    assert words in unescape(answer.text)
    assert "<script" not in answer.text
    with fleet.reading() as session:
        assert session.scalar(select(func.count()).select_from(OutgoingMail)) == 0


def test_a_role_is_changed_and_counts_at_once(alice, carol, fleet):
    assert change(alice, id_of(fleet, CAROL), "role", role="owner").status_code == 303
    assert carol.get("/people").status_code == 200
    with fleet.reading() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert (entry.what, entry.before, entry.after) == ("user.role_changed", {"role": "viewer"}, {"role": "owner"})


def test_a_removed_user_is_out_at_once(alice, carol, fleet):
    assert change(alice, id_of(fleet, CAROL), "remove").status_code == 303
    assert carol.get("/").status_code == 303
    assert carol.sign_in(CAROL).status_code == 403
    assert CAROL not in alice.get("/people").text
    assert deeds(fleet)[-1] == (ALICE, "user.removed", CAROL)


@pytest.mark.parametrize("deed", ["remove", "role"])
def test_nobody_changes_or_removes_themselves(alice, fleet, deed):
    answer = change(alice, id_of(fleet, ALICE), deed, role="viewer")
    assert answer.status_code == 422
    assert "Another owner has to" in answer.text
    assert alice.get("/people").status_code == 200


def test_two_owners_who_remove_each_other_leave_one(alice, carol, fleet):
    """The second of the two deeds comes from an owner who is one no longer."""
    with fleet.transaction() as session:
        session.execute(update(User).where(User.email == CAROL).values(role="owner"))
    hers, form = id_of(fleet, ALICE), {"token": fields(carol.get("/people").text)["token"]}
    change(alice, id_of(fleet, CAROL), "remove")
    assert carol.post(f"/people/{hers}/remove", form).status_code == 303
    assert id_of(fleet, ALICE)


def test_the_last_owner_stays_one_even_if_somebody_else_may_look_after_people(alice, carol, fleet):
    with fleet.transaction() as session:
        (visitor,) = session.scalars(select(User).where(User.email == CAROL))
        acting = people.Visitor(1, visitor.id, visitor.dealer_id, "", CAROL, "owner", None, "", NOW, NOW)
        with pytest.raises(people.LastOwner):
            people.remove(session, acting, session.scalar(select(User.id).where(User.email == ALICE)), NOW)
        with pytest.raises(people.LastOwner):
            hers = session.scalar(select(User.id).where(User.email == ALICE))
            people.change_role(session, acting, hers, "viewer", "", NOW)


def test_an_account_that_was_taken_over_is_no_source_of_spam(alice, fleet, clock, monkeypatch):
    monkeypatch.setattr(people, "MOST_A_DAY", 2)
    for number in range(2):
        assert invite(alice, f"victim{number}@example.com").status_code == 303
    answer = invite(alice, "victim3@example.com")
    assert answer.status_code == 422
    assert "Go on tomorrow" in answer.text
    clock.now += timedelta(hours=11)
    alice.get("/")
    clock.now += timedelta(hours=11)
    alice.get("/")
    clock.now += timedelta(hours=3)
    assert invite(alice, "friend@example.com").status_code == 303


def test_the_page_says_what_the_mail_server_said(alice, fleet):
    invite(alice)
    with fleet.transaction() as session:
        session.execute(update(OutgoingMail).values(state="refused", answer='550 no such user "><script>'))
    page = alice.get("/people").text
    assert "Mail refused" in page
    assert "<script" not in page
    assert "550 no such user" in page


def test_signing_in_shows_on_the_page_of_people(alice, nobody, fleet):
    nobody.sign_in(ALICE)
    with fleet.reading() as session:
        assert session.scalar(select(User.last_sign_in_at).where(User.email == ALICE)) == NOW
        assert session.scalar(select(func.count()).select_from(SignIn)) == 3
