from datetime import UTC, date, datetime, timedelta

import pytest

from flexprint_agent import settings, wake
from flexprint_agent.keep.errors import NotEnrolled
from flexprint_agent.send.client import Collector, Route
from flexprint_agent.send.enroll import Applicant, enroll
from flexprint_agent.send.errors import DeliveryError, NotAccepted, NotTheCollector, Overloaded, Refused, Unreachable
from flexprint_agent.targets import UnknownExclusion
from flexprint_agent.wake.finding import is_search_due
from flexprint_agent.wake.reading import allowed, exchange_for, read_known
from flexprint_agent.wake.sending import hand_over, report_period
from services import collector as bad_days

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("last", "changed", "due"),
    [
        (None, None, True),
        (NOON - HOUR, None, False),
        (NOON - HOUR, NOON - 2 * HOUR, False),
        (NOON - 2 * HOUR, NOON - HOUR, True),
        (NOON - 2 * HOUR, NOON - 2 * HOUR, True),
        (NOON - 84 * HOUR, None, True),
        (NOON - 83 * HOUR, None, False),
        # The clock was set back.
        (NOON + HOUR, None, True),
    ],
)
def test_a_search_is_due_when_there_may_be_something_new(last, changed, due):
    assert is_search_due(NOON, last, changed, timedelta(hours=84)) is due


@pytest.mark.parametrize(
    ("every", "day", "period"),
    [
        ("daily", date(2026, 11, 23), "2026-11-23"),
        ("weekly", date(2026, 11, 23), "2026-W48"),
        ("weekly", date(2027, 1, 1), "2026-W53"),
        ("monthly", date(2026, 11, 23), "2026-11"),
        ("never", date(2026, 11, 23), None),
    ],
)
def test_workbooks_are_asked_for_once_a_period(every, day, period):
    assert report_period(every, day) == period


class Site:
    """An enrolled home in front of a collector; pauses take no time."""

    def __init__(self, keep, collector):
        self.keep, self.collector = keep, collector
        self.now = NOON
        self.settings = settings.in_force({})

    def enrol(self):
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        from flexprint_agent.keep.enrolment import Enrolment

        key = self.keep.enrolments.next_signing_key()
        public = Ed25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()
        with Collector(Route(self.collector.url, insecure_loopback=True)) as opened:
            welcome = enroll(opened, "KEY", Applicant(public, "FRONT-DESK", "Linux", "0.1.0"))
        enrolment = Enrolment(
            server=self.collector.url,
            insecure_loopback=True,
            agent=welcome.agent,
            dealer=welcome.dealer,
            customer=welcome.customer,
            site=welcome.site,
            identity_key=welcome.identity_key,
            sealing_key=welcome.sealing_key,
            enrolled_at=self.now,
        )
        self.keep.enrolments.put(enrolment, key)
        return enrolment

    def hand_over(self, **more):
        return hand_over(self.keep, self.settings, lambda: self.now, sleep=lambda _: None, **more)

    def totals(self):
        return [total for _, total in self.collector.reads()]


@pytest.fixture
def site(keep, collector):
    made = Site(keep, collector)
    made.enrol()
    return made


def test_an_agent_without_a_collector_keeps_its_reads(keep, a_read):
    keep.keep_read(a_read(1), {})
    with pytest.raises(NotEnrolled, match="enroll"):
        hand_over(keep, settings.in_force({}), lambda: NOON)
    assert keep.spool.pending() == 1


def test_what_was_read_is_handed_over(site, a_read):
    for number in (1, 2):
        site.keep.keep_read(a_read(number, total=number), {})
    handed = site.hand_over()
    assert handed.failure is None
    assert site.totals() == [1, 2]
    octets = handed.result.pop("bytes")
    assert octets == site.collector.requests[-1][1]
    assert handed.result == {"batches": 1, "reads": 2, "acknowledged": 1, "waiting": 0, "refused": 0}
    assert site.hand_over().result["batches"] == 0


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (bad_days.cut, Unreachable),
        (bad_days.store_then_cut, Unreachable),
        (bad_days.status(500), Overloaded),
        (bad_days.status(404), NotTheCollector),
        (bad_days.problem(401, "unknown-agent"), NotAccepted),
        (bad_days.problem(503, "busy"), Overloaded),
        (bad_days.portal, NotTheCollector),
        (bad_days.wrong_hash, NotTheCollector),
    ],
)
def test_after_a_bad_day_every_read_is_stored_exactly_once(site, a_read, behaviour, kind):
    """Whatever went wrong, the batch waits, the ones behind it wait in line, and the next wake hands all of it over."""
    site.collector.behaviours.extend([behaviour] * 3)
    site.keep.keep_read(a_read(1, total=1), {})
    failed = site.hand_over()
    assert isinstance(failed.failure, kind)
    assert (failed.result["acknowledged"], failed.result["waiting"]) == (0, 1)
    waiting, _ = site.keep.spool.next_waiting()
    assert (waiting.attempts, waiting.last_error) == (1, str(failed.failure))
    site.collector.behaviours.clear()
    site.keep.keep_read(a_read(2, total=2), {})
    assert site.hand_over().result["acknowledged"] == 2
    assert site.totals() == [1, 2]


@pytest.mark.parametrize("slug", ["broken-seal", "not-a-batch", "too-large", "unreadable-document", "wrong-signature"])
def test_a_batch_refused_for_good_does_not_hold_up_the_others(site, a_read, slug):
    for number in (1, 2, 3):
        site.collector.behaviours.extend([bad_days.status(500)] * 3)
        site.keep.keep_read(a_read(number, total=number), {})
        site.hand_over()
    site.collector.behaviours.append(bad_days.problem(422, slug))
    site.hand_over()
    assert site.keep.spool.count("refused") == 1
    assert site.totals() == [2, 3]
    assert site.hand_over().result["batches"] == 0


def test_a_refusal_is_told_and_counted(site, a_read):
    site.collector.behaviours.append(bad_days.problem(422, "broken-seal"))
    site.keep.keep_read(a_read(1), {})
    handed = site.hand_over()
    assert isinstance(handed.failure, Refused)
    assert (handed.result["refused"], handed.result["waiting"]) == (1, 0)


def test_a_home_restored_from_a_backup_goes_on_where_the_collector_is(site, a_read, tmp_path):
    """The collector has batches this home has forgotten: what is read from now on takes the numbers behind them."""
    database = site.keep.database
    before = database.row("SELECT sequence, hash FROM enrolment")
    for number in (1, 2):
        site.keep.keep_read(a_read(number, total=number), {})
        site.hand_over()
    database.write("UPDATE enrolment SET sequence = ?, hash = ?", *before)
    site.keep.keep_read(a_read(3, total=3), {})
    assert site.hand_over().failure is None
    site.keep.keep_read(a_read(4, total=4), {})
    assert site.hand_over().failure is None
    assert site.totals() == [1, 2, 3, 4]
    assert sorted(sequence for _, sequence in site.collector.stored) == [1, 2, 3, 4]


def test_a_batch_that_stays_stale_is_renumbered_once_and_set_aside(site, a_read):
    stale = bad_days.problem(409, "stale-sequence", last_sequence=7, last_hash="07" * 32)
    site.collector.behaviours.extend([stale] * 2)
    site.keep.keep_read(a_read(1), {})
    handed = site.hand_over()
    assert isinstance(handed.failure, Refused)
    assert len(site.collector.requests) == 3  # the enrolment, and the batch twice
    assert (handed.result["refused"], handed.result["waiting"]) == (1, 0)


def test_what_is_said_of_an_agent_that_was_does_not_move_the_new_one(site, a_read):
    site.collector.behaviours.extend([bad_days.cut] * 3)
    site.keep.keep_read(a_read(1), {})
    site.hand_over()
    site.collector.behaviours.clear()
    enrolment = site.enrol()
    site.collector.behaviours.append(bad_days.problem(409, "stale-sequence", last_sequence=7, last_hash="07" * 32))
    site.keep.keep_read(a_read(2, total=2), {})
    site.hand_over()
    assert list(site.collector.stored) == [(enrolment.agent, 1)]


def test_an_excluded_name_keeps_its_last_address_when_nobody_knows_it_any_more(keep):
    keep.choices.add_targets(["10.1.1.1-3"], NOON)
    keep.choices.add_targets(["server-room.invalid"], NOON, excluded=True)
    with pytest.raises(UnknownExclusion, match=r"server-room\.invalid"):
        allowed(keep)
    keep.choices.remember_excluded("server-room.invalid", ["10.1.1.2"])
    assert [(span.first & 255, span.last & 255) for span in allowed(keep)] == [(1, 1), (3, 3)]


def test_a_known_printer_that_no_target_covers_is_told_and_counted(site, a_read):
    site.keep.keep_read(a_read(1), {})
    (outcome,) = read_known(site.keep, site.settings, lambda: NOON)
    assert (outcome["answered"], outcome["packets"]) == (False, 0)
    assert "no target covers it" in outcome["error"]
    result = wake.wake(site.keep, site.settings, lambda: NOON).result
    assert (result["silent"], result["not_asked"]) == (
        0,
        [{"address": outcome["address"], "error": outcome["error"]}],
    )
    site.keep.choices.add_targets(["copier.invalid"], NOON)
    (outcome,) = read_known(site.keep, site.settings, lambda: NOON)
    assert "not known to the network now (copier.invalid)" in outcome["error"]
    site.keep.choices.add_targets([outcome["address"]], NOON, excluded=True)
    assert list(read_known(site.keep, site.settings, lambda: NOON)) == []


def test_packets_to_one_printer_keep_a_distance():
    assert exchange_for(settings.in_force({})).limits.gap > 0


def test_after_enrolling_again_what_waited_is_sent_as_the_new_agent(site, a_read):
    site.collector.behaviours.extend([bad_days.cut] * 3)
    site.keep.keep_read(a_read(1, total=1), {})
    site.hand_over()
    site.collector.behaviours.clear()
    site.collector.agents.clear()
    assert isinstance(site.hand_over().failure, NotAccepted)
    enrolment = site.enrol()
    site.keep.keep_read(a_read(2, total=2), {})
    assert site.hand_over().failure is None
    assert site.totals() == [1, 2]
    assert list(site.collector.stored) == [(enrolment.agent, 1), (enrolment.agent, 2)]


def test_after_enrolling_again_what_was_stored_is_not_stored_twice(site, a_read):
    """The acknowledgement was lost and the collector still knows the agent that was: it answers as before."""
    site.collector.behaviours.extend([bad_days.store_then_cut] * 3)
    site.keep.keep_read(a_read(1, total=1), {})
    site.hand_over()
    site.collector.behaviours.clear()
    site.enrol()
    assert site.hand_over().result["acknowledged"] == 1
    assert site.totals() == [1]


def test_the_workbook_is_asked_for_once_a_day_and_only_with_recipients(site, a_read):
    site.keep.keep_read(a_read(1), {})
    site.hand_over()
    assert site.collector.reports() == 0
    site.keep.choices.add_recipients(["office@example.com"])
    for _ in range(3):
        site.hand_over()
    assert site.collector.reports() == 1
    site.now += DAY
    site.hand_over()
    assert site.collector.reports() == 2


def test_a_person_can_ask_for_the_workbook_at_any_time(site):
    site.keep.choices.add_recipients(["office@example.com"])
    site.hand_over()
    site.hand_over(report=True)
    site.hand_over(report=True)
    assert site.collector.reports() == 3


def test_a_workbook_asked_for_on_a_bad_day_is_asked_for_once(site):
    site.keep.choices.add_recipients(["office@example.com"])
    site.collector.behaviours.extend([bad_days.store_then_cut] * 3)
    assert isinstance(site.hand_over().failure, DeliveryError)
    site.collector.behaviours.clear()
    site.hand_over()
    site.hand_over()
    assert site.collector.reports() == 1


def test_a_wake_without_anything_to_do_says_so(site):
    woken = wake.wake(site.keep, site.settings, lambda: site.now)
    assert woken.failure is None
    assert woken.result["searched"] is False
    assert (woken.result["read"], woken.result["packets"]) == (0, 0)
    assert site.keep.wakes.last_at() == site.now


def test_a_wake_whose_targets_are_all_excluded_still_sends(site, a_read):
    site.keep.keep_read(a_read(1, total=7), {})
    site.keep.choices.add_targets(["10.1.1.1"], NOON)
    site.keep.choices.add_targets(["10.1.1.0/24"], NOON, excluded=True)
    woken = wake.wake(site.keep, site.settings, lambda: site.now)
    assert "excluded" in str(woken.failure)
    assert woken.result["packets"] == 0
    assert site.totals() == [7]
