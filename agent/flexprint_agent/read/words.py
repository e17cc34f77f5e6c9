"""What supply names say in many languages: colours, kinds and numbers, from the lists in `words.toml`."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, Literal

CHROMATIC: Final = frozenset({"cyan", "magenta", "yellow", "red", "green", "blue", "orange", "violet", "color"})

_RUN: Final = re.compile(r"\w+")
# Chinese, Japanese and Korean put no space between words; their letters begin here.
_UNSPACED: Final = "\u3040"
# Names of supplies and colours are few at a site, and the same every day.
_NAMES: Final = 1024
_CODE: Final = re.compile(r"^([A-Z]{1,3})$|[\[(]([A-Z]{1,3})[\])]$")
_LONGEST_CODE: Final = 5
_LONE_LETTER: Final = re.compile(r"[CMYK](?<![A-Za-z]{2})(?![A-Za-z])")
_ROUND_A_LETTER: Final = re.compile(r"(.*(?<![A-Za-z]))([CMYK])((?![A-Za-z]).*)")
_LETTERS: Final = {"C": "cyan", "M": "magenta", "Y": "yellow", "K": "black"}


@cache
def _lists() -> dict[str, dict[str, list[str]]]:
    text = Path(__file__).with_name("words.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def _meanings(kind: str) -> dict[str, str]:
    """Word -> what it means."""
    return {word: meaning for meaning, words in _lists()[kind].items() for word in words}


@cache
def _starting(kind: str) -> dict[str, list[str]]:
    """First run of letters -> the words of a list that begin with it, the longest first."""
    starting: dict[str, list[str]] = {}
    for word in sorted(_meanings(kind), key=len, reverse=True):
        first = _RUN.match(word)
        starting.setdefault(first[0] if first else "", []).append(word)
    return starting


@cache
def _alone(kind: str) -> frozenset[str]:
    """The words of a list that are one run of letters, with which no other begins."""
    return frozenset(run for run, words in _starting(kind).items() if words == [run])


@cache
def _pattern(kind: str) -> re.Pattern[str]:
    """One expression for all words of a list, the longest first. Slow to make and to search with."""
    return re.compile("|".join(map(_whole_word, sorted(_meanings(kind), key=len, reverse=True))))


def _whole_word(word: str) -> str:
    return re.escape(word) if word[0] >= _UNSPACED else rf"(?<!\w){re.escape(word)}(?!\w)"


def words_in(text: str, kind: str) -> Iterator[str]:
    """The words of a list that stand in a folded text, from left to right; none that is part of another."""
    if not text.isascii() and max(text) >= _UNSPACED:
        yield from (match[0] for match in _pattern(kind).finditer(text))
        return
    starting, end = _starting(kind), 0
    hits = [run for run in _RUN.findall(text) if run in starting]
    if _alone(kind).issuperset(hits):
        yield from hits
        return
    for run in _RUN.finditer(text):
        at = run.start()
        for word in starting.get(run[0], ()) if at >= end else ():
            if text.startswith(word, at) and not _RUN.match(text, at + len(word)):
                yield word
                end = at + len(word)
                break


@lru_cache(_NAMES)
def colour_in(text: str) -> str | None:
    """The colour a text names: "Toner preto" is black. None for none, "other" and "unknown"."""
    found = max(words_in(text.casefold(), "colours"), key=len, default=None)
    if found is not None:
        return _meanings("colours")[found]
    code = _CODE.search(text[-_LONGEST_CODE:])
    return _meanings("codes").get(code[1] or code[2]) if code else None


@lru_cache(_NAMES)
def kind_in(text: str) -> str | None:
    """The prtMarkerSuppliesType word a name suggests: "Waste Toner Box" is wasteToner."""
    meanings = _meanings("kinds")
    found = {meanings[word] for word in words_in(text.casefold(), "kinds")}
    return next((kind for kind in _lists()["kinds"] if kind in found), None)


@lru_cache(_NAMES)
def numbers_in(text: str) -> tuple[str | None, str | None]:
    """The part number and the cartridge's serial number that stand in a name."""
    return _number_in(text, "part"), _number_in(text, "serial")


def _number_in(text: str, kind: Literal["part", "serial"]) -> str | None:
    for expression in _lists()["numbers"][kind]:
        match = _expression(expression).search(text)
        if match:
            return match[1]
    return None


_expression = cache(re.compile)


def colours_by_letter(names: Iterable[str]) -> dict[str, str]:
    """Colours of names that differ in one letter only: CK-8512C, CK-8512M, CK-8512Y, or Toner C, Toner M, Toner Y.

    One such name alone proves nothing (many a part number ends in one of these letters); three do.
    """
    stems: dict[tuple[str, str], dict[str, str]] = {}
    for name in names:
        # Slow to find with, so that it is tried where there is such a letter alone.
        match = _ROUND_A_LETTER.fullmatch(name) if _LONE_LETTER.search(name) else None
        if match:
            stems.setdefault((match[1], match[3]), {})[match[2]] = name
    found = {}
    for letters in stems.values():
        if len(letters) >= 3:
            found.update({name: _LETTERS[letter] for letter, name in letters.items()})
    return found
