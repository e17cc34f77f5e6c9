"""API keys as an owner makes and withdraws them."""

import re

import pytest
from sqlalchemy import select, update

from flexprint_server.tenants.models import ApiKey
from services.pages import fields


@pytest.fixture
def act(alice):
    token = {"token": fields(alice.get("/keys").text)["token"]}
    return lambda path, **form: alice.post(path, {**token, **form})


def test_a_key_is_shown_once_and_withdrawn(alice, act, fleet):
    made = act("/keys", name="Billing", days="30", **{"scope-fleet": "on", "scope-reads": "on"})
    key = re.search(r"fpa_[\w-]{43}", made.text)[0]
    listed = alice.get("/keys").text
    assert key not in listed
    assert key[:12] in listed
    with fleet.reading() as session:
        row = session.scalars(select(ApiKey)).one()
        assert (row.scopes, (row.expires_at - row.created_at).days) == (["fleet", "reads"], 30)
    assert act(f"/keys/{row.id}/withdraw").headers["location"] == "/keys"
    assert key[:12] not in alice.get("/keys").text
    assert act(f"/keys/{row.id}/withdraw").status_code == 404
    told = alice.get("/audit").text
    assert "Made an API key" in told
    assert "Withdrew an API key" in told


def test_the_key_of_somebody_who_has_left_is_pointed_out(alice, act, fleet):
    """It goes on, as programs depend on it; and an owner sees who may still have it."""
    act("/keys", name="Billing", days="30", **{"scope-fleet": "on"})
    assert "no longer a user" not in alice.get("/keys").text
    with fleet.transaction() as session:
        session.execute(update(ApiKey).values(made_by="left@northwind.example"))
    assert "no longer a user, but may still have this key" in alice.get("/keys").text


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"name": "x", "days": "30"}, "Choose from fleet"),
        ({"name": "x", "days": "3000", "scope-fleet": "on"}, "1 to 730 days"),
        ({"name": "x", "days": "soon", "scope-fleet": "on"}, "1 to 730 days"),
        ({"name": "", "days": "30", "scope-fleet": "on"}, "name is empty"),
    ],
)
def test_a_key_that_cannot_be_is_refused_with_the_reason(act, form, problem):
    answer = act("/keys", **form)
    assert answer.status_code == 422
    assert problem in answer.text
