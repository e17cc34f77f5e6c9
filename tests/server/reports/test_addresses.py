"""Names that customers choose and that leave the house in mails and files."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexprint_server.reports.addresses import (
    distinct,
    file_name,
    subject,
)
from flexprint_shared.addresses import MOST_RECIPIENTS, is_address

NOW = datetime(2026, 11, 22, 8, 5, tzinfo=UTC)
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


def test_the_subject_says_whose_printers_and_how_many():
    assert subject("Harbour Dental", "Main Street", 42) == "Printer report: Harbour Dental, Main Street (42 printers)"
    assert subject("A", "B", 1) == "Printer report: A, B (1 printer)"


@given(st.text(), st.text())
def test_no_name_makes_a_second_header_line(customer, site):
    assert subject(customer, site, 3).splitlines() == [subject(customer, site, 3)]
    assert len(subject(customer, site, 3)) < 220


@pytest.mark.parametrize(
    ("customer", "site", "name"),
    [
        ("Harbour Dental", "Main Street", "Printers Harbour Dental, Main Street 2026-11-22 0805.xlsx"),
        ("Lindqvist & Söner AB", "Göteborg", "Printers Lindqvist & Söner AB, Göteborg 2026-11-22 0805.xlsx"),
        ("Sato", "横浜 本社", "Printers Sato, 横浜 本社 2026-11-22 0805.xlsx"),
        ("../../etc", "passwd", "Printers -..-etc, passwd 2026-11-22 0805.xlsx"),
        ("a/b\\c:d", 'e*f?"g"', "Printers a-b-c-d, e-f--g- 2026-11-22 0805.xlsx"),
        ("CON", "NUL.", "Printers CON, NUL 2026-11-22 0805.xlsx"),
        ("evil\u202excod.exe", "a\x00b", "Printers evilxcod.exe, a-b 2026-11-22 0805.xlsx"),
        ("", "...", "Printers -, - 2026-11-22 0805.xlsx"),
    ],
)
def test_file_names_are_safe_on_every_system(customer, site, name):
    assert file_name(customer, site, NOW) == name


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_name_makes_a_dangerous_file_name(customer, site):
    name = file_name(customer, site, NOW)
    assert not set(name) & set(RESERVED)
    assert name.startswith("Printers ")
    assert name.endswith(" 2026-11-22 0805.xlsx")
    assert len(name.encode()) < 255
