"""Status, error bits, console and alerts are the words of the MIBs."""

import pytest

STATUS = "1.3.6.1.2.1.25.3.5.1.1"
ERRORS = "1.3.6.1.2.1.25.3.5.1.2"
CONSOLE = "1.3.6.1.2.1.43.16.5.1.2"
ALERT = "1.3.6.1.2.1.43.18.1.1"


@pytest.mark.parametrize(
    ("octets", "errors"),
    [
        (b"", []),
        (b"\x00", []),
        (b"\x00\x00", []),
        (b"\x80", ["lowPaper"]),
        (b"\x20", ["lowToner"]),
        (b"\x41", ["noPaper", "serviceRequested"]),
        (b"\x02", ["offline"]),
        (b"\x00\x02", ["overduePreventMaint"]),
        (b"\x04\x80", ["jammed", "inputTrayMissing"]),
        (b"\x00\x01", []),  # bit 15 has no meaning
        (b"\x00\x00\xff\xff", []),  # nor have further octets
    ],
)
def test_error_bits_count_from_the_highest(read_of, octets, errors):
    """One octet, two octets and an empty string all occur."""
    assert list(read_of({f"{ERRORS}.1": octets}).status.errors) == errors


@pytest.mark.parametrize(
    ("code", "state"),
    [(1, "other"), (2, "unknown"), (3, "idle"), (4, "printing"), (5, "warmup"), (6, "unknown"), (-1, "unknown")],
)
def test_hr_printer_status_is_a_word(read_of, code, state):
    assert read_of({f"{STATUS}.1": code}).status.state == state


def test_the_status_is_that_of_the_printer_not_of_its_neighbours(read_of):
    """The marker's first index is the printer's hrDeviceIndex."""
    read = read_of({f"{STATUS}.1": 3, f"{STATUS}.4": 4, "1.3.6.1.2.1.43.10.2.1.4.4.1": 10})
    assert read.status.state == "printing"


def test_blank_console_lines_are_left_out(read_of):
    read = read_of(
        {f"{CONSOLE}.1.1": "Ready   ", f"{CONSOLE}.1.2": "  ", f"{CONSOLE}.1.10": "C", f"{CONSOLE}.1.9": "B\r\nX"}
    )
    assert read.status.console == ("Ready", "B", "X", "C")


def test_the_console_has_a_character_set_of_its_own(read_of):
    """prtConsoleLocalization points at another row than prtGeneralCurrentLocalization."""
    table = {
        "1.3.6.1.2.1.43.5.1.1.2.1": 1,
        "1.3.6.1.2.1.43.5.1.1.10.1": 3,
        "1.3.6.1.2.1.43.7.1.1.4.1.1": 2001,
        "1.3.6.1.2.1.43.7.1.1.4.1.3": 2009,
        f"{CONSOLE}.1.1": b"\x84ndern",
        "1.3.6.1.2.1.43.11.1.1.6.1.1": b"\xc4nderung",
    }
    read = read_of(table)
    assert read.status.console == ("ändern",)
    assert read.supplies[0].name == "Änderung"


def test_alerts_are_joined_by_index(read_of):
    """Rows of an alert may lack a code or a text; severities are words."""
    table = {
        f"{ALERT}.2.1.61": 4,
        f"{ALERT}.2.1.62": 3,
        f"{ALERT}.7.1.62": 8,
        f"{ALERT}.8.1.62": "Paper jam",
        f"{ALERT}.2.1.70": 5,
        f"{ALERT}.2.1.71": 99,
    }
    alerts = read_of(table).alerts
    assert [(alert.severity, alert.code, alert.description) for alert in alerts] == [
        ("warning", None, ""),
        ("critical", 8, "Paper jam"),
        ("warningBinaryChangeEvent", None, ""),
        ("other", None, ""),
    ]


def test_of_very_many_alerts_the_newest_are_kept(read_of):
    alerts = read_of({f"{ALERT}.7.1.{number}": number for number in range(1, 400)}).alerts
    assert (len(alerts), alerts[-1].code) == (50, 399)


def test_an_alert_says_who_can_deal_with_it(read_of):
    table = {f"{ALERT}.2.1.1": 3, f"{ALERT}.3.1.1": 5, f"{ALERT}.7.1.1": 8, f"{ALERT}.2.1.2": 4, f"{ALERT}.3.1.2": 99}
    assert [(alert.code, alert.training) for alert in read_of(table).alerts] == [(8, "fieldService"), (None, None)]


@pytest.mark.parametrize("state", [1, 3])
def test_a_sleeping_printer_is_not_broken(read_of, state):
    """Kyocera's panel says "Sleeping"; Sharp lists "Power Saver" among its alerts, as a warning of no code of the MIB."""
    read = read_of(
        {f"{STATUS}.1": state, f"{ERRORS}.1": b"\x00", f"{CONSOLE}.1.1": "Sleeping", f"{ALERT}.8.1.14": "Power Saver"}
    )
    assert read.status.state == {1: "other", 3: "idle"}[state]
    assert (read.status.errors, read.status.console) == ((), ("Sleeping",))
