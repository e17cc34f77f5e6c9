"""Names that customers choose and that leave the house in mails and files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexprint_server.reports.addresses import distinct, file_name
from flexprint_shared.addresses import MOST_RECIPIENTS, is_address

RESERVED = '<>:"/\\|?*'


@pytest.mark.parametrize(
    "text",
    [
        "office@example.com",
        "first.last+printers@mail.example.co.uk",
        "o'brien@example.com",
        "root@localhost",
        "x@1.example",
        "a" * 64 + "@example.com",
    ],
)
def test_one_plain_address_is_an_address(text):
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "office",
        "@example.com",
        "office@",
        "two@@example.com",
        "a@b@example.com",
        "one@example.com,two@example.com",
        "one@example.com two@example.com",
        "Office <office@example.com>",
        '"quoted name"@example.com',
        "office@example..com",
        "office@-example.com",
        ".office@example.com",
        "off..ice@example.com",
        "office@[10.1.2.3]",
        "office@example.com\n",
        "office@example.com\r\nBcc: everybody@example.com",
        "offi\x00ce@example.com",
        "büro@example.com",
        "office@exämple.com",
        "a" * 65 + "@example.com",
        "a@" + "b." * 126 + "com",
    ],
)
def test_anything_else_is_none(text):
    """Least of all what could start another header or another command."""
    assert not is_address(text)


def test_recipients_count_once_and_not_without_end():
    """An agent that was taken over cannot make the collector a source of spam."""
    assert distinct(["a@example.com", " A@Example.com ", "", "b@example.com\n"]) == ["a@example.com", "b@example.com"]
    assert len(distinct(f"r{number}@example.com" for number in range(1000))) == MOST_RECIPIENTS


@pytest.mark.parametrize(
    ("worded", "name"),
    [
        ("Printers Harbour Dental, Main Street 2026-11-22", "Printers Harbour Dental, Main Street 2026-11-22.xlsx"),
        ("Lindqvist & Söner AB, Göteborg", "Lindqvist & Söner AB, Göteborg.xlsx"),
        ("横浜 本社", "横浜 本社.xlsx"),
        ("../../etc/passwd", "-..-etc-passwd.xlsx"),
        ('a/b\\c:d e*f?"g"', "a-b-c-d e-f--g-.xlsx"),
        ("Meters.XLSX", "Meters.xlsx"),
        ("CON", "_CON.xlsx"),
        ("nul.2026", "_nul.2026.xlsx"),
        ("Console", "Console.xlsx"),
        ("evil\u202excod.exe a\x00b", "evilxcod.exe a-b.xlsx"),
        ("", "Printers.xlsx"),
        ("...", "Printers.xlsx"),
    ],
)
def test_file_names_are_safe_on_every_system(worded, name):
    assert file_name(worded) == name


@given(st.text(max_size=300))
def test_no_wording_makes_a_dangerous_file_name(worded):
    name = file_name(worded)
    assert not set(name) & set(RESERVED)
    assert not name.startswith(".")
    assert name.endswith(".xlsx")
    assert len(name.encode()) < 255
