"""From the columns of a checked document to what is stored: texts cleaned and cut, figures as they came.

The sealed original keeps every octet; what lies in the database must be safe to show, mail and put in a cell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

import msgspec

from flexprint_server.fleet.identity import cut, place_key
from flexprint_server.fleet.layouts import layout_hash
from flexprint_server.fleet.storing import Arrival, Figures, Said
from flexprint_server.fleet.summary import fills_up, scarcity, search_text
from flexprint_server.ingest.document import Columns, Document, Layout
from flexprint_shared.batch import STATES, with_colons
from flexprint_shared.identity import keys
from flexprint_shared.readings import Identity
from flexprint_shared.text import clean

# A page shows so many at most; a device that reports more is ill, and the sealed original has them all.
_MOST_LINES: Final = 50


@dataclass(slots=True, frozen=True)
class Model:
    """A layout, cleaned: `content` is what is stored of it under its `hash`, the rest serves its reads. `identity` is
    what tells its devices from those of another, as the device gave it."""

    hash: bytes
    content: dict[str, Any]
    manufacturer: str | None
    model: str | None
    sys_object_id: str | None
    color: bool | None
    total: int | None
    filling: tuple[bool, ...]
    identity: msgspec.Raw


def models_of(document: Document) -> list[Model]:
    """The document's layouts, in its order."""
    return [_model(msgspec.json.encode(layout)) for layout in document.layouts]


@lru_cache(maxsize=4096)
def _model(encoded: bytes) -> Model:
    """The model that a layout tells of. Its printers come again with every batch, so it is remembered."""
    layout = msgspec.json.decode(encoded, type=Layout)
    manufacturer, model = _text(layout.manufacturer), _text(layout.model)
    sys_object_id = _text(layout.sys_object_id)
    meters = [(name, unit, _text(oid), source) for name, unit, oid, source in layout.meters]
    supplies = [
        (clean(index), clean(name), clean(kind), _text(color), capacity, clean(unit))
        for index, name, kind, color, capacity, unit in layout.supplies
    ]
    names = [name for name, _, _, _ in meters]
    content = {
        "manufacturer": manufacturer,
        "model": model,
        "sys_object_id": sys_object_id,
        "color": layout.color,
        "meters": meters,
        "supplies": supplies,
    }
    return Model(
        hash=layout_hash(content),
        content=content,
        manufacturer=manufacturer,
        model=model,
        sys_object_id=sys_object_id,
        color=layout.color,
        total=names.index("total") if "total" in names else None,
        filling=tuple([fills_up({"kind": supply[2]}) for supply in supplies]),
        identity=msgspec.Raw(
            msgspec.json.encode((layout.manufacturer, layout.model, layout.sys_object_id, layout.color))
        ),
    )


def arrivals_of(document: Document, models: Sequence[Model], layout_ids: Sequence[int], agent: UUID) -> list[Arrival]:
    """The document's reads, in its order. `layout_ids` are the numbers of its layouts."""
    columns, seen_by = document.reads, str(agent)
    return [
        _arrival(row, columns, models[number], layout_ids[number], document.since, seen_by)
        for row, number in enumerate(columns.layout)
    ]


def _arrival(row: int, columns: Columns, model: Model, layout_id: int, since: int, seen_by: str) -> Arrival:
    meters, percents, states = columns.meters[row], columns.percents[row], columns.states[row]
    remaining, low = scarcity(zip(model.filling, map(STATES.__getitem__, states), percents, strict=True))
    engine = columns.engine[row] if columns.engine else None
    cards = tuple(columns.macs[row][:_MOST_LINES])
    named = _keys(model.manufacturer, model.model, columns.serial[row], cards, engine)
    return Arrival(
        named or (place_key(seen_by, clean(columns.address[row]), columns.port[row]),),
        _told(row, columns, model),
        partial(_said, row, columns, model),
        Figures(
            row=row,
            at=since + columns.at[row],
            layout_id=layout_id,
            uptime_s=columns.uptime_s[row],
            total=None if model.total is None else meters[model.total],
            supply_left=remaining,
            supply_low=low,
            meters=meters,
            levels=columns.levels[row],
            percents=percents,
            states=states,
        ),
    )


# The same devices come every day.
@lru_cache(maxsize=1 << 16)
def _keys(
    manufacturer: str | None, model: str | None, serial: str | None, macs: tuple[str, ...], engine: str | None
) -> tuple[str, ...]:
    return cut(keys(manufacturer, model, _text(serial), macs, engine))


def _told(row: int, columns: Columns, model: Model) -> str:
    """A hash of everything that _said() is made of, as the device gave it."""
    told = (
        model.identity,
        columns.address[row],
        columns.macs[row],
        columns.serial[row],
        columns.name[row],
        columns.location[row],
        columns.contact[row],
        columns.asset[row],
        columns.firmware[row],
        columns.description[row],
        columns.state[row],
        columns.errors[row],
        columns.console[row],
        columns.alerts[row],
        columns.warnings[row],
        *(_typed(row, columns) if columns.typed else _UNTYPED),
    )
    return blake2b(msgspec.json.encode(told), digest_size=8).hexdigest()


_UNTYPED: Final = (None, None, None)


def _typed(row: int, columns: Columns) -> tuple[str | None, str | None, str | None]:
    """What a person at the site typed of the device: name, asset number, location."""
    name, asset, location = (columns.typed[row] if columns.typed else None) or _UNTYPED
    return _text(name), _text(asset), _text(location)


def _said(row: int, columns: Columns, model: Model) -> Said:
    # Where somebody stands before the device and types, that is so; what the device says stays in the sealed original.
    typed_name, typed_asset, typed_location = _typed(row, columns)
    identity = Identity(
        manufacturer=model.manufacturer,
        model=model.model,
        serial=_text(columns.serial[row]),
        macs=tuple([with_colons(mac) for mac in columns.macs[row][:_MOST_LINES]]),
        name=typed_name or _text(columns.name[row]),
        location=typed_location or _text(columns.location[row]),
        contact=_text(columns.contact[row]),
        asset=typed_asset or _text(columns.asset[row]),
        firmware=_text(columns.firmware[row]),
        sys_object_id=model.sys_object_id,
        description=_text(columns.description[row]),
    )
    address = clean(columns.address[row])
    return Said(
        manufacturer=identity.manufacturer,
        model=identity.model,
        serial=identity.serial,
        asset=identity.asset,
        name=identity.name,
        location=identity.location,
        contact=identity.contact,
        firmware=identity.firmware,
        description=identity.description,
        sys_object_id=identity.sys_object_id,
        macs=identity.macs or None,
        color=model.color,
        address=address,
        state=columns.state[row],
        errors=_lines(columns.errors[row]),
        console=_lines(columns.console[row]),
        alerts=[(clean(severity), code, clean(said)) for severity, code, said in columns.alerts[row][:_MOST_LINES]],
        warnings=_lines(columns.warnings[row]),
        search_text=search_text(identity, address),
    )


def _text(text: str | None) -> str | None:
    return (clean(text) or None) if text else None


def _lines(texts: Sequence[str]) -> list[str]:
    return [clean(text) for text in texts[:_MOST_LINES]] if texts else []
