import socket
from dataclasses import replace

import pytest

from flexprint_agent import settings, targets
from flexprint_agent.search.finder import Effort, Ground, Scope, may_ask
from flexprint_agent.search.spooler import finder
from flexprint_agent.search.spooler.queues import NoSpooler, Port, Queue
from flexprint_agent.snmp.pace import Pace
from flexprint_agent.targets import Span

QUEUES = [
    Queue("front", Port("network", host="127.9.0.1")),
    Queue("front in colour", Port("network", host="127.9.0.1")),
    Queue("back", Port("network", host="127.9.0.2")),
    Queue("upstairs", Port("network", host="2001:db8::7")),
    Queue("nowhere to be reached", Port("network", host="fe80::7")),
    Queue("nobody knows it", Port("network", host="no-such-printer.invalid")),
    Queue("till", Port("local", serial="PHGB12")),
    Queue("pdf", Port("virtual")),
]


def ground(refused=(), **changed):
    in_force = settings.in_force({"snmp_timeout": "2", "snmp_retries": "1", **changed})
    return Ground((), refused, in_force, Pace(1000))


@pytest.fixture(autouse=True)
def _queues(monkeypatch):
    monkeypatch.setattr(finder, "queues", lambda: QUEUES)


def test_network_printers_with_a_queue_may_be_asked_without_a_target():
    effort = Effort()
    found = list(finder.SPOOLER.find(ground(), effort))
    assert [(one.address, one.port) for one in found] == [(at, 161) for at in ("127.9.0.1", "127.9.0.2", "2001:db8::7")]
    assert effort.asked == 3
    assert all(may_ask(ground(), one) for one in found)


def test_an_exclusion_wins_over_a_queue():
    refused = (Span(0x7F090001, 0x7F090001),)
    assert [part.target for part in finder.SPOOLER.plan(ground(refused)).parts] == ["queue back", "queue upstairs"]
    allowed = [one.address for one in finder.SPOOLER.find(ground(refused), Effort()) if may_ask(ground(refused), one)]
    assert allowed == ["127.9.0.2", "2001:db8::7"]


def test_the_plan_names_the_queues_and_what_a_silent_printer_costs():
    plan = finder.SPOOLER.plan(ground())
    assert [part.target for part in plan.parts] == ["queue front", "queue back", "queue upstairs"]
    # Two versions, each asked twice.
    assert {part.packets for part in plan.parts} == {4}
    assert all(part.octets > 4 * 28 for part in plan.parts)


def test_a_printer_with_ipv4_is_asked_by_that_alone(monkeypatch):
    entries = [
        (socket.AF_INET6, socket.SOCK_DGRAM, 0, "", ("fe80::7%eth0", 0, 0, 2)),
        (socket.AF_INET6, socket.SOCK_DGRAM, 0, "", ("2001:db8::7", 0, 0, 0)),
        (socket.AF_INET, socket.SOCK_DGRAM, 0, "", ("127.9.0.1", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: entries)
    assert list(finder.places([QUEUES[0]])) == ["127.9.0.1"]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: entries[:2])
    assert list(finder.places([QUEUES[0]])) == ["fe80::7%2", "2001:db8::7"]


def test_a_plan_counts_the_community_of_a_port(monkeypatch):
    scope = Scope([targets.single("127.9.0.2")], "meters")
    plan = finder.SPOOLER.plan(replace(ground(), scopes=[scope]))
    assert [part.packets for part in plan.parts] == [4, 8, 4]


def test_it_is_switched_off_by_its_setting():
    assert finder.SPOOLER.on(settings.in_force({}))
    assert not finder.SPOOLER.on(settings.in_force({"spooler": "off"}))


def test_a_spooler_that_cannot_be_asked_has_no_queues(monkeypatch):
    def fail():
        raise NoSpooler("it refuses")

    monkeypatch.setattr(finder, "queues", fail)
    assert finder.SPOOLER.plan(ground()).parts == []
    assert list(finder.SPOOLER.find(ground(), Effort())) == []
