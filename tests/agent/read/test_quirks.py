"""Every quirk that real printers have been seen to have, on a machine of its own, over the wire: read right."""

import json
from datetime import UTC, datetime

import pytest

from flexprint_agent.read.printers import read_printers
from flexprint_agent.snmp.exchange import Endpoint, Exchange, Limits
from lab.office import Placed, quirks
from lab.site import Lab

QUIRKS = quirks()
ADDRESSES = [f"127.20.90.{number}" for number in range(1, len(QUIRKS) + 1)]
TOLD = {
    "manufacturer", "model", "serial", "label", "firmware", "sys_object_id", "absent_identity", "meters", "units", "absent",
    "warns", "supplies", "names", "parts", "cartridges", "state", "errors", "console", "color", "alerts", "evidence", "packets",
    "unread", "never_said",
}  # fmt: skip


@pytest.fixture(scope="module")
def readings():
    """All of them at once, as an agent reads a site."""
    devices = [Placed(at, quirk.rows, quirk.agent) for at, quirk in zip(ADDRESSES, QUIRKS, strict=True)]
    with Lab(devices) as lab:
        endpoints = [(Endpoint(at, lab.port), None) for at in ADDRESSES]
        found = read_printers(Exchange(Limits(timeout=0.4, retries=1)), endpoints, lambda: datetime.now(UTC))
        yield {reading.endpoint.address: reading for reading in found}


@pytest.mark.parametrize("at", range(len(QUIRKS)), ids=[quirk.name for quirk in QUIRKS])
def test_a_printer_with_a_quirk_is_read_right(at, readings):
    told, reading = QUIRKS[at].told, readings[ADDRESSES[at]]
    assert set(told) <= TOLD
    read = reading.read
    if "unread" in told:
        assert (read, reading.fell_silent) == (None, False)
        assert reading.error.startswith(told["unread"])
        return
    assert read is not None, reading.error
    assert not reading.restarted
    identity = read.identity.as_json()
    assert {key: identity[key] for key in identity if key in told} == {
        key: told[key] for key in identity if key in told
    }
    assert [key for key in told.get("absent_identity", ()) if identity[key] is not None] == []
    meters = {meter.name: meter for meter in read.meters}
    assert {name: meters[name].value if name in meters else None for name in told.get("meters", {})} == told.get(
        "meters", {}
    )
    assert {name: meters[name].unit for name in told.get("units", {})} == told.get("units", {})
    assert not {*told.get("absent", ())} & {*meters}
    for part in told.get("warns", ()):
        assert any(part in warning for warning in read.warnings), read.warnings
    assert_supplies(read, told)
    assert_status(read, told)
    for oid in told.get("evidence", ()):
        assert any(item.oid.endswith(oid) for item in read.evidence)
    said = json.dumps(read.as_json(), ensure_ascii=False)
    assert [text for text in told.get("never_said", ()) if text in said] == []
    assert reading.packets <= told.get("packets", 60)


def assert_supplies(read, told):
    """A supply is written "percent state colour": "-" is none, "*" is whatever the machine has."""
    rows = {supply.index: supply for supply in read.supplies}
    for index, expected in told.get("supplies", {}).items():
        supply = rows[index]
        said = ("-" if supply.percent is None else str(supply.percent), supply.state, supply.color or "-")
        assert [one for one, wanted in zip(said, expected.split(), strict=True) if wanted not in ("*", one)] == []
    assert {index: rows[index].name for index in told.get("names", {})} == told.get("names", {})
    assert {index: rows[index].part for index in told.get("parts", {})} == told.get("parts", {})
    assert {index: rows[index].serial for index in told.get("cartridges", {})} == told.get("cartridges", {})


def assert_status(read, told):
    assert read.status.state == told.get("state", read.status.state)
    assert list(read.status.errors) == told.get("errors", list(read.status.errors))
    assert list(read.status.console) == told.get("console", list(read.status.console))
    assert read.color == told.get("color", read.color)
    alerts = [f"{alert.severity} {alert.code} {alert.description}" for alert in read.alerts]
    assert alerts == told.get("alerts", alerts)


def test_each_quirk_has_a_name_of_its_own_and_a_place_where_it_was_seen():
    assert len({quirk.name for quirk in QUIRKS}) == len(QUIRKS)
    assert all(quirk.seen_on and quirk.told for quirk in QUIRKS)
