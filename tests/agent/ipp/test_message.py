import random
import struct

import pytest

from flexprint_agent.ipp import message
from services import ipp


def test_a_request_is_written_as_the_standard_says():
    """RFC 8010, section 3.1: version, operation, number, then attributes; more values of one have no name."""
    octets = message.request(
        message.GET_PRINTER_ATTRIBUTES, {"printer-uri": "ipp://a/", "requested-attributes": ("b", "c"), "limit": 5}, 7
    )
    assert octets == (
        b"\x02\x00\x00\x0b\x00\x00\x00\x07\x01"
        b"\x47\x00\x12attributes-charset\x00\x05utf-8"
        b"\x48\x00\x1battributes-natural-language\x00\x02en"
        b"\x45\x00\x0bprinter-uri\x00\x08ipp://a/"
        b"\x44\x00\x14requested-attributes\x00\x01b\x44\x00\x00\x00\x01c"
        b"\x21\x00\x05limit\x00\x04\x00\x00\x00\x05"
        b"\x03"
    )


def test_every_kind_of_value_is_read():
    told = {
        "number": [-3, 7],
        "yes": True,
        "text": "Büro",
        "octets": b"\x00\xff",
        "unknown": None,
        "collection": {"monochrome": 7, "inner": {"deep": "x"}},
    }
    answer = message.parse(ipp.answer([(ipp.PRINTER, told), (ipp.JOB, {"job-id": 4})]))
    assert answer.successful
    assert answer.of(message.PRINTER) == [
        {
            "number": [-3, 7],
            "yes": [True],
            "text": ["Büro"],
            "octets": [b"\x00\xff"],
            "unknown": [None],
            "collection": [{"monochrome": [7], "inner": [{"deep": ["x"]}]}],
        }
    ]
    assert answer.of(message.JOB) == [{"job-id": [4]}]


def test_a_text_with_its_language_is_the_text():
    content = b"\x00\x02de\x00\x06Toner\xc3"
    octets = ipp.answer([(ipp.PRINTER, {})])[:-1] + ipp.attribute(0x35, "t", content) + b"\x03"
    assert message.parse(octets).of(message.PRINTER) == [{"t": ["Toner�"]}]


WHOLE = ipp.answer([(ipp.PRINTER, {"a": ["x", 3], "c": {"m": 7, "n": ["u", "v"][0]}, "b": b"12"})])


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_an_answer_cut_short_is_no_answer(length):
    with pytest.raises(message.NotIpp):
        message.parse(WHOLE[:length])


def test_damaged_answers_are_read_or_refused_and_never_crash():
    chance = random.Random(8011)
    for _ in range(3000):
        octets = bytearray(WHOLE)
        for _ in range(chance.randint(1, 4)):
            octets[chance.randrange(8, len(octets))] = chance.randrange(256)
        try:
            message.parse(bytes(octets))
        except message.NotIpp:
            continue


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"<html>not here</html>",
        b"\x02\x00\x00\x00\x00\x00\x00\x01" + b"\x21\x00\x01a\x00\x04\x00\x00\x00\x01\x03",
        b"\x02\x00\x00\x00\x00\x00\x00\x01\x04" + b"\x34\x00\x01c\x00\x00" * 50,
        b"\x02\x00\x00\x00\x00\x00\x00\x01\x04\x34\x00\x01c\x00\x00\x03",
        bytes(message.LARGEST + 1),
    ],
    ids=["nothing", "a page", "no group", "bottomless", "no end", "too large"],
)
def test_what_is_no_ipp_is_refused(octets):
    with pytest.raises(message.NotIpp):
        message.parse(octets)


def test_a_flood_of_values_ends():
    flood = struct.pack(">BHBH", 0x21, 1, 0x61, 0) + struct.pack(">BHH", 0x21, 0, 0) * 210_000
    with pytest.raises(message.NotIpp, match="values"):
        message.parse(b"\x02\x00\x00\x00\x00\x00\x00\x01\x04" + flood + b"\x03")
