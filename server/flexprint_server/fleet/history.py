"""What became of a device: the keys it is known by, what happened, what people did, and what is in doubt."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from flexprint_server.fleet.models import Device, DeviceChange, DeviceEvent, DeviceKey, Doubt

MOST: Final = 50
"""Rows of each kind on a page."""


@dataclass(slots=True, frozen=True)
class OpenDoubt:
    """A doubt, and the device on its other side."""

    doubt: Doubt
    other: Device


def keys(dealer_id: int, session: Session, device_id: int) -> list[str]:
    """The keys that name the device, the strongest first."""
    asked = select(DeviceKey.key).where(DeviceKey.dealer_id == dealer_id, DeviceKey.device_id == device_id)
    return sorted(session.scalars(asked.limit(MOST)), key=lambda key: (not key.startswith("serial:"), key))


def events(dealer_id: int, session: Session, device_id: int) -> list[DeviceEvent]:
    """What happened to the device, the newest first."""
    asked = select(DeviceEvent).where(DeviceEvent.dealer_id == dealer_id, DeviceEvent.device_id == device_id)
    return list(session.scalars(asked.order_by(DeviceEvent.at.desc(), DeviceEvent.id.desc()).limit(MOST)))


def changes(dealer_id: int, session: Session, device_id: int) -> list[DeviceChange]:
    """The merges and splits that the device was part of, the newest first."""
    part = or_(DeviceChange.device_id == device_id, DeviceChange.other_id == device_id)
    asked = select(DeviceChange).where(DeviceChange.dealer_id == dealer_id, part)
    return list(session.scalars(asked.order_by(DeviceChange.id.desc()).limit(MOST)))


def doubts(dealer_id: int, session: Session, device_id: int) -> list[OpenDoubt]:
    """What nobody has settled yet."""
    part = or_(Doubt.device_id == device_id, Doubt.other_id == device_id)
    asked = select(Doubt).where(Doubt.dealer_id == dealer_id, part, Doubt.settled_at.is_(None)).limit(MOST)
    found = session.scalars(asked.order_by(Doubt.id.desc())).all()
    others = {doubt.id: doubt.other_id if doubt.device_id == device_id else doubt.device_id for doubt in found}
    wanted = select(Device).where(Device.dealer_id == dealer_id, Device.id.in_(others.values()))
    devices = {device.id: device for device in session.scalars(wanted)}
    return [OpenDoubt(doubt, devices[others[doubt.id]]) for doubt in found if others[doubt.id] in devices]


def last_swap(dealer_id: int, session: Session, device_id: int) -> datetime | None:
    """When a board or a card was last swapped: since when reads may be those of another device."""
    asked = select(func.max(DeviceEvent.at)).where(
        DeviceEvent.dealer_id == dealer_id,
        DeviceEvent.device_id == device_id,
        DeviceEvent.what.in_(("board_swapped", "card_swapped")),
    )
    return session.scalar(asked)


def named(dealer_id: int, session: Session, text: str) -> int | None:
    """The device that somebody means by its number or its serial; None where that is none, or several."""
    text = text.strip()
    of_dealer = select(Device.id).where(Device.dealer_id == dealer_id, Device.merged_into_id.is_(None))
    if not text:
        return None
    found = session.scalars(of_dealer.where(Device.serial == text).limit(2)).all()
    if len(found) == 1:
        return found[0]
    if found or not (text.isascii() and text.isdigit()) or len(text) > 18:
        return None
    return session.scalar(of_dealer.where(Device.id == int(text)))
