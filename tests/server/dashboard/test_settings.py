"""Settings as people change them: one form on four levels, inherited downwards."""

import pytest
from sqlalchemy import select

from flexprint_server.tenants.models import Agent, SettingValue, Site
from services.pages import fields


def token(visit):
    return {"token": fields(visit.get("/settings").text)["token"]}


@pytest.fixture
def place(fleet):
    """A site of Alice's dealer, and an agent there."""
    with fleet.reading() as session:
        site = session.scalar(select(Site).order_by(Site.id).limit(1))
        return {
            "customer": f"/customers/{site.customer_id}/settings",
            "site": f"/sites/{site.id}/settings",
            "agent": f"/agents/{session.scalar(select(Agent.id).where(Agent.site_id == site.id))}/settings",
        }


def test_what_is_saved_above_is_shown_as_inherited_below(alice, place):
    answer = alice.post("/settings", {**token(alice), "wakes_per_day": "6", "language": "de"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/settings")
    page = alice.get(place["agent"]).text
    assert 'placeholder="6"' in page
    assert "Inherited from <bdi>Northwind Copiers</bdi>" in page
    assert "language" not in page
    assert "Inherited: Deutsch" in alice.get(place["site"]).text


def test_a_value_of_its_own_can_be_made_to_inherit_again(alice, place, fleet):
    alice.post(place["site"], {**token(alice), "wakes_per_day": "6", "stale_days": "3"})
    page = alice.get(place["site"]).text
    assert '<button class="plain" name="reset" value="wakes_per_day"' in page
    alice.post(place["site"], {**token(alice), "reset": "wakes_per_day", "wakes_per_day": "6", "stale_days": "99999"})
    with fleet.reading() as session:
        assert {row.name: row.value for row in session.scalars(select(SettingValue))} == {"stale_days": "3"}


def test_a_value_that_cannot_be_is_told_at_its_field_and_what_was_typed_stays(alice, place):
    answer = alice.post(place["customer"], {**token(alice), "wakes_per_day": '"><b>', "search_every": "7d"})
    assert answer.status_code == 422
    assert 'id="wakes_per_day-problem">It takes a whole number from 1 to 48.' in answer.text
    assert 'value="&#34;&gt;&lt;b&gt;"' in answer.text
    assert 'value="7d"' in answer.text
    assert 'value="7d"' not in alice.get(place["customer"]).text


def test_a_change_stands_in_the_audit_log(alice, place):
    alice.post(place["site"], {**token(alice), "wakes_per_day": "6"})
    page = alice.get("/audit").text
    assert "Changed settings" in page
    assert "wakes_per_day" in page
