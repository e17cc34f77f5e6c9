import os
import signal
import threading

import pytest

from flexprint_agent.service.watchdog import SILENCE, WHOLE, Watchdog, ended_by_signals, overdue


@pytest.mark.parametrize(
    ("now", "last_sign", "why"),
    [
        (SILENCE, 0.0, None),
        (SILENCE + 1, 0.0, "nothing happened"),
        (SILENCE + 1, SILENCE, None),
        (WHOLE, WHOLE, None),
        (WHOLE + 1, WHOLE, "longer than 12 hours"),
    ],
)
def test_a_wake_is_ended_when_it_hangs_or_takes_half_a_day(now, last_sign, why):
    found = overdue(now, 0.0, last_sign)
    assert found is None if why is None else why in found


def test_a_hanging_wake_is_ended_from_outside_and_says_why():
    """The work is in a call that does not come back; a thread of its own ends the process."""
    seconds, said, ended = iter([0.0, 1.0, SILENCE + 2]), [], threading.Event()
    with Watchdog(said.append, look=0.001, clock=lambda: next(seconds), end=lambda _: ended.set()):
        assert ended.wait(30)
    assert "nothing happened in it for 30 minutes" in said[0]


def test_a_wake_that_gets_on_is_left_alone():
    with Watchdog(pytest.fail, look=0.001, clock=lambda: 5.0, end=pytest.fail) as watch:
        watch.sign()
    assert threading.active_count() == 1 or not any(
        thread.name.startswith("Thread") and thread.daemon and thread.is_alive() for thread in (watch._thread,)
    )


@pytest.mark.skipif(os.name != "posix", reason="SIGTERM is a POSIX thing")
def test_the_systems_wish_to_stop_is_answered_like_a_persons():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), ended_by_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    assert signal.getsignal(signal.SIGTERM) is before
