"""A site that goes over to another customer takes its devices along, and each has that in its history."""

from datetime import datetime

from sqlalchemy import insert, literal, select
from sqlalchemy.orm import Session

from flexprint_server.fleet.models import Device, DeviceEvent
from flexprint_server.tenants import places
from flexprint_server.tenants.models import Site
from flexprint_server.tenants.sign_in import Visitor


def move_site(session: Session, visitor: Visitor, site: Site, customer_name: str, now: datetime) -> None:
    """places.move_site(), written down for every device there. Raises NoSuchCustomer, AlreadyThere."""
    before = site.customer
    places.move_site(session, visitor, site, customer_name, now)
    if site.customer is before:
        return
    words = {
        "at": literal(now, DeviceEvent.at.type),
        "what": literal("handed_over"),
        "before": literal(_words(before.name, site.name)),
        "after": literal(_words(site.customer.name, site.name)),
        "who": literal(visitor.email),
    }
    there = select(Device.dealer_id, Device.id, *words.values()).where(
        Device.dealer_id == visitor.dealer_id, Device.site_id == site.id
    )
    session.execute(insert(DeviceEvent).from_select(["dealer_id", "device_id", *words], there))


def _words(customer: str, site: str) -> str:
    return f"{customer}, {site}"[:600]
