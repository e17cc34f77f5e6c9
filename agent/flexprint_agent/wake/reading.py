"""Known printers, or named places -> reads on disk."""

import socket
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flexprint_agent import targets
from flexprint_agent.keep import Keep
from flexprint_agent.keep.devices import Device
from flexprint_agent.keep.rests import Rest
from flexprint_agent.search.finder import Share
from flexprint_agent.settings import Settings, in_force
from flexprint_agent.targets import Name, Span
from flexprint_agent.wake.credentials import Keyring, keyring
from flexprint_agent.wake.finders import switched_on
from flexprint_agent.wake.local import read_local
from flexprint_agent.wake.resting import (
    FELL_SILENT,
    RESTARTED,
    RESTARTED_AFTER,
    after_success,
    after_trouble,
    gently,
    restarted_after,
)
from flexprint_shared.times import rfc3339

if TYPE_CHECKING:
    from flexprint_agent.read.layout import Layout
    from flexprint_agent.read.printers import Reading
    from flexprint_agent.snmp.exchange import Endpoint, Exchange
    from flexprint_agent.snmp.pace import Pace

Clock = Callable[[], datetime]
Place = tuple[str, int, str]
"""Address, port, and what was typed to name it."""

Spot = tuple[str, int]
"""Address and port."""


MOST_AT_ONCE: Final = 16
"""Addresses that are read as they are typed; among more, printers are searched for."""

_GAP: Final = 0.01
"""Seconds between two packets to one device: its network card serves print jobs, too."""

_GAP_OF_WEAK: Final = 0.05
"""The same for an engine that takes one object a packet."""


def shares(keep: Keep) -> list[Share]:
    """Every address that was chosen, target by target. Raises UnknownExclusion."""
    texts = keep.choices.targets()
    spans = targets.shares(map(targets.parse, texts), excluded(keep), look_up)
    return [Share(text, tuple(some)) for text, some in zip(texts, spans, strict=True)]


def allowed(keep: Keep) -> list[Span]:
    """The same in one. Raises UnknownExclusion."""
    return [span for share in shares(keep) for span in share.spans]


def excluded(keep: Keep) -> list[Span]:
    """Every address that may never be sent a packet: of a name, those it has and those it last had. Raises
    UnknownExclusion."""
    refused = []
    for text in keep.choices.exclusions():
        # Found out for one text at a time, as what a name last had is kept by the text that excludes it.
        refused += targets.excluded([targets.parse_exclusion(text)], partial(_ever, keep, text))
    return refused


def _ever(keep: Keep, text: str, name: str) -> list[str]:
    last, current = keep.choices.excluded_addresses(text), look_up(name)
    if current and current != last:
        keep.choices.remember_excluded(text, current)
    return sorted({*last, *current}, key=lambda text: (":" in text, text))


def places_of(keep: Keep, texts: Iterable[str]) -> list[Place] | None:
    """The places that these targets name, without what is excluded; None where they are so many that finding the
    printers among them is a search. Raises UnknownExclusion."""
    refused = excluded(keep)
    places: list[Place] = []
    for text in texts:
        spans = targets.allowed([targets.parse(text)], refused, look_up)
        if targets.count(spans) + len(places) > MOST_AT_ONCE:
            return None
        places += [(address, span.port or targets.SNMP_PORT, text) for span in spans for address in span]
    return places


def look_up(name: str) -> list[str]:
    """The addresses of a name, IPv4 first; none when nobody knows it (a printer that is off may have left the DNS).
    Link-local ones are left out, as a name does not say through which interface."""
    try:
        found = socket.getaddrinfo(name, None, 0, socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return []
    texts = {
        str(place[0])
        for family, _, _, _, place in found
        if family in (socket.AF_INET, socket.AF_INET6) and not str(place[0]).startswith("fe80:")
    }
    return sorted(texts, key=lambda text: (":" in text, text))


class Expected(NamedTuple):
    """The device that is expected at a place, and where else the name by which it is known leads."""

    device: Device
    elsewhere: list[Spot]


def names(keep: Keep) -> dict[str, list[Spot]]:
    """Where each target with a name leads now, IPv4 first, without what is excluded. Raises UnknownExclusion."""
    refused = excluded(keep)
    found = {}
    for text in keep.choices.targets():
        target = targets.parse(text)
        if isinstance(target, Name):
            spans = targets.allowed([target], refused, look_up)
            found[text] = [(address, span.port or targets.SNMP_PORT) for span in spans for address in span]
    return found


def named_at(named: Mapping[str, Iterable[Spot]]) -> dict[Spot, str]:
    """The name that leads to each place; of several the first."""
    return {spot: text for text, spots in reversed(list(named.items())) for spot in spots}


def where_to_ask(devices: Iterable[Device], named: Mapping[str, Sequence[Spot]]) -> dict[Spot, Expected]:
    """Each place to ask, with the device that is expected there and where else its name leads. One that is known by a
    name is asked where the name leads now, and no more where it was. Pure."""
    asked: dict[Spot, Expected] = {}
    # Who is where it was comes first: it keeps its place when another one's name leads there, too.
    for device in sorted(devices, key=lambda one: one.address is None):
        spots = list(named.get(device.known_as, ()) if device.known_as else ())
        if device.address is not None:
            here = (device.address, device.port)
            if not spots or here in spots:
                spots = [here, *(spot for spot in spots if spot != here)]
        free = [spot for spot in spots if spot not in asked]
        if free:
            asked[free[0]] = Expected(device, free[1:])
    return asked


def read_known(keep: Keep, settings: Settings, now: Clock) -> Iterator[dict[str, Any]]:
    """Reads the printers on cables of this computer, and every known one that may be asked; gives its probe object once
    the read is on disk, and one that says why for each printer that no target covers. A printer that is known by a
    name is followed to where that leads now; of several places the next is tried where one is silent. Raises
    UnknownExclusion."""
    yield from read_local(keep, settings, now)
    covered, uncovered = _by_target(keep)
    rests = keep.rests.all()
    awake = []
    for device in covered:
        rest = rests.get(device.id)
        if rest is not None and rest.lasts(now()):
            yield _left_alone(device, rest, now())
        else:
            awake.append(device)
    if uncovered:
        why = _why_uncovered(keep, uncovered)
        for device in uncovered:
            yield _not_asked(device, why, now())
    asked = where_to_ask(awake, names(keep))
    while asked:
        asked = yield from _read_or_go_on(keep, settings, asked, now)


def _read_or_go_on(
    keep: Keep, settings: Settings, asked: Mapping[Spot, Expected], now: Clock
) -> Generator[dict[str, Any], None, dict[Spot, Expected]]:
    """Reads at these places; what is to be asked next, where one was silent and its name leads to another as well."""
    others: dict[Spot, Expected] = {}
    devices = {spot: expected.device for spot, expected in asked.items()}
    for outcome in _read(keep, settings, ((*spot, spot[0]) for spot in asked), devices, now):
        device, elsewhere = asked[outcome["address"], outcome["port"]]
        following = next((place for place, spot in enumerate(elsewhere) if spot not in others), None)
        if following is None or outcome["answered"]:
            yield outcome
        else:
            others[elsewhere[following]] = Expected(device, elsewhere[following + 1 :])
    return others


def uncovered(keep: Keep) -> tuple[list[Device], str]:
    """The known printers that are never read, as no target covers them now, and why. One that was excluded is not
    among them: that was a person's wish. Raises UnknownExclusion."""
    _, without = _by_target(keep)
    return without, _why_uncovered(keep, without) if without else ""


def _by_target(keep: Keep) -> tuple[list[Device], list[Device]]:
    """The known printers that a target covers, and those that none does; excluded ones are in neither."""
    refused, spans = excluded(keep), allowed(keep)
    # What a finder grants is covered as long as that finder is switched on, and while its grant holds. That stands in
    # no secret setting.
    granting = {finder.name: finder for finder in switched_on(in_force(keep.choices.settings()))}
    named = names(keep)
    covered, without = [], []
    for device in keep.devices.all():
        if device.known_as is not None and named.get(device.known_as):
            covered.append(device)
            continue
        if device.address is None or device.is_local:
            continue
        if targets.is_excluded(refused, device.address, device.port):
            continue
        finder = granting.get(device.granted_by or "")
        if targets.contains(spans, device.address, device.port) or (finder and finder.holds(device.address)):
            covered.append(device)
        else:
            without.append(device)
    return covered, without


def _why_uncovered(keep: Keep, devices: Iterable[Device]) -> str:
    granted = [device.granted_by for device in devices]
    if all(granted):
        return (
            f"it was found by {granted[0]}, which is switched off now or reaches another network than then; "
            "`flexprint-agent add` its address, or exclude it"
        )
    names = [one.name for one in map(targets.parse, keep.choices.targets()) if isinstance(one, Name)]
    unknown = [name for name in dict.fromkeys(names) if not look_up(name)]
    if unknown:
        return (
            f"no target covers it, or its name is not known to the network now ({', '.join(unknown[:5])}); "
            "check the name, or `flexprint-agent add` its address"
        )
    return "no target covers it; `flexprint-agent add` its address, or exclude it"


def _not_asked(device: Device, why: str, at: datetime) -> dict[str, Any]:
    """A probe object without a conversation."""
    return {
        "target": device.address,
        "asked": False,
        "answered": False,
        "printer": False,
        "address": device.address,
        "port": device.port,
        "read_at": rfc3339(at),
        "seconds": 0.0,
        "packets": 0,
        "reason": None,
        "error": f"{device.address} was not asked: {why}",
    }


def _left_alone(device: Device, rest: Rest, at: datetime) -> dict[str, Any]:
    why = f"{rest.reason} on {rest.since:%Y-%m-%d at %H:%M} UTC and is left alone until {rest.until:%Y-%m-%d %H:%M} UTC"
    return _not_asked(device, why, at) | {"left_alone_until": rfc3339(rest.until), "trouble": rest.reason}


def read_named(keep: Keep, settings: Settings, places: Iterable[Place], now: Clock) -> Iterator[dict[str, Any]]:
    """The same for places (address, port, what was typed) that a person named."""
    devices = {(device.address, device.port): device for device in keep.devices.all() if device.address is not None}
    yield from _read(keep, settings, places, devices, now, named=True)


def _read(
    keep: Keep,
    settings: Settings,
    places: Iterable[Place],
    devices: Mapping[tuple[str, int], Device],
    now: Clock,
    *,
    named: bool = False,
) -> Iterator[dict[str, Any]]:
    from flexprint_agent.read import layout
    from flexprint_agent.read.printers import probe_object, read_printers

    ring, rests = keyring(keep, settings, look_up), keep.rests.all()
    # The knowledge of what is being read now, and no more: it is the bulk of what is known of a printer.
    under_way: dict[tuple[str, int], tuple[str, dict[str, Any]]] = {}
    name_of = named_at(names(keep))
    seen: set[int] = set()  # devices that were read, wherever they were

    def endpoints() -> Iterator[tuple["Endpoint", "Layout | None"]]:
        for address, port, text in places:
            device = devices.get((address, port))
            known = keep.devices.knowledge(device.id) if device else {}
            under_way[address, port] = text, known
            asked = gently(known, rests.get(device.id)) if device else known
            yield ring.endpoint(address, port, asked, now(), insist=named), layout.from_json(known.get("layout"))

    for reading in read_printers(exchange_for(settings), endpoints(), now):
        place = (reading.endpoint.address, reading.endpoint.port)
        text, known = under_way.pop(place)
        if refused := ring.refused(reading):
            keep.credentials.keep_refusals(*place, refused, now())
        device = devices.get(place)
        if reading.read is not None:
            learned = _knowledge(ring, reading, known, now(), gentle=device is not None and device.id in rests)
            keep.keep_read(reading.read, None if learned == known else learned, known_as=name_of.get(place))
            present = keep.devices.at(*place)
            seen |= {present.id} if present else set()
        if place in devices and devices[place].id not in seen:
            # It is silent, or something else answers in its place.
            keep.keep_silence(devices[place].id, now())
        yield probe_object(reading, text, now()) | _mind(keep, device, reading, rests, now())


def _mind(
    keep: Keep, before: Device | None, reading: "Reading", rests: Mapping[int, Rest], at: datetime
) -> dict[str, Any]:
    """Leaves a device alone for a while that being read did no good, and lets that be forgotten where it did. What
    there is to say of it."""
    device = keep.devices.at(reading.endpoint.address, reading.endpoint.port)
    if device is None:
        return {}
    trouble = _trouble(before if before is not None and before.id == device.id else None, reading)
    rest = rests.get(device.id)
    if trouble is None:
        if rest is not None and reading.read is not None:
            keep.keep_rest(device.id, after_success(rest))
        return {}
    rest = after_trouble(rest, trouble, at)
    keep.keep_rest(device.id, rest)
    return {"left_alone_until": rfc3339(rest.until), "trouble": rest.reason}


def _trouble(before: Device | None, reading: "Reading") -> str | None:
    """What being read did to a device, as far as is seen; `before` is what was known of it."""
    if reading.restarted:
        return RESTARTED
    if reading.fell_silent:
        return FELL_SILENT
    if before is not None and reading.read is not None:
        read = reading.read
        return RESTARTED_AFTER if restarted_after(before.last_read_at, read.read_at, read.uptime_s) else None
    return None


def probe(
    settings: Settings,
    endpoint: Callable[[str, int, Mapping[str, Any]], "Endpoint"],
    places: Iterable[Place],
    now: Clock,
) -> Iterator[dict[str, Any]]:
    """One read each of places (address, port, what was typed), asked as `endpoint` says, which is told what is
    known of the device: here nothing. Nothing is kept."""
    from flexprint_agent.read.printers import probe_object, read_printers

    typed = {(address, port): text for address, port, text in places}
    endpoints = ((endpoint(address, port, {}), None) for address, port in typed)
    for reading in read_printers(exchange_for(settings), endpoints, now):
        yield probe_object(reading, typed[reading.endpoint.address, reading.endpoint.port], now())


def _knowledge(
    ring: Keyring, reading: "Reading", known: Mapping[str, Any], at: datetime, *, gentle: bool
) -> dict[str, Any]:
    """What is to be remembered. Of a device that was asked more gently than it needs, the traits of before."""
    learned = {
        "traits": known.get("traits") if gentle else asdict(reading.traits),
        **ring.learned(reading, known, at),
        "layout": reading.layout.as_json() if reading.layout else known.get("layout"),
    }
    return {name: value for name, value in learned.items() if value is not None}


def exchange_for(settings: Settings, gap: float = _GAP) -> "Exchange":
    from flexprint_agent.snmp.exchange import Exchange, Limits

    return Exchange(
        Limits(
            timeout=settings.snmp_timeout,
            retries=settings.snmp_retries,
            packets_per_second=settings.packets_per_second,
            gap=gap,
            gap_of_weak=max(gap, _GAP_OF_WEAK),
        ),
        pace=pace_for(settings),
    )


def patient(settings: Settings) -> Settings:
    """How a device that has answered is asked where packets get lost: again and again, as it is there."""
    return replace(settings, snmp_retries=max(settings.snmp_retries, 3))


def pace_for(settings: Settings) -> "Pace":
    """The budget of everything that this process sends."""
    from flexprint_agent.snmp.pace import of_process

    return of_process(settings.packets_per_second)
