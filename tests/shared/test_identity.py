"""What names a device, and what only looks as if it did."""

from dataclasses import replace

import pytest
from hypothesis import given

from flexprint_shared.identity import identity_keys, is_named, is_placeholder, is_unique_engine, is_unique_mac
from flexprint_shared.readings import Identity
from services.reads import identities


@pytest.mark.parametrize(
    "serial",
    [
        None, "", "   ", "0", "0000000000", "XXXXXXXXXX", "xxxx", "----", "N/A", "n.a.", "none", "NULL", "Unknown",
        "not set", "NOT AVAILABLE", "serial number", "SN", "default", "1234567890", "0123456789", "123456789",
        "12345678900", "1234567", "111111", "********",
    ],
)  # fmt: skip
def test_a_placeholder_identifies_nothing(serial):
    assert is_placeholder(serial)


@pytest.mark.parametrize(
    "serial", ["VD21457943", "E75255F4N123456", "3089R210145", "00000001A", "12345678A", "A1", "90"]
)
def test_a_real_serial_is_no_placeholder(serial):
    assert not is_placeholder(serial, "ECOSYS P2040dw")


def test_a_serial_that_is_the_models_name_identifies_nothing():
    assert is_placeholder("HL-5370DW", "hl 5370dw")
    assert not is_placeholder("HL-5370DW", "HL-5380DN")


@pytest.mark.parametrize(
    ("mac", "unique"),
    [
        ("00:17:c8:b9:02:de", True),
        ("0017c8b902de", True),
        ("00:00:00:00:00:00", False),
        ("ff:ff:ff:ff:ff:ff", False),
        ("02:42:ac:11:00:02", False),  # locally administered
        ("01:00:5e:00:00:fb", False),  # multicast
        ("00:17:c8:b9:02", False),
        ("", False),
    ],
)
def test_only_a_universal_unicast_mac_belongs_to_one_device(mac, unique):
    assert is_unique_mac(mac) is unique


def test_the_serial_is_the_strongest_key_and_carries_its_maker():
    """Short serials of two makers do collide; case and spaces do not make another device."""
    macs = ("00:17:c8:b9:02:de", "00:17:c8:b9:02:dd")
    keys = ("serial:kyocera:VD21457943", "mac:0017c8b902dd", "mac:0017c8b902de")
    assert identity_keys(Identity(manufacturer="KYOCERA", serial="VD21457943", macs=macs)) == keys
    assert identity_keys(Identity(manufacturer="Kyocera ", serial=" vd21457943 ", macs=macs)) == keys


@pytest.mark.parametrize(
    ("engine", "unique"),
    [
        ("8000053d030017c8b902de", True),  # of a MAC address
        ("80001f88041234567890", True),  # text or octets that somebody chose
        ("80001f8005ab12cd34ef56", True),
        ("8000053d03020000000001", False),  # of a MAC address that is not the device's own
        ("8000053d03000000000000", False),
        ("8000053d010a010203", False),  # of an IPv4 address
        ("8000053d02fe800000000000000217c8fffeb902de", False),  # of an IPv6 address
        ("80001f880500000000000000", False),
        ("0000053d030017c8b902de", False),  # of before RFC 3411
        ("80001f88", False),
        ("", False),
        ("no digits", False),
    ],
)
def test_an_engine_that_is_made_of_an_address_identifies_nothing(engine, unique):
    assert is_unique_engine(engine) is unique


def test_an_engine_is_the_weakest_key_and_told_only_where_there_is_no_other():
    nameless = Identity(serial="0000000", engine="80001f88041234567890")
    assert identity_keys(nameless) == ("engine:80001f88041234567890",)
    named = replace(nameless, serial="VD1", macs=("00:17:c8:b9:02:de",))
    assert identity_keys(named) == ("serial::VD1", "mac:0017c8b902de", "engine:80001f88041234567890")
    assert (is_named(nameless), is_named(named)) == (False, True)


def test_a_device_without_serial_and_mac_has_no_key():
    assert (
        identity_keys(Identity(manufacturer="HP", model="LaserJet", serial="XXXXXXX", macs=("02:00:00:00:00:01",)))
        == ()
    )


@given(identities)
def test_any_identity_has_keys_or_none_but_never_crashes(identity):
    keys = identity_keys(identity)
    assert len(set(keys)) == len(keys)
