"""The document inside a sealed batch: reads in columns, with what a model's devices share written once.

    {"format": 1, "made_at": "2026-11-22T08:00:00Z", "agent": {"version": "0.1.0", "host": "FRONT-DESK"},
     "recipients": ["office@example.com"], "report": null | {"requested_at": "..."},
     "layouts": [{"manufacturer", "model", "sys_object_id", "color",
                  "meters": [[name, unit, oid, source], ...],
                  "supplies": [[index, name, kind, color, capacity, unit], ...]}, ...],
     "since": 1795334400000,                              first read, milliseconds since 1970
     "reads": {"layout": [0, 0, 1], "at": [0, 412, 980],  columns, one entry a read
               "meters": [[7342, 46], ...], ...}}

Columns compress to about half of what rows would, and a meter's OID travels once per model instead of once
per device, so a read costs little on the wire and still says where each figure was answered.

What few devices tell stands in keys and columns that are left out where nobody tells it, and that a reader of
older batches does without: a layout's `types` (of the meters' values) and `parts` (numbers of the supplies), and
the columns `label`, `engine` (only of a device that tells neither serial nor MAC address), `engine_boots`,
`supply_serials`, `training` (of the alerts) and `typed` (what a person at the site typed of the device: name, asset
number, location).
"""

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flexprint_shared.identity import is_named
from flexprint_shared.readings import Alert, Evidence, Identity, Meter, Read, Status, Supply, SupplyState, Typed
from flexprint_shared.times import from_milliseconds, rfc3339, to_milliseconds

FORMAT: Final = 1
MOST_READS: Final = 500
"""Reads in one batch at most. A larger site sends several."""

LARGEST_SEALED: Final = 2 << 20
"""Octets of a sealed batch at most; the collector refuses more."""

LARGEST_DOCUMENT: Final = 16 << 20
"""Octets of an unpacked document at most: what a small batch may swell to before it is taken for a bomb."""

# One letter a supply: a read's states travel as one short text.
STATE_LETTERS: Final[dict[SupplyState, str]] = {
    "ok": "o",
    "low": "l",
    "empty": "e",
    "some": "s",
    "unknown": "u",
    "unlimited": "n",
}
STATES: Final[dict[str, SupplyState]] = {letter: state for state, letter in STATE_LETTERS.items()}

OPTIONAL_COLUMNS: Final = ("label", "engine", "engine_boots", "supply_serials", "training", "typed")
"""Columns that a batch has only where a read of it says something there."""

# What documents have in common, for the compressor to refer to: without it a batch of one printer would be twice as
# large. What comes most often stands last. Another text is another format.
_DICTIONARY: Final = (
    b'"impressions","1.3.6.1.2.1.43.10.2.1.4.1.1","standard"],["sheets","scans","derived","equivalents","hours",'
    b'["total.large","total.duplex","total.color","total.mono","print.color","print.mono","copy.color","copy.mono",'
    b'"fax.sent","fax.received","fax","scan","print","copy","1.3.6.1.4.1.253.","1.3.6.1.4.1.367.","1.3.6.1.4.1.641.",'
    b'"1.3.6.1.4.1.1602.","1.3.6.1.4.1.18334.1.","1.3.6.1.4.1.2435.2.3.9.4.2.1.5.5.","1.3.6.1.4.1.11.2.3.9.4.2.1.",'
    b'"1.3.6.1.4.1.1347.42.2.1.1.1.","Canon","Ricoh","Xerox","Epson","Lexmark","Konica Minolta","Samsung","Brother",'
    b'"Kyocera","HP","wasteToner","ink","inkCartridge","developer","fuser","transferUnit","opc","toner",'
    b'"Cyan Toner","Magenta Toner","Yellow Toner","Black Toner","tenthsOfGrams","percent"],["cyan","magenta","yellow",'
    b'"black","Toner Cartridge","Drum Unit","Waste Toner Box","other","warmup","printing","idle","noPaper","lowPaper",'
    b'"jammed","doorOpen","offline","serviceRequested","noToner","lowToner","critical","warning","Toner low","Sleep",'
    b'"Ready","Ready."],[[],[]],[null,null],[161,161],[[],[],[],[]],'
    b'{"format":1,"made_at":"2026-01-01T00:00:00Z","agent":{"version":"0.1.0","host":"DESKTOP-"},"recipients":["'
    b'@example.com"],"report":{"requested_at":"2026-01-01T00:00:00Z"},"report":null,"layouts":[{"manufacturer":"'
    b'","model":"","sys_object_id":"1.3.6.1.4.1.","color":false,"color":true,"meters":[["total","impressions",'
    b'"1.3.6.1.4.1.","vendor"],[".0","vendor"]],"supplies":[["1.1","Black Toner","toner","black",100,"percent"],["1.2",'
    b'"}],"since":17,"reads":{"layout":[0,0,0,0],"at":[0,"address":["192.168.1.","10.0.0.","port":[161],"macs":[["'
    b'"serial":["","name":["","location":[null,"contact":[null,"asset":[null,"firmware":["","description":["",'
    b'"uptime_s":["meters":[["levels":[["percents":[["states":["oooo","o"],"state":["idle","idle"],"errors":[[],[]],'
    b'"console":[["Ready"],["Ready."]],"alerts":[[],[]],"warnings":[[],[]],"evidence":[[],[]]}}'
)

IDENTITY_COLUMNS: Final = ("serial", "name", "location", "contact", "asset", "firmware", "description")


class NotADocument(Exception):
    """The octets of an opened batch are not a document of this format."""


@dataclass(slots=True, frozen=True)
class Sender:
    """What the agent says of itself in each batch."""

    version: str
    host: str


def document(
    reads: Sequence[Read],
    *,
    made_at: datetime,
    sender: Sender,
    recipients: Iterable[str] = (),
    report_requested_at: datetime | None = None,
) -> dict[str, Any]:
    """The document of `reads` (MOST_READS at most, none at all for a batch that only asks for a report)."""
    layouts: dict[str, int] = {}
    numbered = []
    for read in reads:
        layout = json.dumps(_layout(read), separators=(",", ":"), ensure_ascii=False)
        numbered.append((layouts.setdefault(layout, len(layouts)), read))
    # Neighbours of one model compress best.
    numbered.sort(key=lambda entry: entry[0])
    since = min((to_milliseconds(read.read_at) for read in reads), default=0)
    return {
        "format": FORMAT,
        "made_at": rfc3339(made_at),
        "agent": {"version": sender.version, "host": sender.host},
        "recipients": list(recipients),
        "report": {"requested_at": rfc3339(report_requested_at)} if report_requested_at else None,
        "layouts": [json.loads(layout) for layout in layouts],
        "since": since,
        "reads": _columns(numbered, since),
    }


def _layout(read: Read) -> dict[str, Any]:
    types = [meter.type for meter in read.meters]
    parts = [supply.part for supply in read.supplies]
    return {
        "manufacturer": read.identity.manufacturer,
        "model": read.identity.model,
        "sys_object_id": read.identity.sys_object_id,
        "color": read.color,
        "meters": [[meter.name, meter.unit, meter.oid, meter.source] for meter in read.meters],
        "supplies": [
            [supply.index, supply.name, supply.kind, supply.color, supply.capacity, supply.unit]
            for supply in read.supplies
        ],
        **({"types": types} if _says_something(types) else {}),
        **({"parts": parts} if _says_something(parts) else {}),
    }


def _columns(numbered: Sequence[tuple[int, Read]], since: int) -> dict[str, list[Any]]:
    rows = [_row(number, read, since) for number, read in numbered]
    columns = {column: [row[column] for row in rows] for column in rows[0]} if rows else {}
    for column in OPTIONAL_COLUMNS:
        if not any(map(_says_something, columns.get(column, ()))):
            columns.pop(column, None)
    return columns


def _says_something(said: Any) -> bool:
    return any(one is not None for one in said) if isinstance(said, list) else said is not None


def _row(number: int, read: Read, since: int) -> dict[str, Any]:
    identity = read.identity
    return {
        "layout": number,
        "at": to_milliseconds(read.read_at) - since,
        "address": read.address,
        "port": read.port,
        "macs": [mac.replace(":", "") for mac in identity.macs],
        **{column: getattr(identity, column) for column in IDENTITY_COLUMNS},
        "uptime_s": read.uptime_s,
        "meters": [meter.value for meter in read.meters],
        "levels": [supply.level for supply in read.supplies],
        "percents": [supply.percent for supply in read.supplies],
        "states": "".join(STATE_LETTERS[supply.state] for supply in read.supplies),
        "state": read.status.state,
        "errors": list(read.status.errors),
        "console": list(read.status.console),
        "alerts": [[alert.severity, alert.code, alert.description] for alert in read.alerts],
        "warnings": list(read.warnings),
        "evidence": [[item.oid, item.type, item.value] for item in read.evidence],
        "label": identity.label,
        "engine": identity.engine if identity.engine and not is_named(identity) else None,
        "engine_boots": read.engine_boots,
        "supply_serials": [supply.serial for supply in read.supplies],
        "training": [alert.training for alert in read.alerts],
        "typed": read.typed and [read.typed.name, read.typed.asset, read.typed.location],
    }


def reads_of(opened: dict[str, Any]) -> list[Read]:
    """The reads of a document, in its order. Raises NotADocument when the columns do not fit together."""
    try:
        columns = opened["reads"]
        rows = zip(*columns.values(), strict=True) if columns else iter(())
        layouts = opened["layouts"]
        return [_read(dict(zip(columns, row, strict=True)), layouts, opened["since"]) for row in rows]
    except (KeyError, IndexError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise NotADocument(f"the columns of the batch do not fit together ({error})") from error


def _read(row: dict[str, Any], layouts: Sequence[dict[str, Any]], since: int) -> Read:
    layout = layouts[row["layout"]]
    return Read(
        address=row["address"],
        port=row["port"],
        read_at=from_milliseconds(since + row["at"]),
        identity=Identity(
            manufacturer=layout["manufacturer"],
            model=layout["model"],
            sys_object_id=layout["sys_object_id"],
            macs=tuple(with_colons(mac) for mac in row["macs"]),
            label=row.get("label"),
            engine=row.get("engine"),
            **{column: row[column] for column in IDENTITY_COLUMNS},
        ),
        uptime_s=row["uptime_s"],
        engine_boots=row.get("engine_boots"),
        typed=Typed(*row["typed"]) if row.get("typed") else None,
        color=layout["color"],
        meters=_meters(row, layout),
        supplies=_supplies(row, layout),
        status=Status(row["state"], tuple(row["errors"]), tuple(row["console"])),
        alerts=tuple(
            Alert(severity, code, description, training)
            for (severity, code, description), training in zip(
                row["alerts"], _or_none(row, "training", row["alerts"]), strict=True
            )
        ),
        warnings=tuple(row["warnings"]),
        evidence=tuple(Evidence(*item) for item in row["evidence"]),
    )


def _meters(row: dict[str, Any], layout: dict[str, Any]) -> tuple[Meter, ...]:
    types = _or_none(layout, "types", layout["meters"])
    return tuple(
        Meter(name, value, unit, oid, source, kind)
        for (name, unit, oid, source), kind, value in zip(layout["meters"], types, row["meters"], strict=True)
    )


def _supplies(row: dict[str, Any], layout: dict[str, Any]) -> tuple[Supply, ...]:
    rows = layout["supplies"]
    figures = (row["levels"], row["percents"], row["states"])
    told = (_or_none(layout, "parts", rows), _or_none(row, "supply_serials", rows))
    return tuple(
        Supply(index, name, kind, color, percent, STATES[letter], level, capacity, unit, part, serial)
        for (index, name, kind, color, capacity, unit), level, percent, letter, part, serial in zip(
            rows, *figures, *told, strict=True
        )
    )


def _or_none(told: dict[str, Any], key: str, beside: Sequence[Any]) -> Sequence[Any]:
    """What may be left out, as long as what it stands beside."""
    return told.get(key) or [None] * len(beside)


def with_colons(mac: str) -> str:
    """`0017c8b902de` as people write it: `00:17:c8:b9:02:de`."""
    return ":".join(mac[at : at + 2] for at in range(0, len(mac), 2))


def pack(opened: dict[str, Any]) -> bytes:
    """The document as it is sealed: compact JSON in UTF-8, deflated with a dictionary (RFC 1950)."""
    deflater = zlib.compressobj(9, zdict=_DICTIONARY)
    octets = json.dumps(opened, separators=(",", ":"), ensure_ascii=False).encode()
    return deflater.compress(octets) + deflater.flush()


def inflate(packed: bytes, limit: int = LARGEST_DOCUMENT) -> bytes:
    """The JSON of a packed document. Raises NotADocument when it is none or would swell over `limit` octets."""
    inflater = zlib.decompressobj(zdict=_DICTIONARY)
    try:
        octets = inflater.decompress(packed, limit)
    except zlib.error as error:
        raise NotADocument("the body is not deflated data") from error
    if inflater.unconsumed_tail:
        raise NotADocument(f"the body swells to more than {limit} octets")
    if not inflater.eof or inflater.unused_data:
        raise NotADocument("the body ends too early or too late")
    return octets


def unpack(packed: bytes, limit: int = LARGEST_DOCUMENT) -> dict[str, Any]:
    """The document of a body that this agent packed itself. Raises NotADocument."""
    try:
        opened = json.loads(inflate(packed, limit))
    except (ValueError, RecursionError) as error:
        raise NotADocument("the body is not JSON") from error
    if not isinstance(opened, dict) or opened.get("format") != FORMAT:
        raise NotADocument(f"the body is not a document of format {FORMAT}")
    return opened
