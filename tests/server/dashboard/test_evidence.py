"""A read walked back to the octets that an agent signed."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from flexprint_server.fleet.models import Device, Read
from flexprint_server.ingest.models import Batch
from flexprint_server.ingest.service import Inbox
from flexprint_server.settings import read_settings
from flexprint_server.tenants.models import Agent, Dealer
from services import agents
from services.pages import ALICE, NOW, Visit, serving
from services.reads import a_read, later


def words(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


@pytest.fixture
def read(fleet):
    """The path of a read that came in a real batch of an agent of Alice's dealer."""
    agent = agents.an_agent(fleet, dealer="Northwind Copiers")
    inbox = Inbox(fleet, lambda: agents.keyring(fleet), "example.com")
    inbox.receive(agent.batch(later(a_read(), 7342, NOW - timedelta(hours=1))), NOW)
    with fleet.reading() as session:
        number, device = session.execute(select(Read.id, Read.device_id).order_by(Read.id.desc()).limit(1)).one()
    return f"/devices/{device}/reads/{number}"


@pytest.fixture
def looker(fleet, clock, tmp_path, seeded):
    settings = read_settings({"FLEXPRINT_SECRET_KEY": agents.SECRET_KEY}, data=tmp_path)
    with serving(settings, fleet, clock) as url:
        visit = Visit(url, seeded.tokens[ALICE])
        yield visit
        visit.close()


def test_a_read_shows_what_the_device_answered_and_that_the_signature_holds(looker, read):
    shown = words(looker.get(read).text)
    assert "Signature and hash hold" in shown
    assert "7,342 impressions" in shown
    assert re.search(r"SHA-256 [0-9a-f]{64}", shown)


def test_a_stored_batch_that_somebody_changed_says_so(looker, read, fleet):
    with fleet.transaction() as session:
        batch = session.scalars(select(Batch).order_by(Batch.id.desc())).first()
        batch.sealed = batch.sealed[:-70] + bytes([batch.sealed[-70] ^ 1]) + batch.sealed[-69:]
    shown = words(looker.get(read).text)
    assert "The stored batch was changed" in shown
    assert "Signature and hash hold" not in shown


def test_a_batch_signed_by_somebody_else_says_so(looker, read, fleet):
    with fleet.transaction() as session:
        newest = select(Batch.agent_id).order_by(Batch.id.desc()).limit(1).scalar_subquery()
        session.execute(update(Agent).where(Agent.id == newest).values(public_key=bytes(32)))
    assert "The signature is not the agent" in words(looker.get(read).text)


def test_a_read_of_another_device_is_not_found_under_this_one(looker, read, fleet):
    with fleet.reading() as session:
        other = session.scalars(select(Device.id).order_by(Device.id)).first()
        assert session.scalars(select(Dealer)).all()
    assert looker.get(re.sub(r"/devices/\d+", f"/devices/{other}", read)).status_code == 404
