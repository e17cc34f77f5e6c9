"""Values as the XML of a worksheet's cells. Text here can never become a formula, a control code or markup."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final
from xml.sax.saxutils import escape

from flexprint_shared.text import clean
from flexprint_shared.times import on_clock

LONGEST_TEXT: Final = 32_767
"""UTF-16 units in one cell at most (ECMA-376; Excel calls a file with more of them damaged)."""

LAST_ROW: Final = 1_048_576
"""Rows on one sheet at most."""

EXACT: Final = 10**15 - 1
"""Spreadsheets hold figures up to here to the last digit; larger ones have to stand there as text."""

# Most text needs nothing done to it, and this says so in one look: no markup, no control or hidden character, no
# blank at an end, no beginning of a formula or of an escape, not long.
_HARMLESS: Final = re.compile(r"(?![=+@\- ])(?:[ !#-%'-;=?-^`-~\u00a1-\u00ac\u00ae-\u024f]|_(?!x)){1,255}(?<! )")
# What a spreadsheet takes for the beginning of a formula when the cell comes back from a CSV file; the wide forms
# are folded to the narrow ones on some systems. A lone dash is how people write "none".
_FORMULA: Final = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20].*\w", re.DOTALL)
# Excel reads _x003D_ in a cell as the character 3D.
_ESCAPED: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")

# Day 0 of the spreadsheets' calendar: two before 1900-01-01, because they believe in a 29 February 1900.
_DAY_ZERO: Final = datetime(1899, 12, 30, tzinfo=UTC)
_DAY: Final = timedelta(days=1)


def shown(text: str) -> str:
    """`text` as people see it in a cell: one line, nothing hidden, behind an apostrophe where it begins like a
    formula. The cell itself is inline text and never a formula; the apostrophe is for whoever exports it."""
    line = clean(text, LONGEST_TEXT)
    if _FORMULA.match(line):
        line = f"'{line}"
    if len(line) > LONGEST_TEXT // 2:
        line = line.encode("utf-16-le")[: 2 * LONGEST_TEXT].decode("utf-16-le", "ignore")
    return line


# Most of a fleet's text is the same from row to row: customer, site, maker, model, supplies, places.
@lru_cache(8192)
def text_xml(text: str) -> str:
    """`text` between <t> and </t>."""
    if _HARMLESS.fullmatch(text):
        return text
    return _ESCAPED.sub("_x005F_", escape(shown(text)))


# A row shows the instant of the report; supplies were read when their device was.
@lru_cache(4096)
def day_number(instant: datetime, zone: tzinfo = UTC) -> float:
    """The instant on the clock of `zone` as spreadsheets count: days and parts of a day."""
    if zone is not UTC:
        instant = on_clock(instant, zone).replace(tzinfo=UTC)
    return (instant - _DAY_ZERO) / _DAY
