"""What a site can choose: one table of names, defaults and meanings, checked when it is set.

Secrets print as a mask, here and in every listing.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from flexprint_agent.errors import WrongUsage

MASK: Final = "********"

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "schedule": ("wakes_per_day", "search_every", "report_every"),
    "recipients": ("recipients",),
    "pace": ("packets_per_second",),
    "masks": ("mask_address", "mask_host", "mask_location", "mask_contact"),
}
"""What a dealer may settle from afar, as long as the site does not forbid it, and the names of it."""

_CALLED_THERE: Final = {"mask_name": "mask_host"}
"""What a dealer's setting is called here, where it has another name."""

NOTHING: Final = "none"

FORBIDDEN: Final = "the site does not allow it"
"""Why something that a dealer settled does not hold, where that is a person's wish."""

PERIODS: Final = ("daily", "weekly", "monthly", "never")
"""How often a workbook is asked for that has no hour of its own."""


class BadSetting(WrongUsage):
    """A setting that does not exist, or a value that it cannot take."""


@dataclass(slots=True, frozen=True)
class Setting:
    """One row: `read` turns the text a person typed into the value, or raises ValueError saying what it takes."""

    name: str
    default: str
    read: Callable[[str], Any]
    about: str
    secret: bool = False


@dataclass(slots=True, frozen=True)
class Settings:
    """The values in force. Timeouts are in seconds, `packets_per_second` is for the whole site."""

    snmp_timeout: float
    snmp_retries: int
    snmp_versions: tuple[int, ...]
    search_timeout: float
    packets_per_second: int
    wakes_per_day: int
    search_every: timedelta
    broadcast: bool
    multicast: bool
    mdns: bool
    report_every: str
    dealer_may: tuple[str, ...]
    spooler: bool
    mask_address: bool
    mask_host: bool
    mask_location: bool
    mask_contact: bool
    proxy: str | None
    proxy_pac: str | None
    proxy_user: str | None
    ca: str | None
    communities: tuple[str, ...] = field(repr=False)
    proxy_password: str | None = field(repr=False)


def _number(least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = float(text) if re.fullmatch(r"\d{1,6}(\.\d{1,3})?", text) else -1.0
        if not least <= value <= most:
            raise ValueError(f"a number from {least:g} to {most:g}")
        return value

    return read


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text) if re.fullmatch(r"[0-9]{1,6}", text) else -1
        if not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return read


def _duration(text: str) -> timedelta:
    written = re.fullmatch(r"([0-9]{1,4})([mhd])", text)
    if not written or written[1].strip("0") == "":
        raise ValueError("a time such as 30m, 84h or 7d")
    return int(written[1]) * {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}[written[2]]


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text

    return read


def _report_every(text: str) -> str:
    if text in PERIODS:
        return text
    from flexprint_shared.recurrence import parse_recurrence

    try:
        return str(parse_recurrence(text))
    except ValueError as error:
        # What stands before the semicolon repeats the text.
        known = str(error).rpartition("; write ")[2]
        raise ValueError(f"{', '.join(PERIODS)} (the first wake of each), or a time of its own: {known}") from None


def _groups(text: str) -> tuple[str, ...]:
    if text == NOTHING:
        return ()
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    if not set(words) <= set(GROUPS):
        raise ValueError(f"words of {', '.join(GROUPS)} separated by commas, or {NOTHING}")
    return words


def _switch(text: str) -> bool:
    return _one_of("on", "off")(text) == "on"


def _versions(text: str) -> tuple[int, ...]:
    numbers = {"1": 0, "2c": 1}  # the numbers on the wire (RFC 1901)
    words = [word.strip() for word in text.split(",")]
    if len(set(words)) != len(words) or not set(words) <= numbers.keys():
        raise ValueError("2c, 1 or 2c,1, in the order in which they are tried")
    return tuple(numbers[word] for word in words)


def _communities(text: str) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(word for word in (part.strip() for part in text.split(",")) if word))
    if not words or len(words) > 5 or any(len(word.encode()) > 64 or not word.isprintable() for word in words):
        raise ValueError("one to five names separated by commas, each of up to 64 characters")
    return words


def _optional(text: str) -> str | None:
    if not text.isprintable():
        raise ValueError("a text without control characters")
    return text or None


_PROXY_FORM: Final = (
    "an address such as http://proxy.example.com:3128 or http://user:password@proxy.example.com:3128 "
    "(in a user or a password, write # as %23, / as %2F, ? as %3F, @ as %40)"
)


def _proxy(text: str) -> str | None:
    place = re.fullmatch(r"https?://(?:\[[0-9A-Fa-f:.]+\]|[^\s/@:?#\[\]\\]+)(?::([0-9]{1,5}))?/?", text)
    if text and not (place and 1 <= int(place[1] or 80) <= 65535):
        raise ValueError(_PROXY_FORM)
    return text.rstrip("/") or None


def _pac(text: str) -> str | None:
    if text and not re.fullmatch(r"https?://[^\s/@?#\[\]\\]+(?:/[\x21-\x7e]*)?", text):
        raise ValueError("the address of a PAC file, such as http://wpad.example.com/proxy.pac")
    return text or None


TABLE: Final = (
    Setting("communities", "public", _communities, "SNMP communities, tried in this order", secret=True),
    Setting("snmp_versions", "2c,1", _versions, "SNMP versions, tried in this order"),
    Setting("snmp_timeout", "2", _number(0.1, 60), "seconds until a printer counts as silent; doubles per retry"),
    Setting("snmp_retries", "1", _whole(0, 5), "how often a silent printer is asked again"),
    Setting(
        "search_timeout", "1", _number(0.1, 60), "seconds that each of the two passes of a search waits for answers"
    ),
    Setting("packets_per_second", "1000", _whole(1, 100_000), "most packets a second that leave for the whole site"),
    Setting("wakes_per_day", "4", _whole(1, 48), "how often a day the service wakes, reads the printers and sends"),
    Setting("search_every", "84h", _duration, "how often a wake searches the targets for new printers"),
    Setting("broadcast", "on", _switch, "a search asks the networks of this computer by broadcast as well"),
    Setting("multicast", "on", _switch, "the same by IPv6 multicast"),
    Setting("mdns", "on", _switch, "a search listens for printers that announce themselves (Bonjour) there"),
    Setting("report_every", "daily", _report_every, "when a wake asks for the workbook"),
    Setting(
        "dealer_may",
        ",".join(GROUPS),
        _groups,
        "what your dealer may settle from afar: schedule, recipients, pace, masks (to put them on), or none of it",
    ),
    Setting(
        "spooler", "on", _switch, "read the printers that this computer prints on, through its print queues: on or off"
    ),
    Setting("mask_address", "off", _switch, "send printers without their IP addresses: on or off"),
    Setting("mask_host", "off", _switch, "the same for their names on the network, and this computer's"),
    Setting("mask_location", "off", _switch, "the same for where they stand"),
    Setting("mask_contact", "off", _switch, "the same for whom they name as their contact"),
    Setting("proxy", "", _proxy, "web proxy on the way to the collector; empty: what the system says"),
    Setting("proxy_pac", "", _pac, "address of a PAC file that names the proxy, where none is set"),
    Setting("proxy_user", "", _optional, "user name for the proxy"),
    Setting("proxy_password", "", _optional, "password for the proxy", secret=True),
    Setting("ca", "", _optional, "file of a private certificate authority to trust as well"),
)
BY_NAME: Final = {setting.name: setting for setting in TABLE}
SECRETS: Final = frozenset(setting.name for setting in TABLE if setting.secret)


def check(name: str, text: str) -> Any:
    """The value that `text` gives the setting `name`. Raises BadSetting saying what it takes."""
    setting = BY_NAME.get(name)
    if setting is None:
        raise BadSetting(f"there is no setting {name!r}; `flexprint-agent settings` lists them")
    try:
        return setting.read(text)
    except ValueError as error:
        # What was typed for a proxy may hold a password in a place where nobody expects one.
        shown = "this value" if setting.secret or name == "proxy" else repr(text)
        raise BadSetting(f"{name} cannot be {shown}; it takes {error}") from None


def in_force(stored: Mapping[str, str]) -> Settings:
    """The settings of a site that set `stored`; defaults for the rest. Raises BadSetting."""
    for name in stored:
        if name not in BY_NAME:
            raise BadSetting(f"there is no setting {name!r}; it was stored by another version of the agent")
    return Settings(
        **{setting.name: check(setting.name, stored.get(setting.name, setting.default)) for setting in TABLE}
    )


@dataclass(slots=True, frozen=True)
class HandedDown:
    """What the dealer settled, as it holds here: `values` of settings, `recipients` beside those of the site, and
    `unfit`: why something does not hold, by name."""

    values: Mapping[str, str]
    recipients: tuple[str, ...]
    unfit: Mapping[str, str]


def called_here(there: str) -> str:
    """The name here of a setting that a dealer settled."""
    return _CALLED_THERE.get(there, there)


def group_of(name: str) -> str | None:
    """Which of GROUPS a setting belongs to; None where no dealer may settle it."""
    return next((group for group, names in GROUPS.items() if name in names), None)


def forbidding(group: str, allowed: Iterable[str]) -> str:
    """The value of `dealer_may` that forbids this group and allows what else is `allowed`."""
    return ",".join(one for one in allowed if one != group) or NOTHING


def handed_down(settled: Mapping[str, str], allowed: Iterable[str]) -> HandedDown:
    """What holds of what a dealer `settled`, where the site allows these GROUPS. Pure."""
    allowing = set(allowed)
    values: dict[str, str] = {}
    recipients: tuple[str, ...] = ()
    unfit = {}
    for there, text in settled.items():
        name = called_here(there)
        group = group_of(name)
        if group is None:
            unfit[there] = "this agent takes no such setting from afar"
        elif group == "masks" and text != "on":
            unfit[there] = "a mask can be put on from afar, and taken off at the site alone"
        elif group not in allowing:
            unfit[there] = FORBIDDEN
        elif name == "recipients":
            recipients, bad = _addresses(text)
            if bad:
                unfit[there] = bad
        else:
            try:
                check(name, text)
                values[name] = text
            except BadSetting as error:
                unfit[there] = str(error)
    return HandedDown(values, recipients, unfit)


def _addresses(text: str) -> tuple[tuple[str, ...], str | None]:
    """The mail addresses in a list, and what is wrong with it: then there are none."""
    from flexprint_shared.addresses import MOST_RECIPIENTS, is_address

    if text == NOTHING:
        return (), None
    words = tuple(dict.fromkeys(word for word in re.split(r"[\s,;]+", text) if word))
    if len(words) > MOST_RECIPIENTS or not all(map(is_address, words)):
        return (), f"it takes up to {MOST_RECIPIENTS} mail addresses"
    return words, None


def split_proxy(url: str) -> dict[str, str]:
    """The settings for a proxy written as `http://user:password@host:port`, its password apart. Those that it does not
    name come back empty, as the user of the proxy before is none of this one's. Raises BadSetting, which repeats
    nothing of `url`."""
    from urllib.parse import unquote, urlsplit

    if not url:
        return {"proxy": "", "proxy_user": "", "proxy_password": ""}
    refusal = BadSetting(f"this is no proxy; it takes {_PROXY_FORM}")
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        _ = parts.port
    except ValueError:
        raise refusal from None
    if parts.path not in ("", "/") or "?" in url or "#" in url or not url.isprintable():
        raise refusal
    _, _, place = parts.netloc.rpartition("@")
    proxy = f"{parts.scheme}://{place}"
    check("proxy", proxy)
    return {
        "proxy": proxy,
        "proxy_user": unquote(parts.username or ""),
        "proxy_password": unquote(parts.password or ""),
    }
