"""Whose batches are refused."""

from sqlalchemy import ColumnElement, and_, func, select

from flexprint_server.fleet.models import BATCH
from flexprint_server.tenants.models import Agent


def is_refused() -> ColumnElement[bool]:
    """A batch of the agent was refused after the last one that was taken. Its check-ins say nothing of that: they may
    arrive all the while."""
    last = (BATCH.c.agent_id == Agent.id, BATCH.c.sequence == Agent.last_sequence)
    taken_at = select(BATCH.c.received_at).where(*last).scalar_subquery()
    return and_(Agent.refused_at.is_not(None), Agent.refused_at > func.coalesce(taken_at, Agent.enrolled_at))
