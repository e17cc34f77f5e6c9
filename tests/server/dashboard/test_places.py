"""Customers and sites: found, added, renamed, moved and removed; and their own users."""

import re
import shlex
from html import unescape

import pytest
from sqlalchemy import func, select, update

from flexprint_server.dashboard.install_lines import install_lines
from flexprint_server.fleet.models import Device, DeviceEvent, Read
from flexprint_server.tenants.models import Customer, InstallKey, Invitation, Site, User
from services.pages import ALICE, fields
from services.seeded import password_hash


@pytest.fixture
def act(alice):
    """Sends a form of Alice's, with the token of her session."""
    token = {"token": fields(alice.get("/customers").text)["token"]}
    return lambda path, **form: alice.post(path, {**token, **form})


def listed(page):
    return [unescape(name) for name in re.findall(r'<a class="main" href="/\w+/\d+"><bdi>(.*?)</bdi></a>', page.text)]


def row_of(page, name):
    return re.search(rf"<tr[^>]*>(?:(?!</tr>).)*{name}.*?</tr>", page.text, re.DOTALL)[0]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Harbour Dental", "Lindqvist & Söner AB", "Maple Grove Schools", "Orchard Legal LLP", "Sato Logistics"]),
        ("?sort=-name", ["Sato Logistics", "Orchard Legal LLP", "Maple Grove Schools", "Lindqvist & Söner AB", "Harbour Dental"]),
        ("?sort=-printers", ["Maple Grove Schools", "Sato Logistics", "Harbour Dental", "Lindqvist & Söner AB", "Orchard Legal LLP"]),
        ("?q=SÖNER", ["Lindqvist & Söner AB"]),
        ("?q=quayside", ["Harbour Dental"]),
        ("?q=grove+school", ["Maple Grove Schools"]),
        ("?q=%25", []),
    ],
)  # fmt: skip
def test_customers_are_searched_and_sorted(alice, query, expected):
    found = listed(alice.get(f"/customers{query}"))
    if "printers" in query:
        assert found[0] == expected[0]
        assert sorted(found) == sorted(expected)
    else:
        assert found == expected


def test_a_customer_is_listed_with_its_figures(alice, fleet):
    row = row_of(alice.get("/customers"), "Maple Grove Schools")
    with fleet.reading() as session:
        printers = session.scalar(
            select(func.count(Device.id)).join(Site).join(Customer).where(Customer.name == "Maple Grove Schools")
        )
    assert re.findall(r'data-label="(\w+)">([\d,]+)<', row) == [
        ("Sites", "3"),
        ("Agents", "3"),
        ("Devices", str(printers)),
    ]


def test_a_list_of_many_customers_comes_in_pages(alice, fleet, seeded, clock):
    with fleet.transaction() as session:
        dealer = session.scalar(select(User.dealer_id).where(User.email == ALICE))
        for number in range(120):
            session.add(Customer(dealer_id=dealer, name=f"Zebra {number:03}", created_at=clock.now))
    pages = [listed(alice.get(f"/customers?q=zebra&page={number}")) for number in (1, 2, 3)]
    assert [len(page) for page in pages] == [50, 50, 20]
    assert len(set().union(*pages)) == 120
    assert listed(alice.get("/customers?q=zebra&page=99")) == pages[2]


def test_a_customer_and_a_site_are_added_renamed_and_removed(alice, act, fleet):
    customer = act("/customers", name="  Birch & Co ").headers["location"]
    site = act(f"{customer}/sites", name="Attic").headers["location"]
    act(f"{customer}/rename", name="Birch")
    act(f"{site}/rename", name="Cellar")
    assert "<bdi>Cellar</bdi>" in alice.get(customer).text
    act(f"{site}/keys")
    refused = act(f"{customer}/remove")
    assert refused.status_code == 422
    assert "still has sites" in refused.text
    assert act(f"{site}/remove").headers["location"] == customer
    assert act(f"{customer}/remove").headers["location"] == "/customers"
    with fleet.reading() as session:
        assert session.scalar(select(Customer).where(Customer.name == "Birch")) is None
        assert session.scalar(select(InstallKey)) is None
    told = alice.get("/audit").text
    for deed in (
        "Added a customer",
        "Added a site",
        "Renamed a customer",
        "Renamed a site",
        "Removed a site",
        "Removed a customer",
    ):
        assert deed in told


@pytest.mark.parametrize(
    ("path", "name", "problem"),
    [
        ("/customers", "Harbour Dental", "There is a customer called 'Harbour Dental' already."),
        ("/customers", " \t", "The customer's name is empty."),
        ("/customers/1/sites", "Quayside", "Harbour Dental has a site called 'Quayside' already."),
        ("/customers/1/rename", "Sato Logistics", "There is a customer called 'Sato Logistics' already."),
        ("/sites/1/rename", "Quayside", "Harbour Dental has a site called 'Quayside' already."),
    ],
)
def test_a_name_that_is_taken_or_empty_is_refused_with_the_reason(act, path, name, problem):
    answer = act(path, name=name)
    assert answer.status_code == 422
    assert problem in unescape(answer.text)


def test_a_place_may_keep_its_own_name(act):
    assert act("/customers/1/rename", name="Harbour Dental").status_code == 303
    assert act("/sites/1/rename", name="Main Street").status_code == 303


def test_a_site_where_anything_is_left_is_never_removed(act, fleet):
    with fleet.reading() as session:
        reads = session.scalar(select(func.count()).select_from(Read))
    answer = act("/sites/1/remove")
    assert answer.status_code == 422
    assert "never deleted" in answer.text
    with fleet.reading() as session:
        assert session.get(Site, 1)
        assert session.scalar(select(func.count()).select_from(Read)) == reads


def test_a_site_moves_with_its_printers_and_the_users_before_see_it_no_longer(alice, act, fleet, clock):
    with fleet.transaction() as session:
        printer = session.scalar(select(Device.id).where(Device.site_id == 1).limit(1))
        dealer = session.scalar(select(User.dealer_id).where(User.email == ALICE))
        session.add(
            User(dealer_id=dealer, email="u@harbour.example", password_hash=password_hash(), role="customer",
                 customer_id=1, only_sites=[1, 2], created_at=clock.now)
        )  # fmt: skip
    refused = act("/sites/1/move", customer="Nobody Ltd")
    assert refused.status_code == 422
    assert "no such customer" in refused.text
    assert act("/sites/1/move", customer="Sato Logistics").headers["location"] == "/sites/1"
    assert "Sato Logistics" in alice.get(f"/devices/{printer}").text
    with fleet.reading() as session:
        assert session.scalar(select(User.only_sites).where(User.email == "u@harbour.example")) == [2]
    assert "Moved a site to another customer" in alice.get("/audit").text


def test_a_site_that_moved_stands_in_the_history_of_each_of_its_devices(alice, act, fleet, clock):
    """With who it was and from where; a customer's user is not told whose site it was."""
    with fleet.reading() as session:
        here = session.scalars(select(Device.id).where(Device.site_id == 1)).all()
    act("/sites/1/move", customer="Harbour Dental")
    act("/sites/1/move", customer="Sato Logistics")
    with fleet.reading() as session:
        events = session.scalars(select(DeviceEvent).where(DeviceEvent.what == "handed_over")).all()
        sato = session.scalar(select(Customer.id).where(Customer.name == "Sato Logistics"))
    assert sorted(event.device_id for event in events) == sorted(here)
    assert {(event.at, event.who) for event in events} == {(clock.now, ALICE)}
    history = f"/devices/{here[0]}/identity"
    moved = unescape(alice.get(history).text).split("went over to another customer", 1)[1].split("</li>", 1)[0]
    assert [ALICE in moved, "Harbour Dental, Main Street" in moved, "Sato Logistics, Main Street" in moved] == [
        True
    ] * 3
    with fleet.transaction() as session:
        session.execute(update(User).where(User.email == ALICE).values(role="customer", customer_id=sato))
    told = alice.get(history).text
    assert "went over to another customer" in told
    assert "Harbour Dental" not in told


def test_a_user_who_is_left_without_sites_sees_none_and_not_all(alice, act, fleet, clock):
    with fleet.transaction() as session:
        role = {"role": "customer", "customer_id": 1, "only_sites": [1]}
        dealer = session.scalar(select(User.dealer_id).where(User.email == ALICE))
        session.add(
            User(dealer_id=dealer, email="u@x.example", password_hash=password_hash(), created_at=clock.now, **role)
        )
    act("/sites/1/move", customer="Sato Logistics")
    with fleet.reading() as session:
        assert session.scalar(select(User.only_sites).where(User.email == "u@x.example")) == []
    assert "0 of the sites" in alice.get("/customers/1").text


# --- Users of a customer


def test_a_customers_user_is_invited_to_chosen_sites(alice, act, fleet):
    assert (
        act("/customers/1/invitations", email="Dentist@harbour.example", **{"site-2": "on", "site-9": "on"}).status_code
        == 303
    )
    with fleet.reading() as session:
        made = session.scalars(select(Invitation)).one()
        assert (made.email, made.role, made.customer_id, made.only_sites) == (
            "dentist@harbour.example",
            "customer",
            1,
            [2],
        )
    assert "1 of the sites" in alice.get("/customers/1").text
    again = fields(alice.get("/people").text.split("Send again")[0])
    assert again["sites"] == "2"
    alice.post("/people/invitations", again)
    with fleet.reading() as session:
        assert session.scalars(select(Invitation.only_sites)).one() == [2]


def test_sites_of_a_user_are_chosen_anew(alice, act, fleet, clock):
    with fleet.transaction() as session:
        dealer = session.scalar(select(User.dealer_id).where(User.email == ALICE))
        user = User(
            dealer_id=dealer,
            email="u@x.example",
            password_hash=password_hash(),
            role="customer",
            customer_id=1,
            created_at=clock.now,
        )
        session.add(user)
        session.flush()
        path = f"/customers/1/users/{user.id}/sites"
    for form, expected in (({"site-1": "on"}, [1]), ({}, None)):
        assert act(path, **form).status_code == 303
        with fleet.reading() as session:
            assert session.scalar(select(User.only_sites).where(User.email == "u@x.example")) == expected
    assert "Chose the sites" in alice.get("/audit").text
    assert act("/customers/1/users/1/sites", **{"site-1": "on"}).status_code == 404


# --- Install keys and lines


def test_a_key_is_shown_once_with_a_line_for_each_system(alice, act):
    page = unescape(act("/sites/2/keys").text)
    key = re.search(r"FPK(-\w{4}){5}", page)[0]
    assert (
        f"flexprint/bin/flexprint-agent enroll --server http://127.0.0.1:8000 --key {key} && flexprint/bin/flexprint-agent service install"
        in page
    )
    assert f"flexprint-agent enroll --server 'http://127.0.0.1:8000' --key '{key}' }}" in page
    again = alice.get("/sites/2").text
    assert key not in again
    assert "Keys that wait to be used" in again


@pytest.mark.parametrize("hostile", ["http://x/$(reboot)", "http://x/'; reboot #", "http://x/`reboot`"])
def test_an_address_of_any_shape_is_one_word_of_the_line(hostile):
    lines = dict(install_lines(hostile, "FPK-1"))
    words = shlex.split(lines["Linux"])
    assert words[words.index("--server") + 1] == hostile
    assert f"'{hostile.replace(chr(39), chr(39) * 2)}'" in lines["Windows (PowerShell)"]
