"""The simulated office holds what it says it holds."""

from collections import Counter
from ipaddress import IPv4Address, IPv4Network

import pytest

from flexprint_shared.identity import is_placeholder, is_unique_mac
from flexprint_shared.meters import is_meter_name
from lab import wire
from lab.device import Device
from lab.office import SEGMENTS, addresses, grown, office
from lab.office.machine import machine, printed
from lab.office.values import encoded

OFFICE = office()
PRINTERS = [one for one in OFFICE if one.truth]
DECOYS = [one for one in OFFICE if not one.truth]
LIFE_COUNT = "1.3.6.1.2.1.43.10.2.1.4.1.1"


def number(device, oid: str) -> int | None:
    return next((int.from_bytes(row.content, "big") for row in device.rows if row.oid == oid), None)


def texts(device, column: str) -> list[bytes]:
    return [row.content for row in device.rows if row.oid.startswith(f"1.3.6.1.2.1.{column}.")]


def named(model: str):
    return next(one for one in PRINTERS if model in one.truth.model)


def test_it_is_large_and_mixed_enough():
    assert len(PRINTERS) >= 44
    assert len({one.truth.maker for one in PRINTERS}) >= 12
    assert len(DECOYS) == 12
    assert 500 <= len(addresses()) - len(OFFICE) <= 700


def test_each_device_stands_alone_at_an_address_of_the_office():
    assert [address for address, count in Counter(one.address for one in OFFICE).items() if count > 1] == []
    assert {one.address for one in OFFICE} <= set(addresses())
    for segment in SEGMENTS:
        assert any(IPv4Address(one.address) in IPv4Network(segment) for one in PRINTERS)


def test_each_printer_can_be_told_from_every_other():
    assert len({one.truth.serial for one in PRINTERS}) == len(PRINTERS)
    assert len({one.truth.mac for one in PRINTERS}) == len(PRINTERS)
    for one in PRINTERS:
        assert is_unique_mac(one.truth.mac), one.truth
        assert not is_placeholder(one.truth.serial, one.truth.model), one.truth


def test_each_table_has_a_believable_size():
    for one in PRINTERS:
        least, most = (40, 80) if one.truth.total is None else (200, 400)
        assert least <= len(one.rows) <= most, one.truth


def test_each_table_is_legal_and_answers_its_own_objects():
    for one in OFFICE:
        device = Device(one.rows)
        assert len(device.table) == len({row.oid for row in one.rows})
        asked = wire.question(wire.GETNEXT, 1, (wire.oid("1.3"),))
        assert b"\x06\x08" + wire.oid("1.3.6.1.2.1.1.1.0") in device.answer(wire.parse(asked))


def test_counters_fit_32_bits_and_add_up():
    for one in PRINTERS:
        meters = one.truth.meters
        assert all(0 <= value < 2**31 for value in meters.values()), one.truth
        assert all(is_meter_name(name) for name in meters), one.truth
        if "total" in meters:
            assert meters["total"] == meters["total.mono"] + meters.get("total.color", 0)
            assert meters["total"] == meters["print"] + meters.get("copy", 0) + meters.get("fax", 0)
            assert meters["print"] == meters["print.mono"] + meters.get("print.color", 0)


def test_the_life_count_is_the_total_except_where_the_maker_counts_the_engine():
    for one in PRINTERS:
        life = number(one, LIFE_COUNT)
        if one.truth.maker == "Kyocera":
            assert life > one.truth.total == number(one, "1.3.6.1.4.1.1347.43.10.1.1.12.1.1")
        elif life is not None:
            assert life == one.truth.total


def test_a_brother_inkjet_has_no_life_count_but_a_blob():
    inkjet = named("J6945")
    assert number(inkjet, LIFE_COUNT) is None
    blob = next(row.content for row in inkjet.rows if row.oid.endswith("2435.2.3.9.4.2.1.5.5.10.0"))
    mono, color = inkjet.truth.meters["total.mono"], inkjet.truth.meters["total.color"]
    assert blob == b"\x01\x01\x04" + mono.to_bytes(4, "big") + b"\x02\x01\x04" + color.to_bytes(4, "big") + b"\xff"


def test_hp_hides_its_serial_behind_a_symbol_set_word():
    hp = named("M404")
    assert texts(hp, "43.5.1.1.17") == []
    serial = next(row.content for row in hp.rows if row.oid.endswith("11.2.3.9.4.2.1.1.3.3.0"))
    assert serial == b"\x01\x15" + hp.truth.serial.encode() + b"\0"


@pytest.mark.parametrize(
    ("model", "codec", "text"),
    [
        ("MS521", "cp850", "Kit de manutenção"),
        ("C3350i", "iso8859-2", "Toner (Żółty)"),
        ("L5100", "hp-roman8", "Trommeleinheit für Laser"),
        ("MP C2004", "utf-8", "Flacon de toner usagé"),
    ],
)
def test_panels_speak_languages_in_their_own_character_sets(model, codec, text):
    device = named(model)
    assert text.encode(codec) in texts(device, "43.11.1.1.6")
    assert text in [supply.name for supply in device.truth.supplies]


def test_special_levels_and_waste_boxes():
    """What is left of a toner, what room is left in a waste box (RFC 3805), and words that are no numbers."""
    hp = named("M577")
    waste = hp.truth.supplies[-1]
    assert (waste.kind, waste.percent, waste.level) == ("wasteToner", 35, 65)
    some = named("HL-L2350DW").truth.supplies[0]
    assert (some.percent, some.level, some.capacity) == (None, -3, -2)


def test_error_bits_are_counted_from_the_top_of_the_first_octet():
    assert texts(named("P3145dn"), "25.3.5.1.2") == [b"\x20"]
    assert texts(named("MX622"), "25.3.5.1.2") == [b"\x00\x02"]


def test_some_decoys_claim_to_be_printers():
    printer = wire.oid("1.3.6.1.2.1.25.3.1.5")
    claiming = [one.kind for one in DECOYS if printer in texts(one, "25.3.2.1.2")]
    assert sorted(claiming) == ["BMC", "Windows server", "camera", "wireless controller"]


def test_some_printers_have_quirks():
    assert not named("C5250").quirks.v2c
    assert {named("M4070").quirks.bulk, named("MFC-L8900CDW").quirks.bulk} == {"genErr", "silence"}
    assert named("bizhub 458e").quirks.message_octets == 484


def test_printing_moves_the_counters_that_move_on_a_real_machine():
    before = named("TASKalfa")
    after = grown(before, 100)
    assert after.truth.total == before.truth.total + 100
    assert number(after, LIFE_COUNT) == number(before, LIFE_COUNT) + 100
    assert all(after.truth.meters[name] >= value for name, value in before.truth.meters.items())
    assert after.truth.meters["total.color"] > before.truth.meters["total.color"]
    assert (after.address, after.truth.serial, len(after.rows)) == (
        before.address,
        before.truth.serial,
        len(before.rows),
    )


def test_small_steps_keep_the_share_of_colour():
    one = named("TASKalfa").machine
    share = one.counters["color"] / one.counters["total"]
    for _ in range(1000):
        one = printed(one, 1)
    assert one.counters["color"] / one.counters["total"] == pytest.approx(share, abs=0.005)


def test_what_counts_no_pages_does_not_grow():
    label = named("ZD621")
    assert grown(label, 5).rows == label.rows
    assert grown(DECOYS[0], 5) is DECOYS[0]


def test_a_word_that_means_nothing_is_refused():
    maker = {"maker": "X", "models": {"a": {"model": "A"}}}
    with pytest.raises(ValueError, match="colour"):
        machine(maker, {"model": "a", "at": "10.9", "serial": "1", "colour": True})


def test_values_of_every_type_are_encoded():
    assert encoded("blob", "00=1 6f=4200") == (4, bytes.fromhex("000104000000016f010400001068ff"))
    assert encoded("pml", "HP") == (4, b"\x01\x15HP\0")
    assert encoded("int", "-3") == (2, b"\xfd")
    assert encoded("wide", str(2**63)) == (0x46, b"\0\x80" + b"\0" * 7)
    with pytest.raises(KeyError):
        encoded("number", "1")
