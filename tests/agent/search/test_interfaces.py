"""What the systems answer, and what it means for a search."""

import socket
import struct
import sys
from ipaddress import ip_interface

import pytest

from flexprint_agent.search.interfaces import Adapter, Ifaddr, Interface, local_interfaces, of_adapters, of_ifaddrs

# UP, BROADCAST, LOOPBACK, POINTOPOINT, RUNNING; MULTICAST of Linux and of macOS.
UP, BROADCAST, LOOPBACK, POINT, RUNNING = 0x1, 0x2, 0x8, 0x10, 0x40
LINUX, MACOS = 0x1000, 0x8000
ETHERNET = UP | BROADCAST | RUNNING


def linux(text, scope=0):
    """A sockaddr as Linux and Windows lay it out, in this machine's order of octets."""
    if ":" in text:
        family = 23 if scope == "windows" else 10
        return struct.pack("=HHI16sI", family, 0, 0, socket.inet_pton(socket.AF_INET6, text), 0)
    return struct.pack("=HH4s8x", 2, 0, socket.inet_aton(text))


def macos(text):
    if ":" in text:
        return struct.pack("=BBHI16sI", 28, 30, 0, 0, socket.inet_pton(socket.AF_INET6, text), 0)
    return struct.pack("=BBH4s8x", 16, 2, 0, socket.inet_aton(text))


def described(interfaces):
    return [(one.name, one.index, [str(address) for address in one.addresses]) for one in interfaces]


def test_linux_tells_each_address_with_its_network():
    rows = [
        Ifaddr("lo", 1, UP | LOOPBACK | RUNNING, linux("127.0.0.1"), linux("255.0.0.0")),
        Ifaddr("eth0", 2, ETHERNET | LINUX, b"\x11\x00", b""),  # AF_PACKET
        Ifaddr("eth0", 2, ETHERNET | LINUX, linux("10.77.1.50"), linux("255.255.255.0")),
        Ifaddr("eth0", 2, ETHERNET | LINUX, linux("172.16.9.1"), linux("255.255.254.0")),
        Ifaddr("eth0", 2, ETHERNET | LINUX, linux("fe80::1"), linux("ffff:ffff:ffff:ffff::")),
        Ifaddr("docker0", 3, UP | BROADCAST | LINUX, linux("172.17.0.1"), linux("255.255.0.0")),
        Ifaddr("tun0", 4, UP | RUNNING | POINT | LINUX, linux("10.8.0.2"), linux("255.255.255.255")),
    ]
    found = of_ifaddrs(rows, bsd=False)
    assert described(found) == [
        ("eth0", 2, ["10.77.1.50/24", "172.16.9.1/23", "fe80::1/64"]),
        ("tun0", 4, ["10.8.0.2/32"]),
    ]
    assert [(one.broadcast, one.multicast) for one in found] == [(True, True), (False, True)]


def test_macos_cuts_netmasks_short_and_keeps_the_scope_in_the_address():
    rows = [
        Ifaddr("en0", 4, ETHERNET | MACOS, macos("10.77.1.50"), bytes((7, 0, 0, 0, 255, 255, 255))),
        Ifaddr("en0", 4, ETHERNET | MACOS, macos("fe80:4::aa"), macos("ffff:ffff:ffff:ffff::")),
    ]
    (found,) = of_ifaddrs(rows, bsd=True)
    assert found == Interface("en0", 4, (ip_interface("10.77.1.50/24"), ip_interface("fe80::aa/64")), True, True)


@pytest.mark.parametrize("octets", [b"", b"\x02", linux("10.0.0.1")[:6], linux("fe80::1")[:20]])
def test_what_is_no_whole_address_is_left_out(octets):
    assert of_ifaddrs([Ifaddr("eth0", 2, ETHERNET, octets, b"")], bsd=False) == []
    assert of_adapters([Adapter(2, 6, 1, 0, octets, 24)]) == []


def test_windows_tells_adapters_that_are_up():
    rows = [
        Adapter(1, 24, 1, 0, linux("127.0.0.1"), 8),
        Adapter(12, 6, 1, 0, linux("fe80::1", "windows"), 64),
        Adapter(12, 6, 1, 0, linux("10.77.1.50"), 24),
        Adapter(13, 71, 2, 0, linux("192.168.1.5"), 24),  # wireless, down
        Adapter(14, 23, 1, 0x10, linux("10.8.0.2"), 32),  # PPP
        Adapter(15, 6, 1, 0, linux("10.9.0.2"), 255),
    ]
    found = of_adapters(rows)
    assert described(found) == [("12", 12, ["fe80::1/64", "10.77.1.50/24"]), ("14", 14, ["10.8.0.2/32"])]
    assert [(one.broadcast, one.multicast) for one in found] == [(True, True), (False, False)]


@pytest.mark.skipif(not sys.platform.startswith(("linux", "darwin")), reason="asks for what this system calls them")
def test_this_system_tells_its_interfaces_by_names_it_knows():
    for one in local_interfaces():
        assert socket.if_nametoindex(one.name) == one.index
        assert not any(address.is_loopback for address in one.addresses)
