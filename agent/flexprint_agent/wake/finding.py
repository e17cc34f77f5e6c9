"""What was chosen -> candidates of every finder -> asked by unicast, identified -> the printers among them, kept.

Finders and conversations go on side by side: a printer is kept as soon as it has said who it is, so a search that is
stopped leaves what it found. `search.finder` says how a finder is made, `wake.finders` lists them.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from flexprint_agent import targets
from flexprint_agent.errors import AgentError
from flexprint_agent.keep import Keep
from flexprint_agent.keep.devices import Device
from flexprint_agent.keep.notes import LAST_SEARCH, TARGETS_CHANGED
from flexprint_agent.search.finder import Candidate, Effort, Finder, Ground, Part, Plan, Share, is_refused, may_ask
from flexprint_agent.search.local import own_networks
from flexprint_agent.search.sweeper import SWEEP
from flexprint_agent.settings import Settings
from flexprint_agent.targets import Span
from flexprint_agent.wake.credentials import Keyring, keyring
from flexprint_agent.wake.finders import switched_on
from flexprint_agent.wake.found import entry
from flexprint_agent.wake.local import find_local, hanging_here
from flexprint_agent.wake.reading import (
    Clock,
    exchange_for,
    excluded,
    look_up,
    named_at,
    names,
    pace_for,
    patient,
    shares,
)

if TYPE_CHECKING:
    from flexprint_agent.read.reader import Sighting
    from flexprint_agent.snmp.exchange import Endpoint, Outcome

Place = tuple[str, int]
"""Address and port."""

AFTER_LOSS: Final = timedelta(days=1)
"""A printer that fell silent may have moved, so it is looked for near its last address; not more often than this."""

_LEAST_BOUND: Final = 3600.0
_MOST_BOUND: Final = 8 * 3600.0

LOST_FOR: Final = timedelta(days=7)
"""For how long a silent printer is looked for. After that the regular search finds it, should it come back."""


@dataclass(slots=True, frozen=True)
class Standing:
    """How a search stands: packets sent and addresses that answered until now, different printers among them, what is
    ahead at most, and the seconds that it has taken."""

    packets: int
    answered: int
    printers: int
    packets_ahead: int
    seconds_ahead: float
    seconds: float


Progress = Callable[[Standing], object]


class NothingToSearch(AgentError):
    """No target was chosen, or all of them are excluded; and no finder has somewhere else to look."""


class SearchStopped(AgentError):
    """A person stopped the search; `result` is what it had done until then, all of it kept."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__("the search was stopped; what it found so far is kept, and searching again finds the rest")
        self.result = result


def search_due(keep: Keep, settings: Settings, at: datetime) -> bool:
    """True when there is something to search and a reason to."""
    if not keep.choices.targets() and not _granted(keep, settings):
        return False
    last, changed = keep.notes.instant(LAST_SEARCH), keep.notes.instant(TARGETS_CHANGED)
    return is_search_due(at, last, changed, settings.search_every)


def is_search_due(at: datetime, last: datetime | None, changed: datetime | None, every: timedelta) -> bool:
    """Due when never done, when the targets `changed` since, or when `every` has passed. A clock that was set back
    makes it due, too."""
    if last is None or (changed is not None and changed >= last):
        return True
    return not timedelta(0) <= at - last < every


def longest_search(planned: float) -> float:
    """Seconds after which a search ends that was to take `planned` seconds without any loss: thrice as long, but an
    hour at least and eight at most. Pure."""
    return min(max(3 * planned, _LEAST_BOUND), _MOST_BOUND)


def _granted(keep: Keep, settings: Settings) -> bool:
    """True where this computer prints on something, or a finder knows places that may be asked without a target."""
    ground = Ground((), excluded(keep), settings, pace_for(settings))
    return bool(hanging_here(settings)) or any(finder.plan(ground).parts for finder in switched_on(settings))


def ground_of(keep: Keep, settings: Settings, ring: Keyring) -> Ground:
    """What a search may do. Raises NothingToSearch, UnknownExclusion."""
    ground = Ground(
        shares(keep),
        excluded(keep),
        settings,
        pace_for(settings),
        ring.scopes(),
        [*own_networks(), *known_networks(keep)],
    )
    if not ground.spans and not _granted(keep, settings):
        raise NothingToSearch(
            "there is nothing to search; choose with `flexprint-agent segments`, or `flexprint-agent add 10.10.10.0/24`"
            + (" (all that was added is excluded, or is a name nobody knows)" if keep.choices.targets() else "")
        )
    return ground


def known_networks(keep: Keep) -> list[Span]:
    """The segments that this computer or a router named, without those that are a summary of many."""
    named = (targets.parse_exclusion(segment.cidr) for segment in keep.segments.all())
    return [span for span in named if isinstance(span, Span) and len(span) <= targets.LARGE]


def search_plan(keep: Keep, settings: Settings) -> dict[str, Any]:
    """What a search would send at most, as `search --plan` prints it. Sends nothing but what the system does to look up
    names. Raises NothingToSearch."""
    ground = ground_of(keep, settings, keyring(keep, settings, look_up))
    plans: list[Plan] = [finder.plan(ground) for finder in switched_on(settings)]
    parts = [part for plan in plans for part in plan.parts]
    return {
        "addresses": sum(part.addresses for part in parts),
        "packets": sum(part.packets for part in parts),
        "bytes": sum(part.octets for part in parts),
        "seconds": round(max((plan.seconds for plan in plans), default=0.0), 1),
        "if_lossy": {
            "packets": sum(part.packets * part.rounds for part in parts),
            "seconds": round(max((plan.seconds * plan.rounds for plan in plans), default=0.0), 1),
        },
        "parts": [
            {name: value for name, value in asdict(part).items() if name != "octets"} | {"bytes": part.octets}
            for part in parts
        ],
        "local": [printer.address for printer in hanging_here(settings)],
    }


def priced(keep: Keep, settings: Settings, texts: Iterable[str]) -> list[Part]:
    """What sweeping each of these targets would cost, were it alone, whether it is chosen or not. Sends nothing. Raises
    UnknownExclusion."""
    refused = excluded(keep)
    shares = [Share(text, tuple(targets.allowed([targets.parse(text)], refused, look_up))) for text in texts]
    scopes = keyring(keep, settings, look_up).scopes()
    return list(SWEEP.plan(Ground(shares, refused, settings, pace_for(settings), scopes)).parts)


def search(keep: Keep, settings: Settings, now: Clock, progress: Progress | None = None) -> dict[str, Any]:
    """Asks whatever the finders come upon, identifies what answers, keeps the printers. Raises NothingToSearch,
    UnknownExclusion, and SearchStopped when a person does not want to wait any longer."""
    started = now()
    ring = keyring(keep, settings, look_up)
    ground = ground_of(keep, settings, ring)
    searching = _Search(keep, ground, ring, now, progress, switched_on(settings))
    searching.run()
    searching.local = find_local(keep, settings, now)
    keep.notes.put_instant(LAST_SEARCH, started)
    return searching.result()


def is_sought(device: Device, at: datetime) -> bool:
    """Whether a printer is looked for where it was: it is silent, not for long, and was not looked for today."""
    silent, sought = device.silent_since, device.sought_at
    if silent is None or not timedelta(0) <= at - silent < LOST_FOR:
        return False
    return sought is None or not timedelta(0) <= at - sought < AFTER_LOSS


def neighbourhood(address: str, segments: Iterable[str]) -> Span:
    """Where a printer that was at `address` is looked for: in the smallest segment known that it was in, else in its
    /24. Of IPv6, where networks cannot be swept, the targets near it are all there is."""
    one = targets.single(address)
    if one.version == 6:
        return replace(one, first=one.first >> 64 << 64, last=one.first | (1 << 64) - 1)
    known = [span for text in segments if isinstance(span := targets.parse_exclusion(text), Span)]
    around = [span for span in known if span.first <= one.first <= span.last and len(span) <= targets.LARGE]
    return min(around, key=len, default=Span(one.first & ~0xFF, one.first | 0xFF))


def seek(keep: Keep, settings: Settings, now: Clock) -> tuple[int, dict[Place, Place]]:
    """Looks for the printers that fell silent lately, each near its last address and only where it may be asked; the
    printers that answer where they were are left alone. The packets it took, and where silent ones were found, with
    where they had been. Raises UnknownExclusion."""
    devices, at = keep.devices.all(), now()
    lost = [one for one in devices if not one.is_local and is_sought(one, at) and (one.address or one.was_at)]
    if not lost:
        return 0, {}
    segments = [segment.cidr for segment in keep.segments.all()]
    around = [neighbourhood(one.address or one.was_at or "", segments) for one in lost]
    there = [
        targets.single(one.address, one.port)
        for one in devices
        if one.address and not one.is_local and one.silent_since is None
    ]
    near = [
        Share(share.target, tuple(piece for span in share.spans for piece in targets.cut(span, around, there)))
        for share in shares(keep)
    ]
    ring = keyring(keep, settings, look_up)
    networks = [*own_networks(), *known_networks(keep)]
    ground = Ground(near, excluded(keep), settings, pace_for(settings), ring.scopes(), networks)
    searching = _Search(keep, ground, ring, now, None, [SWEEP])
    searching.run()
    with keep.database.transaction():
        keep.devices.sought((one.id for one in lost), at)
    places = {
        searching.places[one.id]: (one.address or one.was_at or "", one.port)
        for one in lost
        if one.id in searching.places
    }
    return searching.result()["packets"], places


_SECOND_CHANCES: Final = 3
"""How often a device that answered the search, and then no more, is asked again who it is, where packets get lost."""


@dataclass(slots=True)
class _Search:
    """One search under way."""

    keep: Keep
    ground: Ground
    ring: Keyring
    now: Clock
    progress: Progress | None
    finders: Sequence[Finder]
    begun: float = field(default_factory=time.monotonic)
    efforts: list[Effort] = field(default_factory=list)
    candidates: dict[Place, Candidate] = field(default_factory=dict)
    found: dict[Place, dict[str, Any]] = field(default_factory=dict)
    not_asked: dict[Place, dict[str, Any]] = field(default_factory=dict)
    local: list[dict[str, Any]] = field(default_factory=list)
    """The printers on a cable of this computer, as `found`."""
    before: dict[int, Place] = field(default_factory=dict)
    """Where each printer was known to be when the search began."""
    places: dict[int, Place] = field(default_factory=dict)
    """Where each was found in this search."""
    fell_silent: dict[Place, "Endpoint"] = field(default_factory=dict)
    """Answered their finder, and did not say who they are."""
    resting: set[Place] = field(default_factory=set)
    """Where known printers are that are left alone for a while."""
    named: dict[Place, str] = field(default_factory=dict)
    """The target with a name that leads to each place."""
    sent: int = 0
    """Packets of the conversations."""
    ended_early: bool = False
    """It took too long, and what it had not asked by then is left to the next one."""

    def run(self) -> None:
        """Raises SearchStopped."""
        from flexprint_agent.read.printers import identify_devices

        settings = self.ground.settings
        exchange, again = exchange_for(settings), exchange_for(patient(settings))
        try:
            for outcome in identify_devices(exchange, self.endpoints()):
                self.take(outcome, self.now())
            for _ in range(_SECOND_CHANCES):
                for outcome in identify_devices(again, self.second_chances()):
                    self.take(outcome, self.now())
        except KeyboardInterrupt:
            self.sent = exchange.packets_sent + again.packets_sent
            raise SearchStopped(self.result()) from None
        self.sent = exchange.packets_sent + again.packets_sent

    def __post_init__(self) -> None:
        self.named = named_at(names(self.keep))
        rests, at = self.keep.rests.all(), self.now()
        for device in self.keep.devices.all():
            if device.address is not None:
                self.before[device.id] = device.address, device.port
                if device.id in rests and rests[device.id].lasts(at):
                    self.resting.add((device.address, device.port))

    def endpoints(self) -> Iterator["Endpoint | None"]:
        """Each place that may be asked, once, however many finders come upon it."""
        for candidate in self._candidates():
            if candidate is None:
                yield None
                continue
            place = candidate.address, candidate.port
            places = {place, *((address, candidate.port) for address in candidate.also)}
            if place in self.not_asked or self._is_dealt_with(places):
                continue
            if not may_ask(self.ground, candidate):
                self.not_asked[place] = {
                    "address": candidate.address,
                    "port": candidate.port,
                    "found_by": candidate.by,
                    "excluded": is_refused(self.ground, candidate),
                }
                continue
            self.candidates[place] = candidate
            self.ground.loss.begun()
            yield self._endpoint(candidate)

    def _endpoint(self, candidate: Candidate) -> "Endpoint":
        """As what answered already; else as the device at this place was asked before, or in every way there is."""
        device = self.keep.devices.at(candidate.address, candidate.port)
        known = self.keep.devices.knowledge(device.id) if device else {}
        endpoint = self.ring.endpoint(candidate.address, candidate.port, known, self.now())
        if candidate.community is not None:
            return replace(endpoint, communities=(candidate.community,), users=())
        return endpoint if candidate.engine is None else replace(endpoint, engine=candidate.engine)

    def _is_dealt_with(self, places: set[Place]) -> bool:
        """Whether the device at these places was asked already, or is left alone."""
        return not (places.isdisjoint(self.candidates) and places.isdisjoint(self.resting))

    def second_chances(self) -> Iterator["Endpoint"]:
        """Those that fell silent, where it may be the network that lost their answers."""
        waiting = list(self.fell_silent.values()) if self.ground.loss.share() else []
        for endpoint in waiting:
            self.ground.loss.begun()
            yield endpoint

    def _candidates(self) -> Iterator[Candidate | None]:
        finders = self.finders
        self.efforts = [Effort() for _ in finders]
        plans = [finder.plan(self.ground) for finder in finders]
        for effort, plan in zip(self.efforts, plans, strict=True):
            effort.packets_ahead, effort.seconds_ahead = sum(part.packets for part in plan.parts), plan.seconds
        going = [
            (finder.find(self.ground, effort), effort) for finder, effort in zip(finders, self.efforts, strict=True)
        ]
        longest = longest_search(max((plan.seconds for plan in plans), default=0.0))
        while going:
            if time.monotonic() - self.begun > longest:
                self.ended_early = True
                return
            for each in list(going):
                finding, effort = each
                try:
                    yield next(finding)
                except StopIteration:
                    effort.packets_ahead, effort.seconds_ahead = 0, 0.0
                    going.remove(each)
                self.tell()

    def tell(self) -> None:
        if self.progress is not None:
            self.progress(
                Standing(
                    packets=sum(effort.packets for effort in self.efforts),
                    answered=len(self.candidates),
                    printers=len(self.places),
                    packets_ahead=sum(effort.packets_ahead for effort in self.efforts),
                    seconds_ahead=max(effort.seconds_ahead for effort in self.efforts),
                    seconds=time.monotonic() - self.begun,
                )
            )

    def take(self, outcome: "Outcome[Sighting]", at: datetime) -> None:
        """What one place said: a printer is kept."""
        sighting, place = outcome.result, (outcome.endpoint.address, outcome.endpoint.port)
        candidate = self.candidates[place]
        if refused := self.ring.refused(outcome):
            self.keep.credentials.keep_refusals(*place, refused, at)
        self.fell_silent.pop(place, None)
        if sighting is None and candidate.community is not None:
            self.fell_silent[place] = outcome.endpoint
        self.ground.loss.ended(
            outcome.requests,
            outcome.repeated,
            late=self._is_late(candidate, outcome),
            silent=place in self.fell_silent,
        )
        told = entry(
            *place,
            candidate.by,
            answered=outcome.answered,
            reason=sighting.reason if sighting else outcome.error,
            announced=candidate.hint,
        )
        if sighting is not None and sighting.printer:
            identity = sighting.identity
            granted_by = candidate.by if candidate.granted else None
            device, new = self.keep.keep_found(
                identity, *place, at, granted_by=granted_by, known_as=self.named.get(place)
            )
            told |= {"printer": True, "new": new}
            told |= {name: getattr(identity, name) for name in ("manufacturer", "model", "serial")}
            earlier = self.places.get(device)
            if earlier is not None and preferred(earlier, place, self.before.get(device)) == earlier:
                granted_by = earlier_by.by if (earlier_by := self.candidates[earlier]).granted else None
                self.keep.keep_found(identity, *earlier, at, granted_by=granted_by, known_as=self.named.get(earlier))
                told["same_as"] = earlier[0]
            else:
                if earlier is not None:
                    self.found[earlier]["same_as"] = place[0]
                self.places[device] = place
        self.found[place] = told
        self.tell()

    def _is_late(self, candidate: Candidate, outcome: "Outcome[Sighting]") -> bool | None:
        """Whether the sweep's first pass was lost: a later one was answered, though the device speaks the version of
        the first. None where no sweep found it."""
        first = self.ground.settings.snmp_versions[0]
        return None if candidate.version is None else candidate.version != first == outcome.version

    def result(self) -> dict[str, Any]:
        """As `search --json` prints it."""
        from flexprint_agent.snmp.wire import in_order

        found = sorted(self.found.values(), key=lambda one: in_order(one["address"], one["port"]))
        found += self.local
        return {
            "asked": sum(effort.asked for effort in self.efforts),
            "packets": self.sent + sum(effort.packets for effort in self.efforts),
            "seconds": round(time.monotonic() - self.begun, 1),
            "answered": sum(one["answered"] for one in found),
            "printers": len(self.places) + sum(one["printer"] and one["same_as"] is None for one in self.local),
            "new": sum(one["new"] for one in found),
            "found": found,
            "ended_early": self.ended_early,
            "loss": round(self.ground.loss.share(), 2),
            "not_asked": list(self.not_asked.values()),
        }


def preferred(first: Place, second: Place, known: Place | None) -> Place:
    """Where to ask one printer that answers at two places: where it is `known`, else by IPv4, else where it was found
    first."""
    if known in (first, second):
        return known
    return second if ":" in first[0] and ":" not in second[0] else first
