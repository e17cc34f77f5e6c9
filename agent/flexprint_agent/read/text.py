"""Octets from a device -> text, by the character set it names and, where that cannot be, by a guess.

prtLocalizationCharacterSet (RFC 3805) names the set of the texts in the Printer MIB with the MIBenum of
IANA's "Character Sets". Devices get it wrong often enough that the octets themselves have a say.
"""

import re
from typing import Final

from flexprint_shared.text import clean

# MIBenum -> Python codec. Where a maker means the Windows set that extends a standard one, the larger.
CODECS: Final[dict[int, str]] = {
    3: "ascii",
    4: "cp1252",
    5: "iso8859-2",
    6: "iso8859-3",
    7: "iso8859-4",
    8: "iso8859-5",
    9: "iso8859-6",
    10: "iso8859-7",
    11: "iso8859-8",
    12: "cp1254",
    13: "iso8859-10",
    17: "cp932",
    18: "euc_jp",
    36: "cp949",
    38: "cp949",
    39: "iso2022_jp",
    57: "gb18030",
    106: "utf-8",
    109: "iso8859-13",
    110: "iso8859-14",
    111: "iso8859-15",
    112: "iso8859-16",
    113: "gb18030",
    114: "gb18030",
    1000: "utf-16-be",
    1013: "utf-16-be",
    1014: "utf-16-le",
    1015: "utf-16",
    2000: "cp1252",
    2001: "cp1252",
    2002: "cp1250",
    2003: "cp1254",
    2004: "hp-roman8",
    2009: "cp850",
    2010: "cp852",
    2011: "cp437",
    2013: "cp862",
    2024: "cp932",
    2025: "gb18030",
    2026: "cp950",
    2027: "mac-roman",
    2044: "cp855",
    2046: "cp857",
    2049: "cp861",
    2052: "cp865",
    2084: "koi8-r",
    2085: "hz",
    2086: "cp866",
    2087: "cp775",
    2088: "koi8-u",
    2089: "cp858",
    2101: "big5hkscs",
    2109: "cp874",
    **{2250 + page: f"cp{1250 + page}" for page in range(9)},
    2259: "tis-620",
}
_SEVERAL_OCTETS: Final = frozenset({"cp932", "euc_jp", "cp949", "gb18030", "cp950", "big5hkscs"})
# Sets that write other letters in ASCII octets.
_ASCII_BUT_NOT: Final = frozenset({"iso2022_jp", "hz"})
_SHIFTING: Final = frozenset(number for number, codec in CODECS.items() if codec in _ASCII_BUT_NOT)
_PML_UTF8: Final = b"\xfd\xe8"
_PML_SETS: Final = {b"\x01\x15": "hp-roman8", _PML_UTF8: "utf-8"}
_LETTER_OF_IBM850: Final = re.compile(rb"[a-zA-Z\x80-\xff][\x80-\x9f][a-zA-Z\x80-\xff]")
_LONGEST: Final = 4096

# A dump of octets that some gateways send in the place of a text: "0x52494F48" or "52 49 43 4F 48". Pairs of digits
# alone may be rooms or sizes; eight of them are not.
_BREAKS: Final = re.compile(r"[\r\n]+")
_DUMPS: Final = (
    re.compile(rb"0[xX]((?:[0-9a-fA-F]{2}){4,})"),
    re.compile(rb"(?=.*[a-fA-F]|.{23})((?:[0-9a-fA-F]{2} ){4,}[0-9a-fA-F]{2})"),
)
_LIKE_A_DUMP: Final = re.compile(rb"0[xX]|..\x20", re.DOTALL)
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def text_of(octets: bytes, charset: int | None = None, limit: int = 255) -> str:
    """One clean line. `charset` is a MIBenum; None where the device names none."""
    text = _plain(octets, charset)
    return clean(decode(octets, charset), limit) if text is None else text.strip()[:limit]


def _plain(octets: bytes, charset: int | None) -> str | None:
    """The text of octets that can be nothing but printable ASCII, as nearly all are; None where they are more, may be a
    dump, or shift to other letters."""
    if octets.isascii() and charset not in _SHIFTING and not _LIKE_A_DUMP.match(octets) and len(octets) <= _LONGEST:
        text = octets.decode("ascii")
        return text if text.isprintable() else None
    return None


def lines_of(octets: bytes, charset: int | None = None) -> list[str]:
    """The lines of a panel text that holds several, the blank ones left out."""
    lines = (clean(line) for line in _BREAKS.split(decode(octets, charset)))
    return [line for line in lines if line]


def pml_text(octets: bytes) -> str:
    """HP's PML string: a symbol set word (0x0115 Roman-8, 0xFDE8 UTF-8), the text, often a NUL."""
    codec = _PML_SETS.get(octets[:2])
    if codec is None:
        return text_of(octets)
    return clean(octets[2:_LONGEST].split(b"\0")[0].decode(codec, "replace"))


def decode(octets: bytes, charset: int | None = None) -> str:
    """The text as sent, uncleaned. Never fails: what no character set explains becomes U+FFFD."""
    octets = _undumped(octets[:_LONGEST])
    codec = CODECS.get(charset or 0)
    if octets.startswith(_PML_UTF8) and codec not in _SEVERAL_OCTETS:
        octets = octets[len(_PML_UTF8) :]
    # Nearly every text; the others may be in UTF-16, whose letters stand among zeros, or end in some.
    if octets.isascii() and b"\0" not in octets and codec not in _ASCII_BUT_NOT:
        return octets.decode("ascii")
    wide = _utf16(octets, codec)
    if wide is not None:
        return wide
    octets = octets.rstrip(b"\0")
    if octets.isascii() and codec not in _ASCII_BUT_NOT:
        return octets.decode("ascii")
    guess = _utf8(octets)
    if guess is not None and not (codec in _SEVERAL_OCTETS and _only_pairs(guess)):
        return guess
    for candidate in (codec, _guess(octets)):
        try:
            if candidate is not None:
                return octets.decode(candidate)
        except UnicodeDecodeError:
            continue
    return octets.decode(_guess(octets), "replace")


def was_cleaned(octets: bytes, charset: int | None = None) -> bool:
    """Whether a text was more than decoded and trimmed: control characters, a symbol set word or a dump are gone
    from it, or something in it could not be read."""
    if _plain(octets, charset) is not None:
        return False
    kept = octets[:_LONGEST].rstrip(b"\0 \t\r\n")
    if _CONTROL.search(kept) or kept[:2] in _PML_SETS or _undumped(kept) is not kept:
        return True
    return not kept.isascii() and "\ufffd" in decode(kept, charset)


def _undumped(octets: bytes) -> bytes:
    """The text that a dump of octets is of; `octets` itself where it is none, or where it dumps no text."""
    if not _LIKE_A_DUMP.match(octets):
        return octets
    for dump in _DUMPS:
        match = dump.fullmatch(octets.strip(b"\0 "))
        if match:
            text = bytes.fromhex(match[1].decode("ascii"))
            return text if text.rstrip(b"\0").isascii() and text.rstrip(b"\0").decode("ascii").isprintable() else octets
    return octets


def _guess(octets: bytes) -> str:
    """The set of a text that names none: 0x80 to 0x9F inside a word are letters of IBM 850, and only
    punctuation in the Windows sets."""
    return "cp850" if _LETTER_OF_IBM850.search(octets) else "cp1252"


def _utf16(octets: bytes, codec: str | None) -> str | None:
    """Text in UTF-16, which shows by its byte order mark or by the zeros between ASCII letters."""
    if len(octets) < 4 or len(octets) % 2:
        return None
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        return octets.decode("utf-16", "replace").rstrip("\0")
    high, low = octets[0::2].count(0), octets[1::2].count(0)
    half = len(octets) // 2
    if high * 2 > half and low * 2 < half:
        return octets.decode("utf-16-be", "replace").rstrip("\0")
    if low * 2 > half and high * 2 < half:
        return octets.decode("utf-16-le", "replace").rstrip("\0")
    if codec is not None and codec.startswith("utf-16") and b"\0" in octets:
        return octets.decode(codec, "replace").rstrip("\0")
    return None


def _utf8(octets: bytes) -> str | None:
    """UTF-8 is hardly ever met by chance. A character cut off at the end of a field is let go."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        cut_off = error.start > 0 and error.end == len(octets) and "unexpected end" in error.reason
        whole = octets[: error.start]
        return whole.decode("utf-8") if cut_off and not whole.isascii() else None


def _only_pairs(text: str) -> bool:
    """Whether all that is not ASCII took two octets: pairs of GB2312 or Shift-JIS can look like that."""
    return all(ord(character) < 0x800 for character in text)
