"""A site that goes over to another customer takes its devices along."""

import pytest
from sqlalchemy import select

from flexprint_server.fleet.models import DeviceEvent
from flexprint_server.fleet.moving import move_site
from flexprint_server.tenants.models import Site
from flexprint_server.tenants.places import NoSuchCustomer
from services import agents
from services.reads import NOON, a_read
from services.world import World


def hand_over(world, customer):
    with world.database.transaction(world.visitor().scope) as session:
        site = session.scalar(select(Site).where(Site.name == "Main Street"))
        move_site(session, world.visitor(), site, customer, NOON)


def test_each_device_of_the_site_has_it_in_its_history_and_no_other_one(database):
    world = World(database)
    sato = agents.an_agent(database, "Sato Logistics", "Depot")
    agents.an_agent(database, "Somebody else's", "Branch", dealer="Elsewhere Office")
    world.bring(a_read(), a_read("SECOND77", macs=(), address="10.1.2.4"))
    world.bring(a_read("THIRD888", macs=(), address="10.1.2.5"), agent=sato)
    with pytest.raises(NoSuchCustomer):
        hand_over(world, "Somebody else's")
    hand_over(world, "Harbour Dental")
    assert world.rows(DeviceEvent) == []
    hand_over(world, "Sato Logistics")
    said = [
        (event.device_id, event.what, event.before, event.after, event.at, event.who)
        for event in world.rows(DeviceEvent)
    ]
    places = ("Harbour Dental, Main Street", "Sato Logistics, Main Street")
    first, second, _ = (device.id for device in world.devices())
    assert sorted(said) == [(one, "handed_over", *places, NOON, "alice@northwind.example") for one in (first, second)]
