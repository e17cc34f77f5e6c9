"""From the columns of a checked document to what is stored: texts cleaned and cut, figures as they came.

The sealed original keeps every octet; what lies in the database must be safe to show, mail and put in a cell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

import msgspec

from flexprint_server.fleet.identity import or_place
from flexprint_server.fleet.statements import instant
from flexprint_server.fleet.storing import Arrival, Figures, Said, Shown
from flexprint_server.fleet.summary import fills_up, scarcity, search_text
from flexprint_server.ingest.document import Columns, Document, Layout
from flexprint_shared.batch import STATES, with_colons
from flexprint_shared.identity import keys
from flexprint_shared.readings import Identity
from flexprint_shared.text import clean
from flexprint_shared.times import from_milliseconds

# A page shows so many at most; a device that reports more is ill, and the sealed original has them all.
_MOST_LINES: Final = 50
# The same devices come every day.
_keys: Final = lru_cache(maxsize=1 << 16)(keys)


@dataclass(slots=True, frozen=True)
class Model:
    """A layout, cleaned: `content` is what is stored of it, the rest serves its reads. `meters` and `supplies` are
    the JSON of Device.meters and Device.supplies with a %s for every figure: reads of one model differ in nothing
    else."""

    content: dict[str, Any]
    manufacturer: str | None
    model: str | None
    sys_object_id: str | None
    color: bool | None
    total: int | None
    filling: Sequence[bool]
    meters: str
    supplies: str


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
    return Model(
        content={
            "manufacturer": manufacturer,
            "model": model,
            "sys_object_id": sys_object_id,
            "color": layout.color,
            "meters": meters,
            "supplies": supplies,
        },
        manufacturer=manufacturer,
        model=model,
        sys_object_id=sys_object_id,
        color=layout.color,
        total=names.index("total") if "total" in names else None,
        filling=[fills_up({"kind": supply[2]}) for supply in supplies],
        meters="{" + ",".join(f"{_form(name)}:[%s,{_form(unit)}]" for name, unit, _, _ in meters) + "}",
        supplies="[" + ",".join(_supply_form(*supply) for supply in supplies) + "]",
    )


def _supply_form(index: str, name: str, kind: str, color: str | None, capacity: int | None, unit: str) -> str:
    said = ",".join(map(_form, (index, name, kind, color)))
    return f"[{said},%s,%s,%s,{_form(capacity)},{_form(unit)}]"


def _form(value: str | int | None) -> str:
    """JSON that stays as it is when figures are filled in around it."""
    return msgspec.json.encode(value).decode().replace("%", "%%")


def arrivals_of(
    document: Document, models: Sequence[Model], layout_ids: Sequence[int], agent: UUID, dialect: str
) -> list[Arrival]:
    """The document's reads, in its order. `layout_ids` are the numbers of its layouts."""
    began, columns, seen_by = from_milliseconds(document.since), document.reads, str(agent)
    arrivals = []
    for row, number in enumerate(columns.layout):
        model = models[number]
        address = clean(columns.address[row])
        read_at = began + timedelta(milliseconds=columns.at[row])
        written = instant(read_at, dialect)
        shown = _shown(row, columns, model, address, written)
        told = _told(row, columns, model)
        macs = tuple(columns.macs[row][:_MOST_LINES])
        named = _keys(model.manufacturer, model.model, _text(columns.serial[row]), macs)
        figures = Figures(
            row,
            layout_ids[number],
            written,
            columns.uptime_s[row],
            shown.total,
            columns.meters[row],
            columns.levels[row],
            columns.percents[row],
        )
        arrivals.append(
            Arrival(
                read_at,
                or_place(named, seen_by, address, columns.port[row]),
                told,
                partial(_said, row, columns, model, written, told),
                shown,
                figures,
            )
        )
    return arrivals


def _told(row: int, columns: Columns, model: Model) -> str:
    """A hash of everything that _said() is made of, as the device gave it."""
    told = (
        model.manufacturer,
        model.model,
        model.sys_object_id,
        model.color,
        columns.address[row],
        columns.macs[row],
        columns.serial[row],
        columns.name[row],
        columns.location[row],
        columns.contact[row],
        columns.asset[row],
        columns.firmware[row],
        columns.description[row],
    )
    return blake2b(msgspec.json.encode(told), digest_size=8).hexdigest()


def _said(row: int, columns: Columns, model: Model, read_at: str, told: str) -> Said:
    identity = Identity(
        manufacturer=model.manufacturer,
        model=model.model,
        serial=_text(columns.serial[row]),
        macs=_macs(columns.macs[row]),
        name=_text(columns.name[row]),
        location=_text(columns.location[row]),
        contact=_text(columns.contact[row]),
        asset=_text(columns.asset[row]),
        firmware=_text(columns.firmware[row]),
        sys_object_id=model.sys_object_id,
        description=_text(columns.description[row]),
    )
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
        search_text=search_text(identity, clean(columns.address[row])),
        said=told,
        read_at=read_at,
    )


def _shown(row: int, columns: Columns, model: Model, address: str, read_at: str) -> Shown:
    meters, percents = columns.meters[row], columns.percents[row]
    states = [STATES[letter] for letter in columns.states[row]]
    remaining, low = scarcity(zip(model.filling, states, percents, strict=True))
    figures: list[object] = []
    for percent, state, level in zip(percents, states, columns.levels[row], strict=True):
        figures += ("null" if percent is None else percent, f'"{state}"', "null" if level is None else level)
    return Shown(
        read_at=read_at,
        address=address,
        total=None if model.total is None else meters[model.total],
        supply_left=remaining,
        supply_low=low,
        state=columns.state[row],
        errors=_lines(columns.errors[row]),
        console=_lines(columns.console[row]),
        alerts=[(clean(severity), code, clean(said)) for severity, code, said in columns.alerts[row][:_MOST_LINES]],
        warnings=_lines(columns.warnings[row]),
        meters=msgspec.Raw((model.meters % tuple(meters)).encode()),
        supplies=msgspec.Raw((model.supplies % tuple(figures)).encode()),
    )


def _macs(plain: Sequence[str]) -> tuple[str, ...]:
    return tuple([with_colons(mac) for mac in plain[:_MOST_LINES]])


def _text(text: str | None) -> str | None:
    return (clean(text) or None) if text else None


def _lines(texts: Sequence[str]) -> list[str]:
    return [clean(text) for text in texts[:_MOST_LINES]] if texts else []
