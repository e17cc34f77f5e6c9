"""GET and walks against devices with every bad habit seen in the field, without a socket."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flexprint_agent.snmp import ber
from flexprint_agent.snmp.conversation import Traits, get, get_next
from flexprint_agent.snmp.walk import walk
from lab import wire
from lab.device import FLAWLESS, Device, Quirks
from lab.recording import Row

from .conftest import ALL, COLUMNS, IN_COLUMNS, MIB, ROOTS, TABLE, hold


def test_a_walk_gives_every_value_column_by_column():
    """The order is the columns as asked, and the device's within each."""
    heard = hold(walk(list(reversed(ROOTS)), Traits()), Device(TABLE))

    assert heard.result == IN_COLUMNS
    expected = [name for root in reversed(ROOTS) for name in IN_COLUMNS if name.startswith(root)]
    assert list(heard.result) == expected


def test_a_walk_carries_all_columns_in_each_request():
    """56 values of 8 columns take two packets, not eight walks."""
    heard = hold(walk(ROOTS, Traits()), Device(TABLE))
    assert heard.kinds() == ["bulk", "bulk"]
    assert len(heard.asks[0].oids) == len(ROOTS)


def test_a_whole_subtree_is_a_column_too():
    heard = hold(walk([ber.oid(MIB)], Traits()), Device(TABLE))
    assert heard.result == IN_COLUMNS


def test_nothing_outside_the_columns_is_kept():
    """A GETBULK runs past the end of a column into its neighbours; that is not the answer."""
    only = [ber.oid(COLUMNS[2])]
    assert set(hold(walk(only, Traits()), Device(TABLE)).result) == {n for n in ALL if n.startswith(only[0])}


def test_a_column_the_device_does_not_have_is_empty():
    assert hold(walk([ber.oid("1.3.6.1.2.1.99"), ber.oid("1.3.6.1.9")], Traits()), Device(TABLE)).result == {}


# Every habit of the lab's devices that a conversation must cope with, alone and in pairs.
HABITS = {
    "bulk genErr": {"bulk": "genErr"},
    "bulk silence": {"bulk": "silence"},
    "tooBig above 5": {"most_bindings": 5, "beyond": "tooBig"},
    "silence above 5": {"most_bindings": 5, "beyond": "silence"},
    "short above 5": {"most_bindings": 5, "beyond": "short"},
    "one object at most": {"most_bindings": 1, "beyond": "tooBig"},
    "one object or silence": {"most_bindings": 1, "beyond": "silence"},
    "484 octets": {"message_octets": 484},
    "120 octets": {"message_octets": 120},
    "genErr at the end": {"gen_err_at_end": True},
    "v1": {"v2c": False},
}
PAIRS = [
    pytest.param({**HABITS[one], **HABITS[other]}, id=f"{one}, {other}" if one != other else one)
    for one, other in itertools.combinations_with_replacement(HABITS, 2)
    if one == other or not HABITS[one].keys() & HABITS[other].keys()
]


def spoken(quirks):
    return ber.V1 if not quirks.get("v2c", True) else ber.V2C


@pytest.mark.parametrize("quirks", PAIRS)
def test_a_walk_is_complete_whatever_the_device_cannot_do(quirks):
    """Slower, but the same values; what was learned makes the next walk straight."""
    device, version = Device(TABLE, Quirks(**quirks)), spoken(quirks)
    traits = Traits(version=version)

    first = hold(walk(ROOTS, traits), device, version)
    second = hold(walk(ROOTS, traits), device, version)

    assert first.result == IN_COLUMNS
    assert second.result == IN_COLUMNS
    assert second.silences == 0
    assert len(second.asks) <= len(first.asks)


@pytest.mark.parametrize("quirks", PAIRS)
def test_a_get_is_complete_whatever_the_device_cannot_do(quirks):
    """Missing objects among those asked for change nothing for the others."""
    device, version = Device(TABLE, Quirks(**quirks)), spoken(quirks)
    traits = Traits(version=version)
    names = [*ALL, ber.oid("1.3.6.1.2.1.1.99.0"), ber.oid("1.3.6.1.4.1.9.9")]
    names = names[::2] + names[1::2]
    known = {n: v for n, v in ALL.items() if version or v[0] != ber.COUNTER64}

    first = hold(get(names, traits), device, version)
    second = hold(get(names, traits), device, version)

    assert first.result == known
    assert second.result == known
    assert second.silences == 0


def test_a_get_keeps_the_order_asked_and_asks_once():
    names = list(reversed(ALL))[:9]
    heard = hold(get([*names, *names], Traits()), Device(TABLE))
    assert list(heard.result) == names
    assert len(heard.asks) == 1


def test_a_get_of_nothing_asks_nothing():
    assert hold(get([], Traits()), Device(TABLE)).asks == []


def test_v1_is_never_sent_a_getbulk():
    heard = hold(walk(ROOTS, Traits(version=ber.V1)), Device(TABLE, Quirks(v2c=False)), ber.V1)
    assert set(heard.kinds()) == {"next"}
    assert heard.result == IN_COLUMNS


def test_what_a_device_cannot_bear_is_remembered():
    """The trial that cost a timeout is not repeated at the next read."""
    traits = Traits()
    device = Device(TABLE, Quirks(bulk="silence"))
    assert hold(walk(ROOTS, traits), device).silences == 1
    assert not traits.bulk
    assert hold(walk(ROOTS, traits), device).silences == 0


def test_a_lost_packet_teaches_nothing():
    """A device that has answered GETBULK before is not taken for one that cannot, when one request is lost."""
    traits = Traits()
    hold(walk(ROOTS, traits), Device(TABLE))
    assert traits.bulk_proven

    heard = hold(walk(ROOTS, traits), Device(TABLE, Quirks(first_lost=1)))
    assert heard.result == IN_COLUMNS
    assert traits.bulk

    heard = hold(get(list(ALL)[:9], traits), Device(TABLE, Quirks(first_lost=1)))
    assert len(heard.result) == 9
    assert traits.most_objects > 1


@pytest.mark.parametrize("begin", [lambda t: walk(ROOTS, t), lambda t: get(ALL, t), lambda t: get_next(ROOTS, t)])
def test_a_lost_packet_costs_one_small_packet(begin):
    """What a device was seen to bear before is asked of it again, as soon as it shows that it is there."""
    traits = Traits(objects_proven=36, bulk_proven=True)
    undisturbed = hold(begin(traits), Device(TABLE))
    heard = hold(begin(traits), Device(TABLE, Quirks(first_lost=1)))
    assert heard.result == undisturbed.result
    assert len(heard.asks) <= len(undisturbed.asks) + 2  # the one that was lost, and the small one


@pytest.mark.parametrize("begin", [lambda t: walk(ROOTS, t), lambda t: get(ALL, t), lambda t: get([ROOTS[0]], t)])
def test_a_dead_device_is_asked_twice_at_most(begin):
    """The request, and the smallest request there is; then it counts as silent, and nothing is learned."""
    traits = Traits()
    heard = hold(begin(traits), Device(TABLE, Quirks(silent_after=0)))
    assert heard.result is None
    assert len(heard.asks) <= 2
    assert traits == Traits()


@pytest.mark.parametrize("answers", [1, 2])
def test_a_device_that_dies_on_the_way_gives_no_half_read(answers):
    """Half a read looks like a whole one with less in it; the caller is told of the silence instead."""
    few = Quirks(silent_after=answers, message_octets=300)
    assert hold(walk(ROOTS, Traits()), Device(TABLE, few)).result is None
    assert hold(get(ALL, Traits(most_objects=9)), Device(TABLE, few)).result is None


def test_a_walk_that_turns_back_keeps_what_it_has():
    """OIDs that do not increase end the column (seen on several agents)."""
    loop = (f"{COLUMNS[1]}.5", f"{COLUMNS[1]}.2")
    for quirks in (Quirks(loop=loop), Quirks(loop=loop, bulk="genErr"), Quirks(loop=loop, v2c=False)):
        version = ber.V2C if quirks.v2c else ber.V1
        heard = hold(walk(ROOTS, Traits(version=version)), Device(TABLE, quirks), version, most_asks=100)
        assert set(heard.result) == set(IN_COLUMNS) - {ber.oid(f"{COLUMNS[1]}.{n}") for n in (6, 7)}


def test_a_walk_that_stands_still_ends():
    place = f"{COLUMNS[1]}.5"
    device = Device(TABLE, Quirks(loop=(place, place)))
    assert ber.oid(place) in hold(walk(ROOTS, Traits()), device, most_asks=100).result


def endless(version=ber.V2C):
    """A device that always has one more row."""

    class Endless:
        def answer(self, question, **_):
            repetitions = question.error_at if question.kind == wire.GETBULK else 1
            bindings, names = [], list(question.oids)
            for _ in range(min(repetitions, 20)):
                for place, name in enumerate(names):
                    arcs = wire.arcs(name)
                    following = (*arcs[:-1], arcs[-1] + 1) if len(arcs) > 8 else (*arcs, 1)
                    names[place] = wire.oid(".".join(map(str, following)))
                    bindings.append(wire.binding(names[place], wire.INTEGER, b"\x01"))
            return wire.response(question, 0, 0, b"".join(bindings))

    return Endless()


def test_an_endless_walk_is_bounded():
    """Job logs of thousands of rows exist (Kyocera, Brother), and agents that never end."""
    roots = [ber.oid("1.3.6.1.2.1.43"), ber.oid("1.3.6.1.2.1.25")]
    heard = hold(walk(roots, Traits(), most_values=500), endless())
    assert 500 <= len(heard.result) <= 500 + 48
    assert len(heard.asks) < 20
    singly = hold(walk(roots, Traits(bulk=False), most_values=500), endless())
    assert len(singly.asks) <= 251


def test_gen_err_at_the_end_of_the_mib_is_an_end():
    """Values before it are good (Toshiba TEC B-850)."""
    last = [ber.oid("1.3.6.1.4.1.1347.43")]
    for bulk in ("answered", "genErr", "silence"):
        device = Device(TABLE, Quirks(gen_err_at_end=True, bulk=bulk))
        assert len(hold(walk(last, Traits()), device).result) == 1


def scripted(*answers):
    """A device that gives these answers whatever it is asked, then falls silent."""

    class Scripted:
        said = iter(answers)

        def answer(self, question, **_):
            following = next(self.said, None)
            if following is None:
                return None
            error, error_at, bindings = following
            return wire.response(question, error, error_at, b"".join(wire.binding(*one) for one in bindings))

    return Scripted()


@pytest.mark.parametrize(
    "answer",
    [
        (0, 0, []),
        (0, 0, [(ber.oid("1.3.6.1.9.9"), 2, b"\x01")]),
        (0, 0, [(ber.oid("1.3.6.1.9.9"), 2, b"\x01")] * 300),
        (0, 0, [(ROOTS[0], 2, b"\x01")] * 3),
        (5, 0, []),
        (5, 99, []),
        (5, -1, []),
        (2, 1, []),
        (1, 0, []),
        (-7, 1, []),
        (2**31, 2**31, []),
        (0, 0, [(ROOTS[0], 0x80, b"")]),
        (0, 0, [(ROOTS[1], 0x05, b"")]),
    ],
)
@pytest.mark.parametrize("version", [ber.V1, ber.V2C])
def test_nonsense_ends_a_conversation_soon(answer, version):
    """Whatever a device says, over and over, a conversation comes to its end."""
    hold(walk(ROOTS, Traits(version=version)), scripted(*[answer] * 500), version, most_asks=60)
    hold(get(ALL, Traits(version=version)), scripted(*[answer] * 500), version, most_asks=150)
    hold(get_next(ALL, Traits(version=version)), scripted(*[answer] * 500), version, most_asks=150)


hostile = st.tuples(
    st.integers(-1, 20),
    st.integers(-1, 40),
    st.lists(
        st.tuples(
            st.sampled_from([*ALL, *ROOTS, ber.oid("1.3.6.1.9")]),
            st.sampled_from([2, 4, 5, 6, 0x41, 0x80, 0x81, 0x82, 0xFF]),
            st.binary(max_size=5),
        ),
        max_size=60,
    ),
)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.none() | hostile, max_size=40), st.sampled_from([ber.V1, ber.V2C]), st.booleans())
def test_any_sequence_of_answers_is_survived(script, version, bulk):
    """No answer, or error, or order of them makes a conversation fail otherwise than by Silent."""

    class Hostile:
        said = iter(script)

        def answer(self, question, **_):
            following = next(self.said, None)
            if following is None:
                return None
            error, error_at, bindings = following
            return wire.response(question, error, error_at, b"".join(wire.binding(*one) for one in bindings))

    hold(walk(ROOTS, Traits(version=version, bulk=bulk)), Hostile(), version, most_asks=200)
    hold(get(ALL, Traits(version=version)), Hostile(), version, most_asks=200)
    hold(get_next(ALL, Traits(version=version)), Hostile(), version, most_asks=200)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(0, 40000)), max_size=60),
    st.sampled_from([FLAWLESS, Quirks(bulk="genErr"), Quirks(message_octets=300), Quirks(v2c=False)]),
)
def test_any_table_is_walked_whole(instances, quirks):
    """Whatever instances a table has, sparse or dense, with indexes of one octet or three."""
    table = [Row(f"{MIB}.9.{c}.{i}", wire.INTEGER, wire.whole(i)) for c, i in sorted(set(instances))]
    version = ber.V2C if quirks.v2c else ber.V1
    roots = [ber.oid(f"{MIB}.9.{c}") for c in range(1, 7)]
    heard = hold(walk(roots, Traits(version=version)), Device(table, quirks), version)
    assert heard.result == {ber.oid(row.oid): (row.tag, row.content) for row in table}


def test_traits_can_be_kept_and_given_back():
    """The caller stores them; a copy serves as well as the original."""
    traits = Traits()
    hold(walk(ROOTS, traits), Device(TABLE, Quirks(bulk="genErr", most_bindings=3)))
    again = hold(walk(ROOTS, replace(traits)), Device(TABLE, Quirks(bulk="genErr", most_bindings=3)))
    assert again.result == IN_COLUMNS
    assert set(again.kinds()) == {"next"}


@pytest.mark.parametrize("converse", [get, get_next, walk])
def test_a_conversation_ends_after_so_many_octets(converse):
    """What was answered until then stands."""
    names = [f"{MIB}.5.1.1.{column}.1" for column in range(1, 60)]
    device = Device([Row(name, wire.OCTET_STRING, b"x" * 1000) for name in names], Quirks(most_bindings=1))
    roots = [ber.oid(name if converse is get else name[:-2]) for name in names]
    heard = hold(converse(roots, Traits(), most_octets=4000), device)
    assert 4 <= len(heard.result) <= 5
