"""Every recording of a real device, where the recordings are: read as truth.json says, decoys refused."""

import contextlib
import json
import os
from pathlib import Path

import pytest

from lab import recording

FOLDER = Path(os.environ.get("FLEXPRINT_RECORDINGS", Path(__file__).resolve().parents[4] / "shared" / "recordings"))
TRUTH = json.loads((FOLDER / "truth.json").read_text("utf-8")) if (FOLDER / "truth.json").exists() else {}
PRINTERS = sorted(name for name, truth in TRUTH.items() if truth.get("is_printer"))
OTHERS = sorted(name for name, truth in TRUTH.items() if truth.get("is_printer") is False)

pytestmark = [
    pytest.mark.recordings,
    pytest.mark.skipif(
        not TRUTH, reason=f"no recordings of real printers at {FOLDER} (FLEXPRINT_RECORDINGS names another place)"
    ),
]

# Where the maker's own total is the one that is billed.
VENDOR_TOTALS = {"pm-kyocera_ecosys-p2040dw.snmprec": 7342, "bro-mfc-j680dw.snmprec": 461 + 491}


def rows(name):
    """The rows of a recording. A few lines were damaged when they were taken (`6git3159` for a number)."""
    found = []
    for line in (FOLDER / name).read_bytes().decode("utf-8", "surrogateescape").split("\n"):
        with contextlib.suppress(ValueError):
            found.append(recording.row(line))
    return found


@pytest.fixture(params=[1, 0], ids=["v2c", "v1"])
def version(request):
    return request.param


@pytest.mark.parametrize("name", PRINTERS)
def test_a_recorded_printer_is_read_as_it_is(name, version, rows_device):
    """Serial, total, unit, colour, errors, console and every supply are what the recording holds."""
    truth = TRUTH[name]
    found = rows_device(rows(name), version=version).read()
    assert found.printer, found.reason
    read = found.read
    if not truth["serial"]["capture_artifact"]:
        assert read.identity.serial == truth["serial"]["best"]
    assert read.meter("total") == VENDOR_TOTALS.get(name, truth["life_count"])
    if truth["life_unit"]:
        assert {meter.unit for meter in read.meters if meter.name == "total"} == {truth["life_unit"]}
    assert read.color == {"colour": True, "mono": False, "unknown": None}[truth["colour"]]
    expected = truth["supplies"]
    assert [supply.index for supply in read.supplies] == [supply["index"] for supply in expected]
    for supply, true in zip(read.supplies, expected, strict=True):
        assert_supply(supply, true)
    if truth["console"]:
        assert list(read.status.console) == truth["console"]
    for device in truth["hr_printer"].values():
        assert list(read.status.errors) == (device["errors"] or [])
        assert read.status.state == (device["status"] or "unknown")
    assert len(read.alerts) == truth["alerts"]


def assert_supply(supply, true):
    assert supply.level == true["level"]
    assert supply.capacity == true["max_capacity"]
    if true["type"]:
        assert supply.kind == true["type"]
    if true["colorant"] and true["colorant"] not in ("other", "unknown"):
        assert supply.color == true["colorant"]
    if true["description"] and "capture_artifact" not in true["flags"]:
        assert supply.name == " ".join((true["description_intended"] or true["description"]).split())
    if "receptacle_ambiguous" not in true["flags"]:
        exact = true["fill_pct"] if true["receptacle"] else true["remaining_pct"]
        assert supply.percent == (None if exact is None else pytest.approx(exact, abs=0.51))
    special = {-3: "some", -2: "unknown", -1: "unlimited"}
    if true["level"] in special:
        assert (supply.state, supply.percent) == (special[true["level"]], None)


MAKERS_METERS = {
    "lnms-jetdirect_m130nw": {"total": 15232, "total.mono": 15232, "total.duplex": 0, "scan.flatbed": 1190, "scan.adf": 0},
    # Several rows a job class: 20 + 15 + 59286 + 0 prints.
    "doc-hp_laser-mfp-135w": {"total": 59910, "print": 59321, "copy": 535, "other": 33, "scan": 760},
    "bro-dcp-1618w": {"total": 3914},
    "bro-hl-5350dn": {"total": 69411},
    "bro-mfc-5490cn": {"total": 8989},
    "bro-mfc-j680dw": {"total": 952, "total.mono": 461, "total.color": 491},
    "lnms-sharp_mxm266nv": {
        "total": 90474, "total.mono": 90474, "total.color": 0, "print": 24677, "print.mono": 24677, "print.duplex": 3752,
        "copy": 65787, "copy.mono": 65787, "other.mono": 10, "scan": 23746, "scan.mono": 7636, "scan.color": 16110,
    },
    "lnms-zebra": {"other": 1920},
    "pm-kyocera_ecosys-p2040dw": {"total": 7342, "total.duplex": 46},
}  # fmt: skip


@pytest.mark.parametrize("name", MAKERS_METERS)
def test_the_makers_own_counters_come_out(name, version, rows_device):
    read = rows_device(rows(f"{name}.snmprec"), version=version).read().read
    assert {meter.name: meter.value for meter in read.meters}.items() >= MAKERS_METERS[name].items()


@pytest.mark.parametrize(
    ("name", "model", "firmware"),
    [
        ("lnms-ricoh_mpc2503", "MP C2503", "1.35"),
        ("pm-kyocera_ecosys-p2040dw", "ECOSYS P2040dw", "2RX_3000.002.503"),
        ("lnms-zebra", "TLP 2824 Plus", "V61.17.17Z"),
        ("lnms-okilan_9450g", "MC873", "07.87"),
        ("lnms-xerox", "AltaLink C8045", "100.002.057.09608"),
        ("lnms-xerox_color", "Color 570", "55.40.61"),
        ("lnms-xerox_docuprint", "DocuPrint CM305 df", "201210101131"),
        ("lnms-dell-laser_mfp", "MFP Laser 3115cn", "200709110910"),
        ("doc-hp_laser-mfp-135w", "Laser MFP 131 133 135-138", "V3.82.01.10"),
        ("gh-lexmark_mx711-c", "MX711", "LW62.TU.P636"),
        ("bro-dcp-1618w", "DCP-1618W", "D1605021248"),
    ],
)
def test_model_and_firmware_come_out(name, model, firmware, rows_device):
    identity = rows_device(rows(f"{name}.snmprec")).read().read.identity
    assert (identity.model, identity.firmware) == (model, firmware)


def test_a_label_shows_the_serial_without_its_suffix(rows_device):
    identity = rows_device(rows("gh-lexmark_ms811.snmprec")).read().read.identity
    assert (identity.serial, identity.label) == ("40637C6600WL1-131-0", "40637C6600WL1")


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_printer_is_refused(name, version, rows_device):
    """Servers, cameras, scanners, BMCs: also those that list hrDevicePrinter rows. Two packets suffice."""
    device = rows_device(rows(name), version=version)
    found = device.read()
    assert (found.printer, found.read) == (False, None), found.reason
    if version:
        assert len(device.asks) <= 2


@pytest.mark.parametrize("name", [name for name in PRINTERS if TRUTH[name]["completeness"] == "id-only"])
def test_a_printer_that_only_names_itself_has_no_meters(name, rows_device):
    """Nothing readable is told as such, never as zero pages."""
    read = rows_device(rows(name)).read().read
    assert read.meters == ()
    assert any("nothing readable" in warning for warning in read.warnings)


@pytest.mark.parametrize("name", PRINTERS)
def test_a_remembered_layout_gives_the_same_read(name, rows_device):
    """The second read asks far less and says the same."""
    device = rows_device(rows(name))
    first = device.read()
    assert len(device.asks) <= 8, [ask.kind for ask in device.asks]
    device.asks.clear()
    second = device.read(first.layout)
    assert second.read == first.read
    assert len(device.asks) <= (3 if first.read.meters else 8)
