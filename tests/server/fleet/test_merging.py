"""Devices are merged and split by people, exactly undone, and no read is lost or changed."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from flexprint_server.fleet import labels, merging
from flexprint_server.fleet.merging import MergingError
from flexprint_server.fleet.models import Device, DeviceChange, DeviceEvent, DeviceKey, Doubt, Read
from flexprint_server.tenants.models import AuditEntry
from services import agents
from services.reads import NOON, a_read, later
from services.world import World

HOUR = timedelta(hours=1)
CARD_1, CARD_2 = ("00:17:c8:00:00:01",), ("00:17:c8:00:00:02",)

# What a next read tells anew, and people do not see.
NOT_COMPARED = {"said"}


def one(total, hours, **more):
    return a_read("ONE1111", total, at=NOON + hours * HOUR, macs=CARD_1, **more)


def two(total, hours, **more):
    return a_read("TWO2222", total, at=NOON + hours * HOUR, macs=CARD_2, address="10.1.2.4", **more)


@pytest.fixture
def world(database):
    """Two printers with two reads each."""
    world = World(database)
    world.bring(one(5000, 0), two(90, 0))
    world.bring(one(5010, 1))
    world.bring(two(95, 2, location="Cellar"))
    return world


def whole(world):
    """Everything about devices, keys and reads, to compare."""
    with world.database.reading() as session:
        return {
            model.__tablename__: [
                {column.name: getattr(row, column.name) for column in model.__table__.columns if column.name not in NOT_COMPARED}
                for row in session.scalars(select(model).order_by(*model.__table__.primary_key))
            ]
            for model in (Device, DeviceKey, Read)
        }  # fmt: skip


def figures(world):
    """What was read, without whose it is."""
    with world.database.reading() as session:
        return session.execute(
            select(Read.id, Read.read_at, Read.total, Read.meters, Read.batch_id).order_by(Read.id)
        ).all()


def in_scope(world):
    return world.database.transaction(world.visitor().scope)


def merge(world, kept, other, note=""):
    with in_scope(world) as session:
        merging.merge(session, world.visitor(), kept, other, note, NOON)


def split(world, device, keys, since):
    with in_scope(world) as session:
        return merging.split(session, world.visitor(), device, keys, since, "", NOON).other_id


def undo(world, device, change=None):
    change = change or max(one.id for one in world.rows(DeviceChange))
    with in_scope(world) as session:
        return merging.undo(session, world.visitor(), device, change, NOON)


def totals(world, device):
    with world.database.reading() as session:
        return session.scalars(select(Read.total).where(Read.device_id == device).order_by(Read.read_at)).all()


def test_a_merged_device_has_the_reads_of_both_and_shows_the_newest(world):
    before = figures(world)
    first, second = world.devices()
    merge(world, first.id, second.id, "the same machine")
    kept, other = world.devices()
    assert totals(world, kept.id) == [5000, 90, 5010, 95]
    assert (kept.total, kept.serial, kept.location, kept.in_fleet) == (95, "TWO2222", "Cellar", True)
    assert (other.in_fleet, other.merged_into_id) == (False, kept.id)
    assert figures(world) == before


def test_undoing_a_merge_leaves_no_trace_but_in_the_record(world):
    before = whole(world)
    first, second = world.devices()
    merge(world, first.id, second.id)
    assert whole(world) != before
    undo(world, first.id)
    assert whole(world) == before
    (change,) = world.rows(DeviceChange)
    assert (change.kind, change.undone_at, change.undone_by) == ("merge", NOON, "alice@northwind.example")
    assert [event.what for event in world.rows(DeviceEvent)] == ["merged", "undone"]
    assert [entry.what for entry in world.rows(AuditEntry) if "device" in entry.what] == [
        "device.merged",
        "device.merge_undone",
    ]


@pytest.mark.parametrize(("kept", "other"), [(1, 2), (2, 1)])
def test_two_that_were_read_at_the_same_instant_stay_apart_when_a_merge_is_undone(world, kept, other):
    world.bring(one(6000, 5, name="ONE"), two(200, 5, name="TWO"))
    before = whole(world)
    merge(world, kept, other)
    undo(world, kept, 1)
    assert whole(world) == before


def test_reads_that_came_in_between_go_to_whom_they_are_of(world):
    """Also those that taught a new key."""
    first, second = (device.id for device in world.devices())
    merge(world, first, second)
    world.bring(two(101, 3))
    world.bring(one(5030, 4, location="Attic"))
    world.bring(a_read("TWO2222", 110, at=NOON + 5 * HOUR, macs=("00:17:c8:00:00:99",), location="Garage"))
    assert [device.id for device in world.devices()] == [first, second]
    assert totals(world, second) == []
    undo(world, first)
    assert totals(world, first) == [5000, 5010, 5030]
    assert totals(world, second) == [90, 95, 101, 110]
    one_now, two_now = world.devices()
    assert (one_now.total, one_now.serial, two_now.total, two_now.serial) == (5030, "ONE1111", 110, "TWO2222")
    assert (two_now.location, two_now.macs) == ("Garage", ["00:17:c8:00:00:99"])
    world.bring(a_read(None, 120, at=NOON + 6 * HOUR, macs=("00:17:c8:00:00:99",)))
    assert totals(world, second)[-1] == 120


def test_a_device_that_was_split_is_two_and_one_again(world):
    """A card had moved to another printer, and both were taken for one."""
    before = whole(world)
    first, second = (device.id for device in world.devices())
    merge(world, first, second)
    made = split(world, first, ["serial:kyocera:TWO2222", "mac:0017c8000002"], NOON + 2 * HOUR)
    assert (totals(world, first), totals(world, made)) == ([5000, 90, 5010], [95])
    rows = {device.id: device for device in world.devices()}
    assert (rows[first].serial, rows[first].total, rows[made].serial, rows[made].total) == (
        "ONE1111",
        5010,
        "TWO2222",
        95,
    )
    world.bring(two(99, 3))
    assert totals(world, made) == [95, 99]
    undo(world, first)
    assert totals(world, first) == [5000, 90, 5010, 95, 99]
    undo(world, first, 1)
    assert totals(world, second) == [90, 95, 99]
    assert whole(world)["device_key"] == before["device_key"]
    assert {device.id for device in world.devices() if device.in_fleet} == {first, second}


def test_only_the_newest_deed_is_undone(world):
    world.bring(a_read("THREE333", 7, at=NOON + 3 * HOUR, macs=("00:17:c8:00:00:03",)))
    first, second, third = (device.id for device in world.devices())
    merge(world, first, second)
    merge(world, first, third)
    with pytest.raises(MergingError, match="Undo that first"):
        undo(world, first, 1)
    undo(world, first, 2)
    assert undo(world, first, 1) is not None
    assert undo(world, first, 1) is None


def test_a_chain_of_deeds_is_undone_from_its_end_alone_and_leaves_no_trace(world):
    """A merge of what was merged, a split of that, a split of what was split off; across two customers."""
    elsewhere = agents.an_agent(world.database, "Sato Logistics", "Depot")
    world.bring(a_read("THREE333", 7000, at=NOON + 3 * HOUR, macs=("00:17:c8:00:00:03",)), agent=elsewhere)
    states = [whole(world)]
    deeds = (
        lambda: merge(world, 1, 2),
        lambda: merge(world, 3, 1),
        lambda: split(world, 3, ["serial:kyocera:ONE1111", "mac:0017c8000001", "mac:0017c8000002"], NOON + HOUR),
        lambda: split(world, 4, ["mac:0017c8000002"], NOON + 2 * HOUR),
    )
    for deed in deeds:
        deed()
        states.append(whole(world))
    changes = [(change.device_id, change.id) for change in world.rows(DeviceChange)]
    for number in reversed(range(len(changes))):
        for earlier in range(number):
            with pytest.raises(MergingError, match="Undo that first"):
                undo(world, *changes[earlier])
        assert undo(world, *changes[number]) is not None
        assert without_split_off(whole(world)) == without_split_off(states[number])


def without_split_off(state):
    """Without the rows that splits had made: undoing leaves them, in no list, to be merged into where they came from."""
    return {**state, "device": [row for row in state["device"] if row["id"] <= 3]}


def test_what_was_typed_after_a_merge_or_a_split_is_still_found_when_that_is_undone(world):
    for deed in (lambda: merge(world, 1, 2), lambda: split(world, 1, ["mac:0017c8000001"], NOON + HOUR)):
        deed()
        with in_scope(world) as session:
            labels.label(session, world.visitor(), 1, {"asset": f"A-{len(world.rows(DeviceChange))}"}, NOON)
        undo(world, 1)
        kept = world.devices()[0]
        assert kept.search_text.endswith(kept.typed_text)
        assert kept.search_text.count("\na-") == 1


def test_a_device_is_not_merged_into_one_that_is_retired(world):
    """It would leave every list, although it is being read."""
    with in_scope(world) as session:
        labels.retire(session, world.visitor(), 1, NOON, retired=True)
    with pytest.raises(MergingError, match="Bring it back first"):
        merge(world, 1, 2)
    merge(world, 2, 1)
    undo(world, 2, 1)
    assert [device.in_fleet for device in world.devices()] == [False, True]


def test_labels_of_a_merged_device_fill_those_that_nobody_typed(world):
    """None is overwritten; undoing gives each its own, and leaves alone what was typed since."""
    with in_scope(world) as session:
        labels.label(session, world.visitor(), 1, {"asset": "A-1"}, NOON)
        labels.label(session, world.visitor(), 2, {"asset": "A-2", "name": "Copier", "note": "by the door"}, NOON)
    before = whole(world)
    merge(world, 1, 2)
    kept = world.devices()[0]
    assert labels.labels_of(kept) == {"asset": "A-1", "name": "Copier", "location": "", "note": "by the door"}
    assert kept.search_text.endswith("a-1\ncopier\nby the door")
    undo(world, 1, 1)
    assert whole(world) == before
    merge(world, 1, 2)
    with in_scope(world) as session:
        typed = {"asset": "A-1", "name": "Copier 2", "location": "", "note": "by the door"}
        labels.label(session, world.visitor(), 1, typed, NOON)
    undo(world, 1, 2)
    assert labels.labels_of(world.devices()[0]) == {"asset": "A-1", "name": "Copier 2", "location": "", "note": ""}


def test_a_device_of_another_dealer_is_none(world):
    theirs = agents.an_agent(world.database, dealer="Elsewhere Office")
    world.bring(a_read("THEIRS99", 7, at=NOON, macs=()), agent=theirs)
    with pytest.raises(MergingError, match="no such device"):
        merge(world, 1, 3)
    assert [device.merged_into_id for device in world.devices()] == [None] * 3


@pytest.mark.parametrize(("kept", "other"), [(1, 1), (1, 99)])
def test_a_device_is_not_merged_with_itself_or_with_none(world, kept, other):
    with pytest.raises(MergingError, match="no such device"):
        merge(world, kept, other)


def test_what_was_merged_is_not_merged_again(world):
    merge(world, 1, 2)
    with pytest.raises(MergingError, match="part of another"):
        merge(world, 2, 1)


@pytest.mark.parametrize(
    ("keys", "hours", "words"),
    [
        ([], 1, "Choose the serial"),
        (["serial:kyocera:TWO2222"], 1, "Choose the serial"),
        (["serial:kyocera:ONE1111", "mac:0017c8000001"], 1, "leave this one its own"),
        (["serial:kyocera:ONE1111"], 0, "choose an instant"),
        (["serial:kyocera:ONE1111"], 2, "choose an instant"),
    ],
)
def test_a_split_that_would_leave_nothing_is_refused(world, keys, hours, words):
    before = whole(world)
    with pytest.raises(MergingError, match=words):
        split(world, 1, keys, NOON + hours * HOUR)
    assert whole(world) == before


def test_a_doubt_is_settled_by_saying_that_both_are_one(world):
    world.bring(a_read("ONE1111", 5050, at=NOON + 3 * HOUR, macs=CARD_2))
    (doubt,) = world.rows(Doubt)
    with in_scope(world) as session:
        assert merging.settle(session, world.visitor(), 1, doubt.id, "same", NOON) == 1
    assert {device.id for device in world.devices() if device.in_fleet} == {1}
    (doubt,) = world.rows(Doubt)
    assert (doubt.verdict, doubt.settled_by) == ("same", "alice@northwind.example")


def test_a_doubt_is_settled_by_saying_that_the_card_moved(world):
    """Then the card is the other printer's, and nothing is doubted any more."""
    world.bring(a_read("ONE1111", 5050, at=NOON + 3 * HOUR, macs=CARD_2))
    (doubt,) = world.rows(Doubt)
    with in_scope(world) as session:
        merging.settle(session, world.visitor(), 1, doubt.id, "different", NOON)
    world.bring(later(a_read("ONE1111", macs=CARD_2), 5060, NOON + 4 * HOUR))
    assert [one.verdict for one in world.rows(Doubt)] == ["different"]
    assert world.devices()[0].warnings == []
    assert totals(world, 1) == [5000, 5010, 5050, 5060]


def test_a_batch_that_waited_for_a_merge_stores_its_reads_where_they_belong(world, monkeypatch):
    """It had looked up whose the keys are just before."""
    from flexprint_server.fleet import storing

    look_up, merged = storing._look_up, []

    def slow(connection, origin, keys):
        found = look_up(connection, origin, keys)
        if not merged:
            merged.append(True)
            connection.execute(Device.__table__.update().where(Device.id == 2).values(merged_into_id=1, in_fleet=False))
            connection.execute(
                DeviceKey.__table__.update().where(DeviceKey.device_id == 2).values(device_id=1, seen_as=2)
            )
            found.before = {device: row._replace(plain=False) for device, row in found.before.items()}
        return found

    monkeypatch.setattr(storing, "_look_up", slow)
    world.bring(two(100, 3))
    assert totals(world, 1)[-1] == 100
    assert totals(world, 2) == [90, 95]
