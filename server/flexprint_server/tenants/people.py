"""A dealer's users and those who are invited to be: who they are, what they may do, and how they come and go.

An invitation is a link in a mail, good once and for a week; only the hash of its token is kept. Nobody learns from
inviting an address whether somebody signs in with it at another dealer: only who opens the link does.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import CursorResult, Select, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flexprint_server.database import FEW_AT_A_TIME, Database, Scope
from flexprint_server.mail.models import OutgoingMail
from flexprint_server.mail.outbox import Content, Outbox
from flexprint_server.tenants import audit
from flexprint_server.tenants.models import Customer, Dealer, Invitation, SecondFactor, Site, User
from flexprint_server.tenants.passwords import hash_password
from flexprint_server.tenants.roles import CUSTOMER, OWNER, ROLES
from flexprint_server.tenants.service import AlreadyThere, TenantsError, UnfitName, email_address
from flexprint_server.tenants.sign_in import Visitor
from flexprint_shared.addresses import is_address
from flexprint_shared.text import clean

PAGE: Final = 100
"""Users on one page."""

HOLDS_FOR: Final = timedelta(days=7)
"""How long an invitation waits to be taken up."""

MOST_A_DAY: Final = 100
"""Invitations that one dealer may mail within a day: an account that was taken over is no source of spam."""

_KIND: Final = "invitation"
_WITHIN: Final = timedelta(days=1)


class UnfitRole(TenantsError):
    """A role that is none, or a customer's user without a customer."""


class TooManyInvitations(TenantsError):
    """The dealer has mailed MOST_A_DAY of them."""


class NotYourself(TenantsError):
    """Somebody was about to change or remove their own account."""


class LastOwner(TenantsError):
    """Nobody would be left who may look after users."""


class InvitationGone(TenantsError):
    """It was taken up, withdrawn, replaced by a newer one, or has expired."""


@dataclass(slots=True, frozen=True)
class Person:
    """`only_sites` are the ids of the sites that a customer's user sees, None for all of that customer."""

    id: int
    email: str
    role: str
    customer: str | None
    only_sites: Sequence[int] | None
    created_at: datetime
    last_sign_in_at: datetime | None
    has_second_factor: bool


@dataclass(slots=True, frozen=True)
class Invited:
    """An invitation that waits. `only_sites` as a Person has them; `mail` is the state of its mail, `answer` what the
    mail server said."""

    id: int
    email: str
    role: str
    customer: str | None
    only_sites: Sequence[int] | None
    expires_at: datetime
    mail: str | None
    answer: str | None


@dataclass(slots=True, frozen=True)
class Offer:
    """What an open invitation offers. `is_taken`: somebody signs in with the address already."""

    dealer: str
    email: str
    role: str
    customer: str | None
    is_taken: bool


def users(dealer_id: int, session: Session, skip: int, customer_id: int | None = None) -> list[Person]:
    """PAGE users by address, of all or of one customer, and one more where there is a next page; the first `skip` are
    left out."""
    asked = _by_address(dealer_id).offset(skip).limit(PAGE + 1)
    rows = session.execute(asked if customer_id is None else asked.where(User.customer_id == customer_id))
    return [_person(*row) for row in rows]


def every_user(dealer_id: int, session: Session) -> Iterator[Person]:
    """All of them by address, a few at a time."""
    return (_person(*row) for row in session.execute(_by_address(dealer_id), execution_options=FEW_AT_A_TIME))


def _by_address(dealer_id: int) -> Select[User, str, int]:
    return (
        select(User, Customer.name, SecondFactor.user_id)
        .outerjoin(Customer, Customer.id == User.customer_id)
        .outerjoin(SecondFactor, SecondFactor.user_id == User.id)
        .where(User.dealer_id == dealer_id)
        .order_by(User.email)
    )


def _person(user: User, customer: str | None, factor: int | None) -> Person:
    return Person(
        user.id,
        user.email,
        user.role,
        customer,
        user.only_sites,
        user.created_at,
        user.last_sign_in_at,
        has_second_factor=factor is not None,
    )


def invitations(dealer_id: int, session: Session, now: datetime) -> list[Invited]:
    """Those that can still be taken up, the newest first."""
    rows = session.execute(
        select(Invitation, Customer.name, OutgoingMail.state, OutgoingMail.answer)
        .outerjoin(Customer, Customer.id == Invitation.customer_id)
        .outerjoin(OutgoingMail, OutgoingMail.id == Invitation.mail_id)
        .where(Invitation.dealer_id == dealer_id, Invitation.expires_at > now)
        .order_by(Invitation.id.desc())
        .limit(7 * MOST_A_DAY)
    )
    return [
        Invited(made.id, made.email, made.role, customer, made.only_sites, made.expires_at, state, answer)
        for made, customer, state, answer in rows
    ]


def customers(dealer_id: int, session: Session) -> Sequence[str]:
    """Every customer's name, in order."""
    return session.scalars(select(Customer.name).where(Customer.dealer_id == dealer_id).order_by(Customer.name)).all()


def invite(
    session: Session,
    visitor: Visitor,
    outbox: Outbox,
    *,
    email: str,
    role: str,
    customer: str,
    only_sites: Sequence[int] | None = None,
    public_url: str,
    now: datetime,
) -> None:
    """Mails an invitation; one that the address had from this dealer holds no longer. `customer` is the name of the
    customer whose user it is, where the role is that of one, and `only_sites` are the ids of those of its sites that
    the user sees. Raises UnfitName, UnfitRole, AlreadyThere, TooManyInvitations."""
    address = email_address(email)
    if not is_address(address):
        raise UnfitName(f"No mail can be sent to {address!r}. Write it as name@example.com.")
    owner = _customer_of(session, visitor.dealer_id, role, customer)
    if session.scalar(select(User.id).where(User.dealer_id == visitor.dealer_id, User.email == address)):
        raise AlreadyThere(f"{address} signs in here already. Change the role in the list instead.")
    if _mailed_within_a_day(session, visitor.dealer_id, now) >= MOST_A_DAY:
        raise TooManyInvitations(f"{MOST_A_DAY} invitations were mailed within a day. Go on tomorrow.")
    session.execute(delete(Invitation).where(Invitation.dealer_id == visitor.dealer_id, Invitation.email == address))
    token = secrets.token_urlsafe(32)
    content = _invitation_mail(visitor, f"{public_url}/invitations/{token}")
    mail = outbox.put(session, _KIND, address, content, dealer_id=visitor.dealer_id, now=now)
    session.add(
        Invitation(
            dealer_id=visitor.dealer_id,
            email=address,
            role=role,
            customer_id=owner.id if owner else None,
            only_sites=_of_customer(session, owner, only_sites),
            token_hash=token_hash(token),
            mail_id=mail.id,
            created_at=now,
            expires_at=now + HOLDS_FOR,
        )
    )
    audit.note(session, visitor, "user.invited", address, now, after=_as_json(role, owner))


def _customer_of(session: Session, dealer_id: int, role: str, name: str) -> Customer | None:
    """The customer that goes with the role. Raises UnfitRole."""
    if role not in ROLES:
        raise UnfitRole("Choose one of the roles.")
    if role != CUSTOMER:
        return None
    found = session.scalar(select(Customer).where(Customer.dealer_id == dealer_id, Customer.name == clean(name, 200)))
    if found is None:
        raise UnfitRole("Name the customer whose sites this user may see, as it is written on the page of agents.")
    return found


def _of_customer(session: Session, customer: Customer | None, chosen: Sequence[int] | None) -> list[int] | None:
    """Those of the chosen sites that are the customer's."""
    if customer is None or chosen is None:
        return None
    asked = select(Site.id).where(Site.customer_id == customer.id, Site.id.in_(chosen))
    return sorted(session.scalars(asked))


def _mailed_within_a_day(session: Session, dealer_id: int, now: datetime) -> int:
    counted = select(func.count()).where(
        OutgoingMail.dealer_id == dealer_id, OutgoingMail.created_at > now - _WITHIN, OutgoingMail.kind == _KIND
    )
    return session.scalar(counted) or 0


def _invitation_mail(visitor: Visitor, link: str) -> Content:
    dealer = clean(visitor.dealer, 100)
    return Content(
        f"Invitation to FlexPrint Tracker at {dealer}",
        f"{visitor.email} invites you to see printers and their meters at {dealer}.\n\n"
        f"Choose a password here within {HOLDS_FOR.days} days:\n\n{link}\n\n"
        "The link works once. If you did not expect this mail, ignore it and nothing happens.\n",
    )


def withdraw(dealer_id: int, session: Session, invitation_id: int) -> str | None:
    """Ends an invitation that waits. The address it went to; None when this dealer has none such."""
    gone = delete(Invitation).where(Invitation.dealer_id == dealer_id, Invitation.id == invitation_id)
    return session.scalar(gone.returning(Invitation.email))


# ---------------------------------------------------------------- taking an invitation up


def offer(database: Database, token: str, now: datetime) -> Offer | None:
    """What the invitation of `token` offers; None when it holds no longer. Looking does not use it up: mail servers
    look at links, too."""
    with database.reading() as session:
        found = session.execute(
            select(Invitation, Dealer.name, Customer.name)
            .join(Dealer, Dealer.id == Invitation.dealer_id)
            .outerjoin(Customer, Customer.id == Invitation.customer_id)
            .where(Invitation.token_hash == token_hash(token), Invitation.expires_at > now)
        ).first()
        if found is None:
            return None
        made, dealer, customer = found
        is_taken = session.scalar(select(User.id).where(User.email == made.email)) is not None
    return Offer(dealer, made.email, made.role, customer, is_taken)


def take_up(database: Database, token: str, password: str, now: datetime) -> int:
    """The id of the new user; the invitation is used up. Raises InvitationGone, AlreadyThere, PasswordUnfit."""
    with database.reading() as session:
        made = session.scalar(
            select(Invitation).where(Invitation.token_hash == token_hash(token), Invitation.expires_at > now)
        )
    if made is None:
        raise InvitationGone("This invitation holds no longer. Ask for a new one.")
    hashed = hash_password(password)  # dear, so before the transaction
    try:
        with database.transaction(Scope(made.dealer_id)) as session:
            return join(session, made, hashed, now).id
    except IntegrityError as error:
        raise AlreadyThere(f"Somebody signs in as {made.email} already.") from error


def join(session: Session, made: Invitation, hashed: str, now: datetime) -> User:
    """The user that an invitation offers to be; it is used up. Raises InvitationGone, and IntegrityError where
    somebody signs in with that address already."""
    used = session.execute(delete(Invitation).where(Invitation.id == made.id))
    assert isinstance(used, CursorResult)
    if used.rowcount != 1:
        raise InvitationGone("This invitation holds no longer. Ask for a new one.")
    user = User(
        dealer_id=made.dealer_id,
        email=made.email,
        password_hash=hashed,
        role=made.role,
        customer_id=made.customer_id,
        only_sites=made.only_sites,
        created_at=now,
    )
    session.add(user)
    session.flush()
    audit.note_by(session, user, "user.joined", user.email, now, after={"role": user.role})
    return user


def token_hash(token: str) -> bytes:
    return sha256(token.encode(errors="replace")).digest()


# ---------------------------------------------------------------- changing and removing


def change_role(session: Session, visitor: Visitor, user_id: int, role: str, customer: str, now: datetime) -> bool:
    """`customer` as for invite(). False when this dealer has no such user. Raises UnfitRole, NotYourself, LastOwner."""
    user = _other_user(session, visitor, user_id)
    if user is None:
        return False
    owner = _customer_of(session, visitor.dealer_id, role, customer)
    if role != OWNER:
        _leave_an_owner(session, visitor.dealer_id, user.id)
    before = session.get(Customer, user.customer_id) if user.customer_id else None
    was = _as_json(user.role, before)
    if user.customer_id != (owner.id if owner else None):
        user.only_sites = None
    user.role, user.customer_id = role, owner.id if owner else None
    audit.note(session, visitor, "user.role_changed", user.email, now, before=was, after=_as_json(role, owner))
    return True


def choose_sites(session: Session, visitor: Visitor, user_id: int, chosen: Sequence[int] | None, now: datetime) -> bool:
    """A customer's user sees the `chosen` of that customer's sites, or all of them for None, from the next page on.
    False when this dealer has no such customer's user."""
    user = session.scalar(select(User).where(User.dealer_id == visitor.dealer_id, User.id == user_id))
    customer = session.get(Customer, user.customer_id) if user and user.customer_id else None
    if user is None or customer is None:
        return False
    before, after = user.only_sites, _of_customer(session, customer, chosen)
    if before != after:
        user.only_sites = after
        was, become = ({"sites": _site_names(session, ids)} for ids in (before, after))
        audit.note(session, visitor, "user.sites_changed", user.email, now, before=was, after=become)
    return True


def _site_names(session: Session, ids: Sequence[int] | None) -> str:
    if ids is None:
        return "all"
    return ", ".join(session.scalars(select(Site.name).where(Site.id.in_(ids)).order_by(Site.name))) or "none"


def remove(session: Session, visitor: Visitor, user_id: int, now: datetime) -> bool:
    """The user's sessions end with it. False when this dealer has no such user. Raises NotYourself, LastOwner."""
    user = _other_user(session, visitor, user_id)
    if user is None:
        return False
    _leave_an_owner(session, visitor.dealer_id, user.id)
    session.execute(delete(User).where(User.id == user.id))
    audit.note(session, visitor, "user.removed", user.email, now, before={"role": user.role})
    return True


def wants_second_factor(dealer_id: int, session: Session) -> bool:
    return bool(session.scalar(select(Dealer.wants_second_factor).where(Dealer.id == dealer_id)))


def want_second_factor(session: Session, visitor: Visitor, *, wanted: bool, now: datetime) -> None:
    """Whether everybody of the dealer, customers' users included, has to have a second factor."""
    was = wants_second_factor(visitor.dealer_id, session)
    session.execute(update(Dealer).where(Dealer.id == visitor.dealer_id).values(wants_second_factor=wanted))
    words = {False: "optional", True: "required"}
    before, after = ({"second factor": words[state]} for state in (was, wanted))
    audit.note(session, visitor, "dealer.second_factor", visitor.dealer, now, before=before, after=after)


def _other_user(session: Session, visitor: Visitor, user_id: int) -> User | None:
    if user_id == visitor.user_id:
        raise NotYourself("Another owner has to change or remove your account.")
    return session.scalar(select(User).where(User.dealer_id == visitor.dealer_id, User.id == user_id))


def _leave_an_owner(session: Session, dealer_id: int, without: int) -> None:
    """Two owners who remove each other at the same time wait for each other here. Raises LastOwner."""
    owners = select(User.id).where(User.dealer_id == dealer_id, User.role == OWNER)
    if set(session.scalars(owners.order_by(User.id).with_for_update())) <= {without}:
        raise LastOwner("This is the last owner. Make somebody else an owner first.")


def _as_json(role: str, customer: Customer | None) -> dict[str, str]:
    return {"role": role, **({"customer": customer.name} if customer else {})}
