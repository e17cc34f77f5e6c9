"""Rows of devices as the collector would store them, from what people read of a device."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from flexprint_server.fleet.models import Layout
from flexprint_server.fleet.summary import fills_up, scarcity
from flexprint_shared.batch import STATE_LETTERS


def layout(session: Session, dealer_id: int, content: Mapping[str, Any]) -> int:
    """The number of the dealer's layout with this content, made where it is missing."""
    hashed = sha256(repr((dealer_id, content)).encode(errors="replace")).digest()
    known = session.query(Layout).filter_by(hash=hashed, dealer_id=dealer_id).one_or_none()
    if known is None:
        known = Layout(dealer_id=dealer_id, hash=hashed, content=content)
        session.add(known)
        session.flush()
    return known.id


def figures(
    session: Session,
    dealer_id: int,
    meters: Mapping[str, Sequence[Any]],
    supplies: Sequence[Mapping[str, Any]],
    **identity: Any,
) -> dict[str, Any]:
    """The columns of a device that shows these, with those that repeat them for searching and sorting. `meters` are
    {name: [value, unit]} or {name: [value, unit, oid, source]}, `supplies` Supply.as_json() of each."""
    content = {
        **identity,
        "meters": [
            [name, *(figure[1:] if len(figure) > 2 else (figure[1], None, "vendor"))] for name, figure in meters.items()
        ],
        "supplies": [
            [supply[key] for key in ("index", "name", "kind", "color", "capacity", "unit")] for supply in supplies
        ],
    }
    remaining, low = scarcity((fills_up(supply), supply["state"], supply["percent"]) for supply in supplies)
    return {
        "layout_id": layout(session, dealer_id, content),
        "meter_values": [figure[0] for figure in meters.values()],
        "levels": [supply["level"] for supply in supplies],
        "percents": [supply["percent"] for supply in supplies],
        "states": "".join(STATE_LETTERS[supply["state"]] for supply in supplies),
        "total": meters["total"][0] if "total" in meters else None,
        "supply_left": remaining,
        "supply_low": low,
    }
