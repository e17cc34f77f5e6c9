"""A relay tells of returned mails by a signed document."""

import json

import httpx
import pytest
from fastapi import FastAPI

from flexprint_server import relay_hook
from flexprint_server.database import Database
from flexprint_server.reports.models import Delivery
from flexprint_server.settings import read_settings
from server.reports.conftest import START
from services.sites import add_site, ask

KEY, NOW = "k" * 40, 1_800_000_000


@pytest.fixture
def relay(database: Database, tmp_path):
    """Posts a document, signed as it should be unless something else is said."""
    settings = read_settings({"FLEXPRINT_BOUNCE_KEY": KEY, "FLEXPRINT_MAIL_FROM": "f@flexprint.example"}, data=tmp_path)
    app = FastAPI()
    app.include_router(relay_hook.router(settings, database, lambda: NOW))

    async def post(document, *, key=KEY, at=NOW, header=None):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        signature = relay_hook.signed(body, key, at) if header is None else header
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            return await client.post(relay_hook.PATH, content=body, headers={relay_hook.SIGNATURE: signature})

    return post


def run(coroutine):
    import asyncio

    return asyncio.run(coroutine)


def event(message_id, **given):
    return {"message_id": message_id, "action": "failed", "status": "5.1.1", "diagnostic": "550 gone", **given}


def test_a_failure_marks_the_mail(relay, database):
    with database.transaction() as session:
        ask(session, add_site(session, START), START, "a@example.com")
        message_id = session.query(Delivery).one().message_id
    answer = run(relay({"events": [event(message_id), event("<x@y>"), event(message_id, action="opened")]}))
    assert (answer.status_code, answer.json()) == (200, {"events": 3, "known": 1})
    with database.reading() as session:
        assert session.query(Delivery).one().state == "bounced"


@pytest.mark.parametrize(
    "given",
    [
        {"key": "x" * 40},
        {"at": NOW - relay_hook.HOLDS_FOR - 1},
        {"at": NOW + relay_hook.HOLDS_FOR + 1},
        {"header": ""},
        {"header": "t=,v1="},
        {"header": "t=99999999999999999999,v1=00"},
        {"header": f"t={NOW},v1=\xe9".encode()},
    ],
)
def test_what_is_not_signed_now_by_the_relay_is_refused(relay, given):
    answer = run(relay({"events": []}, **given))
    assert answer.status_code == 401
    assert "FLEXPRINT_BOUNCE_KEY" in answer.json()["detail"]


@pytest.mark.parametrize("document", [b"", b"[]", b'{"events": [{"action": 7}]}', b"\xff", b"[" * 100_000])
def test_what_cannot_be_read_is_refused(relay, document):
    assert run(relay(document)).status_code == 422


def test_what_is_too_large_is_refused(relay):
    assert run(relay(b"x" * (relay_hook.LARGEST + 1))).status_code == 413


def test_without_a_key_there_is_no_such_address(database, tmp_path):
    assert not relay_hook.router(read_settings({}, data=tmp_path), database).routes
