"""Alerts by mail: one mail to each address for all that has begun and ended since the last one. What somebody was told
to have begun they are told to be over; nothing is told twice."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from flexprint_server.alerts.models import Alert
from flexprint_server.alerts.queries import Shown, shown
from flexprint_server.alerts.rules import RULES
from flexprint_server.fleet.zones import Clocks, clocks, minute
from flexprint_server.mail.outbox import Content, Outbox
from flexprint_server.tenants.models import Dealer
from flexprint_server.tenants.settings import in_force, site_place

MOST_LISTED: Final = 20
"""Alerts of one kind that a mail names; the rest it only counts."""

MOST_AT_ONCE: Final = 2_000
"""Alerts that one pass tells of; the next one goes on."""

USEFUL_FOR: Final = timedelta(days=2)
"""What began longer ago is not told any more: the collector was away, or nobody wanted to hear of it then."""

_KIND: Final = "alerts"
_MAILED: Final = tuple(kind for kind, rule in RULES.items() if rule.is_mailed)


@dataclass(slots=True)
class _News:
    begun: list[Shown] = field(default_factory=list)
    over: list[Shown] = field(default_factory=list)


def tell(session: Session, outbox: Outbox, public_url: str, now: datetime) -> int:
    """Puts the mails that are due into the outbox, and gives their number."""
    news: dict[tuple[int, str], _News] = defaultdict(_News)
    addresses: dict[int, Sequence[str]] = {}
    for one in shown(session, _waiting(session, now)):
        alert = one.alert
        if alert.site_id not in addresses:
            addresses[alert.site_id] = _recipients(session, alert)
        is_over = alert.closed_at is not None
        if is_over:
            alert.over_told_at = now
        elif alert.told_at is None and not addresses[alert.site_id]:
            alert.told_at = alert.over_told_at = now  # nobody wants to hear of it, nor of its end
        else:
            alert.told_at = now
        for address in addresses[alert.site_id]:
            told = news[alert.dealer_id, address]
            (told.over if is_over else told.begun).append(one)
    names = {dealer_id: session.get_one(Dealer, dealer_id).name for dealer_id, _ in news}
    of_sites = clocks(session)
    for (dealer_id, address), told in sorted(news.items()):
        told_at = minute(now, _common_zone(of_sites, dealer_id, [*told.begun, *told.over]))
        content = letter(told.begun, told.over, f"{names[dealer_id]}, {told_at}", public_url)
        outbox.put(session, _KIND, address, content, dealer_id=dealer_id, now=now)
    return len(news)


def _waiting(session: Session, now: datetime) -> list[int]:
    """Those that have begun, and those that are over after somebody heard of them."""
    begun = and_(Alert.told_at.is_(None), Alert.closed_at.is_(None), Alert.opened_at > now - USEFUL_FOR)
    over = and_(Alert.told_at.is_not(None), Alert.closed_at.is_not(None), Alert.over_told_at.is_(None))
    asked = select(Alert.id).where(Alert.kind.in_(_MAILED), Alert.acknowledged_at.is_(None), or_(begun, over))
    return list(session.scalars(asked.order_by(Alert.id).limit(MOST_AT_ONCE)))


def _recipients(session: Session, alert: Alert) -> Sequence[str]:
    place = site_place(alert.dealer_id, session, alert.site_id)
    value = in_force(session, place)["alert_recipients"].value if place else ()
    return tuple(map(str, value)) if isinstance(value, tuple) else ()


def _common_zone(of_sites: Clocks, dealer_id: int, alerts: Sequence[Shown]) -> tzinfo:
    """The clock of the sites where they have one in common, else the dealer's."""
    zones = {of_sites.at(dealer_id, one.alert.site_id) for one in alerts}
    return zones.pop() if len(zones) == 1 else of_sites.of(dealer_id)


def letter(begun: Sequence[Shown], over: Sequence[Shown], heading: str, public_url: str) -> Content:
    """The mail. What it says of devices and places is one line each, whatever they call themselves."""
    lines = [heading, ""]
    for kind, of_kind in _by_kind(begun).items():
        lines += [RULES[kind].one.upper(), *_listed(of_kind)]
    if over:
        lines += ["OVER", *(f"- {one.title}: {one.place}" for one in over[:MOST_LISTED]), *_more(over), ""]
    lines += [f"All alerts: {public_url}/alerts", ""]
    return Content(_subject(begun, over), "\n".join(lines))


def _by_kind(alerts: Iterable[Shown]) -> Mapping[str, list[Shown]]:
    found: dict[str, list[Shown]] = {kind: [] for kind in RULES}
    for one in alerts:
        found[one.alert.kind].append(one)
    return {kind: of_kind for kind, of_kind in found.items() if of_kind}


def _listed(alerts: Sequence[Shown]) -> list[str]:
    lines: list[str] = []
    for one in alerts[:MOST_LISTED]:
        lines.append(f"- {one.title}: {one.place}")
        lines += [f"  {text}" for text in (one.what, one.do) if text]
    return [*lines, *_more(alerts), ""]


def _more(alerts: Sequence[Shown]) -> list[str]:
    more = len(alerts) - MOST_LISTED
    return [f"  and {more} more"] if more > 0 else []


def _subject(begun: Sequence[Shown], over: Sequence[Shown]) -> str:
    if len(begun) == 1 and not over:
        return f"{RULES[begun[0].alert.kind].one}: {begun[0].title}"[:150]
    if not begun:
        return f"Over: {over[0].title}"[:150] if len(over) == 1 else f"{len(over)} alerts are over"
    counts = [f"{len(of_kind)} {RULES[kind].many}" for kind, of_kind in _by_kind(begun).items()]
    return ", ".join(counts)[:150]
