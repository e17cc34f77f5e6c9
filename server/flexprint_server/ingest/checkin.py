"""A sealed check-in, from its octets to the answer; flexprint_shared.checkin says how both look."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from msgspec import Meta, Struct
from sqlalchemy.orm import Session

from flexprint_server.database import Database
from flexprint_server.ingest import refusals
from flexprint_server.reports.results import results_for
from flexprint_server.tenants import commands
from flexprint_server.tenants.keys import Keyring
from flexprint_server.tenants.models import Agent, AgentLog, AgentState
from flexprint_server.tenants.settings import effective_for_agent
from flexprint_shared import checkin, sealing
from flexprint_shared.text import clean
from flexprint_shared.times import parse_rfc3339, rfc3339

_LARGEST_COUNTER: Final = 2**63 - 1
_MOST: Final = 50
"""Entries of a list or a mapping at most."""

_LONGEST_HEALTH: Final = 8 << 10
"""Octets of JSON of the health that is kept."""

Line = Annotated[str, Meta(max_length=2000)]
_Map = Annotated[dict[Annotated[str, Meta(max_length=40)], Line], Meta(max_length=_MOST)]


class Done(Struct):
    id: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    state: Line
    said: Line = ""


class CheckIn(Struct):
    format: int
    at: Line
    version: Line
    platform: Line
    host: Line
    next_wake_at: Line | None = None
    health: Annotated[dict[str, Any], Meta(max_length=_MOST)] = {}
    settings: _Map = {}
    allows: Annotated[list[Line], Meta(max_length=_MOST)] = []
    handed: Annotated[str, Meta(max_length=64)] | None = None
    unfit: _Map = {}
    told_until: Line | None = None
    commands: Annotated[list[Done], Meta(max_length=_MOST)] = []
    log: Annotated[str, Meta(max_length=checkin.LONGEST_LOG)] | None = None


_decoder: Final = msgspec.json.Decoder(CheckIn)


class Desk:
    """Takes check-ins. `public_key` and `sealing_key` find the keys of an agent and of the collector, as Inbox does."""

    def __init__(
        self,
        database: Database,
        keyring: Callable[[], Keyring],
        public_key: Callable[[UUID], Ed25519PublicKey],
        sealing_key: Callable[[bytes], X25519PrivateKey | None],
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._public_key = public_key
        self._sealing_key = sealing_key

    def receive(self, sealed: bytes, now: datetime) -> bytes:
        """Keeps what the agent tells; the answer, signed. Raises refusals.Refusal."""
        header = _header(sealed)
        try:
            sealing.verify(sealed, self._public_key(header.agent))
        except sealing.WrongSignature as error:
            raise refusals.WrongSignature(
                "The check-in is not signed with the key that this agent enrolled with. If its files were restored or "
                "copied from another machine, enrol it again with a new install key."
            ) from error
        told = _opened(sealed, self._sealing_key(header.sealing_key))
        with self._database.transaction() as session:
            # The lock puts an agent's check-ins in a row.
            agent = session.get(Agent, header.agent, with_for_update={"key_share": True})
            if agent is None:
                raise refusals.UnknownAgent(
                    "This collector does not know the agent any more; enrol it again with a new install key."
                )
            _keep(session, agent, header.counter, told, now)
            document = _answer(session, agent, told, now)
        return checkin.answer(document, sealed, self._keyring().identity)


def _header(sealed: bytes) -> checkin.Header:
    try:
        header = checkin.header_of(sealed)
    except checkin.NotACheckIn as error:
        raise refusals.NotACheckIn("The body is not a sealed check-in.") from error
    if header.counter > _LARGEST_COUNTER:
        raise refusals.NotACheckIn("The counter is beyond all counting; the agent's files are damaged.")
    return header


def _opened(sealed: bytes, key: X25519PrivateKey | None) -> CheckIn:
    if key is None:
        raise refusals.BrokenSeal(
            "The check-in is sealed to a key that this collector does not have. Was the agent enrolled with another "
            "collector? Enrol it again with a new install key."
        )
    try:
        told = _decoder.decode(checkin.opened(sealed, key))
    except sealing.BrokenSeal as error:
        raise refusals.BrokenSeal("The check-in cannot be opened with the key it names.") from error
    except (checkin.NotACheckIn, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refusals.UnreadableDocument(
            f"The check-in was opened but cannot be read: {error}. Agent and collector may be of different versions; "
            "update the older one."
        ) from error
    if told.format != checkin.FORMAT:
        raise refusals.UnreadableDocument(f"The check-in is of format {told.format}; update the collector.")
    return told


def _keep(session: Session, agent: Agent, counter: int, told: CheckIn, now: datetime) -> None:
    state = session.get(AgentState, agent.id)
    if state is None:
        state = AgentState(agent_id=agent.id, dealer_id=agent.dealer_id)
        session.add(state)
    elif counter <= state.counter:
        raise refusals.StaleCheckIn(
            f"The collector has seen this agent's check-in number {state.counter} already. If the agent's files were "
            "restored from a copy, let it go on after that number.",
            last_counter=state.counter,
        )
    state.counter = counter
    state.checked_in_at = now
    state.clock_offset_s = int((_instant(told.at) - now).total_seconds())
    state.next_wake_at = None if told.next_wake_at is None else _instant(told.next_wake_at)
    state.health = _health(told.health)
    state.settings = {clean(name, 40): clean(text, 2000) for name, text in told.settings.items()}
    state.allows = [clean(word, 40) for word in told.allows]
    state.handed = None if told.handed is None else clean(told.handed, 64)
    state.unfit = {clean(name, 40): clean(why, 300) for name, why in told.unfit.items()}
    agent.last_seen_at = now
    agent.version, agent.host = clean(told.version, 50), clean(told.host)
    agent.platform = clean(told.platform)
    done = [{"id": one.id, "state": one.state, "said": one.said} for one in told.commands]
    commands.settle(session, agent.id, done, now)
    if told.log is not None:
        session.merge(AgentLog(agent_id=agent.id, dealer_id=agent.dealer_id, received_at=now, content=_lines(told.log)))


def _answer(session: Session, agent: Agent, told: CheckIn, now: datetime) -> dict[str, Any]:
    settled = effective_for_agent(session, agent.id)
    since = None if told.told_until is None else min(_instant(told.told_until), now)
    return {
        "format": checkin.FORMAT,
        "at": rfc3339(now),
        "settings": {"version": settled.version, "values": dict(settled.settings)},
        "commands": commands.hand_out(session, agent.id, now),
        "deliveries": results_for(session, agent.id, since, now),
    }


def _instant(text: str) -> datetime:
    try:
        instant = parse_rfc3339(text)
        # What a database can hold, and a page can show in any time zone.
        _ = instant - timedelta(days=2), instant + timedelta(days=2)
    except (ValueError, OverflowError) as error:
        raise refusals.UnreadableDocument("The check-in names a time that is none.") from error
    return instant


def _health(told: dict[str, Any]) -> dict[str, Any]:
    """Numbers, truths and short texts, one level deep and one below it; whatever else is said is left out."""
    kept = {clean(name, 40): _fact(value, 1) for name, value in told.items()}
    return kept if len(json.dumps(kept)) <= _LONGEST_HEALTH else {}


def _fact(value: Any, depth: int) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return value if abs(value) < 2**53 else None
    if isinstance(value, str):
        return clean(value, 500)
    if isinstance(value, dict) and depth:
        return {clean(str(name), 40): _fact(one, depth - 1) for name, one in list(value.items())[:_MOST]}
    return None


def _lines(text: str) -> str:
    return "\n".join(clean(line, 2000) for line in text.split("\n"))
