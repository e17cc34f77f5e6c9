import pytest

from flexprint_agent.search.spooler.queues import Port
from flexprint_agent.search.spooler.win32_ports import (
    FAX,
    Ports,
    TcpPort,
    UsbDevice,
    port_for,
    tcp_port,
    usb_port,
    uuid_in,
    wsd_host,
)

# The form of what Windows 10 and 11 keep in the registry.
KNOWN = Ports(
    tcp={"ip_10.1.2.3": TcpPort("10.1.2.3"), "front desk": TcpPort("front-desk.example.com")},
    usb={
        "usb001": UsbDevice("PHGB12", "HP LaserJet 400", r"\\?\USB#1"),
        "usb002": UsbDevice(None, "EPSON L3250 Series"),
    },
    wsd={"wsd-1f0c7ba9-11ab-4d21-a1f9-3c4f1e6c0001": "10.1.2.9"},
)


@pytest.mark.parametrize(
    ("name", "driver", "port"),
    [
        ("IP_10.1.2.3", "HP Universal Printing PCL 6", Port("network", "IP_10.1.2.3", host="10.1.2.3")),
        ("Front Desk", "Kyocera KX", Port("network", "Front Desk", host="front-desk.example.com")),
        ("IP_10.1.2.3,IP_10.1.2.4", "Pool", Port("network", "IP_10.1.2.3", host="10.1.2.3")),
        (
            "WSD-1f0c7ba9-11ab-4d21-a1f9-3c4f1e6c0001", "Class Driver",
            Port("network", "WSD-1f0c7ba9-11ab-4d21-a1f9-3c4f1e6c0001", host="10.1.2.9"),
        ),
        ("USB001", "HP LaserJet 400", Port("local", "USB001", model="HP LaserJet 400", serial="PHGB12", path=r"\\?\USB#1")),
        ("USB002", "EPSON L3250", Port("local", "USB002", model="EPSON L3250 Series")),
        ("USB003", "Unplugged", Port("local", "USB003")),
        ("DOT4_001", "HP", Port("local", "DOT4_001")),
        ("LPT1:", "HP LaserJet 4", Port("local", "LPT1:", bus="parallel")),
        ("COM2:", "Plotter", Port("local", "COM2:", bus="serial")),
    ],
)  # fmt: skip
def test_printers_are_found_behind_their_ports(name, driver, port):
    assert port_for(name, 0, driver, KNOWN) == port


@pytest.mark.parametrize(
    ("name", "attributes", "driver", "connection", "kind"),
    [
        ("PORTPROMPT:", 0, "Microsoft Print To PDF", False, "virtual"),
        ("PORTPROMPT:", 0, "Microsoft XPS Document Writer v4", False, "virtual"),
        ("nul:", 0, "Send to Microsoft OneNote 16 Driver", False, "virtual"),
        (
            r"Microsoft.Office.OneNote_16001.14326_8wekyb3d8bbwe",
            0,
            "Microsoft Software Printer Driver",
            False,
            "virtual",
        ),
        (r"C:\Users\Public\out.pdf", 0, "Anything", False, "virtual"),
        (r"Documents\*.pdf", 0, "Adobe PDF Converter", False, "virtual"),
        ("FILE:", 0, "Generic / Text Only", False, "virtual"),
        ("CPW2:", 0, "CutePDF Writer v4.0", False, "virtual"),
        ("TS004", 0, "Remote Desktop Easy Print", False, "virtual"),
        ("SHRFAX:", FAX, "Microsoft Shared Fax Driver", False, "fax"),
        ("USB001", FAX, "Canon MF Fax", False, "fax"),
        ("USB001", 0, "HP Fax", False, "fax"),
        (r"\\server\front", 0, "HP", False, "shared"),
        ("IP_10.1.2.3", 0, "HP", True, "shared"),
        ("WSD-2f0c7ba9-11ab-4d21-a1f9-3c4f1e6c0002", 0, "HP", False, "announced"),
        ("SOMETHING_NEW", 0, "HP", False, "unknown"),
        ("", 0, "", False, "unknown"),
    ],
)
def test_what_is_no_printer_of_this_computer_is_told_apart(name, attributes, driver, connection, kind):
    port = port_for(name, attributes, driver, KNOWN, connection=connection)
    assert (port.kind, port.host) == (kind, None)


@pytest.mark.parametrize(
    ("values", "port"),
    [
        ({"HostName": "10.1.2.3", "IPAddress": "", "SNMP Enabled": 1}, TcpPort("10.1.2.3")),
        ({"HostName": "", "IPAddress": "10.1.2.3"}, TcpPort("10.1.2.3")),
        ({"HostName": " hp.local "}, TcpPort("hp.local")),
        ({"HostName": "hp", "SNMP Enabled": 1, "SNMP Community": "meters"}, TcpPort("hp", "meters")),
        ({"HostName": "hp", "SNMP Enabled": 0, "SNMP Community": "meters"}, TcpPort("hp")),
        ({"HostName": "hp", "SNMP Enabled": 1, "SNMP Community": 7}, TcpPort("hp")),
        ({"HostName": "hp", "SNMP Enabled": 1, "SNMP Community": "x" * 256}, TcpPort("hp")),
        ({"HostName": 7, "SNMP Enabled": 1, "SNMP Community": "meters"}, None),
        ({}, None),
    ],
)
def test_where_a_tcp_ip_port_leads_and_what_windows_asks_the_printer_with(values, port):
    assert tcp_port(values) == port


def test_a_ports_community_is_in_no_repr():
    assert "meters" not in repr(TcpPort("hp", "meters"))


CLASS = "{28d78fad-5a12-11d1-ae5b-0000f803a8c2}"


@pytest.mark.parametrize(
    ("device", "parameters", "port"),
    [
        (
            f"##?#USB#VID_03F0&PID_2B17#PHGB12#{CLASS}",
            {"Base Name": "USB", "Port Number": 1, "Port Description": "HP LaserJet 400"},
            ("usb001", UsbDevice("PHGB12", "HP LaserJet 400", rf"\\?\USB#VID_03F0&PID_2B17#PHGB12#{CLASS}")),
        ),
        # What Windows makes up for a device without a serial holds an &.
        (
            f"##?#USB#VID_04B8&PID_1143#6&1a2b3c4d&0&2#{CLASS}",
            {"Port Number": 12},
            ("usb012", UsbDevice(None, None, rf"\\?\USB#VID_04B8&PID_1143#6&1a2b3c4d&0&2#{CLASS}")),
        ),
        (f"##?#USB#VID_04B8&PID_1143&MI_01#7&1a2b#{CLASS}", {"Base Name": "USB"}, None),
        ("nonsense", {"Port Number": 3, "Port Description": 5}, ("usb003", UsbDevice(None, None, r"\\?\nonsense"))),
    ],
)
def test_the_device_behind_a_usb_port(device, parameters, port):
    assert usb_port(device, parameters) == port


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("http://10.1.2.9:5357/0eb5", "10.1.2.9"),
        ("http://[fe80::1]:5357/", "fe80::1"),
        ("http://[", None),
        (None, None),
    ],
)
def test_where_a_wsd_device_was_met(location, host):
    assert wsd_host(location) == host


def test_the_uuid_in_a_name():
    text = "urn:uuid:1F0C7BA9-11AB-4D21-A1F9-3C4F1E6C0001"
    assert uuid_in(text) == "1f0c7ba9-11ab-4d21-a1f9-3c4f1e6c0001"
    assert uuid_in("WSD-nothing") == ""
