"""Keys of programs: how long they hold, what is known of them, and how fast they may be used."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from flexprint_server.api.door import BURST, PER_SECOND, Pace
from flexprint_server.tenants import api_keys
from flexprint_server.tenants.models import ApiKey, AuditEntry
from flexprint_server.tenants.service import NoSuchDealer, UnfitName
from services.seeded import bare_dealer

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def made(database):
    with database.transaction() as session:
        bare_dealer(session, NOW, "Northwind", "alice@northwind.example")
    with database.transaction() as session:
        return api_keys.make_for(session, "Northwind", "ERP", ["reads", "fleet"], DAY, NOW)[0]


def caller(database, key, now):
    with database.reading() as session:
        return api_keys.caller(session, key, now)


def test_a_key_holds_until_it_expires(database, made):
    assert caller(database, made, NOW + DAY - timedelta(seconds=1)).scopes == {"fleet", "reads"}
    assert caller(database, made, NOW + DAY) is None


def test_only_the_hash_of_a_key_is_kept(database, made):
    with database.reading() as session:
        row = session.scalars(select(ApiKey)).one()
        assert made not in repr({column.name: getattr(row, column.name) for column in row.__table__.columns})
        assert made.startswith(row.begins)
        assert len(made) - len(row.begins) > 30
        assert session.scalars(select(AuditEntry.what)).all() == ["api_key.made"]


@pytest.mark.parametrize(
    ("dealer", "name", "scopes", "days", "error"),
    [
        ("Nobody", "ERP", ["fleet"], 1, NoSuchDealer),
        ("Northwind", " ", ["fleet"], 1, UnfitName),
        ("Northwind", "ERP", [], 1, api_keys.UnfitKey),
        ("Northwind", "ERP", ["fleet", "everything"], 1, api_keys.UnfitKey),
        ("Northwind", "ERP", ["fleet"], 0, api_keys.UnfitKey),
        ("Northwind", "ERP", ["fleet"], 731, api_keys.UnfitKey),
    ],
)
def test_a_key_that_cannot_be_is_refused(database, made, dealer, name, scopes, days, error):
    with pytest.raises(error), database.transaction() as session:
        api_keys.make_for(session, dealer, name, scopes, timedelta(days=days), NOW)


def test_the_last_use_is_noted_now_and_then(api, make_key):
    key, first = make_key("fleet"), None
    for _ in range(2):
        assert api.get("/customers?limit=1", key=key).status_code == 200
        with api.database.reading() as session:
            used = session.scalars(select(ApiKey.last_used_at).where(ApiKey.begins == key[:12])).one()
        first = used if first is None else first
        assert used == first
    api.clock.now += timedelta(minutes=1)
    api.get("/customers?limit=1", key=key)
    with api.database.reading() as session:
        assert session.scalars(select(ApiKey.last_used_at).where(ApiKey.begins == key[:12])).one() == api.clock.now


def test_calls_come_in_bursts_and_then_at_a_steady_pace():
    pace = Pace()
    assert [pace.take("key 1", NOW) for _ in range(BURST)] == [0] * BURST
    wait = pace.take("key 1", NOW)
    assert 0 < wait <= 1 / PER_SECOND
    assert pace.take("key 2", NOW) == 0, "another key is counted apart"
    assert pace.take("key 1", NOW + timedelta(seconds=wait)) == 0
    assert pace.take("key 1", NOW + timedelta(seconds=wait)) > 0
    assert pace.take("key 1", NOW - DAY) > 0, "a clock that was set back gives nothing away"


def test_a_key_that_calls_too_often_is_told_when_to_go_on(api, make_key):
    key = make_key("fleet")
    bearer = {"Authorization": f"Bearer {key}"}
    answers = [api.client.get("/api/v1/customers?limit=1", headers=bearer) for _ in range(BURST + 1)]
    assert [answer.status_code for answer in answers] == [200] * BURST + [429]
    assert answers[-1].headers["retry-after"] == "1"
    assert answers[-1].json()["type"] == "urn:flexprint:problem:too-many-calls"
    assert api.client.get("/api/v1/customers", headers={"Authorization": f"Bearer {api.key}"}).status_code == 200
    assert api.get("/customers", key=key).status_code == 200, "a second later"
