"""When an agent is called silent, and what the reason is likely to be."""

from datetime import timedelta

import pytest

from flexprint_server.alerts.silence import CAUSES, Heard, late_since, likely_cause, overdue_at
from services.reads import NOON

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ENROLLED = NOON - 30 * DAY


def heard(last=NOON, **more):
    return Heard(ENROLLED, last, **more)


@pytest.mark.parametrize(
    ("known", "late", "overdue"),
    [
        # It promised to wake in six hours, and always did.
        (heard(promised=NOON + 6 * HOUR, gaps=[6 * HOUR] * 9), NOON + 6 * HOUR, NOON + 9 * HOUR),
        # It is off every night and every weekend: that is no silence.
        (heard(promised=NOON + 6 * HOUR, gaps=[6 * HOUR, 64 * HOUR]), NOON + 6 * HOUR, NOON + 80 * HOUR),
        # The collector never had a promise of it.
        (heard(gaps=[6 * HOUR]), NOON + 36 * HOUR, NOON + 36 * HOUR),
        (heard(gaps=[64 * HOUR]), NOON + 36 * HOUR, NOON + 80 * HOUR),
        # A fortnight of silence long ago is no habit.
        (heard(promised=NOON + 6 * HOUR, gaps=[14 * DAY]), NOON + 6 * HOUR, NOON + 5 * DAY),
        # It has enrolled and never come.
        (heard(None), ENROLLED + DAY, ENROLLED + DAY),
    ],
)
def test_an_agent_is_silent_after_its_promise_and_its_habits(known, late, overdue):
    assert (late_since(known), overdue_at(known)) == (late, overdue)


ALONE = {"others_at_site": 0, "others_of_customer": 0}


@pytest.mark.parametrize(
    ("known", "cause"),
    [
        (heard(None), "never"),
        (heard(None, refusal="wrong-signature"), "refused"),
        (heard(refusal="unknown-agent", clock_offset_s=9000), "refused"),
        (heard(clock_offset_s=-7200), "clock"),
        (heard(clock_offset_s=900), "off"),
        (heard(others_at_site=2, silent_at_site=2, others_of_customer=5, silent_of_customer=2), "site"),
        (heard(others_at_site=2, silent_at_site=1, others_of_customer=5, silent_of_customer=1), "off"),
        (heard(others_at_site=2, silent_at_site=2, others_of_customer=5, silent_of_customer=5), "customer"),
        (heard(others_of_customer=3, silent_of_customer=3), "customer"),
        (heard(others_at_site=1, silent_at_site=1, others_of_customer=1, silent_of_customer=1), "site"),
        (heard(health={"last_error": "the proxy wants a password", "waiting_batches": 3}), "told"),
        (heard(health={"last_error": None, "refused_batches": 1}), "refused"),
        (heard(health={"last_error": ["no", "text"]}), "off"),
        (heard(health={"waiting_batches": 12}), "line"),
        (heard(health={"waiting_batches": "many"}), "off"),
        (heard(), "off"),
    ],
)
def test_the_likely_cause(known, cause):
    assert likely_cause(known) == cause


def test_every_cause_names_one_thing_to_do():
    assert all(advice.what and advice.do for advice in CAUSES.values())
