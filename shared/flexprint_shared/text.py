"""Text from devices is hostile: it lands in pages, cells, mail headers and logs."""

import unicodedata
from typing import Final

# Invisible characters that reorder or hide text around them (Trojan Source): bidi marks, zero width, BOM.
_HIDDEN: Final = frozenset(
    "\u061c\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
)


def clean(text: str, limit: int = 255) -> str:
    """`text` on one line of at most `limit` characters, without control, bidi, surrogate and private ones."""
    if text.isascii() and text.isprintable():
        return text.strip()[:limit]
    kept = []
    for character in text[: 8 * limit]:
        category = unicodedata.category(character)
        if category in ("Cc", "Zl", "Zp"):
            kept.append(" ")
        elif category not in ("Cs", "Co", "Cn") and character not in _HIDDEN:
            kept.append(character)
    return " ".join("".join(kept).split())[:limit].rstrip()
