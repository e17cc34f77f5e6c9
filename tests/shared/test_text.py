"""Text from devices, made safe to show."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexprint_shared.text import clean


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Ready.", "Ready."),
        ("  two  spaces ", "two  spaces"),
        ("München 3. OG", "München 3. OG"),
        ("事務機", "事務機"),
        ("a\0b", "a b"),
        ("first\r\nsecond", "first second"),
        ("\x1b[31mred", "[31mred"),
        ("abc\u202egpj.exe", "abcgpj.exe"),
        ("in\u200bvisible", "invisible"),
        ("\ufeffname", "name"),
        ("half \ud800 pair", "half pair"),
        ("\ue000private", "private"),
        ("", ""),
        ("\0\0\0", ""),
    ],
)
def test_control_and_hidden_characters_are_taken_out(said, shown):
    assert clean(said) == shown


def test_long_text_is_cut():
    assert clean("x" * 1000, 10) == "x" * 10
    assert len(clean("ü" * 100_000)) == 255


@given(st.text())
def test_what_is_clean_stays_as_it_is(text):
    once = clean(text)
    assert clean(once) == once
    assert len(once) <= 255


@given(st.text())
def test_nothing_that_could_harm_is_left(text):
    categories = {unicodedata.category(character) for character in clean(text)}
    assert not categories & {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
