"""Figures, times and states as people read them. Pure; the templates use these as filters."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Final

from flexprint_server.alerts.silence import CAUSES
from flexprint_server.fleet.models import Device
from flexprint_server.fleet.summary import fills_up
from flexprint_server.tenants.models import AuditEntry
from flexprint_shared.meters import title
from flexprint_shared.text import clean
from flexprint_shared.times import on_clock, rfc3339

NOTHING: Final = "\N{EN DASH}"
"""What stands where a device gave no value."""

# Steps of an age: seconds in one, and its short name. An age is told in the largest step that fits.
_STEPS: Final = ((604800, "wk"), (86400, "d"), (3600, "h"), (60, "min"))

# hrPrinterDetectedErrorState (RFC 2790) in words, and how much each one matters.
_ERRORS: Final = {
    "lowPaper": ("Paper low", "warn"),
    "noPaper": ("No paper", "bad"),
    "lowToner": ("Toner low", "warn"),
    "noToner": ("No toner", "bad"),
    "doorOpen": ("Door open", "bad"),
    "jammed": ("Paper jam", "bad"),
    "offline": ("Offline", "bad"),
    "serviceRequested": ("Service requested", "bad"),
    "inputTrayMissing": ("Tray missing", "bad"),
    "outputTrayMissing": ("Output tray missing", "bad"),
    "markerSupplyMissing": ("Supply missing", "bad"),
    "outputNearFull": ("Output nearly full", "warn"),
    "outputFull": ("Output full", "bad"),
    "inputTrayEmpty": ("Tray empty", "warn"),
    "overduePreventMaint": ("Maintenance overdue", "warn"),
}

_STATES: Final = {
    "idle": "Ready",
    "printing": "Printing",
    "warmup": "Warming up",
    "other": "Other",
    "unknown": "Not told",
}

_SOURCES: Final = {
    "vendor": "maker's counter",
    "standard": "standard counter",
    "derived": "derived",
    "spooler": "jobs of one computer, not the printer's counter",
}

# Words of prtMarkerSuppliesType (RFC 3805) that nobody outside the trade knows.
_KINDS: Final = {"opc": "Drum", "other": "Other supply", "unknown": "Supply"}

_LEVELS: Final = {"some": "Some left", "unknown": "Level not told", "unlimited": "No limit", "ok": "OK"}

_REPORTS: Final = {
    "due": ("Waiting", "quiet"),
    "building": ("Being built", "quiet"),
    "built": ("Built, not yet mailed", "quiet"),
    "sending": ("Being mailed", "quiet"),
    "sent": ("Mailed", "good"),
    "failed": ("Failed", "bad"),
}

_DELIVERIES: Final = {
    "queued": ("Waiting", "quiet"),
    "accepted": ("Accepted", "good"),
    "deferred": ("Trying again", "warn"),
    "refused": ("Refused", "bad"),
    "bounced": ("Bounced", "bad"),
    "suppressed": ("Not sent", "warn"),
}

# What audit.note() calls a deed.
_DEEDS: Final = {
    "api_key.made": "Made an API key",
    "api_key.withdrawn": "Withdrew an API key",
    "address.unsubscribed": "Unsubscribed by the link of a mail",
    "address.lifted": "Let an address be written to again",
    "customer.added": "Added a customer",
    "customer.removed": "Removed a customer",
    "customer.renamed": "Renamed a customer",
    "agent.enrolled": "Enrolled with an install key",
    "agent.back": "Took back that an agent is gone",
    "agent.retired": "Retired an agent",
    "agent.told": "Told an agent what to do",
    "alert.acknowledged": "Took care of an alert",
    "export.brought": "Brought a file of an agent",
    "device.back": "Brought a device back",
    "device.epoch_confirmed": "Confirmed a counter that went down",
    "device.labelled": "Typed labels of a device",
    "device.merge_undone": "Undid a merge",
    "device.merged": "Merged two devices",
    "device.retired": "Retired a device",
    "device.split": "Split a device",
    "device.split_undone": "Undid a split",
    "device.told_apart": "Told two devices apart",
    "install_key.made": "Made an install key",
    "install_key.withdrawn": "Withdrew an install key",
    "invitation.withdrawn": "Withdrew an invitation",
    "oidc.set_up": "Set the company's own sign-in up",
    "oidc.taken_down": "Took the company's own sign-in away",
    "password.changed": "Changed their password",
    "password.reset_asked": "Asked for a new password by mail",
    "password.reset": "Set a forgotten password anew",
    "dealer.second_factor": "Changed whether a second factor is required",
    "report.downloaded_by_link": "Downloaded a workbook by the link of a mail",
    "report.link_ended": "Ended the link to a workbook",
    "report.resent": "Sent a report again",
    "schedule.changed": "Changed a schedule of workbooks",
    "schedule.made": "Made a schedule of workbooks",
    "schedule.paused": "Paused a schedule of workbooks",
    "schedule.removed": "Removed a schedule of workbooks",
    "schedule.resumed": "Let a paused schedule go on",
    "schedule.run": "Ran a schedule of workbooks",
    "second_factor.off": "Turned their second factor off",
    "second_factor.on": "Turned a second factor on",
    "second_factor.taken_away": "Took a user's second factor away",
    "session.all_ended": "Signed out everywhere",
    "session.closed": "Signed out",
    "session.opened": "Signed in",
    "session.ended": "Signed out another browser",
    "settings.changed": "Changed settings",
    "site.added": "Added a site",
    "site.moved": "Moved a site to another customer",
    "site.removed": "Removed a site",
    "site.renamed": "Renamed a site",
    "user.invited": "Invited a user",
    "user.joined": "Took up an invitation",
    "user.removed": "Removed a user",
    "user.sites_changed": "Chose the sites that a customer's user sees",
    "user.role_changed": "Changed a user's role",
}

# What each of roles.ROLES is called, and what it is for.
_ROLES: Final = {
    "owner": ("Owner", "Everything, and who else may come in."),
    "billing": ("Billing", "Sees everything; closes periods, schedules workbooks."),
    "technician": ("Technician", "Sees everything; lets agents in, labels devices, schedules workbooks."),
    "viewer": ("Viewer", "Sees everything and changes nothing."),
    "customer": ("Customer's user", "Sees the sites of one customer and changes nothing."),
}

# What each of api_keys.SCOPES opens.
_KEY_SCOPES: Final = {
    "fleet": "Customers, sites, agents and devices",
    "reads": "Reads",
    "supplies": "Supplies",
    "alerts": "Alerts",
    "reports": "Reports and workbooks",
}

# Words in a supply's colour that say which ink a swatch shows, the more telling first.
_INKS: Final = ("cyan", "magenta", "yellow", "black", "red", "green", "blue", "gray", "grey", "white")

_HUMPS: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def said(text: object, limit: int = 255) -> str:
    """Text from a device on one line, without characters that hide or reorder others; "" for none."""
    return clean(str(text), limit) if text is not None else ""


def called(device: Device) -> str:
    """Maker and model of a device as one line."""
    return f"{said(device.manufacturer, 60)} {said(device.model, 120)}".strip() or "Unnamed device"


def number(value: int | None) -> str:
    return NOTHING if value is None else f"{value:,}"


def ago(instant: datetime | None, now: datetime) -> str:
    """`just now`, `5 min ago`, `3 h ago`; `in 3 h` for a clock that runs ahead; `never`."""
    if instant is None:
        return "never"
    seconds = (now - instant).total_seconds()
    for size, name in _STEPS:
        if abs(seconds) >= size:
            count = int(abs(seconds) // size)
            return f"{count} {name} ago" if seconds > 0 else f"in {count} {name}"
    return "just now"


def full_time(instant: datetime, zone: tzinfo = UTC) -> str:
    """`2026-11-22 08:00:00 UTC`."""
    return f"{on_clock(instant, zone):%Y-%m-%d %H:%M:%S %Z}"


def short_time(instant: datetime, zone: tzinfo = UTC) -> str:
    """`22 Nov 2026, 08:00`."""
    local = on_clock(instant, zone)
    return f"{local.day} {local:%b %Y, %H:%M}"


def short_day(day: date) -> str:
    """`22 Nov`."""
    return f"{day.day} {day:%b}"


def full_day(day: date) -> str:
    """`22 Nov 2026`."""
    return f"{day.day} {day:%b %Y}"


def machine_time(instant: datetime) -> str:
    return rfc3339(instant)


def uptime(seconds: int | None) -> str:
    """`12 d 4 h`, the two largest steps."""
    if seconds is None:
        return NOTHING
    parts: list[str] = []
    for size, name in (*_STEPS[1:], (1, "s")):
        count, seconds = divmod(seconds, size)
        if count or (size == 1 and not parts):
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])


def error(bit: str) -> tuple[str, str]:
    """A set bit of hrPrinterDetectedErrorState as (words, how much it matters)."""
    return _ERRORS.get(bit) or (_from_camel(said(bit, 60)), "warn")


def silence(facts: Mapping[str, Any]) -> str:
    """What is likely to keep an agent silent, and the one thing to do."""
    cause = CAUSES.get(facts.get("cause", ""), CAUSES["off"])
    return f"{cause.what} {cause.do}"


def health(state: str, errors: Sequence[str]) -> str:
    """How a device is, in one colour: `bad`, `warn`, `good`, or `quiet` where it does not tell."""
    weights = {error(bit)[1] for bit in errors}
    if weights:
        return "bad" if "bad" in weights else "warn"
    return "good" if state in ("idle", "printing", "warmup") else "quiet"


def severity(word: str) -> tuple[str, str]:
    """An alert's prtAlertSeverityLevel as (words, how much it matters)."""
    weights = {"critical": "bad", "warning": "warn"}
    return _from_camel(said(word, 40)), weights.get(word, "quiet")


def state(word: str) -> str:
    return _STATES.get(word) or _from_camel(said(word, 30))


def status(word: str, errors: Sequence[str]) -> str:
    """What a device was doing and what it complained about, as one line."""
    return ": ".join(filter(None, (state(word), ", ".join(error(bit)[0] for bit in errors))))


def source(word: str) -> str:
    return _SOURCES.get(word) or said(word, 30)


def unit(word: str) -> str:
    return said(word, 40).replace("_", " ")


def meter(name: str) -> str:
    return title(said(name, 40))


def report(word: str) -> tuple[str, str]:
    return _REPORTS.get(word, (said(word, 20), "quiet"))


def delivery(word: str) -> tuple[str, str]:
    return _DELIVERIES.get(word, (said(word, 20), "quiet"))


def deed(word: str) -> str:
    return _DEEDS.get(word) or said(word, 60)


def role(word: str) -> str:
    return _ROLES[word][0] if word in _ROLES else said(word, 20)


def role_hint(word: str) -> str:
    """What somebody with the role sees and does, as a sentence."""
    return _ROLES[word][1] if word in _ROLES else ""


def key_scope(word: str) -> str:
    return _KEY_SCOPES.get(word) or said(word, 20)


def changes(entry: AuditEntry) -> list[tuple[str, str, str]]:
    """What an audit entry changed, as (name, before, after); "" where there was or is nothing."""
    was, became = (side if isinstance(side, dict) else {} for side in (entry.before, entry.after))
    return [(name, said(was.get(name)), said(became.get(name))) for name in sorted({*was, *became})]


def kind(word: str) -> str:
    """A word of prtMarkerSuppliesType, or a supply's colour: `wasteToner` as `Waste toner`."""
    return _KINDS.get(word) or _from_camel(said(word, 40))


def level(supply: Mapping[str, Any]) -> str:
    """A supply's level in words: `42 %`, `Low, 8 %`, `Some left`; a waste container's `40 % full`."""
    filling, percent, word = fills_up(supply), supply["percent"], supply["state"]
    figure = "" if percent is None else f"{percent} % full" if filling else f"{percent} %"
    if word == "empty":
        return "Full" if filling else "Empty"
    if word == "low":
        low = "Nearly full" if filling else "Low"
        return f"{low}, {percent} %" if figure else low
    return figure or _LEVELS.get(word) or said(word, 20)


def weight(supply: Mapping[str, Any]) -> str:
    """How much a supply's state matters: `bad`, `warn` or `good`; `quiet` where nothing is known."""
    if supply["state"] in ("empty", "low"):
        return "bad" if supply["state"] == "empty" else "warn"
    return "good" if supply["percent"] is not None else "quiet"


def ink(supply: Mapping[str, Any]) -> str:
    """The swatch of a supply: the name of an ink, `waste` or `none`."""
    if fills_up(supply):
        return "waste"
    color = str(supply["color"] or "").lower()
    found = next((name for name in _INKS if name in color), "none")
    return "gray" if found == "grey" else found


def _from_camel(word: str) -> str:
    return _HUMPS.sub(" ", word).replace("_", " ").capitalize()
