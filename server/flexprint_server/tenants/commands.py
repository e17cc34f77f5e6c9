"""What agents are told to do. They take it along when they next check in: nothing reaches into a customer's network."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from flexprint_server.tenants import audit
from flexprint_server.tenants.models import Agent, AgentCommand
from flexprint_server.tenants.sign_in import Visitor
from flexprint_shared.checkin import COMMAND_STATES, COMMANDS
from flexprint_shared.text import clean

VALID_FOR: Final = timedelta(days=7)
"""What an agent has not taken up by then it is not told any more: nobody expects it now."""

MOST_WAITING: Final = len(COMMANDS)
"""Commands that wait for one agent at most: each of them once."""

SHOWN: Final = 10
"""The newest commands of an agent that a page shows."""

_OPEN: Final = ("waiting", "sent")


def ask(session: Session, visitor: Visitor, agent: Agent, name: str, now: datetime) -> bool:
    """Leaves the command for the agent; False when the same one waits already. Raises ValueError for one that there is
    not."""
    if name not in COMMANDS:
        raise ValueError(f"no command {name!r}")
    expire(session, agent.id, now)
    if any(one.name == name for one in waiting(session, agent.id)):
        return False
    session.add(
        AgentCommand(
            dealer_id=agent.dealer_id,
            agent_id=agent.id,
            name=name,
            asked_at=now,
            asked_by=visitor.email,
            state="waiting",
        )
    )
    audit.note(session, visitor, "agent.told", f"agent {agent.host}"[:200], now, after={"command": name})
    return True


def waiting(session: Session, agent_id: UUID) -> list[AgentCommand]:
    """What the agent has not answered yet, the oldest first."""
    asked = (
        select(AgentCommand)
        .where(AgentCommand.agent_id == agent_id, AgentCommand.state.in_(_OPEN))
        .order_by(AgentCommand.id)
        .limit(MOST_WAITING)
    )
    return list(session.scalars(asked))


def newest(session: Session, agent_id: UUID) -> list[AgentCommand]:
    """The newest first, SHOWN at most."""
    asked = select(AgentCommand).where(AgentCommand.agent_id == agent_id).order_by(AgentCommand.id.desc()).limit(SHOWN)
    return list(session.scalars(asked))


def expire(session: Session, agent_id: UUID, now: datetime) -> None:
    """What was asked for too long ago is done no more."""
    session.execute(
        update(AgentCommand)
        .where(
            AgentCommand.agent_id == agent_id,
            AgentCommand.state.in_(_OPEN),
            AgentCommand.asked_at < now - VALID_FOR,
        )
        .values(state="expired", settled_at=now)
    )


def settle(session: Session, agent_id: UUID, told: Iterable[Mapping[str, Any]], now: datetime) -> None:
    """What the agent says became of its commands: `id`, `state` and what it `said`. What is none of this agent's, or
    was settled before, is left as it is."""
    for one in told:
        if one["state"] not in COMMAND_STATES:
            continue
        session.execute(
            update(AgentCommand)
            .where(AgentCommand.id == one["id"], AgentCommand.agent_id == agent_id, AgentCommand.state.in_(_OPEN))
            .values(state=one["state"], settled_at=now, said=clean(one["said"], 300) or None)
        )


def hand_out(session: Session, agent_id: UUID, now: datetime) -> list[dict[str, Any]]:
    """What the agent is told now, and again until it has answered."""
    expire(session, agent_id, now)
    commands = waiting(session, agent_id)
    for command in commands:
        command.state = "sent"
    return [{"id": command.id, "name": command.name} for command in commands]
