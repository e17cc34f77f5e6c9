"""A customer's site with its agent and printers, as small as a test of reports wants it."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from flexprint_server.fleet.models import Device
from flexprint_server.fleet.summary import search_text
from flexprint_server.reports.service import request_report
from flexprint_server.tenants.models import Agent, Customer, Dealer, Site
from flexprint_shared.readings import Identity
from services.laid_out import figures

TONER = {
    "index": "1.1", "name": "TK-1170", "kind": "toner", "color": "black", "percent": 42, "state": "ok", "level": 420,
    "capacity": 1000, "unit": "tenthsOfGrams",
}  # fmt: skip


def add_site(session: Session, now: datetime, customer: str = "Harbour Dental", site: str = "Main Street") -> Agent:
    """A dealer with one customer, one site, one agent, enrolled a quarter of a year ago."""
    at = now - timedelta(days=90)
    dealer = Dealer(name=f"Northwind {uuid.uuid4()}", created_at=at)
    session.add(dealer)
    session.flush()
    owner = Customer(dealer_id=dealer.id, name=customer, created_at=at)
    session.add(owner)
    session.flush()
    place = Site(dealer_id=dealer.id, customer_id=owner.id, name=site, created_at=at)
    session.add(place)
    session.flush()
    agent = Agent(
        id=uuid.uuid4(), dealer_id=dealer.id, site_id=place.id, public_key=bytes(32), host="FRONT-DESK",
        platform="Windows-11", version="0.1.0", enrolled_at=at, last_seen_at=now, recipients=[],
    )  # fmt: skip
    session.add(agent)
    session.flush()
    return agent


def add_device(session: Session, agent: Agent, read_at: datetime, serial: str = "VD21457943", **given: Any) -> Device:
    """A printer that was read at `read_at`; whatever else is given wins."""
    facts: dict[str, Any] = {
        "manufacturer": "Kyocera", "model": "ECOSYS P2040dw", "serial": serial, "asset": None, "name": "prn-1",
        "location": "Front desk", "contact": None, "firmware": None, "description": None, "sys_object_id": None,
        "macs": [], "address": "10.1.2.3", "color": False, "state": "idle", "errors": [], "console": [], "alerts": [],
        "warnings": [], "meters": {"total": [7342, "impressions"]}, "supplies": [TONER],
        "first_seen_at": read_at - timedelta(days=80), "last_read_at": read_at, "owner_read_at": read_at, **given,
    }  # fmt: skip
    identity = Identity(**{key: facts[key] for key in ("manufacturer", "model", "serial", "asset", "name", "location")})
    facts["search_text"] = search_text(identity, facts["address"])
    facts |= figures(session, agent.dealer_id, facts.pop("meters"), facts.pop("supplies"))
    device = Device(dealer_id=agent.dealer_id, site_id=agent.site_id, agent_id=agent.id, **facts)
    session.add(device)
    session.flush()
    return device


def ask(session: Session, agent: Agent, now: datetime, *recipients: str) -> int:
    """A report of the agent's site, due at once. Gives its number."""
    return request_report(
        session,
        dealer_id=agent.dealer_id,
        site_id=agent.site_id,
        agent_id=agent.id,
        recipients=recipients or ("office@example.com",),
        requested_at=now,
        now=now,
        mail_domain="flexprint.example",
    )
