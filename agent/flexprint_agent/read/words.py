"""What supply names say in many languages: colours and kinds, from the word lists in `words.toml`."""

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Final

CHROMATIC: Final = frozenset({"cyan", "magenta", "yellow", "red", "green", "blue", "orange", "violet", "color"})

_STEM_AND_LETTER: Final = re.compile(r"(.*\d)([CMYK])(?:\b|$)")
_LETTERS: Final = {"C": "cyan", "M": "magenta", "Y": "yellow", "K": "black"}


@cache
def _lists() -> dict[str, dict[str, list[str]]]:
    text = resources.files(__package__).joinpath("words.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def _pattern(kind: str) -> tuple[re.Pattern[str], dict[str, str]]:
    """One expression for all words of a list, the longest first, and what each of them means."""
    meanings = {word: meaning for meaning, words in _lists()[kind].items() for word in words}
    longest_first = sorted(meanings, key=lambda word: -len(word))
    return re.compile("|".join(map(_whole_word, longest_first))), meanings


def _whole_word(word: str) -> str:
    # Chinese, Japanese and Korean put no space between words.
    return re.escape(word) if ord(word[0]) >= 0x3040 else rf"(?<!\w){re.escape(word)}(?!\w)"


def colour_in(text: str) -> str | None:
    """The colour a text names: "Toner preto" is black. None for none, "other" and "unknown"."""
    pattern, meanings = _pattern("colours")
    found = max((match[0] for match in pattern.finditer(text.casefold())), key=len, default=None)
    return None if found is None else meanings[found]


def kind_in(text: str) -> str | None:
    """The prtMarkerSuppliesType word a name suggests: "Waste Toner Box" is wasteToner."""
    pattern, meanings = _pattern("kinds")
    found = {meanings[match[0]] for match in pattern.finditer(text.casefold())}
    return next((kind for kind in _lists()["kinds"] if kind in found), None)


def colours_by_letter(names: Iterable[str]) -> dict[str, str]:
    """Colours of part numbers that differ in their last letter only: CK-8512C, CK-8512M, CK-8512Y.

    One such name alone proves nothing (many a part number ends in one of these letters); three do.
    """
    stems: dict[str, dict[str, str]] = {}
    for name in names:
        match = _STEM_AND_LETTER.match(name)
        if match:
            stems.setdefault(match[1], {})[match[2]] = name
    found = {}
    for letters in stems.values():
        if len(letters) >= 3:
            found.update({name: _LETTERS[letter] for letter, name in letters.items()})
    return found
