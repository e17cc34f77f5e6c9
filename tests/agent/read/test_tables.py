"""The vendor tables are facts: well formed, from the vocabulary, each device claimed once, nothing dangerous."""

import itertools
import tomllib
from importlib import resources

import pytest

from flexprint_agent.read import tables
from flexprint_agent.read.tables import BadTable
from flexprint_agent.snmp import ber
from flexprint_agent.snmp.forbidden import holding
from flexprint_shared.meters import UNITS, is_meter_name

FOLDER = resources.files("flexprint_agent.read").joinpath("vendors")
RAW = {file.name: tomllib.loads(file.read_text("utf-8")) for file in FOLDER.iterdir() if file.name.endswith(".toml")}
VENDORS = {vendor.file: vendor for vendor in tables.vendors()}

KEYS = {"trees", "makers", "brands", "printers", "serial", "text", "pattern", "rows", "meter", "records", "derived"}
OF_ROW = {
    "text": {"field", "oid", "encoding"},
    "pattern": {"field", "of", "regex"},
    "meter": {"name", "oid", "unit", "regex", "doubtful"},
    "rows": {"value", "key", "unit", "units", "meter"},
    "records": {"oid", "mark", "end", "meter"},
}
HEARD = [
    "brother",
    "canon",
    "epson",
    "hp",
    "kyocera",
    "konica-minolta",
    "lexmark",
    "oki",
    "panasonic",
    "pantum",
    "ricoh",
    "samsung",
    "sharp",
    "toshiba",
    "xerox",
    "zebra",
]


def facts(file):
    """Every row that states a fact about a device."""
    return [(kind, row) for kind in OF_ROW for row in RAW[file].get(kind, ())]


def asked(file):
    """Every OID that a row names."""
    for _, row in facts(file):
        oids = [row.get(key, ()) for key in ("oid", "value", "key", "unit") if "value" in row or key == "oid"]
        yield from (one for some in oids for one in (some if isinstance(some, (list, tuple)) else [some]))


@pytest.mark.parametrize("file", RAW)
def test_a_table_has_only_keys_that_mean_something(file):
    assert set(RAW[file]) <= KEYS
    assert set(RAW[file].get("printers", {})) <= {"sys_object_id", "sys_descr", "built", "cards", "signs"}
    for kind, row in facts(file):
        assert set(row) <= OF_ROW[kind] | {"source", "checked"}, row


@pytest.mark.parametrize("file", RAW)
def test_every_expression_is_one(file):
    """They are compiled when first used, so that a wake does not pay for all of them."""
    assert tables.parse(file, FOLDER.joinpath(file).read_text("utf-8")).file == file


@pytest.mark.parametrize("file", RAW)
def test_every_row_says_where_it_is_from_and_where_it_was_checked(file):
    assert [row for _, row in facts(file) if not (row["source"].strip() and row["checked"].strip())] == []


@pytest.mark.parametrize("file", RAW)
def test_every_oid_is_one(file):
    printers = RAW[file].get("printers", {})
    for name in [*asked(file), *RAW[file]["trees"], *printers.get("sys_object_id", ()), *printers.get("signs", ())]:
        assert ber.dotted(ber.oid(name)) == name


@pytest.mark.parametrize("file", RAW)
def test_nothing_is_asked_that_acts_or_that_names_people(file):
    for name in [*asked(file), *RAW[file].get("printers", {}).get("signs", [])]:
        assert holding(ber.oid(name)) is None, name


@pytest.mark.parametrize("oid", ["1.3.6.1.4.1.1248.1.2.2.44.1.1.2.1.0", "1.3.6.1.4.1.1347.47"])
def test_a_table_that_asks_for_something_forbidden_is_refused_with_the_reason(oid):
    row = f'[[meter]]\nname = "total"\noid = "{oid}"\nunit = "impressions"\nsource = "x"\nchecked = "unverified"\n'
    with pytest.raises(BadTable, match=rf"^bad.toml: {oid} cannot be in a table: .* is never asked for: "):
        tables.parse("bad.toml", row)
    rows = f'[[rows]]\nvalue = "{oid}"\nsource = "x"\nchecked = "x"\nmeter = []\n'
    for table in (rows, rows.replace("value", 'value = "1.3.6"\nkey'), f'[printers]\nsigns = ["{oid}"]\n'):
        with pytest.raises(BadTable, match="cannot be in a table"):
            tables.parse("bad.toml", table)


@pytest.mark.parametrize("file", RAW)
def test_meters_have_names_and_units_of_the_vocabulary(file):
    vendor = VENDORS[file]
    named = [(row.name, row.unit) for row in vendor.meters]
    named += [(meter.name, unit) for table in vendor.rows for meter in table.meters for _, unit in meter.units]
    named += [meter for packed in vendor.records for meter in packed.meters.values()]
    assert [one for one in named if not is_meter_name(one[0]) or one[1] not in UNITS] == []
    for row in vendor.derived:
        assert is_meter_name(row.name)
        assert all(is_meter_name(part) for part in row.sum_of)
        assert row.name not in row.sum_of


@pytest.mark.parametrize("file", RAW)
def test_no_object_holds_two_meters(file):
    vendor = VENDORS[file]
    single = [(row.oids, row.unit) for row in vendor.meters]
    keyed = [(table.value, meter.keys) for table in vendor.rows for meter in table.meters]
    assert len(set(single)) == len(single)
    assert len(set(keyed)) == len(keyed)


@pytest.mark.parametrize(
    "wrong",
    [
        "1.3.6.1.2.1.43.10.2.1.4.1.2",  # another marker, not mono
        "1.3.6.1.2.1.43.10.2.1.4.1.3",  # nor colour
        "1.3.6.1.4.1.2435.2.3.9.4.2.1.5.5.52.31.1.2.1",  # always 100 %, not toner
        "1.3.6.1.4.1.1602.1.11.1.3.1.4.1",
        "1.3.6.1.4.1.1347.43.5.2.1.5.1.1",
        "1.3.6.1.4.1.18334.1.1.1.5.7.1.1.4.1",
        "1.3.6.1.4.1.2699.1.2.1.2.1.3",  # without the entry's arc
    ],
)
def test_no_oid_is_used_that_circulates_with_a_wrong_meaning(wrong):
    assert ber.oid(wrong) not in tables.objects(tables.vendors())


def test_the_serial_of_an_hp_is_no_status():
    rows = [row for vendor in tables.vendors() for row in vendor.texts]
    serial = ber.oid("1.3.6.1.4.1.11.2.3.9.4.2.1.1.3.3.0")
    assert {row.field for row in rows if row.oid == serial} == {"serial"}


def test_no_two_tables_claim_one_device():
    """Neither by the enterprise of its sysObjectID nor by its maker's name."""
    for one, other in itertools.combinations(tables.vendors(), 2):
        assert not set(one.makers) & set(other.makers)
        for tree, another in itertools.product(one.trees, other.trees):
            assert not f"{tree}.".startswith(f"{another}."), (one.file, other.file)
            assert not f"{another}.".startswith(f"{tree}."), (one.file, other.file)


@pytest.mark.parametrize("kind", ["makers", "brands"])
def test_a_word_means_one_maker(kind):
    words = [tables.plain(word) for table in RAW.values() for some in table.get(kind, {}).values() for word in some]
    assert len(set(words)) == len(words), sorted(word for word in words if words.count(word) > 1)


@pytest.mark.parametrize("maker", HEARD)
def test_the_makers_that_dealers_sell_have_meters_of_their_own(maker):
    vendor = VENDORS[f"{maker}.toml"]
    assert vendor.meters or vendor.rows or vendor.records
    assert {row.field for row in vendor.texts} & {"serial", "model"}


def test_the_code_names_no_maker():
    """Whatever stands in a table is applied by code that would do the same for any other maker."""
    makers = {tables.plain(maker) for vendor in tables.vendors() for maker in vendor.makers if len(maker) > 3}
    for module in (
        "tables",
        "rows",
        "records",
        "meters",
        "balance",
        "recognise",
        "reader",
        "interpret",
        "layout",
        "supplies",
    ):
        source = resources.files("flexprint_agent.read").joinpath(f"{module}.py").read_text("utf-8")
        code = [line.split("#")[0] for line in _without_docstrings(source)]
        assert not [line for line in code for maker in makers if maker in tables.plain(line).split()], module


def _without_docstrings(source):
    import ast

    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            body[0].value = ast.Constant("")
    return ast.unparse(tree).splitlines()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("this is no TOML", "TOMLDecodeError"),
        ('[[text]]\nfield = "shoe size"\noid = "1.3.6"\nchecked = "x"', "shoe size"),
        ('[[text]]\nfield = "serial"\noid = "1.3.x"\nsource = "x"\nchecked = "x"', "ValueError"),
        ('[[text]]\nfield = "serial"\noid = "1.3.6"\nsource = "x"\nchecked = ""', "unverified"),
        ('[[text]]\nfield = "serial"\noid = "1.3.6"\nsource = "x"\nchecked = "x"\nencoding = "rot13"', "rot13"),
        ('[[text]]\nfield = "serial"\noid = "1.3.6"\nsource = ""\nchecked = "x"', "whence"),
        ('[[meter]]\nname = "total"\nchecked = "x"', "oid"),
        ('[[meter]]\nname = "total"\noid = []\nunit = "sheets"', "needs an object"),
        ('[[rows]]\nvalue = "1.3.6"\nsource = "x"\nchecked = "x"\nmeter = [{ key = 1, unit = "x" }]', "name"),
        ("[serial]\nshelf = 1", "shelf"),
        ("[serial]\nlabel = '^X'", "group 1"),
        ("[printers]\nsys_descr = ['(']", "bad.toml"),
    ],
)
def test_a_table_that_is_wrong_is_named(text, complaint):
    with pytest.raises(BadTable, match=complaint) as error:
        tables.parse("bad.toml", text)
    assert str(error.value).startswith("bad.toml: ")
