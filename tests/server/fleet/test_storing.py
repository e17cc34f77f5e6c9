"""A device is followed through everything that changes about it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from flexprint_server.database import Database
from flexprint_server.fleet.models import Device
from flexprint_server.fleet.models import Read as StoredRead
from flexprint_server.ingest.service import Inbox
from flexprint_server.tenants.models import Site
from flexprint_shared.readings import Status
from services import agents
from services.reads import NOON, a_read, later

HOUR = timedelta(hours=1)


class World:
    """An inbox, agents, and what the database shows after they sent something."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.inbox = Inbox(database, lambda: agents.keyring(database), "example.com")
        self.agent = agents.an_agent(database)

    def bring(self, *reads, agent=None, arrived=None):
        newest = max(read.read_at for read in reads)
        self.inbox.receive((agent or self.agent).batch(*reads), arrived or newest + HOUR)

    def devices(self):
        with self.database.reading() as session:
            return session.scalars(select(Device).order_by(Device.id)).all()

    def device(self):
        (only,) = self.devices()
        return only

    def reads(self):
        with self.database.reading() as session:
            return session.scalar(select(func.count()).select_from(StoredRead))


@pytest.fixture
def world(database):
    return World(database)


def test_a_device_keeps_its_history_when_address_name_and_place_change(world):
    world.bring(a_read())
    world.bring(later(a_read(address="10.9.9.9", name="NEW", location="Cellar"), 8000, NOON + HOUR))
    device = world.device()
    assert (device.address, device.name, device.location) == ("10.9.9.9", "NEW", "Cellar")
    assert "10.9.9.9" in device.search_text
    assert "10.1.2.3" not in device.search_text
    assert (device.total, device.first_seen_at, device.last_read_at) == (8000, NOON, NOON + HOUR)
    assert world.reads() == 2


def test_what_a_device_did_not_say_this_time_stays(world):
    """A read that lost half its answers takes away neither serial nor MAC addresses, nor the device from searches."""
    world.bring(a_read(asset="A-17"))
    world.bring(replace(a_read(None, location=None, model=None), read_at=NOON + HOUR))
    device = world.device()
    assert (device.serial, device.asset, device.location, device.model) == (
        "VD21457943", "A-17", "Reception", "ECOSYS P2040dw",
    )  # fmt: skip
    assert device.macs == ["00:17:c8:b9:02:de"]
    assert "vd21457943" in device.search_text


def test_a_late_read_is_stored_but_does_not_turn_the_device_back(world):
    """An agent that was offline brings last week after today."""
    world.bring(later(a_read(), 9000, NOON))
    world.bring(later(a_read(location="Old place"), 8000, NOON - timedelta(days=7)), arrived=NOON + HOUR)
    device = world.device()
    assert (device.total, device.location, device.last_read_at) == (9000, "Reception", NOON)
    assert world.reads() == 2


def test_a_clock_gone_wrong_does_not_freeze_a_device(world):
    """A read from the year 2031 is stored as it came; the next honest one shows again."""
    world.bring(later(a_read(), 9000, NOON + timedelta(days=2000)), arrived=NOON)
    world.bring(later(a_read(), 9100, NOON + HOUR), arrived=NOON + HOUR)
    assert (world.device().total, world.device().last_read_at) == (9100, NOON + HOUR)
    assert world.reads() == 2


def test_two_reads_of_one_device_in_one_batch_are_both_stored(world):
    """It has two addresses, or was read twice: the newest shows, whichever stands first."""
    first, second = a_read(), later(a_read(address="10.1.2.4"), 7400, NOON + HOUR)
    world.bring(second, first)
    assert (world.device().total, world.device().address) == (7400, "10.1.2.4")
    assert world.reads() == 2


def test_a_serial_arrives_after_the_mac(world):
    """First known by its network card; told its serial later, it is still the same."""
    world.bring(a_read(None))
    world.bring(later(a_read(), 7500, NOON + HOUR))
    assert world.device().serial == "VD21457943"
    world.bring(later(a_read(macs=("00:17:c8:00:00:99",)), 7600, NOON + 2 * HOUR))
    assert world.device().total == 7600


def test_a_network_card_that_moves_takes_no_pages_along(world):
    """The printer that got the card of another is a device of its own, and people are told."""
    world.bring(a_read("ONE1111", 5000))
    world.bring(a_read("TWO2222", 90, at=NOON + HOUR))
    one, two = world.devices()
    assert (one.serial, one.total, two.serial, two.total) == ("ONE1111", 5000, "TWO2222", 90)
    assert two.warnings == [f"mac 0017c8b902de also names device {one.id}; the stronger key decided"]
    assert one.warnings == []


def test_placeholders_do_not_merge_devices(world):
    """Two printers that both call themselves 0000000000 are two, told apart by their cards."""
    world.bring(
        a_read("0000000000", macs=("00:17:c8:00:00:01",)),
        a_read("0000000000", macs=("00:17:c8:00:00:02",), address="10.1.2.4"),
    )
    assert len(world.devices()) == 2


def test_nameless_devices_are_told_apart_by_where_each_agent_found_them(world):
    other = agents.an_agent(world.database, site="Warehouse")
    nameless = [a_read("XXXXXXX", macs=(), address=address) for address in ("10.1.2.3", "10.1.2.4")]
    world.bring(*nameless)
    world.bring(*nameless)
    world.bring(nameless[0], agent=other)
    assert len(world.devices()) == 3


def test_a_device_seen_by_two_agents_stays_with_the_first(world):
    """Both reads are stored; the workbook of the second site does not show a device that is not its own."""
    other = agents.an_agent(world.database, site="Warehouse")
    world.bring(a_read())
    world.bring(later(a_read(), 7500, NOON + HOUR), agent=other)
    device = world.device()
    assert (device.agent_id, device.total) == (world.agent.id, 7500)
    assert world.reads() == 2


def test_a_device_that_moved_to_another_site_goes_over_after_a_week(world):
    other = agents.an_agent(world.database, site="Warehouse")
    world.bring(a_read())
    world.bring(later(a_read(), 7500, NOON + timedelta(days=8)), agent=other)
    device = world.device()
    assert device.agent_id == other.id
    with world.database.reading() as session:
        assert session.get(Site, device.site_id).name == "Warehouse"


def test_the_state_is_that_of_the_newest_read(world):
    jammed = Status("other", ("jammed",), ("Paper jam", "Open cover"))
    world.bring(replace(a_read(), status=jammed))
    assert (world.device().state, world.device().errors, world.device().console) == (
        "other", ["jammed"], ["Paper jam", "Open cover"],
    )  # fmt: skip
    world.bring(later(a_read(), 7343, NOON + HOUR))
    assert (world.device().state, world.device().errors, world.device().console) == ("idle", [], ["Ready."])
