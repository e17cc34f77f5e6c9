"""A dealer's customers and their sites as people make, rename, move and remove them. Each deed stands in the audit log.

Nothing here ever deletes a read: a site or customer goes only when nothing is left there.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flexprint_server.database import one_at_a_time
from flexprint_server.mail import suppressions
from flexprint_server.tenants import audit
from flexprint_server.tenants.models import Customer, InstallKey, Invitation, Site, User
from flexprint_server.tenants.service import AlreadyThere, TenantsError, fit_name, key_at
from flexprint_server.tenants.sign_in import Visitor
from flexprint_shared.text import clean


class NotEmpty(TenantsError):
    """Something is still there, which would be lost with the place."""


class NoSuchCustomer(TenantsError):
    """No customer of the dealer has that name."""


def customer(session: Session, visitor: Visitor, customer_id: int) -> Customer | None:
    """None when the visitor's dealer has no such customer."""
    return session.scalar(select(Customer).where(Customer.dealer_id == visitor.dealer_id, Customer.id == customer_id))


def site(session: Session, visitor: Visitor, site_id: int) -> Site | None:
    """None when the visitor's dealer has no such site."""
    return session.scalar(select(Site).where(Site.dealer_id == visitor.dealer_id, Site.id == site_id))


def customer_names(session: Session, visitor: Visitor, most: int) -> list[str]:
    """To offer while somebody types."""
    asked = select(Customer.name).where(Customer.dealer_id == visitor.dealer_id).order_by(Customer.name).limit(most)
    return list(session.scalars(asked))


def site_names(session: Session, visitor: Visitor, customer_id: int, most: int) -> list[tuple[int, str]]:
    """(id, name) of a customer's sites, to choose from."""
    asked = select(Site.id, Site.name).where(Site.dealer_id == visitor.dealer_id, Site.customer_id == customer_id)
    return [(row[0], row[1]) for row in session.execute(asked.order_by(Site.name).limit(most))]


def add_customer(session: Session, visitor: Visitor, name: str, now: datetime) -> Customer:
    """Raises UnfitName, AlreadyThere."""
    name = _name_of_customer(session, visitor.dealer_id, name)
    made = Customer(dealer_id=visitor.dealer_id, name=name, created_at=now)
    session.add(made)
    session.flush()
    audit.note(session, visitor, "customer.added", name, now)
    return made


def rename_customer(session: Session, visitor: Visitor, found: Customer, name: str, now: datetime) -> None:
    """Raises UnfitName, AlreadyThere."""
    before, after = found.name, _name_of_customer(session, visitor.dealer_id, name, but=found.id)
    found.name = after
    audit.note(session, visitor, "customer.renamed", before, now, before={"name": before}, after={"name": after})


def remove_customer(session: Session, visitor: Visitor, found: Customer, now: datetime) -> None:
    """Raises NotEmpty."""
    if session.scalar(select(Site.id).where(Site.customer_id == found.id).limit(1)):
        raise NotEmpty("This customer still has sites. Move or remove them first.")
    theirs = (select(model.id).where(model.customer_id == found.id).limit(1) for model in (User, Invitation))
    if any(session.scalar(asked) for asked in theirs):
        raise NotEmpty("This customer still has users or invitations. An owner can remove them first.")
    _remove(session, found)
    audit.note(session, visitor, "customer.removed", found.name, now)


def add_site(session: Session, visitor: Visitor, at: Customer, name: str, now: datetime) -> Site:
    """Raises UnfitName, AlreadyThere."""
    name = _name_of_site(session, at, name)
    made = Site(dealer_id=visitor.dealer_id, customer_id=at.id, name=name, created_at=now)
    session.add(made)
    session.flush()
    audit.note(session, visitor, "site.added", _told(at, name), now)
    return made


def rename_site(session: Session, visitor: Visitor, found: Site, name: str, now: datetime) -> None:
    """Raises UnfitName, AlreadyThere."""
    before, after = found.name, _name_of_site(session, found.customer, name, but=found.id)
    found.name = after
    told = _told(found.customer, before)
    audit.note(session, visitor, "site.renamed", told, now, before={"name": before}, after={"name": after})


def move_site(session: Session, visitor: Visitor, found: Site, customer_name: str, now: datetime) -> None:
    """To another customer of the dealer, with its agents, printers and reads; users of the customer before no longer
    see it. Raises NoSuchCustomer, AlreadyThere."""
    before = found.customer
    wanted = Customer.dealer_id == visitor.dealer_id, Customer.name == clean(customer_name, 200)
    after = session.scalar(select(Customer).where(*wanted))
    if after is None:
        raise NoSuchCustomer("There is no such customer. Write the name as it stands in the list of customers.")
    if after.id == before.id:
        return
    _name_of_site(session, after, found.name)
    _forget_choices(session, found)
    found.customer = after
    session.flush()
    told = _told(before, found.name)
    audit.note(
        session, visitor, "site.moved", told, now, before={"customer": before.name}, after={"customer": after.name}
    )


def remove_site(session: Session, visitor: Visitor, found: Site, now: datetime) -> None:
    """Its install keys hold no longer. Raises NotEmpty."""
    told = _told(found.customer, found.name)
    _forget_choices(session, found)
    session.execute(delete(InstallKey).where(InstallKey.site_id == found.id))
    suppressions.forget(session, visitor.dealer_id, f"site:{found.id}")
    _remove(session, found)
    audit.note(session, visitor, "site.removed", told, now)


def make_key(session: Session, visitor: Visitor, at: Site, now: datetime) -> str:
    """A one-time install key for one agent at the site. It is known nowhere else."""
    key = key_at(session, at, now)
    audit.note(session, visitor, "install_key.made", _told(at.customer, at.name), now)
    return key


def _remove(session: Session, found: Customer | Site) -> None:
    """What refers to the row keeps it: the database knows of everything that does."""
    try:
        with session.begin_nested():
            session.delete(found)
            session.flush()
    except IntegrityError as error:
        raise NotEmpty(
            "Agents, printers, reads or reports are still there, and they are never deleted. Move the site to another "
            "customer instead."
        ) from error


def _forget_choices(session: Session, gone: Site) -> None:
    """No user of the customer sees the site any longer by having been given it."""
    for model in (User, Invitation):
        chosen: Iterable[User | Invitation] = session.scalars(
            select(model).where(model.customer_id == gone.customer_id, model.only_sites.is_not(None))
        )
        for one in chosen:
            one.only_sites = [site_id for site_id in one.only_sites or () if site_id != gone.id]


def _name_of_customer(session: Session, dealer_id: int, name: str, but: int | None = None) -> str:
    name = fit_name(name, "customer")
    one_at_a_time(session, b"customers/%d" % dealer_id)
    asked = select(Customer.id).where(Customer.dealer_id == dealer_id, Customer.name == name, Customer.id != (but or 0))
    if session.scalar(asked):
        raise AlreadyThere(f"There is a customer called {name!r} already. Choose another name.")
    return name


def _name_of_site(session: Session, at: Customer, name: str, but: int | None = None) -> str:
    name = fit_name(name, "site")
    one_at_a_time(session, b"sites/%d" % at.id)
    asked = select(Site.id).where(Site.customer_id == at.id, Site.name == name, Site.id != (but or 0))
    if session.scalar(asked):
        raise AlreadyThere(f"{at.name} has a site called {name!r} already. Choose another name.")
    return name


def _told(at: Customer, name: str) -> str:
    return f"{at.name}, {name}"[:200]
