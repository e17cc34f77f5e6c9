"""What the device is doing: hrPrinterTable (RFC 2790), the console and the alert table (RFC 3805)."""

from typing import Final

from flexprint_agent.read.objects import (
    ALERT_CODE,
    ALERT_SEVERITY,
    ALERT_TEXT,
    ALERT_TRAINING,
    CONSOLE_TEXT,
    HR_PRINTER_ERRORS,
    HR_PRINTER_STATUS,
    Answers,
)
from flexprint_agent.read.text import lines_of, text_of
from flexprint_agent.snmp.ber import OCTET_STRING, Value, integer
from flexprint_shared.readings import Alert, DeviceState, Status

STATES: Final[dict[int, DeviceState]] = {1: "other", 2: "unknown", 3: "idle", 4: "printing", 5: "warmup"}

# hrPrinterDetectedErrorState: bit 0 is the highest bit of the first octet.
ERRORS: Final = (
    "lowPaper",
    "noPaper",
    "lowToner",
    "noToner",
    "doorOpen",
    "jammed",
    "offline",
    "serviceRequested",
    "inputTrayMissing",
    "outputTrayMissing",
    "markerSupplyMissing",
    "outputNearFull",
    "outputFull",
    "inputTrayEmpty",
    "overduePreventMaint",
)
# PrtAlertTrainingLevelTC (RFC 3805): who can deal with it.
TRAINING: Final = {
    1: "other",
    2: "unknown",
    3: "untrained",
    4: "trained",
    5: "fieldService",
    6: "management",
    7: "noInterventionRequired",
}
SEVERITIES: Final = {1: "other", 3: "critical", 4: "warning", 5: "warningBinaryChangeEvent"}

_MOST_LINES: Final = 16
_MOST_ALERTS: Final = 50


def status(answers: Answers, charset: int | None, panel: list[str]) -> Status:
    """`charset` is that of the console; `panel` are the lines of a maker's own panel object, used where the
    standard console has none."""
    return Status(
        state=_state(answers.at_device(HR_PRINTER_STATUS)),
        errors=errors(answers.at_device(HR_PRINTER_ERRORS)),
        console=tuple((_console(answers, charset) or panel)[:_MOST_LINES]),
    )


def _state(value: Value | None) -> DeviceState:
    code = None if value is None else integer(value)
    return STATES.get(code or 0, "unknown")


def errors(value: Value | None) -> tuple[str, ...]:
    """The set bits in words. One octet, two octets and an empty string all occur."""
    if value is None or value[0] != OCTET_STRING:
        return ()
    bits = int.from_bytes(value[1][:2].ljust(2, b"\0"), "big")
    return tuple(word for place, word in enumerate(ERRORS) if bits & 0x8000 >> place)


def _console(answers: Answers, charset: int | None) -> list[str]:
    rows = answers.column(CONSOLE_TEXT)
    values = (rows[index] for index in answers.own(rows))
    return [line for tag, octets in values if tag == OCTET_STRING for line in lines_of(octets, charset)]


def alerts(answers: Answers, charset: int | None) -> tuple[Alert, ...]:
    """Rows by index: prtAlertIndex climbs with each event, so the newest are kept where there are many."""
    severities = answers.integers(ALERT_SEVERITY)
    codes = answers.integers(ALERT_CODE)
    trained = answers.integers(ALERT_TRAINING)
    texts = answers.column(ALERT_TEXT)
    found = []
    for index in sorted(answers.own({*severities, *codes, *texts}))[-_MOST_ALERTS:]:
        tag, octets = texts.get(index, (0, b""))
        found.append(
            Alert(
                severity=SEVERITIES.get(severities.get(index, 1), "other"),
                code=codes.get(index),
                description=text_of(octets, charset) if tag == OCTET_STRING else "",
                training=TRAINING.get(trained.get(index, 0)),
            )
        )
    return tuple(found)
