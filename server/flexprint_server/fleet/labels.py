"""What people say of a device: asset number, name, location and note; and that it is retired. No read touches that."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from flexprint_server.fleet.models import Device, DeviceEvent
from flexprint_server.tenants import audit
from flexprint_server.tenants.sign_in import Visitor
from flexprint_shared.text import clean

LABELS: Final[Mapping[str, int]] = {"asset": 255, "name": 255, "location": 255, "note": 2000}
"""What may be typed, and how many characters of it."""


def label(session: Session, visitor: Visitor, device_id: int, typed: Mapping[str, str], now: datetime) -> bool:
    """Keeps what was typed; an empty text takes it away again. False when this dealer has no such device."""
    device = _device(session, visitor.dealer_id, device_id)
    if device is None:
        return False
    was = labels_of(device)
    became = {name: clean(typed.get(name, ""), longest) for name, longest in LABELS.items()}
    if was == became:
        return True
    _put(device, became)
    changed = [name for name in LABELS if was[name] != became[name]]
    before, after = ({name: side[name] for name in changed} for side in (was, became))
    _note(session, visitor, device_id, "relabelled", now, _in_words(before), _in_words(after))
    audit.note(session, visitor, "device.labelled", f"device {device_id}", now, before=before, after=after)
    return True


def fill(device: Device, other: Device) -> list[str]:
    """Labels that nobody typed for `device` and somebody did for `other` hold for it, too. Their names."""
    own, others = labels_of(device), labels_of(other)
    filled = [name for name in LABELS if others[name] and not own[name]]
    _put(device, {**own, **{name: others[name] for name in filled}})
    return filled


def take_back(device: Device, other: Device, names: Iterable[str]) -> None:
    """Undoes fill(); what was typed since stays."""
    own, others = labels_of(device), labels_of(other)
    _put(device, {**own, **{name: "" for name in names if own[name] == others[name]}})


def _put(device: Device, labels: Mapping[str, str]) -> None:
    words = "".join(f"\n{text}" for text in labels.values() if text).lower()
    device.search_text = device.search_text.removesuffix(device.typed_text) + words
    device.typed_text = words
    for name, text in labels.items():
        setattr(device, f"typed_{name}", text or None)


def _in_words(labels: Mapping[str, str]) -> str | None:
    return clean(", ".join(f"{name} {text}" for name, text in labels.items() if text), 600) or None


def _note(
    session: Session,
    visitor: Visitor,
    device_id: int,
    what: str,
    now: datetime,
    before: str | None = None,
    after: str | None = None,
) -> None:
    """Keeps in the device's history what somebody did."""
    of_device = {"dealer_id": visitor.dealer_id, "device_id": device_id, "at": now, "who": visitor.email}
    session.add(DeviceEvent(**of_device, what=what, before=before, after=after))


def labels_of(device: Device) -> dict[str, str]:
    return {name: getattr(device, f"typed_{name}") or "" for name in LABELS}


def retire(session: Session, visitor: Visitor, device_id: int, now: datetime, *, retired: bool) -> bool:
    """Takes the device out of the fleet, or brings it back; its reads stay, and go on being stored should more come.
    False when this dealer has no such device, or it is part of another one."""
    device = _device(session, visitor.dealer_id, device_id)
    if device is None or device.merged_into_id is not None:
        return False
    if retired != (device.retired_at is not None):
        device.retired_at, device.in_fleet = (now, False) if retired else (None, True)
        what = "retired" if retired else "back"
        _note(session, visitor, device_id, what, now)
        audit.note(session, visitor, f"device.{what}", f"device {device_id}", now)
    return True


def _device(session: Session, dealer_id: int, device_id: int) -> Device | None:
    """Locked, for a read may be writing the same row."""
    asked = select(Device).where(Device.dealer_id == dealer_id, Device.id == device_id)
    return session.scalar(asked.with_for_update(of=Device))
