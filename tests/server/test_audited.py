"""Whoever changes something is in the audit log: every route of the whole application that is no mere question."""

from inspect import isclass, isfunction, ismodule

import pytest

from flexprint_server.app import create_app
from flexprint_server.database import Database
from flexprint_server.settings import read_settings
from flexprint_server.tenants import audit

NOTES = {audit.note, audit.note_by, audit.note_of}

# Questions that change something all the same.
BY_GET = {"/sign-in/company/return"}
# Routes that note nothing, and why.
SILENT = {
    "/company-sign-in/try": "asks the provider and keeps nothing",
    "/agent/v1/batches": "what an agent brought is kept itself, signed by the agent",
    "/agent/v1/checkin": "no person does anything; what the agent says of itself is kept",
    "/mail/v1/bounces": "no person does anything; the delivery says what the relay reported",
}


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    settings = read_settings({"FLEXPRINT_BOUNCE_KEY": "k" * 32}, data=tmp_path_factory.mktemp("audited"))
    return create_app(settings, Database("sqlite://"))


def every(routes):
    """Those of the routers that are included, too."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        yield from (route,) if inner is None else every(inner.routes)


def changing(app):
    return {
        (method, route.path): route.endpoint
        for route in every(app.routes)
        for method in route.methods
        if method not in ("GET", "HEAD") or route.path in BY_GET
    }


def names_in(code):
    inner = (constant for constant in code.co_consts if hasattr(constant, "co_names"))
    return {*code.co_names, *code.co_freevars}.union(*map(names_in, inner))


def reached(function, seen, of=None):
    """Every function of ours that `function`, a method of the class `of` where one is named, may call; itself included."""
    if function in seen:
        return seen
    seen.add(function)
    names = names_in(function.__code__)
    things = [function.__globals__.get(name) for name in names]
    things += [cell.cell_contents for cell in function.__closure__ or ()]
    for thing in (*things, of):
        if isfunction(thing):
            called, owner = [thing], None
        else:
            holder = thing if ismodule(thing) or isclass(thing) else type(thing)
            called = [getattr(holder, name, None) for name in names] if is_ours(holder) else []
            owner = None if ismodule(holder) else holder
        for one in called:
            plain = getattr(one, "__wrapped__", one)
            if isfunction(plain) and is_ours(plain):
                reached(plain, seen, owner)
    return seen


def is_ours(thing):
    return (thing.__name__ if ismodule(thing) else thing.__module__).startswith("flexprint_server")


def unnoted(app):
    return {path for (_, path), endpoint in changing(app).items() if not reached(endpoint, set()) & NOTES}


def test_every_route_that_changes_something_writes_to_the_audit_log(application):
    assert unnoted(application) == set(SILENT)


def test_a_new_route_that_writes_none_is_found(tmp_path):
    app = create_app(read_settings({}, data=tmp_path), Database("sqlite://"))
    app.post("/devices/forget")(forgets)
    assert "/devices/forget" in unnoted(app)


def forgets() -> None:
    with Database("sqlite://").transaction():
        pass


forgets.__module__ = "flexprint_server.dashboard.new_pages"
