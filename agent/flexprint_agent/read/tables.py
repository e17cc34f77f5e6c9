"""Makers' knowledge as data: the tables in `vendors/*.toml`, read once and checked, and how they are matched.

A table says how a maker's printers are recognised, which objects hold serial, model and meters, in which
unit, and on which device each row was checked ("unverified" where nobody could yet). This code names no
maker. `vendors/README.md` says how a table is written.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, Literal
from zlib import crc32

from flexprint_agent.snmp import ber
from flexprint_agent.snmp.forbidden import holding
from flexprint_shared.meters import position

Encoding = Literal["text", "pml"]

FIELDS: Final = frozenset(
    {"serial", "model", "name", "location", "contact", "asset", "firmware", "ieee1284", "console"}
)
TEXTS: Final = frozenset({"sys_descr", "device"})

# What is found out about a model holds for all of it: a site has few models, a hostile one any number.
_MODELS: Final = 512
_UNMARKED: Final = re.compile(r"[\W_]+")
_FIRST: Final = re.compile(r"[\W_]*([^\W_]+)")


class BadTable(Exception):
    """A vendor table does not say what it must; the message names the file and the row."""


@dataclass(slots=True, frozen=True)
class TextRow:
    """An object that holds a text: `field` is a key of the identity, or "ieee1284" or "console"."""

    field: str
    oid: bytes
    encoding: Encoding


@dataclass(slots=True, frozen=True)
class Pattern:
    """Where a field stands inside another text: group 1 of `regex` in sysDescr or hrDeviceDescr."""

    field: str
    of: str
    regex: str

    def find_in(self, text: str) -> str | None:
        match = _expression(self.regex).search(text)
        return match[1].strip() if match and match[1] else None


@dataclass(slots=True, frozen=True)
class MeterRow:
    """A counter at an object of its own, or the sum of several, all of which must be answered.

    regex: where the object holds a text, its group 1 is the number. doubtful: sources disagree about it, so that it
    never stands before prtMarkerLifeCount.
    """

    name: str
    oids: tuple[bytes, ...]
    unit: str
    regex: str | None
    doubtful: bool

    def number_in(self, text: str) -> str | None:
        """The digits that `regex` finds in a text."""
        match = _expression(self.regex).search(text) if self.regex else None
        found = match[1] if match else None
        return found if found and found.isascii() and found.isdigit() else None


@dataclass(slots=True, frozen=True)
class KeyedMeter:
    """A meter of a table of counters: the row whose key is one of `keys`, or where it `adds_up` the sum of all
    such rows (a row for each paper size, say). `all_of`: a sum without a row for each key is none.

    units: (what the unit column says, unit), the preferred first. A table without that column has one pair.
    """

    name: str
    keys: frozenset[str]
    adds_up: bool
    all_of: bool
    units: tuple[tuple[int | None, str], ...]


@dataclass(slots=True, frozen=True)
class RowsTable:
    """A table of counters whose rows move from model to model, so that each is known by what it says of itself.

    value: the column of the counts. key: the column of type codes or labels at the same index; None where the
    index itself is the code. unit: the column that says what each row counts in.
    """

    value: bytes
    key: bytes | None
    unit: bytes | None
    meters: tuple[KeyedMeter, ...]

    def columns(self) -> tuple[bytes, ...]:
        return tuple(column for column in (self.key, self.unit, self.value) if column is not None)


@dataclass(slots=True, frozen=True)
class RecordsRow:
    """Counters packed into one octet string (see `records`): code of the record -> meter and unit."""

    oid: bytes
    mark: int
    end: int
    meters: dict[int, tuple[str, str]]


@dataclass(slots=True, frozen=True)
class DerivedRow:
    """A meter the maker does not count itself: the sum of others, where the device gave them all."""

    name: str
    sum_of: tuple[str, ...]


@dataclass(slots=True, frozen=True)
class SerialRule:
    """How a maker's serial is found. `own`: the maker's object is heard before prtGeneralSerialNumber. `label`:
    group 1 of this expression is what stands on the machine's label, where the device says more than that."""

    own: bool = False
    label: str | None = None


@dataclass(slots=True, frozen=True, eq=False)
class Vendor:
    """One table. `makers` maps the name people know to the words its devices begin their texts with."""

    file: str
    makers: dict[str, tuple[str, ...]]
    brands: dict[str, tuple[str, ...]]
    trees: tuple[str, ...]
    printer_ids: tuple[str, ...]
    printer_texts: tuple[str, ...]
    built: tuple[str, ...]
    card_texts: tuple[str, ...]
    signs: tuple[bytes, ...]
    serial: SerialRule
    waste_fills: tuple[str, ...]
    texts: tuple[TextRow, ...]
    patterns: tuple[Pattern, ...]
    meters: tuple[MeterRow, ...]
    rows: tuple[RowsTable, ...]
    records: tuple[RecordsRow, ...]
    derived: tuple[DerivedRow, ...]


_tried: list[Vendor] = []


@cache
def _files() -> dict[str, str]:
    """File name -> text, in the order of the names."""
    files = sorted(Path(__file__).with_name("vendors").glob("*.toml"))
    return {file.name: file.read_text("utf-8") for file in files}


@cache
def vendors() -> tuple[Vendor, ...]:
    """All tables, in the order of their file names."""
    own = {vendor.file for vendor in _tried}
    return (*_tried, *(_parse(name, text) for name, text in _files().items() if name not in own))


@cache
def edition() -> int:
    """Another number for other tables: what was learned with one edition may not hold with the next."""
    return crc32("".join(_files().values()).encode())


def put_in_force(*tried: Vendor) -> None:
    """Tables that are not installed speak in this process, each instead of the one of the same file name; without
    any only those installed do."""
    for known in list(globals().values()):
        if hasattr(known, "cache_clear"):
            known.cache_clear()
    _tried[:] = tried


def parse(file: str, text: str) -> Vendor:
    """The table in `text`, its expressions tried as well; BadTable says what is wrong with it."""
    vendor = _parse(file, text)
    try:
        for one, groups in _expressions_of(vendor):
            if re.compile(one).groups < groups:
                raise BadTable(f"{file}: {one}: group 1 is what is looked for, and it has none")
    except re.error as error:
        raise BadTable(f"{file}: {one}: {error}") from error
    columns = (column for table in vendor.rows for column in table.columns())
    for name in (*vendor.signs, *objects((vendor,)), *columns):
        subtree = holding(name)
        if subtree is not None:
            raise BadTable(f"{file}: {ber.dotted(name)} cannot be in a table: {subtree}")
    return vendor


def _expressions_of(vendor: Vendor) -> Iterator[tuple[str, int]]:
    """Every expression, and how many groups it must have."""
    for text in (*vendor.printer_texts, *vendor.built, *vendor.card_texts, *vendor.waste_fills):
        yield text, 0
    inside = [pattern.regex for pattern in vendor.patterns]
    found = (*inside, *(row.regex for row in vendor.meters), vendor.serial.label)
    yield from ((one, 1) for one in found if one)


def _parse(file: str, text: str) -> Vendor:
    try:
        return _vendor(file, tomllib.loads(text))
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadTable(f"{file}: {type(error).__name__}: {error}") from error


def _vendor(file: str, table: dict[str, Any]) -> Vendor:
    printers = table.get("printers", {})
    return Vendor(
        file=file,
        makers={name: tuple(words) for name, words in table.get("makers", {}).items()},
        brands={name: tuple(words) for name, words in table.get("brands", {}).items()},
        trees=tuple(table.get("trees", ())),
        printer_ids=tuple(printers.get("sys_object_id", ())),
        printer_texts=tuple(printers.get("sys_descr", ())),
        built=tuple(printers.get("built", ())),
        card_texts=tuple(printers.get("cards", ())),
        signs=tuple(ber.oid(sign) for sign in printers.get("signs", ())),
        serial=SerialRule(**table.get("serial", {})),
        waste_fills=tuple(table.get("waste", {}).get("fills", ())),
        texts=tuple(_text_row(row) for row in table.get("text", ())),
        patterns=tuple(
            Pattern(_one_of(row["field"], FIELDS), _one_of(row["of"], TEXTS), _checked(row, "regex"))
            for row in table.get("pattern", ())
        ),
        meters=tuple(_meter_row(row) for row in table.get("meter", ())),
        rows=tuple(_rows_table(row) for row in table.get("rows", ())),
        records=tuple(_records_row(row) for row in table.get("records", ())),
        derived=tuple(DerivedRow(row["name"], tuple(row["sum"])) for row in table.get("derived", ())),
    )


@cache
def _expression(text: str, flags: int = 0) -> re.Pattern[str]:
    """Compiled when first used: all of them take as long as a dozen reads, and a wake needs few."""
    return re.compile(text, flags)


def _any_in(text: str, expressions: Iterable[str]) -> bool:
    return any(_expression(one, re.IGNORECASE).search(text) for one in expressions)


def _text_row(row: dict[str, Any]) -> TextRow:
    encoding: Encoding = "pml" if _one_of(row.get("encoding", "text"), {"text", "pml"}) == "pml" else "text"
    return TextRow(_one_of(row["field"], FIELDS), _checked_oid(row), encoding)


def _meter_row(row: dict[str, Any]) -> MeterRow:
    dotted = row["oid"] if isinstance(row["oid"], list) else [row["oid"]]
    if not dotted:
        raise ValueError(f"{row['name']}: a meter needs an object")
    oids = tuple(_checked_oid(row | {"oid": one}) for one in dotted)
    return MeterRow(row["name"], oids, row["unit"], row.get("regex"), row.get("doubtful", False))


def _records_row(row: dict[str, Any]) -> RecordsRow:
    meters = {meter["code"]: (meter["name"], meter["unit"]) for meter in row["meter"]}
    return RecordsRow(_checked_oid(row), row["mark"], row["end"], meters)


def _rows_table(table: dict[str, Any]) -> RowsTable:
    unit, key = table.get("unit"), table.get("key")
    by_code = {int(code): word for code, word in table.get("units", {}).items()}
    return RowsTable(
        value=_checked_oid(table, "value"),
        key=None if key is None else ber.oid(key),
        unit=None if unit is None else ber.oid(unit),
        meters=tuple(
            KeyedMeter(
                name=row["name"],
                keys=frozenset(_keys(row[_how(row)])),
                adds_up=_how(row) != "key",
                all_of=_how(row) == "sum",
                units=((None, row["unit"]),) if unit is None else tuple(by_code.items()),
            )
            for row in table["meter"]
        ),
    )


def _how(row: dict[str, Any]) -> Literal["key", "sum", "any"]:
    """`key`: one row. `sum`: all rows of all these keys. `any`: the sum of those that are there."""
    return "sum" if "sum" in row else "any" if "any" in row else "key"


def _keys(given: Any) -> Iterable[str]:
    """Codes, indexes and labels as `rows` compares them."""
    return (key_of(one) for one in (given if isinstance(given, list) else [given]))


def key_of(said: str | int) -> str:
    """A code or label in the form in which keys are compared."""
    return str(said) if isinstance(said, int) else plain(said)


def _checked_oid(row: dict[str, Any], key: str = "oid") -> bytes:
    return ber.oid(_checked(row, key))


def _checked(row: dict[str, Any], key: str) -> str:
    """What stands at `key` of a row that says where it is from and on which device it was seen to be true."""
    for fact in ("source", "checked"):
        if not row[fact]:
            raise ValueError(f'{row[key]}: "source" says whence the fact is, "checked" names a device or "unverified"')
    return str(row[key])


def _one_of(word: str, allowed: Iterable[str]) -> str:
    if word not in allowed:
        raise ValueError(f"{word!r} is none of {', '.join(sorted(allowed))}")
    return word


def plain(text: str) -> str:
    """Lower case, words with one blank between them: how texts and the words of tables are compared."""
    return _UNMARKED.sub(" ", text.casefold()).strip()


@cache
def _words(kind: Literal["makers", "brands"]) -> dict[str, list[tuple[str, str]]]:
    """First word -> (name with a blank behind it, maker) of all tables, the longest name first."""
    found = [
        (plain(name) + " ", maker)
        for vendor in vendors()
        for maker, names in (vendor.makers if kind == "makers" else vendor.brands).items()
        for name in names
    ]
    by_first: dict[str, list[tuple[str, str]]] = {}
    for name, maker in sorted(found, key=lambda entry: -len(entry[0])):
        by_first.setdefault(name.partition(" ")[0], []).append((name, maker))
    return by_first


def maker_named(text: str) -> str | None:
    """The maker whose name a text begins with: "KYOCERA Document Solutions" is Kyocera."""
    return _begins(text, _words("makers"))


def maker_of_brand(text: str) -> str | None:
    """The maker of a product line that a text begins with: "ECOSYS P2040dw" is Kyocera."""
    return _begins(text, _words("brands"))


@lru_cache(_MODELS)
def maker_of(names: tuple[str, ...], models: tuple[str, ...]) -> str | None:
    """The maker whose name one of `names` begins with; where none does, whose product line one of `models` begins
    with."""
    named = next(filter(None, map(maker_named, names)), None)
    return named or next(filter(None, map(maker_of_brand, models)), None)


def _begins(text: str, words: dict[str, list[tuple[str, str]]]) -> str | None:
    text = text[:120]
    first = _FIRST.match(text)
    known = words.get(first[1].casefold(), ()) if first else ()
    padded = plain(text) + " " if known else ""
    return next((maker for name, maker in known if padded.startswith(name)), None)


def maker_of_tree(sys_object_id: str) -> str | None:
    """The maker that owns the enterprise of a sysObjectID."""
    vendor = _by_tree(sys_object_id)
    return next(iter(vendor.makers), None) if vendor else None


@lru_cache(_MODELS)
def without_maker(text: str, maker: str | None) -> str:
    """A model without the maker's name in front: "Brother HL-5370DW series" is "HL-5370DW series"."""
    for pattern in _in_front(maker or ""):
        match = pattern.match(text)
        if match and text[match.end() :].strip():
            return text[match.end() :].strip()
    return text


@cache
def _in_front(maker: str) -> tuple[re.Pattern[str], ...]:
    """A maker's names as they stand in front of a model, the longest first."""
    names = [name for vendor in vendors() for name in vendor.makers.get(maker, ())]
    spelled = [r"[\W_]+".join(map(re.escape, plain(name).split())) for name in sorted(names, key=len, reverse=True)]
    return tuple(re.compile(rf"\W*{name}(?:[\W_]+(?=\S)|$)", re.IGNORECASE) for name in spelled)


@lru_cache(_MODELS)
def speaking(maker: str | None, sys_object_id: str | None, texts: tuple[str, ...] = ()) -> tuple[Vendor, ...]:
    """The tables that may speak for a device: the maker's own, then that of the tree it answers under, then that of
    whoever is known to have built what its texts name.

    All, because each sign lies on some device: rebrands keep the tree of who built them or have one of their
    own, and OKI has been seen under Toshiba's number. The first that answers wins.
    """
    found = matched(maker, sys_object_id)
    builders = [vendor for text in texts if text for vendor in _builders(text[:120])]
    return tuple(dict.fromkeys((*found, *builders))) if builders else found


@lru_cache(_MODELS)
def matched(maker: str | None, sys_object_id: str | None) -> tuple[Vendor, ...]:
    """The tables of a maker and of a tree."""
    found = [vendor for vendor in vendors() if maker in vendor.makers]
    by_tree = _by_tree(sys_object_id) if sys_object_id else None
    if by_tree is not None and by_tree not in found:
        found.append(by_tree)
    return tuple(found)


@lru_cache(_MODELS)
def _builders(text: str) -> tuple[Vendor, ...]:
    return tuple(vendor for vendor in vendors() if vendor.built and _any_in(text, vendor.built))


@lru_cache(_MODELS)
def _by_tree(sys_object_id: str) -> Vendor | None:
    return next((vendor for vendor in vendors() if _is_under(sys_object_id, vendor.trees)), None)


@cache
def objects(speaking: tuple[Vendor, ...]) -> tuple[bytes, ...]:
    """Every object these tables can use, as one GET asks for them."""
    names: dict[bytes, None] = {}
    for vendor in speaking:
        names |= dict.fromkeys(row.oid for row in vendor.texts)
        names |= dict.fromkeys(packed.oid for packed in vendor.records)
        names |= dict.fromkeys(oid for row in vendor.meters for oid in row.oids)
    return tuple(names)


@cache
def counts(speaking: tuple[Vendor, ...]) -> tuple[bytes, ...]:
    """Those of `objects` that hold a meter."""
    names = dict.fromkeys(packed.oid for vendor in speaking for packed in vendor.records)
    return tuple(names | dict.fromkeys(oid for vendor in speaking for row in vendor.meters for oid in row.oids))


@cache
def groups_of_counts(speaking: tuple[Vendor, ...]) -> tuple[bytes, ...]:
    """The tables or groups in which those stand."""
    return tuple(dict.fromkeys(map(group_of, counts(speaking))))


def group_of(name: bytes) -> bytes:
    """The OID of an object's table or group: without column and row, or object and 0."""
    return ber.parent(ber.parent(name))


@cache
def counters(speaking: tuple[Vendor, ...]) -> tuple[RowsTable, ...]:
    """The tables of counters that these tables know, which are walked."""
    return tuple(table for vendor in speaking for table in vendor.rows)


def meter_names(vendor: Vendor) -> list[str]:
    """The meters that a table knows of, each once, in the order of the vocabulary."""
    names = {row.name for row in vendor.meters} | {row.name for row in vendor.derived}
    names |= {meter.name for table in vendor.rows for meter in table.meters}
    names |= {name for packed in vendor.records for name, _ in packed.meters.values()}
    return sorted(names, key=position)


@cache
def texts(speaking: tuple[Vendor, ...], field: str) -> tuple[TextRow, ...]:
    """The objects in which these tables look for a field."""
    return tuple(row for vendor in speaking for row in vendor.texts if row.field == field)


@cache
def patterns(speaking: tuple[Vendor, ...], field: str) -> tuple[Pattern, ...]:
    """Where a field may stand inside the texts of a device: by these tables, then by those for everyone."""
    everyone = (vendor for vendor in vendors() if not vendor.trees)
    rows = (pattern for vendor in dict.fromkeys((*speaking, *everyone)) for pattern in vendor.patterns)
    return tuple(pattern for pattern in rows if pattern.field == field)


def label_of(speaking: tuple[Vendor, ...], serial: str) -> str | None:
    """The serial as it stands on the machine's label, where the device says more than that."""
    for vendor in speaking:
        match = _expression(vendor.serial.label).search(serial) if vendor.serial.label else None
        if match:
            return match[1]
    return None


def waste_fills(speaking: tuple[Vendor, ...], model: str) -> bool:
    """Whether a model is known to tell how full its waste container is, where RFC 3805 wants the space left."""
    return any(_any_in(model, vendor.waste_fills) for vendor in speaking)


def is_printer_id(sys_object_id: str) -> bool:
    """Whether a maker gives this sysObjectID to printers only."""
    return any(_is_under(sys_object_id, vendor.printer_ids) for vendor in vendors())


def is_printer_text(sys_descr: str) -> bool:
    return any(_any_in(sys_descr, vendor.printer_texts) for vendor in vendors())


@lru_cache(_MODELS)
def is_card_text(text: str) -> bool:
    """Whether a text names the network card or a print server instead of the printer behind it."""
    return any(_any_in(text, vendor.card_texts) for vendor in vendors())


def _is_under(dotted: str, starts: Iterable[str]) -> bool:
    return any(dotted == start or dotted.startswith(start + ".") for start in starts)


@cache
def trees() -> tuple[tuple[bytes, str], ...]:
    """Every maker's own subtree, and the maker."""
    return tuple((ber.oid(tree), next(iter(vendor.makers))) for vendor in vendors() for tree in vendor.trees)


@cache
def signs() -> tuple[bytes, ...]:
    """Columns in which printers of one maker or another show themselves when nothing else is known."""
    # The object itself is what comes next after its own column.
    return tuple(
        sign
        for vendor in vendors()
        for sign in (
            *vendor.signs,
            *(ber.parent(row.oid) for row in vendor.texts if row.field == "ieee1284"),
        )
    )


@cache
def objects_of(*fields: str) -> tuple[bytes, ...]:
    """The objects of every maker that hold one of these fields."""
    rows = (row for vendor in vendors() for row in vendor.texts)
    return tuple(dict.fromkeys(row.oid for row in rows if row.field in fields))
