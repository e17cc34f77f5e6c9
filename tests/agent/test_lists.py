"""Lists of targets as people really have them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexprint_agent.errors import WrongUsage
from flexprint_agent.wake.lists import LARGEST, MOST, Entry, entries, shown

PLAIN = [Entry(1, "10.1.2.7"), Entry(2, "10.1.2.8")]


@pytest.mark.parametrize(
    ("octets", "found"),
    [
        (b"", []),
        (b"\n \r\n\t\n", []),
        (b"10.1.2.7\n10.1.2.8\n", PLAIN),
        (b"10.1.2.7\r\n10.1.2.8", PLAIN),
        (b"10.1.2.7\r10.1.2.8", PLAIN),
        (b"\xef\xbb\xbf10.1.2.7\n10.1.2.8", PLAIN),
        ("10.1.2.7\n10.1.2.8".encode("utf-16"), PLAIN),
        (b'"10.1.2.7"\n "10.1.2.8" ', PLAIN),
        (b"10.1.2.7, 10.1.2.8;\n", [Entry(1, "10.1.2.7, 10.1.2.8")]),
        (b"10.1.2.7, 10.1.2.8,,\n", [Entry(1, "10.1.2.7"), Entry(1, "10.1.2.8")]),
        (b"10.1.2.7;10.1.2.8", [Entry(1, "10.1.2.7"), Entry(1, "10.1.2.8")]),
        (b"10.1.2.7\t10.1.2.8", [Entry(1, "10.1.2.7"), Entry(1, "10.1.2.8")]),
        (b"# second floor\n10.1.2.7 # by the lift\ncopier#2", [Entry(2, "10.1.2.7"), Entry(3, "copier#2")]),
        (b"IP Address\n10.1.2.7", [Entry(2, "10.1.2.7")]),
        (b"printer\n10.1.2.7", [Entry(1, "printer"), Entry(2, "10.1.2.7")]),
        (b'Name;IP-Adresse;Ort\nB\xfcro;10.1.2.7;"Flur; links"\n', [Entry(2, "10.1.2.7")]),
        ('"Drucker","Hostname"\n"Büro","copier"\n'.encode(), [Entry(2, "copier")]),
        (b"hostname,ip\ncopier,10.1.2.7\nother\n", [Entry(2, "10.1.2.7"), Entry(3, "")]),
        # The first line is no heading where it holds an address.
        (b"name,10.1.2.7\n", [Entry(1, "name"), Entry(1, "10.1.2.7")]),
        (b'"never closed\n10.1.2.7', [Entry(1, "never closed"), Entry(2, "10.1.2.7")]),
        (b"\x00\x1b[2J\n10.1.2.7", [Entry(1, "\x00\x1b[2J"), Entry(2, "10.1.2.7")]),
    ],
)
def test_a_list_is_understood_as_it_comes(octets, found):
    assert entries(octets) == found


@given(st.binary(max_size=300))
def test_any_octets_are_a_list_of_something(octets):
    for entry in entries(octets):
        assert entry.line >= 1
        assert shown(entry.text).isprintable()


@pytest.mark.parametrize("octets", [b"#" * (LARGEST + 1), b"10.1.2.7\n" * (MOST + 1)])
def test_a_list_that_is_no_list_of_printers_is_refused_whole(octets):
    with pytest.raises(WrongUsage, match=r"more than|larger than"):
        entries(octets)


def test_what_is_shown_of_a_list_cannot_steer_a_terminal():
    assert shown("\x1b[2J") == "\\x1b[2J"
    assert len(shown("x" * 1000)) == 60
