"""A capture as a file: what is written is read back the same, and whatever is read is understood or named."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flexprint_agent.capture.recording import LARGEST, Recording, dump, in_order, parse
from flexprint_agent.snmp import ber
from lab import recording as lab
from lab import wire

# Files that were once misread or that brought the reader down.
SEEDS = [
    b"1.3.6.1|64|00009999.1.1.1\n",
    b"1.3.6.1.2.1.1.1.0|4|a\x85b\xe2\x80\xa8c\n",
    b"1.3.6.1.2.1.1.1.0|65|" + b"9" * 5000,
    b"1.3.6.1.2.1.1.1.0|\xd9\xa4|x",
    b"1.\xd9\xa3.6|4|x",
    b"\xef\xbb\xbf# masked: no\r\n1.3.6.1.2.1.1.1.0|4|x\r\n",
    b"1.3.6.1.2.1.1.1.0|6|9.9.9",
    b"1.3.6.1.2.1.1.1.0|4x|0g",
]

names = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20).map(
    lambda arcs: ber.oid("1.3." + ".".join(map(str, arcs)))
)
contents = st.one_of(
    st.tuples(st.just(ber.OCTET_STRING), st.binary(max_size=40)),
    st.tuples(st.just(ber.OCTET_STRING), st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass"))),
    st.tuples(st.just(ber.INTEGER), st.integers(-(2**31), 2**31 - 1).map(ber.signed)),
    st.tuples(st.sampled_from([ber.COUNTER32, ber.GAUGE32, ber.TIMETICKS]), st.integers(0, 2**32 - 1).map(ber.signed)),
    st.tuples(st.just(ber.COUNTER64), st.integers(0, 2**64 - 1).map(ber.signed)),
    st.tuples(st.just(ber.OBJECT_ID), names),
    st.tuples(st.just(ber.IP_ADDRESS), st.binary(min_size=4, max_size=4)),
    st.tuples(st.just(ber.OPAQUE), st.binary(max_size=10)),
    st.just((ber.NULL, b"")),
)


@given(st.dictionaries(names, contents, max_size=20))
def test_what_is_written_is_read_back_the_same_by_the_agent_and_by_the_lab(values):
    text = dump(Recording(values, [("masked", "no")]))
    assert parse(text.encode()) == Recording(in_order(values), [("masked", "no")])
    rows = [lab.row(line) for line in text.splitlines() if not line.startswith("#")]
    assert {ber.oid(row.oid): (row.tag, row.content) for row in rows} == values


@given(st.dictionaries(st.binary(min_size=1, max_size=12), st.tuples(st.integers(0, 255), st.binary(max_size=12))))
def test_whatever_a_device_sent_gives_a_file_without_a_fault(values):
    """Numbers of no octets, OIDs that are none, types that nobody knows, names with padded arcs."""
    sane = {name: value for name, value in values.items() if not name[-1] & 0x80}
    read = parse(dump(Recording(sane)).encode("utf-8", "surrogateescape"))
    assert not read.faults
    assert set(read.values) <= set(sane)


@given(st.binary(max_size=400))
@example(SEEDS[0])
@example(SEEDS[1])
@example(SEEDS[2])
@example(SEEDS[3])
@example(SEEDS[4])
@example(SEEDS[5])
@example(SEEDS[6])
@example(SEEDS[7])
def test_any_octets_are_read_without_a_crash_and_faults_are_named(octets):
    read = parse(octets)
    assert all(fault.line >= 1 and fault.reason.isascii() for fault in read.faults)
    assert parse(dump(read).encode("utf-8", "surrogateescape")).values == read.values


LINE = st.from_regex(r"\A(1\.3\.6\.1\.[0-9.]{0,20}|[0-9.]{0,9})\|[0-9]{1,3}x?\|[ -~]{0,20}\Z")


@given(st.lists(LINE, max_size=30))
def test_lines_that_look_right_are_rows_or_faults_and_nothing_is_lost(lines):
    read = parse("\n".join(lines).encode())
    assert len(read.values) + len(read.faults) == len(lines) or len(read.faults) == 20


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("no line at all", "'no line at all' is no OID|TAG|VALUE"),
        ("1.3.6.1.x|4|a", "'1.3.6.1.x' is no OID"),
        ("1.3.6.1.99999999999|4|a", "'1.3.6.1.99999999999' is no OID"),
        ("1.3.6.1.4294967296|4|a", "'1.3.6.1.4294967296' is no OID"),
        ("9.3.6.1|4|a", "'9.3.6.1' is no OID"),
        ("1.3.6.1|99|a", "no SNMP type has the number '99'"),
        ("1.3.6.1|4x|abc", "'abc' is not written in hex"),
        ("1.3.6.1|64|10.0.0.256", "'10.0.0.256' is no IPv4 address"),
        ("1.3.6.1|6|x", "'x' is no OID"),
        ("1.3.6.1.2.1.1.5.0|4|twice", "1.3.6.1.2.1.1.5.0 comes a second time"),
        ("1.3.6.1|\x1b[31mred|a", "no SNMP type has the number '\\x1b[31mred'"),
    ],
)
def test_a_line_that_says_nothing_is_named_with_its_number_and_the_rest_is_taken(line, reason):
    read = parse(f"# masked: no\n1.3.6.1.2.1.1.5.0|4|fine\n{line}\n1.3.6.1.2.1.1.6.0|4|too\n".encode())
    assert read.faults == [(3, reason)]
    assert [content for _, content in read.values.values()] == [b"fine", b"too"]


def test_of_thousands_of_faults_some_are_named():
    assert len(parse(b"x\n" * 10_000).faults) == 20


def test_no_more_of_a_file_is_read_than_a_capture_can_be():
    assert parse(b"#" * LARGEST + b"\n1.3.6.1|4|beyond").values == {}


def test_text_where_a_number_is_due_is_text():
    """Devices send it ("NULL"), and files get damaged."""
    read = parse(b"1.3.6.1.1|65|NULL\n1.3.6.1.2|2|99999999999999999999\n1.3.6.1.3|65|-1\n1.3.6.1.4|2x|4e\n")
    assert list(read.values.values()) == [
        (wire.OCTET_STRING, b"NULL"),
        (wire.OCTET_STRING, b"99999999999999999999"),
        (wire.OCTET_STRING, b"-1"),
        (wire.OCTET_STRING, b"N"),
    ]


def test_what_the_header_says_can_be_asked_and_cannot_break_a_line():
    recording = Recording({}, [("device", "HP\n1.3.6.1|4|forged\x1b"), ("left out", "a"), ("left out", "b")])
    read = parse(dump(recording).encode())
    assert read.facts == [("device", "HP 1.3.6.1|4|forged "), ("left out", "a"), ("left out", "b")]
    assert (read.fact("left out"), read.fact("whole")) == ("a", None)
    assert read.values == {}
