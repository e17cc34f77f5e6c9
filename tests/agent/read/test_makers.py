"""What is read of each maker's machine in the simulated office, to the last meter."""

import pytest

from lab.office import office

MACHINES = {one.truth.model: one for one in office() if one.truth}
COLOUR_MFP = "total total.mono total.color print print.mono print.color copy copy.mono copy.color scan"
METERS = {
    "HL-L2350DW series": "total total.mono total.duplex",
    "MFC-J6945DW": "total total.mono total.color",
    "MF543x": "total total.mono print copy scan",
    "WF-C869R Series": "total total.mono total.color print print.mono print.color scan",
    "LaserJet Pro M404dn": "total total.mono total.duplex",
    "Color LaserJet MFP M577": "total total.mono total.color total.duplex scan.flatbed",
    "bizhub C258": f"{COLOUR_MFP} total.duplex",
    "bizhub 458e": "total total.mono total.duplex print print.mono copy copy.mono scan",
    "TASKalfa 3253ci": f"{COLOUR_MFP} total.color2 total.duplex print.color2 copy.color2 fax fax.mono",
    "CX725de": COLOUR_MFP.removesuffix(" scan"),
    "MC573": "total scan",
    "P3300DW": "total print",
    "IM C3000": f"{COLOUR_MFP} print.color2 copy.color2 fax",
    "M4070 Series": "total print copy",
    "MX-3071": "total total.mono total.color total.color2 print print.mono copy copy.mono copy.color scan",
    "e-STUDIO2515AC": "total total.mono total.color2 print copy scan",
    "AltaLink C8045": "total total.mono total.color copy copy.mono copy.color",
    "ZT411-203dpi ZPL": "other",
    # The standard life count alone
    "B3460dn Laser Printer": "total",
    "Apeos C3070": "total",
    "MP C3503": "total",
}


@pytest.mark.parametrize("model", METERS)
def test_each_makers_machine_tells_the_meters_it_has(model, rows_device):
    """Named and valued as the machine counts them, and none besides."""
    machine = MACHINES[model]
    read = rows_device(machine.rows).read().read
    counted = {meter.name: meter.value for meter in read.meters}
    assert sorted(counted) == sorted(METERS[model].split())
    assert {
        name: counted[name] for name in counted if name in machine.truth.meters
    }.items() <= machine.truth.meters.items()


@pytest.mark.parametrize("model", MACHINES)
def test_what_is_read_of_a_machine_adds_up(model, rows_device):
    """Nothing is warned of but the engine's own life count, where the maker counts less."""
    read = rows_device(MACHINES[model].rows).read().read
    assert [warning for warning in read.warnings if "the engine's life count" not in warning] == []


@pytest.mark.parametrize("model", MACHINES)
def test_a_machine_is_read_in_eight_packets_and_known_in_three(model, rows_device):
    device = rows_device(MACHINES[model].rows)
    first = device.read()
    assert len(device.asks) <= 8
    device.asks.clear()
    assert device.read(first.layout).read == first.read
    assert len(device.asks) <= 3 or not first.read.meters
