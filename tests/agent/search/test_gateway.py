"""The default gateway, as Linux, macOS and Windows tell of it; each read from what the system really printed."""

import struct
import sys
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from flexprint_agent.search.gateway import default_gateways, of_forward_table, of_netstat, of_proc_route

OFFICE = """\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
wlan0	00000000	0101A8C0	0003	0	0	600	00000000	0	0	0
eth0	00000000	01014D0A	0003	0	0	100	00000000	0	0	0
tun0	00000000	0100080A	0003	0	0	0	00000080	0	0	0
tun0	00000080	0100080A	0003	0	0	0	00000080	0	0	0
docker0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
eth0	00014D0A	00000000	0001	0	0	100	00FFFFFF	0	0	0
"""

MACOS = """\
Routing tables

Internet:
Destination        Gateway            Flags               Netif Expire
default            link#22            UCSg                utun4
default            10.77.9.1          UGScIg                en1
default            10.77.1.1          UGScg                 en0
10.77.1/24         link#14            UCS                   en0      !
10.77.1.1/32       link#14            UCS                   en0      !
10.77.1.1          0:c0:ee:1:2:3      UHLWIir               en0   1186
127                127.0.0.1          UCS                   lo0
224.0.0/4          link#14            UmCS                  en0      !
255.255.255.255/32 link#14            UCS                   en0      !
"""


def proc(*lines):
    return "\n".join([OFFICE.splitlines()[0], *lines])


@pytest.mark.parametrize(
    ("text", "gateways"),
    [
        (OFFICE, ["10.77.1.1", "192.168.1.1"]),
        (OFFICE.splitlines()[0] + "\n", []),
        ("", []),
        # A link of its own, as of a modem, has no router to ask.
        (proc("ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0"), []),
        # Down, or refused.
        (proc("eth0\t00000000\t01014D0A\t0002\t0\t0\t0\t00000000\t0\t0\t0"), []),
        (proc("*\t00000000\t01014D0A\t0203\t0\t0\t0\t00000000\t0\t0\t0"), []),
        (proc("eth0\tnonsense", "eth0\t00000000\t01014D0A\t0003\t0\t0\t0\t00000000\t0\t0\t0"), ["10.77.1.1"]),
        (proc("eth0\t00000000\tFF01014D0A\t0003\t0\t0\t0\t00000000\t0\t0\t0"), []),
    ],
)
def test_linux_prefers_the_lowest_metric_and_a_vpn_hides_nothing(text, gateways):
    assert of_proc_route(text, "little") == gateways


def test_linux_on_a_machine_of_the_other_byte_order():
    assert of_proc_route(proc("eth0\t00000000\t0A4D0101\t0003\t0\t0\t0\t00000000\t0\t0\t0"), "big") == ["10.77.1.1"]


@pytest.mark.parametrize(
    ("text", "gateways"),
    [
        (MACOS, ["10.77.1.1", "10.77.9.1"]),
        ("", []),
        ("default link#4 UCSg utun0\n", []),
        ("default\n", []),
        ("0/0 10.77.1.1 UGS em0\n", ["10.77.1.1"]),
    ],
)
def test_macos_prefers_the_default_that_is_bound_to_no_interface(text, gateways):
    assert of_netstat(text) == gateways


def forward_row(destination, mask, hop, kind=4, metric=25):
    ip = [IPv4Address(text).packed for text in (destination, mask, hop)]
    return ip[0] + ip[1] + bytes(4) + ip[2] + struct.pack("<10I", 11, kind, 3, 60, 0, metric, *[2**32 - 1] * 4)


ON_WINDOWS = [
    forward_row("0.0.0.0", "0.0.0.0", "192.168.1.1", metric=50),
    forward_row("0.0.0.0", "0.0.0.0", "10.77.1.1", metric=25),
    forward_row("0.0.0.0", "128.0.0.0", "10.8.0.1", metric=1),
    forward_row("10.77.1.0", "255.255.255.0", "10.77.1.50", kind=3),
    forward_row("224.0.0.0", "240.0.0.0", "127.0.0.1", kind=3),
]


def forward_table(rows, count=None):
    return struct.pack("<I", len(rows) if count is None else count) + b"".join(rows)


@pytest.mark.parametrize(
    ("table", "gateways"),
    [
        (forward_table(ON_WINDOWS), ["10.77.1.1", "192.168.1.1"]),
        (forward_table(ON_WINDOWS) + bytes(200), ["10.77.1.1", "192.168.1.1"]),
        (forward_table([]), []),
        (b"", []),
        # The count promises more than there is.
        (forward_table(ON_WINDOWS, count=2**32 - 1), ["10.77.1.1", "192.168.1.1"]),
        (forward_table(ON_WINDOWS[:1])[:-1], []),
        (forward_table([forward_row("0.0.0.0", "0.0.0.0", "10.77.1.1", kind=2)]), []),
        (forward_table([forward_row("0.0.0.0", "0.0.0.0", "0.0.0.0", kind=3)]), []),
    ],
)
def test_windows_prefers_the_lowest_metric(table, gateways):
    assert of_forward_table(table) == gateways


@pytest.mark.skipif(sys.platform != "linux" or not Path("/proc/net/route").exists(), reason="not Linux")
def test_this_computer_tells_its_gateways():
    assert all(IPv4Address(gateway).is_global or IPv4Address(gateway).is_private for gateway in default_gateways())
