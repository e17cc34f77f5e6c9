"""One agent: how it is, when it wakes next, what it is told to do, and its log."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import PlainTextResponse, Response
from sqlalchemy.orm import Session

from flexprint_server.dashboard.door import Door, Form, redirect
from flexprint_server.dashboard.pages import HEADERS, page
from flexprint_server.tenants import agents, commands
from flexprint_server.tenants.models import Agent, AgentLog, AgentState
from flexprint_server.tenants.setting_facts import BY_NAME
from flexprint_server.tenants.sign_in import Visitor

COMMANDS: Final = (
    ("read", "Read now", "All its printers are read."),
    ("search", "Search now", "Its targets are searched for printers, and new ones are read."),
    ("send", "Send workbook now", "The site's workbook is built and mailed."),
    ("log", "Fetch log", "Its log is sent here, sealed."),
)
"""(command, button, what it does)"""

WORDS: Final = {
    "waiting": ("Waits for its next check-in", ""),
    "sent": ("Taken along", ""),
    "done": ("Done", "good"),
    "failed": ("Failed", "bad"),
    "interrupted": ("Interrupted", "warn"),
    "unknown": ("Not known to this version", "warn"),
    "expired": ("Not taken up for a week", "warn"),
}
"""What a state of a command is called, and how it looks."""

WRONG_CLOCK: Final = 120
"""Seconds that a clock may be off before the page says so."""


def add(pages: APIRouter, door: Door) -> None:
    anybody = Annotated[Visitor, Depends(door.visitor)]
    installer = Annotated[Visitor, Depends(door.allowed("agents"))]

    @pages.get("/agents/{agent_id}")
    def one_agent(agent_id: UUID, visitor: anybody) -> Response:
        now = door.clock()
        with door.database.reading(visitor.scope) as session:
            agent = _agent(session, visitor, agent_id)
            site, customer = agent.site, agent.site.customer
            state = session.get(AgentState, agent.id)
            log = session.get(AgentLog, agent.id)
            silence = agents.silence_of(session, agent.id)
            given = commands.newest(session, agent.id)
        waiting = {one.name for one in given if one.state in ("waiting", "sent")}
        return page(
            "agent.html",
            visitor=visitor,
            now=now,
            agent=agent,
            site=site,
            customer=customer,
            state=state,
            silence=silence,
            log=log,
            given=given,
            waiting=waiting,
            commands=COMMANDS,
            words=WORDS,
            buttons={name: button for name, button, _ in COMMANDS},
            titles={name: setting.title for name, setting in BY_NAME.items()},
            wrong_clock=WRONG_CLOCK,
            late=state is not None and state.next_wake_at is not None and state.next_wake_at < now,
        )

    @pages.post("/agents/{agent_id}/commands")
    def tell(request: Request, agent_id: UUID, form: Form, visitor: installer) -> Response:
        door.check_form(request, form, visitor)
        with door.database.transaction(visitor.scope) as session:
            agent = _agent(session, visitor, agent_id)
            try:
                commands.ask(session, visitor, agent, form.get("command", ""), door.clock())
            except ValueError as error:
                raise HTTPException(400) from error
        return redirect(f"/agents/{agent_id}")

    @pages.post("/agents/{agent_id}/retire")
    def retire(request: Request, agent_id: UUID, form: Form, visitor: installer) -> Response:
        door.check_form(request, form, visitor)
        with door.database.transaction(visitor.scope) as session:
            agent = _agent(session, visitor, agent_id)
            agents.retire(session, visitor, agent, door.clock(), retired=form.get("retired") == "yes")
        return redirect(f"/agents/{agent_id}")

    @pages.get("/agents/{agent_id}/log")
    def log_of(agent_id: UUID, visitor: installer) -> Response:
        """As plain text: whatever stands in it is nothing but text."""
        with door.database.reading(visitor.scope) as session:
            agent = _agent(session, visitor, agent_id)
            log = session.get(AgentLog, agent.id)
        if log is None:
            raise HTTPException(404)
        return PlainTextResponse(log.content, headers={**HEADERS, "Cache-Control": "no-store"})


def _agent(session: Session, visitor: Visitor, agent_id: UUID) -> Agent:
    agent = session.get(Agent, agent_id)
    if agent is None or agent.dealer_id != visitor.dealer_id:
        raise HTTPException(404)
    return agent
