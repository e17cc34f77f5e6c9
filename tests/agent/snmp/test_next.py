"""GETNEXT, and what v1 makes of it: there it tells which of many objects a device has, in few packets."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flexprint_agent.snmp import ber
from flexprint_agent.snmp.conversation import Traits, get, get_next
from flexprint_agent.snmp.walk import walk
from lab import wire
from lab.device import Device, Quirks
from lab.recording import Row

from .conftest import ALL, ROOTS, TABLE, hold

V1_ONLY = Quirks(v2c=False)
PRIVATE = "1.3.6.1.4.1.1347"
# Thirty objects as a vendor table names them: scalars, first rows, later rows.
OBJECTS = [f"{PRIVATE}.{group}.{end}" for group in range(30, 40) for end in ("1.0", "2.1", "3.7")]


def in_v1(names, rows, traits=None, device=None):
    """These names asked of a v1 device that has these rows."""
    traits = traits or Traits(version=ber.V1)
    return hold(get([ber.oid(name) for name in names], traits), device or Device(rows, V1_ONLY), ber.V1)


def numbered(names):
    return [Row(name, wire.INTEGER, wire.whole(place)) for place, name in enumerate(names)]


def values_of(rows):
    return {ber.oid(row.oid): (row.tag, row.content) for row in rows}


def test_v1_tells_what_is_there_by_what_comes_next():
    """noSuchName fails a whole v1 request (RFC 1157, 4.1.2); GETNEXT from just before each object does not,
    and what it names is the object, or the one beyond where there is none."""
    names = [*list(ALL)[:6], ber.oid("1.3.6.1.2.1.1.98.0"), ber.oid("1.3.6.1.2.1.1.99.0")]
    heard = hold(get(names, Traits(version=ber.V1)), Device(TABLE, V1_ONLY), ber.V1)
    assert heard.kinds() == ["get", "next"]
    assert heard.result == {name: ALL[name] for name in names[:6]}
    assert list(heard.result) == names[:6]


def test_v1_with_nothing_missing_is_asked_by_get_alone():
    rows = [*TABLE, *numbered(OBJECTS)]
    heard = in_v1(OBJECTS, rows)
    assert heard.kinds() == ["get"]
    assert len(heard.result) == len(OBJECTS)


@pytest.mark.parametrize("missing", range(len(OBJECTS)))
def test_one_missing_object_of_thirty_costs_v1_one_packet(missing):
    """Whichever it is, unless it is the last of the whole MIB: then noSuchName is the answer once more."""
    rows = [*TABLE, *numbered(OBJECTS[:missing] + OBJECTS[missing + 1 :])]
    heard = in_v1(OBJECTS, rows)
    assert heard.result == {ber.oid(row.oid): (row.tag, row.content) for row in rows if row.oid in OBJECTS}
    assert len(heard.asks) <= 2


@pytest.mark.parametrize(
    "kept", [slice(0, 0), slice(0, 1), slice(0, 15), slice(15, 30), slice(0, 30, 2), slice(1, 30, 3)]
)
def test_however_many_are_missing_v1_is_asked_four_times_at_most(kept):
    """Also where the MIB ends before most of them: what lies beyond its end is not asked one by one."""
    rows = [*TABLE, *numbered(OBJECTS[kept])]
    heard = in_v1(OBJECTS, rows)
    assert heard.result == {ber.oid(row.oid): (row.tag, row.content) for row in rows if row.oid in OBJECTS}
    assert len(heard.asks) <= 4


def test_a_row_that_hides_another_is_asked_for_again():
    """What comes after a column is its row 0 where there is one: of row 1 that says nothing."""
    names = [f"{PRIVATE}.5.0", f"{PRIVATE}.5.1", f"{PRIVATE}.6.1", f"{PRIVATE}.7.4", f"{PRIVATE}.8.0"]
    for there in itertools.product([False, True], repeat=len(names)):
        rows = numbered([name for name, is_there in zip(names, there, strict=True) if is_there])
        more = numbered([f"{PRIVATE}.7.3.9", f"{PRIVATE}.9.0"])
        heard = in_v1(names, [*TABLE, *rows, *more])
        assert heard.result == values_of(rows), there


class Refusing:
    """A v1 agent that also refuses a GETNEXT where the OID itself has nothing below: it steps over nothing."""

    def __init__(self, rows):
        self.flawless = Device(rows, V1_ONLY)
        self.names = [ber.oid(row.oid) for row in rows]

    def answer(self, question, **_):
        for place, name in enumerate(question.oids, 1):
            if question.kind == wire.GETNEXT and not any(one.startswith(name) for one in self.names):
                return wire.response(question, 2, place, b"".join(question.bindings))
        return self.flawless.answer(question)


def test_an_agent_that_steps_over_nothing_is_not_believed_about_the_end_of_its_mib():
    """Its noSuchName says only that it does not know the OID it was given; every other is still asked for."""
    rows = [*TABLE, *numbered(OBJECTS[1::2])]
    traits = Traits(version=ber.V1)
    columns = [ber.parent(ber.oid(name)) for name in OBJECTS]
    heard = hold(get_next(columns, traits), Refusing(rows), ber.V1)
    assert not traits.steps_over
    answered = {column for column, (name, tag, _) in heard.result.items() if tag < 0x80}
    assert answered == {ber.parent(ber.oid(name)) for name in OBJECTS[1::2]}
    assert in_v1(OBJECTS, rows, traits, Refusing(rows)).result == values_of(rows[-15:])


def test_the_end_of_a_v1_mib_is_met_once():
    """Columns beyond it cost no packet each; that the agent steps over what it lacks is remembered."""
    traits = Traits(version=ber.V1)
    columns = [*ROOTS, *(ber.oid(f"1.3.6.1.4.1.{maker}.1") for maker in range(2000, 2020))]
    heard = hold(get_next(columns, traits), Device(TABLE, V1_ONLY), ber.V1)
    assert len(heard.asks) == 2
    assert {name for name, _, _ in heard.result.values() if name.startswith(tuple(ROOTS))} == {
        root + b"\x01" for root in ROOTS
    }
    assert all(heard.result[column][1] == ber.END_OF_MIB_VIEW for column in columns[len(ROOTS) :])
    assert traits.steps_over
    assert len(hold(walk(columns[len(ROOTS) :], traits), Device(TABLE, V1_ONLY), ber.V1).asks) == 1


@pytest.mark.parametrize(
    "quirks", [{}, {"most_bindings": 3}, {"most_bindings": 3, "beyond": "short"}, {"first_lost": 1}]
)
@pytest.mark.parametrize("version", [ber.V1, ber.V2C])
def test_what_comes_next_is_told_for_each(version, quirks):
    device = Device(TABLE, Quirks(v2c=version == ber.V2C, **quirks))
    columns = [*reversed(ROOTS), ber.oid("1.3.6.1.2.1.1.5"), ber.oid("1.3.6.1.9")]
    heard = hold(get_next(columns, Traits(version=version)), device, version)
    following = {column: name for column, (name, tag, _) in heard.result.items() if tag < 0x80}
    assert following == {
        **{root: root + b"\x01" for root in ROOTS},
        ber.oid("1.3.6.1.2.1.1.5"): ber.oid("1.3.6.1.2.1.1.5.0"),
    }


instances = st.tuples(st.integers(1, 3), st.sampled_from([0, 1, 2, 3, 127, 128, 129, 255, 256, 16384])).map(
    lambda place: f"{PRIVATE}.{place[0]}.{place[1]}"
)


@settings(deadline=None, max_examples=200)
@given(
    st.sets(instances, max_size=20),
    st.lists(instances, max_size=30),
    st.booleans(),
    st.sampled_from([{}, {"most_bindings": 4}, {"message_octets": 200}, {"most_bindings": 4, "beyond": "short"}]),
)
def test_any_v1_device_gives_what_it_has_of_what_is_asked(there, names, has_more, quirks):
    """Whatever of it is missing, wherever its MIB ends, whatever lies between."""
    rows = numbered(sorted(there))
    more = numbered([f"{PRIVATE}.2.2.5", f"{PRIVATE}.9.1"]) if has_more else []
    table = [*TABLE[:3], *rows, *more]
    heard = in_v1(names, table, device=Device(table, replace(V1_ONLY, **quirks)))
    assert heard.result == {name: value for name, value in values_of(rows).items() if name in map(ber.oid, names)}
