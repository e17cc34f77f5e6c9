"""A device that starts again while it is read is seen to: its clock is asked twice in a read, at no packet's cost."""

import pytest

from flexprint_agent.read.objects import began_again
from flexprint_agent.snmp import ber

UPTIME = "1.3.6.1.2.1.1.3.0"
PRINTER = {
    "1.3.6.1.2.1.1.1.0": "KYOCERA Document Solutions Printing System",
    "1.3.6.1.2.1.1.2.0": (ber.OBJECT_ID, ber.oid("1.3.6.1.4.1.1347.41")),
    UPTIME: (ber.TIMETICKS, ber.signed(500_000)),
    "1.3.6.1.2.1.43.5.1.1.17.1": "VD21450001",
    "1.3.6.1.2.1.43.10.2.1.4.1.1": 7432,
}


@pytest.mark.parametrize("restarts_after", [1, 2, 99])
def test_a_restart_between_two_packets_is_told_with_the_read(device, restarts_after):
    printer = device(PRINTER)
    answer = printer.answer

    def later(ask):
        if len(printer.asks) > restarts_after:
            printer.values[ber.oid(UPTIME)] = (ber.TIMETICKS, ber.signed(300))
        return answer(ask)

    printer.answer = later
    found = printer.read()
    assert found.restarted is (restarts_after < 99)
    assert not found.fell_silent
    assert found.read.uptime_s == (3 if found.restarted else 5000)


def test_a_device_that_does_not_tell_its_clock_again_keeps_the_first(device):
    printer = device({name: value for name, value in PRINTER.items() if name != UPTIME})
    found = printer.read()
    assert (found.restarted, found.read.uptime_s) == (False, None)


def test_a_read_that_is_not_whole_says_that_the_device_fell_silent(device):
    found = device(PRINTER, silent_after=3).read()
    assert found.read.identity.serial == "VD21450001"
    assert found.fell_silent
    assert any("not whole" in warning for warning in found.read.warnings)


@pytest.mark.parametrize(
    ("before", "later", "again"),
    [(500, 400, True), (400, 500, False), (2**32 - 10, 5, False), (None, 5, False), (5, None, False), (5, 5, False)],
)
def test_a_clock_that_fell_has_begun_again_unless_it_was_full(before, later, again):
    assert began_again(before, later) is again
