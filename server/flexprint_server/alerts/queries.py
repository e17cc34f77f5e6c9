"""What pages and mails ask about alerts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from flexprint_server.alerts.models import Alert
from flexprint_server.alerts.rules import RULES, Kind
from flexprint_server.alerts.silence import CAUSES
from flexprint_server.database import FEW_AT_A_TIME
from flexprint_server.fleet.models import Device, MeterEpoch
from flexprint_server.fleet.summary import scarcest
from flexprint_server.fleet.zones import clocks, minute
from flexprint_server.tenants import audit
from flexprint_server.tenants.models import Agent, Customer, Site
from flexprint_server.tenants.sign_in import Visitor
from flexprint_shared.meters import title as meter_title
from flexprint_shared.text import clean

PAGE: Final = 50
"""Alerts on one page."""

LONGEST_NOTE: Final = 500


@dataclass(slots=True, frozen=True)
class Shown:
    """An alert in words: what it is about, where that is, what is the matter and the one thing to do."""

    alert: Alert
    title: str
    place: str
    what: str
    do: str
    customer_id: int


def page(
    dealer_id: int,
    session: Session,
    zone: tzinfo,
    *,
    kind: Kind | None = None,
    over: bool = False,
    before: int | None = None,
) -> list[Shown]:
    """PAGE alerts and one more (there is a next page when it came), the newest first, of those with an id below
    `before`: the open ones that nobody has acknowledged, or those that are `over` or acknowledged. Times are told by
    the clock of `zone`; the same of the two below."""
    asked = _newest_first(dealer_id, kind=kind, over=over)
    if before is not None:
        asked = asked.where(Alert.id < before)
    return shown(session, list(session.scalars(asked.limit(PAGE + 1))), zone)


def every(
    dealer_id: int, session: Session, zone: tzinfo, *, kind: Kind | None = None, over: bool = False
) -> Iterator[Shown]:
    """All of them in the same order, a few at a time."""
    asked = _newest_first(dealer_id, kind=kind, over=over)
    for some in session.execute(asked, execution_options=FEW_AT_A_TIME).partitions():
        yield from shown(session, [row[0] for row in some], zone)


def _newest_first(dealer_id: int, *, kind: Kind | None, over: bool) -> Select[int]:
    asked = select(Alert.id).where(Alert.dealer_id == dealer_id, _is_over() if over else ~_is_over())
    if kind is not None:
        asked = asked.where(Alert.kind == kind)
    return asked.order_by(Alert.id.desc())


def after(dealer_id: int, session: Session, alert_id: int, most: int, *, is_open: bool | None = None) -> list[Shown]:
    """Alerts with an id above `alert_id`, the oldest first: all, those that are open, or those that are over. Times are
    told by the clocks of their sites."""
    asked = select(Alert.id).where(Alert.dealer_id == dealer_id, Alert.id > alert_id)
    if is_open is not None:
        asked = asked.where(Alert.closed_at.is_(None) if is_open else Alert.closed_at.is_not(None))
    return shown(session, list(session.scalars(asked.order_by(Alert.id).limit(most))))


def counts(dealer_id: int, session: Session) -> dict[str, int]:
    """Open alerts that nobody has acknowledged, of each kind."""
    asked = select(Alert.kind, func.count()).where(Alert.dealer_id == dealer_id, ~_is_over()).group_by(Alert.kind)
    found = {row[0]: row[1] for row in session.execute(asked)}
    return {kind: found.get(kind, 0) for kind in RULES}


def of_device(dealer_id: int, session: Session, device_id: int, zone: tzinfo) -> list[Shown]:
    """The open alerts about a device."""
    asked = select(Alert.id).where(
        Alert.dealer_id == dealer_id, Alert.device_id == device_id, Alert.closed_at.is_(None)
    )
    return shown(session, list(session.scalars(asked.order_by(Alert.id.desc()).limit(PAGE))), zone)


def acknowledge(session: Session, visitor: Visitor, alert_id: int, note: str, now: datetime) -> bool:
    """Somebody has seen it and takes care: it leaves the list. False when this dealer has no such open alert."""
    alert = session.scalar(
        select(Alert).where(Alert.dealer_id == visitor.dealer_id, Alert.id == alert_id, Alert.acknowledged_at.is_(None))
    )
    if alert is None:
        return False
    alert.acknowledged_at, alert.acknowledged_by = now, visitor.email
    alert.note = clean(note, LONGEST_NOTE) or None
    after = {"kind": alert.kind, **({"note": alert.note} if alert.note else {})}
    audit.note(session, visitor, "alert.acknowledged", alert.about, now, after=after)
    return True


def _is_over() -> ColumnElement[bool]:
    return Alert.closed_at.is_not(None) | Alert.acknowledged_at.is_not(None)


def shown(session: Session, ids: Sequence[int], zone: tzinfo | None = None) -> list[Shown]:
    """The alerts `ids` in words, in that order. Times are told by the clock of `zone`, else by that of each one's
    site."""
    zone_at: Callable[[int, int], tzinfo] = clocks(session).at if zone is None else lambda *_: zone
    alerts = {alert.id: alert for alert in session.scalars(select(Alert).where(Alert.id.in_(ids)))}
    places = _places(session, {alert.site_id for alert in alerts.values()})
    about = {alert.device_id for alert in alerts.values() if alert.device_id is not None}
    devices = {device.id: device for device in session.scalars(select(Device).where(Device.id.in_(about)))}
    hosts = _hosts(session, [alert for alert in alerts.values() if alert.agent_id is not None])
    epochs = _epochs(session, [alert.device_id for alert in alerts.values() if alert.kind == "meter_epoch"])
    found = []
    for alert in (alerts[alert_id] for alert_id in ids if alert_id in alerts):
        customer_id, place = places[alert.site_id]
        device = devices.get(alert.device_id) if alert.device_id is not None else None
        name = _called(device) if device else f"Agent on {hosts.get(alert.agent_id, 'a computer without a name')}"
        what, do = _words(alert, device, epochs, zone_at(alert.dealer_id, alert.site_id))
        found.append(Shown(alert, name, place, what, do, customer_id))
    return found


def _places(session: Session, sites: set[int]) -> dict[int, tuple[int, str]]:
    asked = select(Site.id, Customer.id, Customer.name, Site.name).join(Customer, Customer.id == Site.customer_id)
    rows = session.execute(asked.where(Site.id.in_(sites)))
    return {row[0]: (row[1], f"{clean(row[2], 100)}, {clean(row[3], 100)}") for row in rows}


def _hosts(session: Session, alerts: Sequence[Alert]) -> dict[Any, str]:
    asked = select(Agent.id, Agent.host).where(Agent.id.in_({alert.agent_id for alert in alerts}))
    return {row[0]: clean(row[1], 100) or "a computer without a name" for row in session.execute(asked)}


def _epochs(session: Session, devices: Sequence[int | None]) -> dict[int, MeterEpoch]:
    """The newest open one of each device."""
    if not devices:
        return {}
    asked = select(MeterEpoch).where(MeterEpoch.device_id.in_(devices)).order_by(MeterEpoch.at)
    return {epoch.device_id: epoch for epoch in session.scalars(asked)}


def _called(device: Device) -> str:
    model = " ".join(filter(None, (device.manufacturer, device.model))) or "Printer"
    return f"{clean(model, 80)} ({clean(device.typed_asset or device.serial or device.address, 60)})"


def _words(alert: Alert, device: Device | None, epochs: Mapping[int, MeterEpoch], zone: tzinfo) -> tuple[str, str]:
    rule = RULES[alert.kind]
    if alert.kind == "agent_silent":
        advice = CAUSES.get(alert.facts.get("cause", "off"), CAUSES["off"])
        said = clean(str(alert.facts.get("told") or ""), 200)
        return (f"{advice.what} It said: {said}" if said else advice.what), advice.do
    if device is None:
        return "", rule.do
    if alert.kind == "device_stale":
        return f"Last read {minute(device.last_read_at, zone)}.", rule.do
    if alert.kind == "device_new":
        return f"First read {minute(device.first_seen_at, zone)} at {clean(device.address, 60)}.", rule.do
    if alert.kind == "supply_low":
        supply = scarcest(device.supplies)
        left = "" if supply is None or supply["percent"] is None else f", {supply['percent']} %"
        return f"{clean(supply['name'], 80)}{left}." if supply else "", rule.do
    epoch = epochs.get(device.id)
    if epoch is None:
        return "", rule.do
    went = f"{meter_title(epoch.meter)} went from {epoch.value_before:,} to {epoch.value_after:,}"
    return f"{went}, read {minute(epoch.at, zone)}.", rule.do
