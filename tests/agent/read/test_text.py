"""Texts from devices come out as people wrote them, whatever set the octets are in."""

import pytest

from flexprint_agent.read.text import lines_of, pml_text, text_of, was_cleaned


@pytest.mark.parametrize(
    ("octets", "charset", "text"),
    [
        (b"Kit manuten\x87\xc6o", 2009, "Kit manutenção"),  # IBM850, as declared
        (b"Kit manuten\x87\xc6o", None, "Kit manutenção"),  # declared nowhere: letters inside a word
        (b"Kit manuten\x87\xc6o", 106, "Kit manutenção"),  # declared wrongly
        ("黑色碳粉".encode(), 106, "黑色碳粉"),
        ("黑色碳粉".encode(), 2009, "黑色碳粉"),  # UTF-8 is hardly ever met by chance
        ("黑色碳粉".encode(), 2025, "黑色碳粉"),
        ("墨粉不足".encode("gb2312"), 2025, "墨粉不足"),
        ("トナー".encode("cp932"), 2024, "トナー"),
        (b"Zesp\xf3\xb3 obraz.", 5, "Zespół obraz."),
        (b"Z\xe1sobn\xedk", 2002, "Zásobník"),
        (b"B\xe4lgtoner", None, "Bälgtoner"),
        (b"B\xe4lgtoner", 3, "Bälgtoner"),  # ASCII declared, Latin-1 sent
        (b"B\xe4lgtoner", 99999, "Bälgtoner"),  # a set nobody knows
        ("トナー残量".encode()[:-1], 106, "トナー残"),  # a character cut off at the end of the field
        (b"508A HP CF360A\0", None, "508A HP CF360A"),
        (b"R\0E\0A\0D\0Y\0", 106, "READY"),
        (b"\0R\0E\0A\0D\0Y", None, "READY"),
        (b"\xff\xfeT\0o\0n\0e\0r\0", None, "Toner"),
        (b"\xfd\xe8CNBBL7K0D4\0", None, "CNBBL7K0D4"),  # HP's symbol set word where none is due
        (b"\x01\x15CNBBL7K0D4\0", None, "CNBBL7K0D4"),
        (b"", 106, ""),
        (b"\0\0\0", None, ""),
    ],
)
def test_text_is_read_in_the_set_it_is_written_in(octets, charset, text):
    """By prtLocalizationCharacterSet, and where the octets disagree with it, by what they are."""
    assert text_of(octets, charset) == text


def test_text_from_a_device_is_one_clean_line():
    """Control and bidirectional characters cannot reach a page, a cell or a log."""
    assert text_of("Ready\x1b[31m\r\n\u202egnp.exe\u202c".encode()) == "Ready [31m gnp.exe"


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"\x01\x15VNCRC48198", "VNCRC48198"),
        (b"\x01\x15VNCRC48198\0\0junk", "VNCRC48198"),
        (b"\x01\x15B\xccro", "Bäro"),
        (b"\xfd\xe8B\xc3\xbcro", "Büro"),
        (b"VNCRC48198", "VNCRC48198"),
        (b"", ""),
    ],
)
def test_a_pml_string_loses_its_symbol_set_word(octets, text):
    """HP: 0x0115 is Roman-8, 0xFDE8 is UTF-8; some agents leave the word out."""
    assert pml_text(octets) == text


def test_a_panel_text_is_split_where_the_panel_splits_it():
    assert lines_of(b"ENERGIESPAREN   \rTROMMEL ERSETZ. ", 2004) == ["ENERGIESPAREN", "TROMMEL ERSETZ."]


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"0x5249434F48", "RICOH"),
        (b"52 49 43 4F 48", "RICOH"),
        (b"0x5249434f4800", "RICOH"),
        (b"0x00010203", "0x00010203"),  # dumps no text
        (b"0x52494", "0x52494"),  # an odd digit too many
        (b"12 34", "12 34"),  # too short to be one
        (b"41 42 43 44 45", "41 42 43 44 45"),  # rooms, perhaps
        (b"56 44 32 31 34 35 37 39", "VD214579"),
        (b"1234567890", "1234567890"),  # a serial is no dump
    ],
)
def test_a_dump_of_octets_is_read_as_the_text_it_dumps(octets, text):
    assert text_of(octets) == text


@pytest.mark.parametrize(
    ("octets", "cleaned"),
    [
        (b"VNCRC48198", False),
        (b"VNCRC48198  \0", False),  # padding
        (b"B\xe4lg", False),
        ("黑色碳粉".encode(), False),
        (b"\x01\x15VNCRC48198", True),
        (b"Ready\x1b[31m", True),
        (b"R\0E\0A\0D\0Y\0", True),
        (b"0x5249434F48", True),
        (b"", False),
    ],
)
def test_a_text_that_was_more_than_trimmed_is_known(octets, cleaned):
    """What was taken away stays visible in the evidence."""
    assert was_cleaned(octets) is cleaned
