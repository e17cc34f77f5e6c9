"""The audit log is added to and nothing else, whoever asks."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from flexprint_server.database import Database, Scope
from flexprint_server.tenants import audit
from flexprint_server.tenants.models import AuditEntry
from flexprint_server.tenants.service import add_dealer
from flexprint_server.tenants.sign_in import Visitor

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)


@pytest.fixture
def alice(database: Database) -> Visitor:
    with database.transaction() as session:
        dealer = add_dealer(session, "Northwind", "alice@northwind.example", "a password of some length", NOW).id
    return Visitor(1, 1, dealer, "Northwind", "alice@northwind.example", "owner", None, "", NOW, NOW)


def test_a_deed_says_who_did_what_to_what_and_when(database, alice):
    with database.transaction(alice.scope) as session:
        audit.note(session, alice, "device.labelled", "device 12", NOW, before={"asset": None}, after={"asset": "A7"})
    with database.reading(alice.scope) as session:
        (entry,) = audit.entries(alice.dealer_id, session)
    assert (entry.who, entry.what, entry.target, entry.at) == (alice.email, "device.labelled", "device 12", NOW)
    assert (entry.before, entry.after) == ({"asset": None}, {"asset": "A7"})


@pytest.mark.parametrize("deed", [update(AuditEntry).values(who="somebody else"), delete(AuditEntry)])
@pytest.mark.parametrize("scoped", [True, False])
def test_no_entry_is_changed_or_removed(database, alice, deed, scoped):
    """Not by a page, and not by the collector itself."""
    with database.transaction(alice.scope) as session:
        audit.note(session, alice, "agent.removed", "agent x", NOW)
    with pytest.raises(DBAPIError), database.transaction(alice.scope if scoped else None) as session:
        session.execute(deed)
    with database.reading() as session:
        assert session.scalars(select(AuditEntry.who)).all() == [alice.email]


def test_a_customers_user_does_not_see_who_did_what(database, alice):
    with database.transaction(alice.scope) as session:
        audit.note(session, alice, "agent.removed", "agent x", NOW)
    with database.reading(Scope(alice.dealer_id, 1)) as session:
        assert audit.entries(alice.dealer_id, session) == []


def test_a_deed_that_failed_leaves_no_entry(database, alice):
    """It is written in the transaction of the deed."""
    with pytest.raises(RuntimeError), database.transaction(alice.scope) as session:
        audit.note(session, alice, "agent.removed", "agent x", NOW)
        session.flush()
        raise RuntimeError
    with database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM audit_entry")) == 0
