"""How a device is asked: which users of SNMPv3 and which communities, in which order, and what it answered to them.

The closest scope comes first: its address or name, then the smaller block before the larger, then what is for every
device; within one scope in the order in which they were added. A device is asked as what it answered last. One that
refused a user is not asked as that user for a day, so that no printer locks an account because of us.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from flexprint_agent import settings as settings_table
from flexprint_agent import targets
from flexprint_agent.errors import WrongUsage
from flexprint_agent.keep import Keep
from flexprint_agent.keep.credentials import Credential, Refused
from flexprint_agent.search.finder import Scope
from flexprint_agent.search.spooler.queues import communities
from flexprint_agent.settings import Settings
from flexprint_agent.targets import Span

if TYPE_CHECKING:
    from flexprint_agent.read.printers import Reading
    from flexprint_agent.snmp.exchange import Endpoint, Outcome
    from flexprint_agent.snmp.v3 import Engine, User

REST: Final = timedelta(days=1)
"""How long a device that refused a user is not asked as that user again."""

MOST_USERS: Final = 3
"""Users that one device is asked as in one wake."""

_SAME_START: Final = 5000
"""Milliseconds that the start of an engine may differ by and still be the same: clocks tick apart."""


@dataclass(slots=True, frozen=True)
class _Held:
    """A credential and what it is for. `spans` None: every device."""

    number: int
    spans: Sequence[Span] | None
    user: "User | None"
    community: str = field(repr=False)

    def size(self) -> int:
        return 1 << 32 if self.spans is None else targets.count(self.spans)

    def is_for(self, address: str, port: int) -> bool:
        return self.spans is None or targets.is_excluded(self.spans, address, port)


class Keyring:
    """The credentials of a site, and how each device took them. Names in scopes are resolved once, by `resolve`."""

    def __init__(
        self,
        credentials: Iterable[Credential],
        refusals: Iterable[Refused],
        settings: Settings,
        resolve: Callable[[str], Iterable[str]],
    ) -> None:
        self._settings = settings
        self._held = sorted((_held(one, resolve) for one in credentials), key=_Held.size)
        self._refusals: dict[tuple[str, int], dict[int, datetime]] = {}
        for refusal in refusals:
            self._refusals.setdefault((refusal.address, refusal.port), {})[refusal.credential] = refusal.at

    def has_users(self, address: str, port: int) -> bool:
        """Whether any user is meant for a device there."""
        return any(one.user and one.is_for(address, port) for one in self._held)

    def scopes(self) -> list[Scope]:
        """Where a search asks in which way."""
        return [Scope(one.spans, None if one.user else one.community) for one in self._held]

    def endpoint(
        self, address: str, port: int, known: Mapping[str, Any], at: datetime, *, insist: bool = False
    ) -> "Endpoint":
        """The device as it is best asked at this instant, with what is `known` of it. `insist`, as a person does who
        names it, tries users again that it refused lately."""
        from flexprint_agent.snmp.conversation import Traits
        from flexprint_agent.snmp.exchange import Endpoint

        fitting = [one for one in self._held if one.is_for(address, port)]
        fitting.sort(key=lambda one: one.number != known.get("credential"))
        lately = self._refusals.get((address, port), {})
        users = [
            one.user
            for one in fitting
            if one.user and (insist or not timedelta(0) <= at - lately.get(one.number, at - REST) < REST)
        ]
        return Endpoint(
            address,
            port,
            communities=self._communities(fitting, known),
            versions=self._settings.snmp_versions,
            traits=Traits(**known["traits"]) if "traits" in known else None,
            users=tuple(users[:MOST_USERS]),
            engine=_engine(known.get("engine"), at) if users else None,
        )

    def _communities(self, fitting: Iterable[_Held], known: Mapping[str, Any]) -> tuple[str, ...]:
        # Only the community's place in the setting is remembered, as a community is a secret.
        general, place = self._settings.communities, known.get("community", -1)
        worked = general[place : place + 1] if place >= 0 else ()
        ordered = (*worked, *(one.community for one in fitting if one.user is None), *general)
        return tuple(dict.fromkeys(ordered))

    def learned(self, outcome: "Outcome[Any] | Reading", known: Mapping[str, Any], at: datetime) -> dict[str, Any]:
        """What to remember of how the device was asked as last: never a secret."""
        place = (outcome.endpoint.address, outcome.endpoint.port)
        worked = next(
            (
                one.number
                for one in self._held
                if one.is_for(*place)
                and (
                    one.user == outcome.user
                    if outcome.user
                    else one.user is None and one.community == outcome.community
                )
            ),
            None,
        )
        if worked is not None:
            learned: dict[str, Any] = {"credential": worked}
        elif outcome.community in self._settings.communities:
            learned = {"community": self._settings.communities.index(outcome.community)}
        else:
            learned = {}  # the person who asked named it
        if outcome.user is not None and outcome.engine is not None:
            learned["engine"] = _remembered(outcome.engine, known.get("engine"), at)
        return learned

    def refused(self, outcome: "Outcome[Any] | Reading") -> dict[int, str]:
        """The name of the fault by the number of the credential that this device refused."""
        numbers = {one.user: one.number for one in reversed(self._held) if one.user}
        return {numbers[one.user]: one.fault.name for one in outcome.refusals if one.user in numbers}


def keyring(keep: Keep, settings: Settings, resolve: Callable[[str], Iterable[str]]) -> Keyring:
    """What is kept, then what this computer's own print queues ask their printers with. Raises KeyMissing."""
    credentials = [*keep.credentials.all(), *(of_queues(communities()) if settings.spooler else ())]
    return Keyring(credentials, keep.credentials.refusals(), settings, resolve)


def of_queues(found: Mapping[str, str]) -> list[Credential]:
    """The communities of print queues, by host: each for that host alone. Their numbers are none of kept ones."""
    credentials: list[Credential] = []
    for host, community in sorted(found.items()):
        with contextlib.suppress(targets.BadTarget):  # a port may lead to what is no host name
            targets.parse_exclusion(host)
            credentials.append(Credential(-1 - len(credentials), host, {"community": community}))
    return credentials


def _held(credential: Credential, resolve: Callable[[str], Iterable[str]]) -> _Held:
    facts = dict(credential.facts)
    spans = _spans(credential.scope, resolve)
    if "community" in facts:
        return _Held(credential.number, spans, None, facts["community"])
    return _Held(credential.number, spans, user_of(facts), "")


def user_of(facts: Mapping[str, str]) -> "User":
    """The user that was kept as `facts_of` wrote it."""
    from flexprint_agent.snmp.v3 import User

    return User(
        facts["user"],
        facts.get("auth"),
        facts.get("auth_password", ""),
        facts.get("privacy"),
        facts.get("privacy_password", ""),
        facts.get("context", ""),
    )


def facts_of(user: "User") -> dict[str, str]:
    """A user as it is kept; what it lacks is left out."""
    facts = {
        "user": user.name,
        "auth": user.auth,
        "auth_password": user.auth_password,
        "privacy": user.privacy,
        "privacy_password": user.privacy_password,
        "context": user.context,
    }
    return {name: value for name, value in facts.items() if value}


def keep_credential(keep: Keep, scope: str, facts: Mapping[str, str]) -> bool:
    """Keeps one for the devices of a scope (a target as typed; empty: every one); False where it is there already.
    Raises BadTarget."""
    scope = normal_scope(scope)
    if any((one.scope, dict(one.facts)) == (scope, dict(facts)) for one in keep.credentials.all()):
        return False
    keep.credentials.add(scope, facts)
    return True


def normal_scope(scope: str) -> str:
    """Raises BadTarget."""
    if not scope:
        return ""
    scope = targets.normal(scope)
    targets.parse_exclusion(scope)
    return scope


def community_facts(community: str) -> dict[str, str]:
    """Raises WrongUsage."""
    if settings_table.check("communities", community) != (community,):
        raise WrongUsage("this is more than one community, or has spaces around it; add them one by one")
    return {"community": community}


def _spans(scope: str, resolve: Callable[[str], Iterable[str]]) -> list[Span] | None:
    """The addresses of a scope; None for every one. A name that nobody knows now has none."""
    if not scope:
        return None
    target = targets.parse_exclusion(scope)
    if isinstance(target, Span):
        return [target]
    return [targets.single(address, target.port) for address in resolve(target.name)]


def _engine(kept: Mapping[str, Any] | None, at: datetime) -> "Engine | None":
    if kept is None:
        return None
    from flexprint_agent.snmp.v3 import Engine

    return Engine(bytes.fromhex(kept["id"]), kept["boots"], max(0, round(at.timestamp() - kept["started"] / 1000)))


def _remembered(engine: "Engine", kept: Mapping[str, Any] | None, at: datetime) -> dict[str, Any]:
    """An engine as it is kept: its clock as the instant at which it stood at 0, in milliseconds. What differs only by
    the ticking of two clocks stays as it was kept."""
    fresh = {"id": engine.id.hex(), "boots": engine.boots, "started": round((at.timestamp() - engine.time) * 1000)}
    same = kept and (kept["id"], kept["boots"]) == (fresh["id"], fresh["boots"])
    return dict(kept) if same and kept and abs(kept["started"] - fresh["started"]) <= _SAME_START else fresh
