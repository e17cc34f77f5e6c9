from dataclasses import replace
from datetime import timedelta

import pytest

from flexprint_agent.keep.devices import same_device
from flexprint_shared.readings import Identity

MACS = ("00:17:c8:b9:00:01", "00:17:c8:b9:00:02")


@pytest.mark.parametrize(
    ("keys", "holders", "with_serial", "device"),
    [
        ((), {}, (), None),
        (("serial:k:A",), {}, (), None),
        (("serial:k:A",), {"serial:k:A": 1}, (1,), 1),
        (("serial:k:A", "mac:x"), {"serial:k:A": 1, "mac:x": 2}, (1, 2), 1),
        # It gave no serial before, and does now.
        (("serial:k:A", "mac:x"), {"mac:x": 2}, (), 2),
        # The network card moved here from another printer.
        (("serial:k:A", "mac:x"), {"mac:x": 2}, (2,), None),
        # It does not tell its serial today.
        (("mac:x",), {"mac:x": 2}, (2,), 2),
    ],
)
def test_a_serial_names_a_device_before_a_mac_address_does(keys, holders, with_serial, device):
    assert same_device(keys, holders, frozenset(with_serial)) == device


def test_a_printer_that_moved_stays_one_device(keep, a_read):
    read = a_read(1, total=10)
    assert keep.keep_read(read, {"layout": 1})
    moved = replace(read, address="127.5.9.9", read_at=read.read_at + timedelta(hours=1))
    assert not keep.keep_read(moved, {"layout": 2})
    (device,) = keep.devices.all()
    assert (device.address, device.first_seen_at, device.last_read_at) == ("127.5.9.9", read.read_at, moved.read_at)
    assert keep.devices.knowledge(device.id) == {"layout": 2}
    assert device.meters == {"total": 10}


def test_what_was_learned_is_kept_until_something_new_is(keep, a_read):
    keep.keep_read(a_read(1), {"layout": 1})
    keep.keep_read(a_read(1), None)
    assert keep.devices.knowledge(keep.devices.all()[0].id) == {"layout": 1}


def test_two_printers_that_swapped_addresses_stay_two(keep, a_read):
    first, second = a_read(1), a_read(2)
    for read in (first, second, replace(first, address=second.address), replace(second, address=first.address)):
        keep.keep_read(read, {})
    assert [(d.identity.serial, d.address) for d in keep.devices.all()] == [
        (second.identity.serial, first.address),
        (first.identity.serial, second.address),
    ]


def test_an_address_alone_identifies_nothing(keep, a_read):
    """Another printer at a known address is another device; the old one is kept, at no address."""
    keep.keep_read(a_read(1), {})
    assert keep.keep_read(a_read(2, address=a_read(1).address), {})
    here, lost = keep.devices.all()
    assert (here.address, lost.address, lost.was_at) == (a_read(1).address, None, a_read(1).address)
    assert (here.silent_since, lost.silent_since) == (None, a_read(2).read_at)


def test_a_printer_without_serial_or_mac_is_followed_at_its_place(keep, a_read):
    nameless = replace(a_read(1), identity=Identity(model="Generic", serial="0000000"))
    assert keep.keep_read(nameless, {})
    assert not keep.keep_read(nameless, {})
    assert keep.devices.count() == 1
    assert keep.keep_read(a_read(2, address=nameless.address), {})
    assert [d.identity.serial for d in keep.devices.all()] == [a_read(2).identity.serial]


def test_what_a_printer_does_not_say_today_is_not_forgotten(keep, a_read):
    read = a_read(1)
    keep.keep_read(read, {})
    keep.keep_read(replace(read, identity=replace(read.identity, serial=None, model=None, location="Hall")), {})
    (device,) = keep.devices.all()
    assert (device.identity.serial, device.identity.location) == (read.identity.serial, "Hall")


def test_silence_begins_once_and_ends_with_a_read(keep, a_read, now):
    keep.keep_read(a_read(1), {})
    (device,) = keep.devices.all()
    keep.keep_silence(device.id, now)
    keep.keep_silence(device.id, now + timedelta(hours=1))
    assert keep.devices.all()[0].silent_since == now
    keep.keep_read(a_read(1), {})
    assert keep.devices.all()[0].silent_since is None


def test_devices_are_listed_by_address_as_numbers(keep, a_read):
    for number, address in enumerate(["fe80::1%eth0", "2001:db8::1", "10.0.0.10", "10.0.0.9", "9.0.0.1"], start=1):
        keep.keep_read(a_read(number, address=address), {})
    listed = ["9.0.0.1", "10.0.0.9", "10.0.0.10", "2001:db8::1", "fe80::1%eth0"]
    assert [d.address for d in keep.devices.all()] == listed
