"""Colours and kinds in the names of supplies, in the languages of the word lists."""

import re
import tomllib
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexprint_agent.read import words

LISTS = tomllib.loads(resources.files("flexprint_agent.read").joinpath("words.toml").read_text("utf-8"))
ALL = {kind: [word for words_of_one in LISTS[kind].values() for word in words_of_one] for kind in LISTS}


def one_expression(kind):
    """All words of a list, the longest first: whole words, except in scripts without blanks."""
    return re.compile(
        "|".join(
            re.escape(word) if ord(word[0]) >= 0x3040 else rf"(?<!\w){re.escape(word)}(?!\w)"
            for word in sorted(ALL[kind], key=len, reverse=True)
        )
    )


EXPRESSIONS = {kind: one_expression(kind) for kind in LISTS}
texts = st.lists(
    st.one_of(
        st.sampled_from([*ALL["colours"], *ALL["kinds"]]),
        st.sampled_from([" ", "-", ", ", "/", "_", ".", "s", "S/N:0017c8", "unit", "\u0301", "ー", "de"]),
        st.text(max_size=4),
    ),
    max_size=8,
).map("".join)


@given(texts, st.sampled_from(["colours", "kinds"]))
def test_words_are_found_whole_the_longest_first_and_none_inside_another(text, kind):
    text = text.casefold()
    assert list(words.words_in(text, kind)) == EXPRESSIONS[kind].findall(text)


@pytest.mark.parametrize("kind", LISTS)
def test_every_word_of_the_lists_is_found_alone_and_among_others(kind):
    """Except those no text can hold once it is folded."""
    for word in ALL[kind]:
        if word == word.casefold():
            assert list(words.words_in(word, kind)) == [word]
            assert word in words.words_in(f"x {word} 12", kind)


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("Toner preto", "black"),
        ("Light Cyan Ink", "light cyan"),
        ("CYAN-TONER", "cyan"),
        ("blackout", None),
        ("Tri-Color Cartridge", "color"),
        ("黑色碳粉盒", "black"),
        ("ブラック", "black"),
        ("цвет морской волны", "cyan"),
        ("", None),
    ],
)
def test_a_name_tells_its_colour(text, colour):
    assert words.colour_in(text) == colour


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Waste Toner Box", "wasteToner"),
        ("廃トナーボックス", "wasteToner"),
        ("Recipiente de toner residual", "wasteToner"),
        ("Waste Ink Pad", "wasteInk"),
        ("Maintenance Box", "wasteInk"),
        ("Fuser Kit", "fuser"),
        ("感光ドラム", "opc"),
        ("Toner Cartridge", "toner"),
        ("Tray 2", None),
    ],
)
def test_a_name_tells_its_kind(text, kind):
    assert words.kind_in(text) == kind
