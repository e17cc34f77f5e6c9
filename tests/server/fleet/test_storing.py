"""A device is followed through everything that changes about it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from flexprint_server.fleet import labels, ownership
from flexprint_server.fleet.models import Device, DeviceEvent, Doubt, MeterEpoch, SiteDay
from flexprint_server.tenants.models import Site
from flexprint_shared.readings import Meter, Status
from services import agents
from services.reads import NOON, a_read, later, tells_its_engine
from services.world import World

HOUR = timedelta(hours=1)
DAYS = timedelta(days=1)


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


def test_another_name_or_address_is_written_down_once(world):
    """Only what the owner sees: an agent in another network knows the device by another address."""
    standby = agents.an_agent(world.database, site="Warehouse")
    world.bring(a_read())
    moved = a_read(address="10.9.9.9", name="NEW")
    world.bring(later(moved, 8000, NOON + HOUR))
    world.bring(later(moved, 8001, NOON + 2 * HOUR))
    world.bring(later(a_read(address="172.16.0.5", name="NEW"), 8002, NOON + 3 * HOUR), agent=standby)
    world.bring(later(a_read(), 7900, NOON - HOUR))
    said = [(event.what, event.before, event.after, event.at, event.who) for event in world.rows(DeviceEvent)]
    assert said == [
        ("renamed", "KM1234", "NEW", NOON + HOUR, None),
        ("readdressed", "10.1.2.3", "10.9.9.9", NOON + HOUR, None),
    ]


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


def test_a_clock_that_runs_ahead_makes_no_device_new_for_longer(world):
    world.bring(later(a_read(), 7342, NOON + 30 * DAYS), arrived=NOON)
    assert world.device().first_seen_at == NOON


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


def test_a_doubt_is_kept_once_however_often_it_comes(world):
    """For people to settle: the card of one printer in another."""
    world.bring(a_read("ONE1111", 5000))
    world.bring(a_read("TWO2222", 90, at=NOON + HOUR))
    world.bring(a_read("TWO2222", 95, at=NOON + 2 * HOUR))
    one, two = world.devices()
    (doubt,) = world.rows(Doubt)
    assert (doubt.device_id, doubt.other_id, doubt.key) == (two.id, one.id, "mac:0017c8b902de")
    assert (doubt.reason, doubt.seen_at, doubt.settled_at) == ("card_or_board", NOON + HOUR, None)


def test_a_printer_with_another_main_board_is_followed_by_its_card_and_its_counter(world):
    """The serial is another one, the counter goes on: the history goes on, too, and what happened is written down."""
    world.bring(a_read("ONE1111", 5000))
    world.bring(a_read("TWO2222", 5040, at=NOON + HOUR))
    device = world.device()
    assert (device.serial, device.total, world.reads()) == ("TWO2222", 5040, 2)
    (event,) = world.rows(DeviceEvent)
    assert (event.what, event.before, event.after, event.at) == ("board_swapped", "ONE1111", "TWO2222", NOON + HOUR)


def test_another_network_card_is_written_down(world):
    world.bring(a_read())
    world.bring(a_read(at=NOON + HOUR, macs=("00:17:c8:00:00:99",)))
    (event,) = world.rows(DeviceEvent)
    assert (event.what, event.before, event.after) == ("card_swapped", "00:17:c8:b9:02:de", "00:17:c8:00:00:99")
    assert world.device().first_seen_at == NOON


def test_placeholders_do_not_merge_devices(world):
    """Two printers that both call themselves 0000000000 are two, told apart by their cards."""
    world.bring(
        a_read("0000000000", macs=("00:17:c8:00:00:01",)),
        a_read("0000000000", macs=("00:17:c8:00:00:02",), address="10.1.2.4"),
    )
    assert len(world.devices()) == 2


def test_a_device_without_serial_and_card_is_followed_by_its_engine(world):
    """To another address, and until it tells a serial."""
    world.bring(tells_its_engine())
    world.bring(replace(tells_its_engine(), address="10.9.9.9", read_at=NOON + HOUR))
    assert (world.device().address, world.reads()) == ("10.9.9.9", 2)


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


def test_that_a_device_went_over_to_another_site_is_written_down(world):
    other = agents.an_agent(world.database, site="Warehouse")
    world.bring(a_read())
    world.bring(later(a_read(), 7500, NOON + timedelta(days=8)), agent=other)
    (event,) = world.rows(DeviceEvent)
    assert (event.what, event.before, event.after) == (
        "moved", "Harbour Dental, Main Street", "Harbour Dental, Warehouse",
    )  # fmt: skip


def test_a_retired_device_that_is_found_at_another_site_is_back(world):
    """Where it was retired it stays so, whichever agent reads it there; and a read from before says nothing new."""
    beside = agents.an_agent(world.database)
    elsewhere = agents.an_agent(world.database, site="Warehouse")
    world.bring(a_read())
    with world.database.transaction(world.visitor().scope) as session:
        labels.retire(session, world.visitor(), world.device().id, NOON, retired=True)
    world.bring(later(a_read(), 7400, NOON + HOUR))
    world.bring(later(a_read(), 7500, NOON + 9 * DAYS), agent=beside)
    assert world.device().retired_at == NOON
    world.bring(later(a_read(), 7600, NOON + 18 * DAYS), agent=elsewhere)
    assert world.device().in_fleet
    with world.database.transaction(world.visitor().scope) as session:
        labels.retire(session, world.visitor(), world.device().id, NOON + 30 * DAYS, retired=True)
    world.bring(later(a_read(), 7700, NOON + 29 * DAYS), arrived=NOON + 31 * DAYS)
    assert (world.device().agent_id, world.device().retired_at) == (world.agent.id, NOON + 30 * DAYS)
    world.bring(later(a_read(), 7800, NOON + 37 * DAYS), agent=elsewhere)
    device = world.device()
    assert (device.retired_at, device.in_fleet, device.agent_id) == (None, True, elsewhere.id)
    said = [(event.what, event.at, event.who) for event in world.rows(DeviceEvent) if event.what in ("moved", "back")]
    assert [one for one in said if one[0] == "back"] == [("back", NOON + day * DAYS, None) for day in (18, 37)]
    assert len(said) == 5


def test_two_agents_that_both_read_a_device_never_take_it_from_each_other(world):
    """Three weeks in which the one on stand-by always brings the newer read, and before the owner brings its own."""
    standby = agents.an_agent(world.database, site="Warehouse")
    world.bring(a_read(total=7000, at=NOON - HOUR))
    for day in range(21):
        read_at = NOON + timedelta(days=day)
        world.bring(later(a_read(), 7500 + day, read_at + HOUR), agent=standby, arrived=read_at + 2 * HOUR)
        world.bring(later(a_read(), 7500 + day, read_at), arrived=read_at + 2 * HOUR)
    device = world.device()
    assert device.agent_id == world.agent.id
    assert world.rows(DeviceEvent) == []
    with world.database.reading() as session:
        found = ownership.sources(device.dealer_id, session, device, NOON + timedelta(days=21))
    assert [(source.site, source.is_owner) for source in found] == [("Main Street", True), ("Warehouse", False)]


@pytest.mark.parametrize(
    ("owner", "standby", "changes"),
    [
        (timedelta(), -9 * DAYS, 0),
        (timedelta(), 20 * HOUR, 0),
        (timedelta(), 30 * DAYS, 0),
        (20 * HOUR, timedelta(), 0),
        (-9 * DAYS, -9 * DAYS, 0),
        (30 * DAYS, 30 * DAYS, 0),
        (-9 * DAYS, timedelta(), 1),
        (30 * DAYS, timedelta(), 1),
    ],
)
def test_wrong_clocks_do_not_make_two_agents_take_a_device_from_each_other(world, owner, standby, changes):
    """Three weeks of reads by clocks that are so far off. A device goes over once at most, to the better clock."""
    other = agents.an_agent(world.database, site="Warehouse")
    for day in range(0, 21, 3):
        now = NOON + day * DAYS
        world.bring(later(a_read(), 7500 + day, now + owner), arrived=now)
        world.bring(later(a_read(), 7500 + day, now + standby + HOUR), agent=other, arrived=now + HOUR)
    assert len(world.rows(DeviceEvent)) == changes


def test_batches_that_come_weeks_late_do_not_make_two_agents_take_a_device_from_each_other(world):
    """Each agent's reads of a month are carried there in a file, some ten days after it has ended."""
    other = agents.an_agent(world.database, site="Warehouse")
    for month in range(3):
        days = [NOON + (30 * month + day) * DAYS for day in range(0, 30, 5)]
        for hours, agent in ((0, world.agent), (1, other)):
            late = [later(a_read(), 7500 + 30 * month, day + hours * HOUR) for day in days]
            world.bring(*late, agent=agent, arrived=days[-1] + (10 * 24 + hours) * HOUR)
    assert world.device().agent_id == world.agent.id
    assert world.rows(DeviceEvent) == []


def test_an_owner_that_comes_back_goes_on_stand_by(world):
    """It was silent for eight days; the other one has the device now, and keeps it."""
    other = agents.an_agent(world.database, site="Warehouse")
    world.bring(a_read())
    world.bring(later(a_read(), 7500, NOON + timedelta(days=8)), agent=other)
    for day in range(9, 16, 3):
        world.bring(later(a_read(), 7500 + day, NOON + timedelta(days=day)))
        world.bring(later(a_read(), 7500 + day, NOON + timedelta(days=day, hours=2)), agent=other)
    assert world.device().agent_id == other.id
    assert len(world.rows(DeviceEvent)) == 1


def test_an_owner_whose_clock_ran_wild_does_not_keep_a_device_for_ever(world):
    other = agents.an_agent(world.database, site="Warehouse")
    world.bring(later(a_read(), 7400, NOON + timedelta(days=2000)), arrived=NOON)
    world.bring(later(a_read(), 7500, NOON + HOUR), agent=other, arrived=NOON + HOUR)
    assert world.device().agent_id == other.id


def test_a_counter_that_went_down_is_noticed_when_it_arrives(world):
    """Every meter that did, once; one that merely stood still did not."""
    world.bring(a_read())
    world.bring(later(a_read(), 12, NOON + HOUR))
    world.bring(later(a_read(), 30, NOON + 2 * HOUR))
    (epoch,) = world.rows(MeterEpoch)
    assert (epoch.meter, epoch.value_before, epoch.value_after) == ("total", 7342, 12)
    assert (epoch.before_at, epoch.at, epoch.guess, epoch.confirmed_at) == (NOON, NOON + HOUR, "reset", None)
    assert world.reads() == 3


def test_a_counter_that_went_down_within_a_batch_is_noticed_too(world):
    """An agent that was offline brings a week at once, in any order."""
    told = ((3, 9_999_990), (1, 7400), (5, 40), (7, 60))
    world.bring(a_read(), *[later(a_read(), total, NOON + hours * HOUR) for hours, total in told])
    (epoch,) = world.rows(MeterEpoch)
    assert (epoch.value_before, epoch.value_after, epoch.guess) == (9_999_990, 40, "rollover")


def test_a_late_read_is_no_counter_that_went_down(world):
    world.bring(later(a_read(), 9000, NOON))
    world.bring(later(a_read(), 8000, NOON - timedelta(days=7)), arrived=NOON + HOUR)
    assert world.rows(MeterEpoch) == []


def test_a_meter_is_compared_by_name_where_the_layout_changed(world):
    """An agent that learnt to read one meter more: the others stand at other places now."""
    world.bring(a_read())
    first = later(a_read(), 7343, NOON + HOUR)
    more = Meter("total.duplex", 3, "sheets", "1.3.6.1.4.1.1347.1", "vendor")
    world.bring(replace(first, meters=(more, *first.meters)))
    assert world.rows(MeterEpoch) == []
    world.bring(replace(later(a_read(), 7344, NOON + 2 * HOUR), meters=(more, replace(first.meters[0], value=7))))
    assert [(epoch.meter, epoch.value_after) for epoch in world.rows(MeterEpoch)] == [("total", 7)]


def test_what_people_typed_is_never_overwritten_and_found_by_searches(world):
    world.bring(a_read())
    with world.database.transaction() as session:
        typed = {"typed_asset": "A-9", "typed_text": "\na-9"}
        session.execute(update(Device).values(**typed, search_text=Device.search_text + "\na-9"))
    world.bring(later(a_read(asset="OTHER", location="Cellar"), 8000, NOON + HOUR))
    device = world.device()
    assert (device.typed_asset, device.asset) == ("A-9", "OTHER")
    assert "\na-9" in device.search_text
    assert "cellar" in device.search_text


def test_the_state_is_that_of_the_newest_read(world):
    jammed = Status("other", ("jammed",), ("Paper jam", "Open cover"))
    world.bring(replace(a_read(), status=jammed))
    assert (world.device().state, world.device().errors, world.device().console) == (
        "other", ["jammed"], ["Paper jam", "Open cover"],
    )  # fmt: skip
    world.bring(later(a_read(), 7343, NOON + HOUR))
    assert (world.device().state, world.device().errors, world.device().console) == ("idle", [], ["Ready."])


def test_the_pages_of_a_site_are_counted_by_day_as_reads_arrive(world):
    """Whether or not the device says something new in words, and each batch once."""
    world.bring(a_read())
    first = world.device().total
    world.bring(later(a_read(), first + 10, NOON + HOUR), later(a_read(), first + 25, NOON + 13 * HOUR))
    world.bring(later(a_read(name="NEW"), first + 40, NOON + 14 * HOUR))
    with world.database.reading() as session:
        days = session.scalars(select(SiteDay).order_by(SiteDay.day)).all()
    assert [(day.day, day.pages, day.reads) for day in days] == [
        (NOON.date(), 10, 2),
        (NOON.date() + timedelta(days=1), 30, 2),
    ]
    assert {(day.dealer_id, day.site_id) for day in days} == {(world.device().dealer_id, world.device().site_id)}
