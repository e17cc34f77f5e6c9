"""What harms a device or is nobody's business is never asked for: by no conversation, and past the exchange by none."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexprint_agent.read.layout import Layout
from flexprint_agent.read.reader import read_device
from flexprint_agent.snmp import ber
from flexprint_agent.snmp.conversation import Answer, Ask, Traits, get, get_by_next, get_next
from flexprint_agent.snmp.exchange import Endpoint, Exchange, Limits
from flexprint_agent.snmp.forbidden import forbidden, forbidden_in, holding, leads_to_harm
from flexprint_agent.snmp.walk import walk
from lab import wire
from lab.device import Device, Quirks
from lab.office import Placed
from lab.recording import Row
from lab.site import Lab

from .conftest import hold

TUNNEL = ber.oid("1.3.6.1.4.1.1248.1.2.2.44")
JOBS = ber.oid("1.3.6.1.4.1.1347.47")


def column(root, instances):
    return [Row(f"{root}.{row}", wire.OCTET_STRING, b"text") for row in range(1, instances + 1)]


EPSON = "1.3.6.1.4.1.1248.1.2.2"
KYOCERA = "1.3.6.1.4.1.1347"
TABLE = [
    Row("1.3.6.1.2.1.1.1.0", wire.OCTET_STRING, b"A printer"),
    *column(f"{EPSON}.28.1.1.2", 40),
    *column(f"{EPSON}.44.1.1.2.1", 300),
    *column(f"{EPSON}.45.1", 10),
    *column(f"{KYOCERA}.46.10", 30),
    *column(f"{KYOCERA}.47.6.1.1.4", 500),
    *column(f"{KYOCERA}.48.1", 20),
]
HARMLESS = {
    ber.oid(row.oid): (row.tag, row.content) for row in TABLE if not holding(ber.oid(row.oid)) and ".4.1." in row.oid
}
MAKERS = [ber.oid("1.3.6.1.4.1")]


def inside(asks):
    return [name for ask in asks for name in ask.oids if holding(name)]


@pytest.mark.parametrize(
    ("name", "leads"),
    [
        (f"{EPSON}.27.1.1.30.1.1", True),  # the command tunnel lies behind it
        (f"{EPSON}.45.1.1", False),
        ("1.3.6.1.4.1.2435.2.3.9.4.2.1.5.5.10.0", False),  # the long error list lies before it
        (f"{KYOCERA}.43.10.1.1.12.1.1", False),  # a job log does not harm the device
        ("1.3.6.1.2.1.43.10.2.1.4.1.1", False),
    ],
)
def test_no_count_is_looked_for_where_a_walk_may_come_upon_what_harms(name, leads):
    assert leads_to_harm(ber.oid(name)) is leads
    device = Device([Row(name, wire.COUNTER32, wire.whole(7))])
    heard = hold(get_by_next([ber.oid(name)], Traits()), device)
    assert (len(heard.result), len(heard.asks)) == ((0, 0) if leads else (1, 1))


def test_every_forbidden_subtree_says_why_and_where_that_is_known_from():
    roots = [one.root for one in forbidden()]
    assert len(set(roots)) == len(roots)
    for one in forbidden():
        assert one.danger in ("device", "privacy")
        assert one.reason
        assert one.source
        assert not one.reason.endswith(".")
        assert ber.after(one.beyond, one.root)
        assert not one.beyond.startswith(one.root)
        assert [other for other in forbidden() if one.root.startswith(other.root)] == [one], "one holds another"


@pytest.mark.parametrize("version", [ber.V1, ber.V2C])
@pytest.mark.parametrize("most", [None, 1, 7])
def test_a_walk_steps_over_what_is_forbidden_and_goes_on_behind_it(version, most):
    device = Device(TABLE, Quirks(most_bindings=most, beyond="short"))
    heard = hold(walk(MAKERS, Traits(version=version)), device, version)
    assert heard.result == HARMLESS
    assert not inside(heard.asks)


def test_a_device_is_not_let_to_walk_by_itself_into_what_harms_it():
    """A GETBULK would: it has the device go on, OID by OID, wherever that leads."""
    heard = hold(walk([ber.oid("1.3.6.1.4.1.1248")], Traits()), Device(TABLE))
    assert heard.kinds() == ["next"] * 41 + ["bulk"]
    assert ber.after(heard.asks[41].oids[0], TUNNEL)


def test_of_a_job_log_a_getbulk_may_bring_some_rows_which_are_thrown_away():
    heard = hold(walk([ber.oid(KYOCERA)], Traits()), Device(TABLE))
    assert len(heard.asks) < 6
    assert heard.result == {name: value for name, value in HARMLESS.items() if name.startswith(ber.oid(KYOCERA))}


def test_other_columns_are_walked_in_bulk_beside_it():
    heard = hold(walk([ber.oid(f"{EPSON}.45"), ber.oid(f"{KYOCERA}.48")], Traits()), Device(TABLE))
    assert set(heard.kinds()) == {"bulk"}


def test_a_walk_of_a_forbidden_subtree_asks_nothing():
    heard = hold(walk([TUNNEL, ber.oid(f"{KYOCERA}.47.6.1.1.4")], Traits()), Device(TABLE))
    assert (heard.asks, heard.result) == ([], {})


def test_a_get_and_a_getnext_leave_it_out():
    names = [ber.oid("1.3.6.1.2.1.1.1.0"), TUNNEL + b"\1\1\2\1\1", JOBS]
    heard = hold(get(names, Traits()), Device(TABLE))
    assert [ask.oids for ask in heard.asks] == [(names[0],)]
    heard = hold(get_next(names, Traits()), Device(TABLE))
    assert [ask.oids for ask in heard.asks] == [(names[0],)]


def test_a_layout_remembered_by_an_older_agent_cannot_bring_it_back():
    monday = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    old = Layout(monday, moving=(JOBS + b"\6\1\1\4\1",), watched={}, still={})
    heard = hold(read_device("10.1.2.3", 161, monday, Traits(), old), Device(TABLE))
    assert heard.asks
    assert not inside(heard.asks)


def test_a_device_that_goes_back_into_it_does_not_keep_a_walk_busy():
    """It answers its job log to whatever comes next, also to what lies behind the job log."""
    asks = []
    conversation = walk([ber.oid(KYOCERA)], Traits())
    ask = next(conversation)
    with pytest.raises(StopIteration) as stop:
        while True:
            asks.append(ask)
            assert len(asks) < 10
            ask = conversation.send(Answer([(JOBS + bytes((6, row)), ber.OCTET_STRING, b"x") for row in range(5)]))
    assert stop.value.value == {}
    assert not inside(asks)


@given(st.data())
def test_whatever_a_device_answers_a_walk_never_asks_for_it(data):
    """Answers are drawn from in and around the subtrees, in any order."""
    around = [ber.oid(row.oid) for row in TABLE[::25]] + [one.beyond for one in forbidden()]
    conversation, asks = walk(MAKERS, Traits(version=data.draw(st.sampled_from([ber.V1, ber.V2C])))), []
    ask = next(conversation)
    with pytest.raises(StopIteration) as stop:
        while True:
            asks.append(ask)
            assert len(asks) < 500
            names = data.draw(st.lists(st.sampled_from(around), max_size=4))
            ask = conversation.send(Answer([(name, ber.INTEGER, b"\1") for name in names]))
    assert not inside(asks)
    assert not [name for name in stop.value.value if holding(name)]


def test_the_exchange_sends_no_such_request_whoever_made_it():
    """The last line: a conversation that asks for it ends, and nothing has left."""

    def careless(traits):
        del traits
        yield Ask("get", (ber.oid("1.3.6.1.2.1.1.1.0"),))
        yield Ask("get", (ber.oid("1.3.6.1.2.1.1.1.0"), TUNNEL + b"\1"))

    with Lab([Placed("127.9.8.1", TABLE, Quirks())]) as lab:
        exchange = Exchange(Limits(timeout=5.0))
        [outcome] = exchange.run([(Endpoint("127.9.8.1", lab.port), careless)])
    assert exchange.packets_sent == 1
    assert outcome.result is None
    assert "1.3.6.1.4.1.1248.1.2.2.44.1 is not asked for" in outcome.error
    assert "Epson's command tunnel" in outcome.error


def test_a_column_far_from_it_costs_nothing():
    assert forbidden_in(ber.oid("1.3.6.1.2.1.43")) == ()
