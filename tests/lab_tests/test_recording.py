"""Recordings of devices, read and written."""

import os
from pathlib import Path

import pytest

from lab import recording, wire
from lab.device import Device, Table

RECORDINGS = Path(
    os.environ.get("FLEXPRINT_RECORDINGS", Path(__file__).resolve().parents[2].parent / "shared/recordings")
)


@pytest.mark.parametrize(
    ("line", "tag", "content"),
    [
        ("1.3.6.1.2.1.43.11.1.1.9.1.2|2|-3", wire.INTEGER, b"\xfd"),
        ("1.3.6.1.2.1.1.5.0|4|KM1A2B3C", wire.OCTET_STRING, b"KM1A2B3C"),
        ("1.3.6.1.2.1.1.6.0|4|a|b", wire.OCTET_STRING, b"a|b"),
        ("1.3.6.1.2.1.1.6.0|4|Küche", wire.OCTET_STRING, "Küche".encode()),
        ("1.3.6.1.2.1.2.2.1.6.1|4x|0017c8B902de", wire.OCTET_STRING, bytes.fromhex("0017c8b902de")),
        ("1.3.6.1.2.1.4.24.3.0|5|", wire.NULL, b""),
        ("1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.1347.41", wire.OBJECT_ID, wire.oid("1.3.6.1.4.1.1347.41")),
        ("1.3.6.1.2.1.25.3.2.1.4.1|6|0.0", wire.OBJECT_ID, b"\0"),
        ("1.3.6.1.2.1.4.20.1.1.10.0.0.9|64|10.0.0.9", wire.IP_ADDRESS, b"\x0a\0\0\x09"),
        ("1.3.6.1.2.1.4.20.1.1.10.0.0.9|64x|0a000009", wire.IP_ADDRESS, b"\x0a\0\0\x09"),
        ("1.3.6.1.2.1.2.2.1.10.1|65|4294967295", wire.COUNTER32, b"\0\xff\xff\xff\xff"),
        ("1.3.6.1.2.1.2.2.1.5.1|66|100000000", wire.GAUGE32, b"\x05\xf5\xe1\0"),
        ("1.3.6.1.2.1.1.3.0|67|33604185", wire.TIMETICKS, b"\x02\0\xc2\x59"),
        ("1.3.6.1.4.1.2021.10.1.6.1|68x|9f78043f2b851f", wire.OPAQUE, bytes.fromhex("9f78043f2b851f")),
        ("1.3.6.1.2.1.31.1.1.1.6.1|70|18446744073709551615", wire.COUNTER64, b"\0" + b"\xff" * 8),
    ],
)
def test_each_kind_of_value_is_read(line, tag, content):
    row = recording.row(line)
    assert (row.tag, row.content) == (tag, content)
    assert recording.row(recording.line(row)) == row


def test_text_where_a_number_is_due_is_served_as_text():
    assert recording.row("1.3.6.1.2.1.43.10.2.1.4.1.1|65|NULL") == (
        "1.3.6.1.2.1.43.10.2.1.4.1.1",
        wire.OCTET_STRING,
        b"NULL",
    )


@pytest.mark.parametrize("line", ["1.3.6.1.2.1.1.1.0|99|x", "no line at all", "1.3.6.1|4x|abc"])
def test_a_line_that_says_nothing_names_its_number(line, tmp_path):
    path = tmp_path / "broken.snmprec"
    path.write_text(f"1.3.6.1.2.1.1.5.0|4|fine\n{line}\n")
    with pytest.raises(recording.Unreadable, match="line 2"):
        recording.load(path)


@pytest.mark.recordings
def test_every_recording_of_a_real_device_is_read_and_walked_whole():
    if not RECORDINGS.is_dir():
        pytest.skip(f"no recordings at {RECORDINGS}")
    for path in sorted(RECORDINGS.glob("*.snmprec")):
        rows = recording.load(path)
        table = Table(rows)
        assert len(table) == len({row.oid for row in rows}), path
        device, name, seen = Device(rows), wire.oid("0.0"), 0
        while True:
            asked = wire.parse(wire.question(wire.GETBULK, 1, (name,), error_at=50))
            answer = device.answer(asked)
            assert answer is not None, path
            place = table.after(name)
            fitting = sum(binding in answer for binding in table.bindings[place : place + 50])
            if not fitting:
                break
            seen, name = seen + fitting, table.names[place + fitting - 1]
        assert seen == len(table), path
