"""What a browser calls itself, in a few words that people know it by. Pure."""

from collections.abc import Sequence
from typing import Final

from flexprint_shared.text import clean

# The first word that occurs decides: almost all say Mozilla, Safari and what they are built on, too.
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)

LONGEST: Final = 60


def named(user_agent: str) -> str:
    """`Firefox on Windows` for a User-Agent (RFC 9110, section 10.1.5); its first word where nothing in it is known,
    "" where there is none."""
    browser, system = _first(_BROWSERS, user_agent), _first(_SYSTEMS, user_agent)
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or clean(user_agent.partition(" ")[0], LONGEST)


def _first(words: Sequence[tuple[str, str]], text: str) -> str:
    return next((name for word, name in words if word in text), "")
