"""Settings are inherited downwards, and what is set further down wins."""

import random
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import delete, select

from flexprint_server.database import Scope
from flexprint_server.tenants import audit, places, settings
from flexprint_server.tenants.models import Agent, Customer, SettingValue, Site
from flexprint_server.tenants.service import AlreadyThere
from flexprint_server.tenants.setting_facts import BY_NAME, LEVELS, TABLE, as_kept, effective
from flexprint_server.tenants.settings import UnfitSettings
from flexprint_server.tenants.sign_in import Visitor
from services.pages import NOW
from services.seeded import add_site, bare_dealer


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        ([], (4, None)),
        ([("dealer", {"wakes_per_day": "6"})], (6, "dealer")),
        ([("dealer", {"wakes_per_day": "6"}), ("customer", {})], (6, "dealer")),
        ([("dealer", {"wakes_per_day": "6"}), ("site", {"wakes_per_day": "2"})], (2, "site")),
        ([("site", {"wakes_per_day": "2"}), ("agent", {"wakes_per_day": "12"})], (12, "agent")),
        ([("dealer", {"wakes_per_day": "6"}), ("agent", {"wakes_per_day": "many"})], (6, "dealer")),
        ([("dealer", {"of a later version": "6"})], (4, None)),
    ],
)
def test_what_is_set_further_down_wins(chain, expected):
    found = effective(chain)["wakes_per_day"]
    assert (found.value, found.level) == expected


def test_a_setting_counts_only_on_the_levels_it_has():
    assert effective([("agent", {"language": "de"})])["language"].level is None
    assert effective([("site", {"language": "de"})])["language"].value == "de"


def test_every_default_is_a_value_that_the_setting_takes():
    for setting in TABLE:
        assert as_kept(setting, setting.default) == setting.default
        assert set(setting.levels) <= set(LEVELS)
        assert not setting.for_agents or "agent" in setting.levels
        assert all(as_kept(setting, text) == text for text, _ in setting.choices)


@pytest.mark.parametrize(
    ("name", "typed", "kept"),
    [
        ("wakes_per_day", "24", "24"),
        ("search_every", "7d", "7d"),
        ("recipients", "a@example.com;b@example.com\n a@example.com", "a@example.com, b@example.com"),
        ("recipients", "none", "none"),
        ("report_every", "Weekly Monday  7:00", "weekly mon 07:00"),
        ("report_every", "never", "never"),
        ("time_zone", "Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_what_is_typed_is_kept_in_one_form(name, typed, kept):
    assert as_kept(BY_NAME[name], typed) == kept


@pytest.mark.parametrize(
    ("name", "typed", "takes"),
    [
        ("wakes_per_day", "0", "from 1 to 48"),
        ("wakes_per_day", "49", "from 1 to 48"),
        ("wakes_per_day", "٤", "from 1 to 48"),
        ("packets_per_second", "1e3", "100,000"),
        ("search_every", "0h", "84h"),
        ("search_every", "often", "84h"),
        ("report_every", "hourly", "weekly mon 07:00"),
        ("report_every", "daily", "weekly mon 07:00"),
        ("recipients", "a@example.com, Bob <b@example.com>", "'Bob' is none"),
        ("recipients", ",", "none"),
        ("mask_name", "maybe", "on, off"),
        ("time_zone", "Mars/Olympus", "Europe/Berlin"),
        ("time_zone", "../../etc/passwd", "Europe/Berlin"),
    ],
)
def test_what_a_setting_cannot_take_is_refused_with_what_it_takes(name, typed, takes):
    with pytest.raises(ValueError, match=takes):
        as_kept(BY_NAME[name], typed)


# --- Kept


@pytest.fixture
def dealer(database):
    """A dealer with two customers, the first with two sites; an agent at each."""
    chance = random.Random(1)
    with database.transaction() as session:
        owner = bare_dealer(session, NOW, "Northwind", "alice@northwind.example")
        for name, sites in (("Harbour", ("Main Street", "Quayside")), ("Maple", ("School",))):
            customer = Customer(dealer_id=owner.id, name=name, created_at=NOW)
            session.add(customer)
            session.flush()
            for site in sites:
                add_site(session, owner, customer, site, NOW, chance)
    return owner


@pytest.fixture
def alice(dealer):
    return Visitor(1, 1, dealer.id, "Northwind", "alice@northwind.example", "owner", None, "", NOW, NOW)


def place(session, name):
    """A customer, a site or an agent at a site, by name; the dealer otherwise."""
    customer = session.scalar(select(Customer).where(Customer.name == name))
    if customer:
        return settings.customer_place(customer.dealer_id, session, customer.id)
    site = session.scalar(select(Site).where(Site.name == name.removeprefix("agent at ")))
    if site is None:
        return settings.dealer_place(session.scalar(select(Customer.dealer_id).limit(1)), session)
    if name == site.name:
        return settings.site_place(site.dealer_id, session, site.id)
    return settings.agent_place(site.dealer_id, session, agent_at(session, site.name))


def agent_at(session, site):
    return session.scalar(select(Agent.id).join(Site).where(Site.name == site))


def change(database, alice, where, **typed):
    with database.transaction(alice.scope) as session:
        return settings.change(session, alice, place(session, where), typed, NOW)


def handed_down(database, site):
    with database.reading() as session:
        return settings.effective_for_agent(session, agent_at(session, site))


def test_an_agent_is_handed_down_what_somebody_settled_and_nothing_else(database, alice):
    """All else stays the customer's own choice at the agent; what is the collector's business stays there."""
    assert handed_down(database, "Main Street").settings == {}
    change(database, alice, "Northwind", wakes_per_day="6", packets_per_second="500", language="de")
    change(database, alice, "Harbour", wakes_per_day="8")
    change(database, alice, "Main Street", recipients="office@harbour.example")
    change(database, alice, "agent at Main Street", packets_per_second="50")
    assert handed_down(database, "Main Street").settings == {
        "wakes_per_day": "8",
        "packets_per_second": "50",
        "recipients": "office@harbour.example",
    }
    assert handed_down(database, "Quayside").settings == {"wakes_per_day": "8", "packets_per_second": "500"}
    assert handed_down(database, "School").settings == {"wakes_per_day": "6", "packets_per_second": "500"}


def test_the_version_changes_with_what_the_agent_gets_and_only_then(database, alice):
    before = handed_down(database, "Main Street").version
    change(database, alice, "Maple", wakes_per_day="6")
    change(database, alice, "Northwind", language="de")
    assert handed_down(database, "Main Street").version == before
    change(database, alice, "Northwind", wakes_per_day="6")
    after = handed_down(database, "Main Street").version
    assert after != before
    change(database, alice, "Northwind", wakes_per_day="")
    assert handed_down(database, "Main Street").version == before


def test_an_agent_that_is_not_there_is_handed_down_nothing(database):
    with database.reading() as session:
        assert settings.effective_for_agent(session, UUID(int=1)).settings == {}


def test_a_form_says_what_is_set_here_and_where_the_rest_comes_from(database, alice):
    change(database, alice, "Harbour", stale_days="5")
    change(database, alice, "Main Street", language="de")
    with database.reading(alice.scope) as session:
        rows = {row.setting.name: row for row in settings.shown(session, place(session, "Main Street"))}
    assert (rows["stale_days"].own, rows["stale_days"].inherited) == (None, "5")
    assert rows["stale_days"].origin.name == "Harbour"
    assert (rows["language"].own, rows["language"].inherited, rows["language"].origin) == ("de", "en", None)
    with database.reading(alice.scope) as session:
        at_agent = [row.setting.name for row in settings.shown(session, place(session, "agent at Main Street"))]
    assert "language" not in at_agent
    assert "wakes_per_day" in at_agent


def test_a_change_is_noted_with_what_was_before(database, alice):
    assert change(database, alice, "Main Street", wakes_per_day="6", language="")
    assert change(database, alice, "Main Street", wakes_per_day="2")
    assert not change(database, alice, "Main Street", wakes_per_day="2")
    assert change(database, alice, "Main Street", wakes_per_day=" ")
    with database.reading(alice.scope) as session:
        noted = [(one.target, one.before, one.after) for one in audit.entries(alice.dealer_id, session)]
    assert noted == [
        ("site Harbour, Main Street", {"wakes_per_day": "2"}, {"wakes_per_day": "inherited"}),
        ("site Harbour, Main Street", {"wakes_per_day": "6"}, {"wakes_per_day": "2"}),
        ("site Harbour, Main Street", {"wakes_per_day": "inherited"}, {"wakes_per_day": "6"}),
    ]


def test_one_wrong_value_keeps_all_others_from_being_saved(database, alice):
    with pytest.raises(UnfitSettings) as caught:
        change(database, alice, "Northwind", wakes_per_day="99", language="de", search_every="x")
    assert set(caught.value.problems) == {"wakes_per_day", "search_every"}
    with database.reading() as session:
        assert session.scalars(select(SettingValue)).all() == []


def test_settings_go_with_the_place_they_belong_to(database, alice):
    change(database, alice, "School", wakes_per_day="6")
    change(database, alice, "agent at School", wakes_per_day="7")
    with database.transaction(alice.scope) as session:
        session.execute(delete(Agent).where(Agent.id == agent_at(session, "School")))
        session.execute(delete(Site).where(Site.name == "School"))
        assert session.scalars(select(SettingValue)).all() == []


def test_places_of_another_dealer_are_none(database, alice):
    with database.transaction() as session:
        bob = bare_dealer(session, NOW, "Elsewhere", "bob@elsewhere.example").id
        customer, site = session.scalar(select(Customer.id)), session.scalar(select(Site.id))
        agent = agent_at(session, "School")
    with database.reading(Scope(bob)) as session:
        assert settings.customer_place(bob, session, customer) is None
        assert settings.site_place(bob, session, site) is None
        assert settings.agent_place(bob, session, agent) is None


def test_two_who_settle_or_add_the_same_at_once_do_not_fail(database, alice):
    """One comes first; the other finds it there."""

    def settle(_):
        return change(database, alice, "Main Street", wakes_per_day="6")

    def add(_):
        try:
            with database.transaction(alice.scope) as session:
                return places.add_customer(session, alice, "Birch", NOW).name
        except AlreadyThere:
            return None

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(settle, range(4))) == [False, False, False, True]
        assert sorted(pool.map(add, range(4)), key=str) == ["Birch", None, None, None]
