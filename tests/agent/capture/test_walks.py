"""What a capture asks, in which order, and that every end of it leaves what was there."""

import pytest

from flexprint_agent.capture import walks
from flexprint_agent.snmp import ber
from flexprint_agent.snmp.conversation import Answer
from flexprint_agent.snmp.forbidden import holding
from lab import office, wire
from lab.device import Quirks
from lab.recording import Row

SYSTEM = [
    Row("1.3.6.1.2.1.1.1.0", wire.OCTET_STRING, b"A printer"),
    Row("1.3.6.1.2.1.1.2.0", wire.OBJECT_ID, wire.oid("1.3.6.1.4.1.1347.41")),
    Row("1.3.6.1.2.1.1.3.0", wire.TIMETICKS, wire.whole(100_000)),
]


def column(root, instances, content=b"text"):
    return [Row(f"{root}.{row}", wire.OCTET_STRING, content) for row in range(1, instances + 1)]


PRINTER = [
    *SYSTEM,
    *column("1.3.6.1.2.1.43.11.1.1.6.1", 4),
    *column("1.3.6.1.2.1.4.22.1.2", 9),
    *column("1.3.6.1.4.1.11.2.3.9.1", 5),
    *column("1.3.6.1.4.1.1347.43.10.1", 60),
    *column("1.3.6.1.4.1.1347.47.6.1.1.4", 300),
    *column("1.3.6.1.4.1.2021.8.1.2", 3),
    *column("1.3.6.1.4.1.2699.1.1.1.3.1.1.9", 30),
    *column("1.3.6.1.4.1.2699.1.2.1.2.1.1.3", 1),
    *column("1.3.6.1.4.1.54321.1", 7),
]


def under(held, root):
    return [name for name in held.taken.values if name.startswith(ber.oid(root))]


def test_standard_subtrees_and_every_makers_tree_are_taken_the_devices_own_first(held):
    capture = held(PRINTER)
    assert capture.taken.whole()
    makers = ("1.3.6.1.4.1.11", "1.3.6.1.4.1.1347.43", "1.3.6.1.4.1.2699.1.2", "1.3.6.1.4.1.54321")
    for root in ("1.3.6.1.2.1.43", *makers):
        assert under(capture, root), root
    order = [ber.dotted(name) for name in capture.taken.values]
    own = next(place for place, name in enumerate(order) if ".1347." in name)
    assert own < next(place for place, name in enumerate(order) if ".4.1.11." in name)


def test_what_is_not_the_printers_own_is_left_out_and_that_is_said(held):
    """Neighbours' addresses, jobs, the processes of the computer inside."""
    capture = held(PRINTER)
    for root in ("1.3.6.1.2.1.4.22", "1.3.6.1.4.1.1347.47", "1.3.6.1.4.1.2021", "1.3.6.1.4.1.2699.1.1"):
        assert not under(capture, root), root
    assert "job log" in capture.taken.left_out["1.3.6.1.4.1.1347.47"]
    assert "UCD-SNMP" in capture.taken.left_out["1.3.6.1.4.1.2021"]
    assert not [name for ask in capture.asks for name in ask.oids if holding(name)]


@pytest.mark.parametrize("placed", office.office(), ids=lambda placed: placed.address)
def test_every_device_of_the_office_is_taken_whole_whatever_its_manners(held, placed):
    version = ber.V2C if placed.quirks.v2c else ber.V1
    quirks = Quirks(**{**placed.quirks.as_json(), "community": "public", "loss": 0.0, "first_lost": 0})
    if quirks.garbage or quirks.silent_after is not None:
        pytest.skip("it does not answer")
    capture = held(placed.rows, quirks, version=version)
    wanted = {
        ber.oid(row.oid)
        for row in placed.rows
        if row.oid.startswith(("1.3.6.1.2.1.43.", "1.3.6.1.2.1.25.3.", "1.3.6.1.4.1."))
        and not row.oid.startswith(tuple(f"1.3.6.1.4.1.{other}." for other in walks.OTHERS))
        and not holding(ber.oid(row.oid))
        and (version or row.tag != wire.COUNTER64)
    }
    if quirks.loop is None:
        assert wanted <= capture.taken.values.keys()
    assert capture.taken.whole()


def test_a_device_that_falls_silent_leaves_all_it_said_and_where_it_stopped(held):
    capture = held(PRINTER, Quirks(silent_after=9))
    assert not capture.taken.whole()
    assert len(capture.taken.values) > len(SYSTEM)
    assert "stopped answering, asked for what follows 1.3.6.1." in capture.taken.ended
    assert len(capture.asks) <= 9 + 2, "it is left alone"


def test_a_device_that_never_answers_is_silent(held):
    capture = held(PRINTER, Quirks(silent_after=0))
    assert capture.silent
    assert not capture.taken.values


def test_a_device_that_restarts_is_asked_no_more_and_the_subtree_is_named(held):
    capture = held(PRINTER, uptime=lambda asked: 100_000 + asked if asked < 12 else asked)
    assert capture.taken.restarted
    assert "the device restarted while 1.3.6.1." in capture.taken.ended
    assert len(capture.taken.values) > len(SYSTEM)


def test_a_clock_that_begins_again_after_497_days_is_no_restart(held):
    capture = held(PRINTER, uptime=lambda asked: (2**32 - 12 + asked) % 2**32)
    assert capture.taken.whole()


def test_it_ends_where_it_is_enough_and_says_why(held):
    asked = []

    def enough():
        asked.append(1)
        return "it took longer than 20 minutes" if len(asked) > 6 else None

    capture = held(PRINTER, enough=enough)
    assert capture.taken.ended == "it took longer than 20 minutes"
    assert len(capture.asks) == 6
    assert capture.taken.values


def test_a_walk_that_is_broken_off_leaves_what_came_before():
    """Ctrl-C closes the conversation wherever it is."""
    taken = walks.Taken()
    conversation = walks.take(taken, walks.Traits(), lambda: None)
    ask = next(conversation)
    name = ber.oid("1.3.6.1.2.1.1.1.0")
    ask = conversation.send(Answer([(name, ber.OCTET_STRING, b"A printer")]))
    while ask.kind != "bulk":
        ask = conversation.send(Answer([]))
    conversation.send(Answer([(ber.oid("1.3.6.1.2.1.1.9.1.2.1"), ber.INTEGER, b"\1")]))
    conversation.close()
    assert len(taken.values) == 2


def test_an_endless_subtree_is_cut_and_the_others_are_taken(held, monkeypatch):
    monkeypatch.setattr(walks, "MOST_OF_ONE", 50)
    capture = held(PRINTER)
    assert len(under(capture, "1.3.6.1.4.1.1347")) in range(50, 100)
    assert capture.taken.left_out["1.3.6.1.4.1.1347"] == "more than 50 values: the rest was not asked for"
    assert under(capture, "1.3.6.1.4.1.54321")


@pytest.mark.parametrize(("bound", "least"), [("MOST_VALUES", 20), ("MOST_OCTETS", 300)])
def test_a_device_without_end_ends(held, monkeypatch, bound, least):
    monkeypatch.setattr(walks, bound, least)
    capture = held(PRINTER)
    assert "the capture is as large as it may be" in capture.taken.left_out.values()
    assert len(capture.taken.values) < len(PRINTER)


def test_names_spelled_so_that_they_do_not_look_forbidden_are_dropped(held):
    """1347.47 with a padded arc is the same object to a lenient device."""
    padded = ber.oid("1.3.6.1.4.1.1347") + b"\x80\x2f\x06\x01"
    taken = walks.Taken(values={padded: (ber.OCTET_STRING, b"a document"), ber.oid("1.3.6.1"): (0x99, b"")})
    walks._sift(taken, 0)
    assert taken.values == {}
