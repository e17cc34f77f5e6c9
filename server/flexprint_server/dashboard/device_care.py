"""What a device's page shows of people's part in it: labels, doubts, alerts, counters that went down, its agents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from flexprint_server.alerts import queries as alerts
from flexprint_server.fleet import epochs, history, labels, ownership
from flexprint_server.fleet.models import Device, MeterEpoch
from flexprint_server.fleet.ownership import Source
from flexprint_server.tenants.sign_in import Visitor

CAUSES: Final[Mapping[str, str]] = {
    "board": "Another main board",
    "reset": "The counter was reset",
    "rollover": "It passed its largest figure",
    "replaced": "Another device under the same label",
    "source": "Read from another place",
    "misread": "The figure was never right",
    "stray": "It was soon back in its course",
    "lower": "It went down",
}
"""epochs.CAUSES, guesses and what settles itself, in words."""

EVENTS: Final[Mapping[str, str]] = {
    "card_swapped": "Another network card",
    "board_swapped": "Another main board: the serial changed, the card and the counter did not",
    "serial_learnt": "Told its serial for the first time",
    "moved": "Moved to another site",
    "handed_over": "Its site went over to another customer",
    "merged": "Merged",
    "split": "Split",
    "undone": "Undone",
    "retired": "Retired",
    "back": "Brought back",
    "renamed": "Another name in the network",
    "readdressed": "Another address",
    "relabelled": "Labels typed",
}
"""identity.Event in words."""

DOUBTS: Final[Mapping[str, str]] = {
    "card_or_board": "A network card came with another serial: the card was moved, or the main board swapped.",
    "two_cards": "Two network cards, known as two devices, answered as one.",
}
"""identity.Reason in words."""

_KINDS: Final = {"serial": "Serial", "mac": "Network card", "engine": "SNMP engine", "address": "Address"}


@dataclass(slots=True, frozen=True)
class Care:
    labels: Mapping[str, str]
    alerts: Sequence[alerts.Shown]
    epochs: Sequence[MeterEpoch]
    sources: Sequence[Source]
    doubts: Sequence[history.OpenDoubt]
    causes: Mapping[str, str]
    choices: Sequence[str]


def care_of(session: Session, visitor: Visitor, device: Device, now: datetime) -> Care:
    dealer_id = visitor.dealer_id
    return Care(
        labels=labels.labels_of(device),
        alerts=alerts.of_device(dealer_id, session, device.id, visitor.time_zone),
        epochs=epochs.of_device(dealer_id, session, device.id),
        sources=ownership.sources(dealer_id, session, device, now),
        doubts=history.doubts(dealer_id, session, device.id),
        causes=CAUSES,
        choices=epochs.CAUSES,
    )


def key_words(key: str) -> tuple[str, str]:
    """A key of a device as (what it is, its value)."""
    kind, _, value = key.partition(":")
    if kind == "mac":
        value = ":".join(value[at : at + 2] for at in range(0, len(value), 2))
    elif kind == "address":
        value = value.partition(":")[2]
    elif kind == "serial":
        maker, _, value = value.partition(":")
        return f"Serial{f' ({maker})' if maker else ''}", value
    return _KINDS.get(kind, kind), value
