"""Printer or not, by what answers and not by one flag."""

import pytest

from flexprint_agent.snmp import ber

SYS_DESCR = "1.3.6.1.2.1.1.1.0"
SYS_OBJECT_ID = "1.3.6.1.2.1.1.2.0"
DEVICE_TYPE = "1.3.6.1.2.1.25.3.2.1.2"
DEVICE = "1.3.6.1.2.1.25.3.2.1.3"
PRINTER_STATUS = "1.3.6.1.2.1.25.3.5.1.1"
LIFE = "1.3.6.1.2.1.43.10.2.1.4.1.1"


def oid(dotted):
    return ber.OBJECT_ID, ber.oid(dotted)


PRINTER_ROW = {f"{DEVICE_TYPE}.1": oid("1.3.6.1.2.1.25.3.1.5")}


@pytest.mark.parametrize(
    "table",
    [
        pytest.param(
            {SYS_DESCR: "Linux x", SYS_OBJECT_ID: oid("1.3.6.1.4.1.8072.3.2.10"), LIFE: 5},
            id="marker table under net-snmp's number",
        ),
        pytest.param({"1.3.6.1.2.1.43.11.1.1.9.1.1": -3}, id="supplies alone"),
        pytest.param({"1.3.6.1.2.1.43.11.1.1.9.1": -3}, id="supplies with one index"),
        pytest.param({"1.3.6.1.2.1.43.10.2.1.15.1.2": 5}, id="a marker without a count"),
        pytest.param({"1.3.6.1.2.1.43.5.1.1.17.1": "VK1"}, id="a serial in prtGeneralTable alone"),
        pytest.param(
            {SYS_DESCR: "Print Server", "1.3.6.1.4.1.2699.1.2.1.2.1.1.3.1": "MFG:X;MDL:Y;CLS:PRINTER;"}, id="1284 id"
        ),
        pytest.param({"1.3.6.1.2.1.25.3.2.1.4.1": "MFG:Pantum;MDL:M7100DW;CLS:PRINTER;"}, id="1284 id in hrDeviceID"),
        pytest.param(
            {"1.3.6.1.4.1.2435.2.3.9.1.1.7.0": "MFG:Brother;MDL:MFC-J680DW;CLS:PRINTER;"},
            id="1284 id in a maker's tree",
        ),
        pytest.param({SYS_DESCR: "Dell B3460dn Laser Printer version NH5"}, id="sysDescr alone"),
        pytest.param(
            {SYS_DESCR: "RICOH MP 3053 1.09 / RICOH Network Printer C model / RICOH Network Scanner C model"},
            id="also a scanner",
        ),
        pytest.param({SYS_DESCR: "X", SYS_OBJECT_ID: oid("1.3.6.1.4.1.10642.1.1")}, id="sysObjectID alone"),
        pytest.param(
            PRINTER_ROW | {f"{PRINTER_STATUS}.1": 1, f"{DEVICE}.1": "Brother MFC-J5110DW"},
            id="hrPrinterTable and a maker's name",
        ),
        pytest.param({"1.3.6.1.4.1.1248.1.2.2.28.1.1.2.1.1": 28}, id="a maker's own table"),
    ],
)
def test_a_printer_is_recognised(device, table):
    assert device(table).read().printer


@pytest.mark.parametrize(
    ("sys_descr", "enterprise", "maker"),
    [
        ("RISO ComColor 3110", "24807.1", "Riso"),
        ("SATO CL4NX", "42406.1", "SATO"),
        ("Printronix T8304", None, "Printronix"),
        ("Intermec PM43", None, "Intermec"),
        ("Star TSP654", None, "Star"),
        ("cab SQUIX 4/300", None, "cab"),
        ("Sindoh D410", "46240.1", "Sindoh"),
        ("Katusha M247e", "8072.3.2.10", "Katusha"),
        ("UTAX_TA 4006ci", None, "UTAX"),
        ("OKI DATA CORP C5600", None, "OKI"),
        ("RICOH SP 3600DN", None, "Ricoh"),
        ("WorkCentre 5735; System 61.132.53.34021", None, "Xerox"),
        ("Oce ColorWave 500", None, "Océ"),
    ],
)
def test_a_printer_that_answers_no_printer_table_is_known_by_what_it_calls_itself(device, sys_descr, enterprise, maker):
    table = {SYS_DESCR: sys_descr}
    if enterprise:
        table[SYS_OBJECT_ID] = oid(f"1.3.6.1.4.1.{enterprise}")
    found = device(table).read()
    assert found.printer
    assert found.read.identity.manufacturer == maker


@pytest.mark.parametrize(
    "table",
    [
        pytest.param({}, id="answers nothing"),
        pytest.param({SYS_DESCR: "Linux x", SYS_OBJECT_ID: oid("1.3.6.1.4.1.8072.3.2.10")}, id="Linux"),
        pytest.param(
            PRINTER_ROW
            | {
                SYS_DESCR: "Hardware: Intel64 - Software: Windows Version 6.3",
                SYS_OBJECT_ID: oid("1.3.6.1.4.1.311.1.1.3.1.2"),
                f"{DEVICE}.1": "HP LaserJet 4200 PCL 6",
                f"{PRINTER_STATUS}.1": 3,
            },
            id="Windows with a queue for a LaserJet",
        ),
        pytest.param(
            PRINTER_ROW
            | {
                SYS_DESCR: "Linux x",
                SYS_OBJECT_ID: oid("1.3.6.1.4.1.8072.3.2.10"),
                f"{DEVICE}.1": "Brother HL",
                f"{PRINTER_STATUS}.1": 3,
            },
            id="Linux with CUPS",
        ),
        pytest.param(
            PRINTER_ROW | {SYS_DESCR: "IPCAM", f"{DEVICE}.1": "hp5", f"{PRINTER_STATUS}.1": 2},
            id="camera with an odd device",
        ),
        pytest.param(
            PRINTER_ROW | {SYS_DESCR: "Linux x", f"{DEVICE}.1": "Brother HL", f"{PRINTER_STATUS}.1": 3},
            id="Linux with CUPS that keeps its number to itself",
        ),
        pytest.param(
            PRINTER_ROW
            | {
                SYS_DESCR: "HP-UX host1 B.11.31",
                SYS_OBJECT_ID: oid("1.3.6.1.4.1.11.2.3.2.3"),
                f"{DEVICE}.1": "HP LaserJet",
                f"{PRINTER_STATUS}.1": 3,
            },
            id="computer of a printer maker, with a queue",
        ),
        pytest.param(
            {SYS_DESCR: "Xerox W130 Scanner", SYS_OBJECT_ID: oid("1.3.6.1.4.1.253.9")}, id="scanner of a printer maker"
        ),
        pytest.param(PRINTER_ROW | {f"{DEVICE}.1": "HP LaserJet"}, id="hrDeviceType alone"),
        pytest.param(
            {SYS_DESCR: "EPSON Network Projector", SYS_OBJECT_ID: oid("1.3.6.1.4.1.1248.4.1")}, id="projector"
        ),
        pytest.param(
            {SYS_DESCR: "Canon projector WUX500", SYS_OBJECT_ID: oid("1.3.6.1.4.1.1602.5")},
            id="projector of a printer maker",
        ),
        pytest.param(
            {
                SYS_DESCR: "EPSON 10/100/1000 Ethernet USB Ext. Scan Server",
                SYS_OBJECT_ID: oid("1.3.6.1.4.1.1248.1.1.2.1.3.22.78"),
            },
            id="scanner",
        ),
        pytest.param(
            {SYS_DESCR: "KX-NS1000 Ver00700128", SYS_OBJECT_ID: oid("1.3.6.1.4.1.258.601.3")}, id="telephone system"
        ),
        pytest.param(
            {SYS_DESCR: "HP J9773A 2530-24G-PoEP Switch", SYS_OBJECT_ID: oid("1.3.6.1.4.1.11.2.3.7.11.155")},
            id="switch of a printer maker",
        ),
        pytest.param(
            {SYS_DESCR: "Dell EMC Networking OS9", SYS_OBJECT_ID: oid("1.3.6.1.4.1.6027.1.3.20")}, id="switch of Dell"
        ),
        pytest.param(
            {"1.3.6.1.4.1.2699.1.2.1.2.1.1.3.1": "MFG:EPSON;MDL:DS-860;CLS:IMAGE;"}, id="1284 id of a scanner"
        ),
    ],
)
def test_what_is_no_printer_is_refused_in_two_packets(device, table):
    """Nothing is kept of it, and it is not asked again in the same round."""
    asked = device(table)
    found = asked.read()
    assert (found.printer, found.read, found.layout) == (False, None, None)
    assert found.reason
    assert len(asked.asks) <= 2
