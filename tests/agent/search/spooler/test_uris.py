import random

import pytest

from flexprint_agent.search.spooler.queues import Port
from flexprint_agent.search.spooler.uris import port_of


def network(uri, host):
    return Port("network", uri, host=host)


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("socket://10.1.2.3", "10.1.2.3"),
        ("socket://10.1.2.3:9100/?waiteof=false", "10.1.2.3"),
        ("lpd://printer.example.com/queue", "printer.example.com"),
        ("lpd://user@10.1.2.3/queue", "10.1.2.3"),
        ("ipp://10.1.2.3:631/ipp/print", "10.1.2.3"),
        ("IPPS://Printer.Example.Com./ipp/print", "Printer.Example.Com"),
        ("http://10.1.2.3:631/ipp", "10.1.2.3"),
        ("ipp://[2001:db8::7]/ipp/print", "2001:db8::7"),
        ("ipp://[fe80::1%25eth0]:631/ipp/print", "fe80::1%eth0"),
        ("ipp://[v1.fe80::1+eth0]/ipp/print", "fe80::1%eth0"),
        ("socket://front%2Ddesk", "front-desk"),
        ("hp:/net/HP_LaserJet_400?ip=10.1.2.3", "10.1.2.3"),
        ("hp:/net/HP_LaserJet_400?hostname=hp400.local", "hp400.local"),
        ("beh:/1/3/5/socket://10.1.2.3:9100", None),
    ],
)
def test_a_printer_on_the_network_is_known_by_its_host(uri, host):
    if host is None:
        assert port_of(uri) == network("socket://10.1.2.3:9100", "10.1.2.3")
    else:
        assert port_of(uri) == network(uri, host)


@pytest.mark.parametrize(
    ("uri", "bus", "manufacturer", "model", "serial"),
    [
        ("usb://HP/LaserJet%20400?serial=PHGB12", "usb", "HP", "LaserJet 400", "PHGB12"),
        ("usb://Brother/HL-L2350DW%20series?serial=E7&interface=1", "usb", "Brother", "HL-L2350DW series", "E7"),
        ("usb://Unknown/Printer", "usb", "Unknown", "Printer", None),
        ("gutenprint53+usb://canon-ip4200/Canon/iP4200?serial=C1", "usb", "canon-ip4200", "Canon/iP4200", "C1"),
        ("hp:/usb/HP_LaserJet_400?serial=PHGB12", "usb", "HP", "HP LaserJet 400", "PHGB12"),
        ("hp:/par/HP_LaserJet_1100?device=/dev/parport0", "parallel", "HP", "HP LaserJet 1100", None),
        ("parallel:/dev/lp0", "parallel", None, None, None),
        ("serial:/dev/ttyS0?baud=9600", "serial", None, None, None),
    ],
)
def test_a_printer_on_a_cable_is_known_by_what_its_uri_says(uri, bus, manufacturer, model, serial):
    port = port_of(uri)
    assert (port.kind, port.bus, port.manufacturer, port.model, port.serial) == (
        "local", bus, manufacturer, model, serial,
    )  # fmt: skip


def test_two_queues_of_one_cable_have_one_name():
    first, second = "usb://HP/LaserJet?serial=1&interface=1", "usb://HP/LaserJet?interface=2&serial=1"
    assert port_of(first).name == port_of(second).name != port_of("usb://HP/LaserJet?serial=2").name


@pytest.mark.parametrize(
    ("uri", "port", "path"),
    [
        ("ipp://localhost:60000/ipp/print", 60000, "/ipp/print"),
        ("ipp://127.0.0.1:60001", 60001, "/"),
        ("ipp://[::1]/ipp/print", 631, "/ipp/print"),
    ],
)
def test_a_printer_that_speaks_ipp_over_usb_is_asked_on_loopback(uri, port, path):
    found = port_of(uri)
    assert (found.kind, found.ipp_port, found.ipp_path) == ("ipp", port, path)


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        ("dnssd://HP%20400%20%5B12%5D._ipp._tcp.local/?uuid=1c852a4d", "announced"),
        ("ipps://HP%20400._ipps._tcp.local:631/ipp/print", "announced"),
        ("implicitclass://HP400/", "announced"),
        ("hp:/net/HP_LaserJet?zc=NPI1234", "announced"),
        ("smb://server/queue", "shared"),
        ("ipp://server.example.com/printers/front", "shared"),
        ("https://server/printers/front/.printer", "shared"),
        ("ipp://localhost/printers/front", "shared"),
        ("hpfax:/usb/HP?serial=1", "fax"),
        ("cups-pdf:/", "virtual"),
        ("file:///dev/null", "virtual"),
        ("/dev/null", "virtual"),
        ("", "unknown"),
        ("???", "unknown"),
        ("socket://", "unknown"),
        ("socket://[::1", "unknown"),
        ("ipp://a:99999999/", "unknown"),
        ("teleport://10.1.2.3", "unknown"),
    ],
)
def test_what_is_no_printer_to_be_asked_is_told_apart(uri, kind):
    assert port_of(uri).kind == kind
    assert port_of(uri).host is None


def test_no_uri_whatever_makes_it_fail():
    chance = random.Random(631)
    letters = "usb:/ipp?&=%[]@+.#\x00é\ud800 0123456789abc"
    for _ in range(20_000):
        port_of("".join(chance.choice(letters) for _ in range(chance.randrange(40))))
    assert port_of("usb://" + "A" * 1_000_000).kind == "local"
