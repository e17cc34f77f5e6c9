"""Of all workers exactly one works on a report, and it is never nobody for long."""

import threading
from datetime import timedelta

import pytest

from flexprint_server.reports import claims
from flexprint_server.reports.claims import ClaimLost

LEASE = timedelta(seconds=15)


def claim(house, report_id, by="one"):
    with house.database.transaction() as session:
        return claims.claim(session, report_id, by, house.now, LEASE)


def due(house):
    with house.database.reading() as session:
        return claims.due(session, house.now, 10)


def test_a_report_is_held_by_one(house):
    report_id = house.ask()
    held = claim(house, report_id)
    assert held is not None
    assert (held.step, held.attempts) == ("building", 1)
    assert claim(house, report_id, "two") is None
    assert due(house) == []
    assert house.report(report_id).state == "building"


def test_of_many_that_try_at_once_exactly_one_gets_it(house):
    """Eight connections at the same moment, on SQLite as on PostgreSQL."""
    report_id = house.ask()
    together, got = threading.Barrier(8), []

    def try_it(name):
        together.wait()
        got.append(claim(house, report_id, name))

    threads = [threading.Thread(target=try_it, args=(f"worker {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [held for held in got if held]
    assert house.report(report_id).claimed_by == winner.by
    assert house.report(report_id).attempts == 1


def test_a_report_whose_worker_died_can_be_taken_over_when_its_lease_has_run_out(house):
    report_id = house.ask()
    claim(house, report_id)
    house.now += LEASE - timedelta(seconds=1)
    assert claim(house, report_id, "two") is None
    house.now += timedelta(seconds=1)
    assert due(house) == [report_id]
    taken = claim(house, report_id, "two")
    assert taken is not None
    assert taken.attempts == 2


def test_a_worker_that_lives_keeps_its_report(house):
    report_id = house.ask()
    held = claim(house, report_id)
    for _ in range(5):
        house.now += timedelta(seconds=10)
        with house.database.transaction() as session:
            assert claims.renew(session, held, house.now, LEASE)
    assert due(house) == []


def test_a_worker_that_was_away_too_long_hands_nothing_over_any_more(house):
    """It was stopped, its machine slept: another has the report, and it must not send a second mail."""
    report_id = house.ask()
    held = claim(house, report_id)
    house.now += timedelta(minutes=1)
    claim(house, report_id, "two")
    delivery = house.report(report_id).deliveries[0]
    with pytest.raises(ClaimLost), house.database.transaction() as session:
        claims.begin(session, held, delivery.id, house.now, LEASE)
    with pytest.raises(ClaimLost), house.database.transaction() as session:
        claims.put_back(session, held, "whatever", house.now, 1)
    assert house.report(report_id).claimed_by == "two"


def test_an_acceptance_counts_whoever_holds_the_report(house):
    """And nothing that is learned later takes it back."""
    report_id = house.ask()
    held = claim(house, report_id)
    delivery_id = house.report(report_id).deliveries[0].id
    house.now += timedelta(minutes=1)
    claim(house, report_id, "two")
    with house.database.transaction() as session:
        claims.record(session, delivery_id, "accepted", "250 ok", house.now)
        claims.record(session, delivery_id, "deferred", "451 later", house.now)
    assert held is not None
    assert house.states(report_id) == ("building", ["accepted"])


def test_a_mail_whose_acceptance_is_noted_late_is_not_begun_again(house):
    """The database was away for longer than the lease: the second worker's list is older than what the first one
    then writes down."""
    report_id = house.ask()
    claim(house, report_id)
    house.now += timedelta(minutes=1)
    held = claim(house, report_id, "two")
    with house.database.reading() as session:
        (stale,) = claims.waiting(session, held)
    with house.database.transaction() as session:
        claims.record(session, stale.id, "accepted", "250 ok", house.now)
    with house.database.transaction() as session:
        assert not claims.begin(session, held, stale.id, house.now, LEASE)
    (delivery,) = house.report(report_id).deliveries
    assert (delivery.state, delivery.attempts) == ("accepted", 0)


def test_those_that_wait_longest_come_first(house):
    first = house.ask()
    house.now += timedelta(seconds=1)
    second = house.ask()
    with house.database.reading() as session:
        assert claims.due(session, house.now, 10) == [first, second]
        assert claims.due(session, house.now, 1) == [first]
        assert claims.due(session, house.now - timedelta(hours=1), 10) == []
