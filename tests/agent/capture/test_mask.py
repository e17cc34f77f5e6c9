"""A masked capture says nothing of whose printer it is, and all of how it is read."""

import re

import pytest

from flexprint_agent.capture.mask import mask
from flexprint_agent.read.identity import Speaker
from flexprint_agent.read.interpret import interpret
from flexprint_agent.read.objects import Answers
from flexprint_agent.snmp import ber
from flexprint_shared.identity import is_placeholder
from lab import office

from .conftest import KEY, MONDAY

MACHINES = [placed for placed in office.office() if placed.machine]
MIB2 = "1.3.6.1.2.1"


def values_of(placed):
    """What a printer of the office answers where it does not stand on loopback, which says nothing of anybody."""
    values = {}
    for oid, tag, content in placed.rows:
        moved = content.replace(b"127.20.", b"10.20.") if tag == ber.OCTET_STRING else content
        if tag == ber.IP_ADDRESS and content.startswith(bytes([127, 20])):
            moved = bytes([10]) + content[1:]
        values[ber.oid(oid.replace(".127.20.", ".10.20."))] = tag, moved
    return values


def read(values):
    return interpret(Speaker(Answers(values)), address="10.1.2.3", port=161, read_at=MONDAY)


def masked(table, key=KEY):
    """What becomes of a table of texts (dotted OID -> text or octets)."""
    values = {}
    for name, text in table.items():
        values[ber.oid(name)] = text if isinstance(text, tuple) else (ber.OCTET_STRING, _octets(text))
    found = mask(values, key)
    return {ber.dotted(name): content for name, (_, content) in found.items()}


def _octets(text):
    return text if isinstance(text, bytes) else text.encode()


def shape(text):
    text = text.decode("latin-1") if isinstance(text, bytes) else text
    return re.sub(r"[a-z]", "a", re.sub(r"[A-Z]", "A", re.sub(r"[0-9]", "0", text)))


@pytest.mark.parametrize("placed", MACHINES, ids=lambda placed: placed.address)
def test_no_trace_is_left_of_serial_name_place_person_and_addresses(placed):
    truth, address = placed.truth, placed.address.replace("127.", "10.")
    found = mask(values_of(placed), KEY)
    whole = b"\n".join(content for tag, content in found.values() if tag == ber.OCTET_STRING)
    mac = bytes.fromhex(truth.mac.replace(":", ""))
    secrets = [
        truth.mac,
        truth.mac.replace(":", ""),
        truth.mac.replace(":", "-"),
        address,
        truth.mac[9:].replace(":", ""),
    ]
    secrets += [text for text in (truth.serial, truth.name, truth.location, truth.contact, truth.asset) if text]
    for secret in secrets:
        known = secret.casefold() in f"{truth.maker} {truth.model}".casefold()
        assert known or secret.encode().lower() not in whole.lower(), secret
    assert mac not in whole
    assert bytes(map(int, address.split("."))) not in {content for tag, content in found.values()}
    assert not [name for name in found if address in ber.dotted(name)]


@pytest.mark.parametrize("placed", MACHINES, ids=lambda placed: placed.address)
def test_a_masked_printer_is_read_as_before(placed):
    """Same maker, model, meters, supplies, status; a serial of the same shape, and MAC addresses of the same maker."""
    plain, hidden = read(values_of(placed)), read(mask(values_of(placed), KEY))
    assert (hidden.identity.manufacturer, hidden.identity.firmware) == (
        plain.identity.manufacturer,
        plain.identity.firmware,
    )
    assert shape(hidden.identity.model or "") == shape(plain.identity.model or "")
    assert shape(hidden.identity.serial or "") == shape(plain.identity.serial or "")
    assert [mac[:8] for mac in hidden.identity.macs] == [mac[:8] for mac in plain.identity.macs]
    assert hidden.meters == plain.meters
    assert [(one.kind, one.color, one.percent) for one in hidden.supplies] == [
        (one.kind, one.color, one.percent) for one in plain.supplies
    ]
    assert (hidden.status, hidden.color) == (plain.status, plain.color)
    if plain.identity.serial and not is_placeholder(plain.identity.serial, plain.identity.model):
        assert hidden.identity.serial != plain.identity.serial
        assert not is_placeholder(hidden.identity.serial, hidden.identity.model)


def test_a_serial_has_one_mask_wherever_it_stands():
    """In its own object, with a suffix, in sysDescr, in a 1284 id, behind a PML prefix, in UTF-16, in small letters,
    as a number, in an index made of letters."""
    serial = "VNC3X12345"
    index = ".".join(str(letter) for letter in serial.encode())
    found = masked(
        {
            f"{MIB2}.1.1.0": f"HP ETHERNET MULTI-ENVIRONMENT,SN:{serial},PID:HP LaserJet MFP M130nw",
            f"{MIB2}.43.5.1.1.17.1": f"{serial}-130-0",
            f"{MIB2}.25.3.2.1.3.1": f"HP LaserJet {serial} 20201023",
            f"{MIB2}.43.18.1.1.8.1.1": f"Cartridge of {serial.lower()} is low",
            "1.3.6.1.4.1.11.2.3.9.1.1.7.0": f"MFG:HP;MDL:HP LaserJet MFP M130nw;SN:{serial};",
            "1.3.6.1.4.1.11.2.3.9.4.2.1.1.3.3.0": b"\x01\x15" + serial.encode() + b"\0",
            "1.3.6.1.4.1.11.2.9.1.0": serial.encode("utf-16-le"),
            f"1.3.6.1.4.1.11.2.9.2.{index}": "x",
        }
    )
    own = found[f"{MIB2}.43.5.1.1.17.1"].decode()
    mask_of = own.removesuffix("-130-0")
    assert mask_of != serial
    assert shape(mask_of) == shape(serial)
    assert found[f"{MIB2}.1.1.0"].decode() == f"HP ETHERNET MULTI-ENVIRONMENT,SN:{mask_of},PID:HP LaserJet MFP M130nw"
    assert mask_of in found[f"{MIB2}.25.3.2.1.3.1"].decode()
    assert mask_of.lower() in found[f"{MIB2}.43.18.1.1.8.1.1"].decode()
    assert f"SN:{mask_of};" in found["1.3.6.1.4.1.11.2.3.9.1.1.7.0"].decode()
    assert found["1.3.6.1.4.1.11.2.3.9.4.2.1.1.3.3.0"] == b"\x01\x15" + mask_of.encode() + b"\0"
    assert found["1.3.6.1.4.1.11.2.9.1.0"] == mask_of.encode("utf-16-le")
    assert f"1.3.6.1.4.1.11.2.9.2.{'.'.join(str(letter) for letter in mask_of.encode())}" in found


def test_a_serial_of_digits_is_masked_as_a_number_too():
    number = (ber.INTEGER, ber.signed(1511796600))
    found = masked({f"{MIB2}.43.5.1.1.17.1": "1511796600", "1.3.6.1.4.1.2385.1.1.0": number})
    assert found[f"{MIB2}.43.5.1.1.17.1"] != b"1511796600"
    assert str(ber.integer((ber.INTEGER, found["1.3.6.1.4.1.2385.1.1.0"]))) == found[
        f"{MIB2}.43.5.1.1.17.1"
    ].decode().lstrip("0")


def test_the_same_key_gives_the_same_mask_and_another_key_another():
    table = {f"{MIB2}.43.5.1.1.17.1": "VD21457943", f"{MIB2}.1.5.0": "KMB902DE"}
    assert masked(table) == masked(table)
    assert masked(table) != masked(table, b"another key")


def test_what_people_wrote_is_masked_word_for_word_but_not_the_words_of_the_model():
    found = masked(
        {
            f"{MIB2}.1.4.0": "Jane Doe, +44 20 7946 0958, jane.doe@example.com",
            f"{MIB2}.1.5.0": "ECOSYS P2040dw Reception",
            f"{MIB2}.1.6.0": "2. Stock, Büro",
            f"{MIB2}.25.3.2.1.3.1": "ECOSYS P2040dw",
            f"{MIB2}.1.1.0": "KYOCERA Document Solutions Printing System",
            "1.3.6.1.4.1.1347.9.1.0": "mail to jane.doe@example.com or it@example.org",
        }
    )
    assert shape(found[f"{MIB2}.1.4.0"]) == "Aaaa Aaa, +00 00 0000 0000, aaaa.aaa@aaaaaaa.aaa"
    assert found[f"{MIB2}.1.5.0"].decode().startswith("ECOSYS P2040dw ")
    assert b"Reception" not in found[f"{MIB2}.1.5.0"]
    place = found[f"{MIB2}.1.6.0"]
    assert len(place) == len("2. Stock, Büro".encode())
    assert b"Stock" not in place
    assert b"jane" not in found["1.3.6.1.4.1.1347.9.1.0"]
    assert b"@example" not in found["1.3.6.1.4.1.1347.9.1.0"]
    assert found[f"{MIB2}.25.3.2.1.3.1"] == b"ECOSYS P2040dw"


def test_a_short_word_that_people_wrote_does_not_change_other_texts():
    """A printer in the hall must not lose the supply of that name."""
    found = masked({f"{MIB2}.1.6.0": "Toner", f"{MIB2}.43.11.1.1.6.1.1": "Black Toner"})
    assert found[f"{MIB2}.43.11.1.1.6.1.1"] == b"Black Toner"
    assert found[f"{MIB2}.1.6.0"] != b"Toner"


def test_a_mac_address_keeps_its_makers_half_in_every_spelling():
    mac = bytes.fromhex("0017c8b902de")
    found = masked(
        {
            f"{MIB2}.2.2.1.6.1": mac,
            f"{MIB2}.2.2.1.6.2": b"",
            f"{MIB2}.2.2.1.6.3": bytes(6),
            f"{MIB2}.1.5.0": "KMB902DE",
            "1.3.6.1.4.1.1347.1.1.0": "0017C8B902DE",
            "1.3.6.1.4.1.1347.1.2.0": "00:17:c8:b9:02:de",
            "1.3.6.1.4.1.1347.1.3.0": "00-17-C8-B9-02-DE and 00:00:48:12:34:56",
            "1.3.6.1.4.1.1347.1.4.0": "BRN0017C8B902DE",
            "1.3.6.1.4.1.1347.1.5.0": "http://KMB902DE.local/",
            "1.3.6.1.4.1.1347.2.1.0.23.200.185.2.222": "by address",
            "1.3.6.1.6.3.10.2.1.1.0": bytes.fromhex("8000054303") + mac,
        }
    )
    own = found[f"{MIB2}.2.2.1.6.1"]
    assert own[:3] == mac[:3]
    assert own != mac
    assert found[f"{MIB2}.2.2.1.6.3"] == bytes(6)
    assert found["1.3.6.1.4.1.1347.1.1.0"] == own.hex().upper().encode()
    assert found["1.3.6.1.4.1.1347.1.2.0"] == own.hex(":").encode()
    assert found["1.3.6.1.4.1.1347.1.3.0"].startswith(own.hex("-").upper().encode())
    assert b"12:34:56" not in found["1.3.6.1.4.1.1347.1.3.0"]
    assert found["1.3.6.1.4.1.1347.1.4.0"] == b"BRN" + own.hex().upper().encode()
    assert found["1.3.6.1.4.1.1347.1.5.0"] == b"http://" + found[f"{MIB2}.1.5.0"] + b".local/"
    assert f"1.3.6.1.4.1.1347.2.1.{'.'.join(map(str, own))}" in found
    assert mac not in found["1.3.6.1.6.3.10.2.1.1.0"]
    assert found["1.3.6.1.6.3.10.2.1.1.0"].startswith(bytes.fromhex("8000054303"))


def test_an_address_is_masked_in_values_in_indexes_and_in_texts_and_masks_stay():
    own = (ber.IP_ADDRESS, bytes([192, 168, 0, 212]))
    found = masked(
        {
            f"{MIB2}.4.20.1.1.192.168.0.212": own,
            f"{MIB2}.4.20.1.3.192.168.0.212": (ber.IP_ADDRESS, bytes([255, 255, 252, 0])),
            f"{MIB2}.4.20.1.1.127.0.0.1": (ber.IP_ADDRESS, bytes([127, 0, 0, 1])),
            "1.3.6.1.4.1.1347.1.1.0": "http://192.168.0.212/ipp, gateway 10.20.30.40",
            "1.3.6.1.4.1.1347.1.2.0": bytes([192, 168, 0, 212]),
            "1.3.6.1.4.1.1347.1.3.0": "2RX_3000.002.503 and 1.2.192.168.0.212.5",
            "1.3.6.1.4.1.1347.1.4.0": "fe80::217:c8ff:feb9:2de",
        }
    )
    [new] = [name.removeprefix(f"{MIB2}.4.20.1.3.") for name in found if name.startswith(f"{MIB2}.4.20.1.3.")]
    assert new.startswith("192.168.")
    assert new != "192.168.0.212"
    assert found[f"{MIB2}.4.20.1.1.{new}"] == bytes(map(int, new.split(".")))
    assert found[f"{MIB2}.4.20.1.3.{new}"] == bytes([255, 255, 252, 0])
    assert found[f"{MIB2}.4.20.1.1.127.0.0.1"] == bytes([127, 0, 0, 1])
    assert f"http://{new}/ipp".encode() in found["1.3.6.1.4.1.1347.1.1.0"]
    assert b"10.20.30.40" not in found["1.3.6.1.4.1.1347.1.1.0"]
    assert found["1.3.6.1.4.1.1347.1.2.0"] == found[f"{MIB2}.4.20.1.1.{new}"]
    assert found["1.3.6.1.4.1.1347.1.3.0"] == b"2RX_3000.002.503 and 1.2.192.168.0.212.5"
    assert b"c8ff" not in found["1.3.6.1.4.1.1347.1.4.0"]
    assert found["1.3.6.1.4.1.1347.1.4.0"].startswith(b"fe80:")


def test_serials_of_supplies_and_trays_are_masked_too():
    found = masked(
        {
            f"{MIB2}.43.11.1.1.6.1.1": "Black Toner S/N:CRUM-210729A5BB3",
            f"{MIB2}.43.11.1.1.6.1.2": "Cyan Toner, PN 006R01697, SN 1A2B3C4D5E",
            f"{MIB2}.43.8.2.1.17.1.1": "TR99812345",
        }
    )
    assert found[f"{MIB2}.43.11.1.1.6.1.1"].startswith(b"Black Toner S/N:CRUM-")
    assert b"210729A5BB3" not in found[f"{MIB2}.43.11.1.1.6.1.1"]
    assert found[f"{MIB2}.43.11.1.1.6.1.2"].startswith(b"Cyan Toner, PN 006R01697, SN ")
    assert b"1A2B3C4D5E" not in found[f"{MIB2}.43.11.1.1.6.1.2"]
    assert found[f"{MIB2}.43.8.2.1.17.1.1"] != b"TR99812345"


@pytest.mark.parametrize("serial", ["ABCDEFGH", "A1", "12-34"])
def test_a_serial_of_an_odd_form_is_masked_where_it_stands(serial):
    """Without digits or very short it cannot be looked for in other texts."""
    found = masked({f"{MIB2}.43.5.1.1.17.1": serial, f"{MIB2}.43.11.1.1.6.1.1": "serial number ABCDEFGHI A12"})
    assert found[f"{MIB2}.43.5.1.1.17.1"] != serial.encode()
    assert shape(found[f"{MIB2}.43.5.1.1.17.1"]) == shape(serial)


def test_a_placeholder_stays_one():
    """What identifies nothing must be seen to identify nothing."""
    assert masked({f"{MIB2}.43.5.1.1.17.1": "0000000000"})[f"{MIB2}.43.5.1.1.17.1"] == b"0000000000"


@pytest.mark.parametrize(
    "text",
    ["Jörg".encode("latin-1"), "Jörg".encode("utf-16-be"), "受付 2".encode(), b"\xff\xfe\x00", b"\x01\x15B\xfcro\0"],
)
def test_a_text_keeps_its_length_in_any_encoding(text):
    assert len(masked({f"{MIB2}.1.4.0": text})[f"{MIB2}.1.4.0"]) == len(text)


def test_nothing_at_all_is_masked_to_nothing():
    assert mask({}, KEY) == {}
