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

KEYS = {"trees", "makers", "brands", "printers", "text", "pattern", "meter", "records", "derived"}


def rows_with_oid(file):
    return [row for kind in ("text", "meter", "records") for row in RAW[file].get(kind, ())]


@pytest.mark.parametrize("file", RAW)
def test_a_table_has_only_keys_that_mean_something(file):
    assert set(RAW[file]) <= KEYS
    assert set(RAW[file].get("printers", {})) <= {"sys_object_id", "sys_descr", "cards", "signs"}
    allowed = {"field", "oid", "encoding", "checked", "name", "unit", "mark", "end", "meter"}
    assert all(set(row) <= allowed for row in rows_with_oid(file))


@pytest.mark.parametrize("file", RAW)
def test_every_expression_is_one(file):
    """They are compiled when first used, so that a wake does not pay for all of them."""
    assert tables.parse(file, FOLDER.joinpath(file).read_text("utf-8")).file == file


@pytest.mark.parametrize("file", RAW)
def test_every_oid_is_one_and_says_where_it_was_checked(file):
    dotted = [row["oid"] for row in rows_with_oid(file)]
    printers = RAW[file].get("printers", {})
    for name in [*dotted, *RAW[file]["trees"], *printers.get("sys_object_id", ()), *printers.get("signs", ())]:
        assert ber.dotted(ber.oid(name)) == name
    assert all(row["checked"] for row in rows_with_oid(file))


@pytest.mark.parametrize("file", RAW)
def test_nothing_is_asked_that_acts_or_that_names_people(file):
    asked = [row["oid"] for row in rows_with_oid(file)] + RAW[file].get("printers", {}).get("signs", [])
    for name in asked:
        assert holding(ber.oid(name)) is None, name


@pytest.mark.parametrize("oid", ["1.3.6.1.4.1.1248.1.2.2.44.1.1.2.1.0", "1.3.6.1.4.1.1347.47"])
def test_a_table_that_asks_for_something_forbidden_is_refused_with_the_reason(oid):
    row = f'[[meter]]\nname = "total"\noid = "{oid}"\nunit = "impressions"\nchecked = "unverified"\n'
    with pytest.raises(BadTable, match=rf"^bad.toml: {oid} cannot be in a table: .* is never asked for: "):
        tables.parse("bad.toml", row)
    with pytest.raises(BadTable, match="cannot be in a table"):
        tables.parse("bad.toml", f'[printers]\nsigns = ["{oid}"]\n')


@pytest.mark.parametrize("file", RAW)
def test_meters_have_names_and_units_of_the_vocabulary(file):
    vendor = VENDORS[file]
    named = [(row.name, row.unit) for row in vendor.meters]
    named += [meter for packed in vendor.records for meter in packed.meters.values()]
    assert all(is_meter_name(name) and unit in UNITS for name, unit in named)
    assert len({name for name, _ in named}) == len(named), "one object for each meter"
    for row in vendor.derived:
        assert is_meter_name(row.name)
        assert all(is_meter_name(part) for part in row.sum_of)
        assert row.name not in row.sum_of


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


def test_three_makers_have_meters_of_their_own():
    assert {file for file, vendor in VENDORS.items() if vendor.meters or vendor.records} == {
        "brother.toml",
        "hp.toml",
        "kyocera.toml",
    }


def test_the_code_names_no_maker():
    """Whatever stands in a table is applied by code that would do the same for any other maker."""
    makers = {tables.plain(maker) for vendor in tables.vendors() for maker in vendor.makers if len(maker) > 3}
    for module in ("tables", "records", "meters", "recognise", "reader", "interpret", "layout"):
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
        ('[[text]]\nfield = "serial"\noid = "1.3.x"\nchecked = "x"', "ValueError"),
        ('[[text]]\nfield = "serial"\noid = "1.3.6"\nchecked = ""', "unverified"),
        ('[[text]]\nfield = "serial"\noid = "1.3.6"\nchecked = "x"\nencoding = "rot13"', "rot13"),
        ('[[meter]]\nname = "total"\nchecked = "x"', "oid"),
        ("[printers]\nsys_descr = ['(']", "bad.toml"),
    ],
)
def test_a_table_that_is_wrong_is_named(text, complaint):
    with pytest.raises(BadTable, match=complaint) as error:
        tables.parse("bad.toml", text)
    assert str(error.value).startswith("bad.toml: ")
