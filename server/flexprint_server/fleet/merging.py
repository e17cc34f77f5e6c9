"""Two devices made one, one made two, and back again. Every deed is a row that can be undone, the newest first.

No read is lost or changed. A read says by `device_id` whose it is now, and by `seen_as` which device it was stored for;
merging and undoing set these two and nothing else. New reads of a merged device are told apart in the same way, so that
undoing gives each its own, those that came since included.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, case, func, or_, select, update
from sqlalchemy.orm import Session

from flexprint_server.fleet import labels
from flexprint_server.fleet.figures import supplies_of
from flexprint_server.fleet.identity import MAC, SERIAL
from flexprint_server.fleet.models import Device, DeviceChange, DeviceEvent, DeviceKey, Doubt, Layout, Read
from flexprint_server.fleet.summary import fills_up, scarcity
from flexprint_server.tenants import audit
from flexprint_server.tenants.sign_in import Visitor
from flexprint_shared.batch import with_colons
from flexprint_shared.text import clean
from flexprint_shared.times import parse_rfc3339, rfc3339

LONGEST_NOTE: Final = 500

# What a device's row shows of its newest read, and where it stands.
_SHOWN: Final = (
    *("site_id", "agent_id", "manufacturer", "model", "serial", "asset", "name", "location", "contact", "firmware"),
    *("description", "sys_object_id", "said", "macs", "address", "color", "search_text", "state", "errors", "console"),
    *("alerts", "warnings", "owner_read_at"),
)
_FIGURES: Final = (
    *("layout_id", "meter_values", "levels", "percents", "states", "total", "supply_left", "supply_low"),
    "last_read_at",
)
_KEPT: Final = (*_SHOWN, *_FIGURES, "first_seen_at")


class MergingError(Exception):
    """Cannot be done; the message says why, and what to do instead."""


def merge(session: Session, visitor: Visitor, kept_id: int, other_id: int, note: str, now: datetime) -> DeviceChange:
    """Makes `other_id` part of `kept_id`, whose page, labels and history go on; labels that nobody typed for it are
    those of the other. Raises MergingError."""
    kept, other = _locked(session, visitor.dealer_id, kept_id, other_id)
    if not (kept.merged_into_id is None and other.merged_into_id is None):
        raise MergingError("One of the two is part of another device already.")
    if kept.retired_at is not None and other.retired_at is None:
        raise MergingError("This device is retired. Bring it back first, or merge it into the other one.")
    members = _members(session, other)
    if members & _members(session, kept):
        raise MergingError("One was split off the other, or both hold reads of a third. Undo that instead.")
    change = _change(visitor, "merge", kept, other, note, now)
    change.before = {"row": _snapshot(kept), "members": sorted(members)}
    _repoint(session, other.id, kept.id, members)
    if other.last_read_at > kept.last_read_at:
        _show(kept, other, _SHOWN + _FIGURES)
    change.before["labels"] = labels.fill(kept, other)
    kept.first_seen_at = min(kept.first_seen_at, other.first_seen_at)
    other.merged_into_id, other.in_fleet = kept.id, False
    session.add(change)
    _settle(session, visitor, {kept.id, other.id}, "same", now)
    _tell(session, visitor, "device.merged", "merged", kept, f"device {other.id}", now)
    return change


def split(
    session: Session, visitor: Visitor, device_id: int, keys: Sequence[str], since: datetime, note: str, now: datetime
) -> DeviceChange:
    """Makes a device of its own of the reads of `device_id` since `since`; `keys` name it from now on. Raises
    MergingError."""
    (device,) = _locked(session, visitor.dealer_id, device_id)
    held = set(session.scalars(select(DeviceKey.key).where(_keys_of(device))))
    moving = held & set(keys)
    if not moving or moving == held:
        raise MergingError("Choose the serial or the network card of the other printer, and leave this one its own.")
    first = session.scalar(select(func.min(Read.read_at)).where(_reads_of(device)))
    if first is None or since <= first or since > device.last_read_at:
        raise MergingError(
            "Some reads have to stay and some have to go: choose an instant between the first and the last."
        )
    row = _snapshot(device)
    made = _twin(session, device)
    session.execute(update(Read).where(_reads_of(device), Read.read_at >= since).values(device_id=made.id))
    session.execute(update(DeviceKey).where(_keys_of(device), DeviceKey.key.in_(moving)).values(device_id=made.id))
    change = _change(visitor, "split", device, made, note, now)
    change.since, change.before = since, {"row": row, "keys": sorted(moving)}
    session.add(change)
    made.first_seen_at = session.scalar(select(func.min(Read.read_at)).where(_reads_of(made))) or since
    _call_by(device, held - moving)
    _call_by(made, moving)
    _show_newest(session, device)
    _show_newest(session, made)
    _tell(session, visitor, "device.split", "split", device, f"device {made.id}", now)
    return change


def undo(session: Session, visitor: Visitor, device_id: int, change_id: int, now: datetime) -> DeviceChange | None:
    """Undoes a merge or a split of the device; None when there is none such. Raises MergingError."""
    change = session.scalar(
        select(DeviceChange)
        .where(
            DeviceChange.dealer_id == visitor.dealer_id,
            DeviceChange.id == change_id,
            or_(DeviceChange.device_id == device_id, DeviceChange.other_id == device_id),
            DeviceChange.undone_at.is_(None),
        )
        # Of two who undo it at once the second finds nothing to undo.
        .with_for_update(of=DeviceChange)
    )
    if change is None:
        return None
    kept, other = _locked(session, visitor.dealer_id, change.device_id, change.other_id)
    pair = (kept.id, other.id)
    later = select(DeviceChange.id).where(
        DeviceChange.id > change.id,
        DeviceChange.undone_at.is_(None),
        or_(DeviceChange.device_id.in_(pair), DeviceChange.other_id.in_(pair)),
    )
    if session.scalar(later.limit(1)):
        raise MergingError("One of the two was merged or split again since. Undo that first.")
    if change.kind == "merge":
        _undo_merge(session, kept, other, change.before)
    else:
        _undo_split(session, kept, other, change.before)
    change.undone_at, change.undone_by = now, visitor.email
    _tell(session, visitor, f"device.{change.kind}_undone", "undone", kept, f"device {other.id}", now)
    return change


def settle(
    session: Session, visitor: Visitor, device_id: int, doubt_id: int, verdict: str, now: datetime
) -> int | None:
    """What somebody says about a doubt: the `same` device, which merges the two and keeps the one known for longer, or
    `different` ones, which leaves the key to the device that was seen with it last. The device to go on with; None when
    there is no such doubt. Raises MergingError."""
    doubt = session.scalar(
        select(Doubt).where(
            Doubt.dealer_id == visitor.dealer_id,
            Doubt.id == doubt_id,
            or_(Doubt.device_id == device_id, Doubt.other_id == device_id),
            Doubt.settled_at.is_(None),
        )
    )
    if doubt is None:
        return None
    if verdict == "same":
        older, newer = sorted((doubt.device_id, doubt.other_id))
        merge(session, visitor, older, newer, "", now)
        return older
    _locked(session, visitor.dealer_id, doubt.device_id, doubt.other_id)
    moved = update(DeviceKey).where(
        DeviceKey.dealer_id == visitor.dealer_id, DeviceKey.key == doubt.key, DeviceKey.device_id == doubt.other_id
    )
    session.execute(moved.values(device_id=doubt.device_id, seen_as=None))
    _settle(session, visitor, {doubt.device_id, doubt.other_id}, "different", now)
    on = f"device {doubt.device_id}"
    audit.note(session, visitor, "device.told_apart", on, now, after={"other": f"device {doubt.other_id}"})
    return device_id


# ---------------------------------------------------------------- how it is done


def _undo_merge(session: Session, kept: Device, other: Device, before: dict[str, Any]) -> None:
    newest = _newest(session, kept)
    _repoint_back(session, kept.id, other.id, before["members"])
    if newest != _newest(session, kept):
        if newest is not None and newest.read_at > other.last_read_at:  # it came since, and its words are shown here
            _show(other, kept, _SHOWN)
        _restore(kept, before["row"])
    labels.take_back(kept, other, before.get("labels", ()))
    kept.first_seen_at = parse_rfc3339(before["row"]["first_seen_at"])
    other.merged_into_id, other.in_fleet = None, other.retired_at is None
    session.flush()
    _show_newest(session, kept)
    _show_newest(session, other)


def _undo_split(session: Session, kept: Device, other: Device, before: dict[str, Any]) -> None:
    session.execute(update(Read).where(_reads_of(other)).values(device_id=kept.id))
    session.execute(update(DeviceKey).where(_keys_of(other)).values(device_id=kept.id))
    row = before["row"]
    if max(kept.last_read_at, other.last_read_at) <= parse_rfc3339(row["last_read_at"]):
        _restore(kept, row)
    elif other.last_read_at >= kept.last_read_at:
        _show(kept, other, _SHOWN + _FIGURES)
    kept.first_seen_at = parse_rfc3339(row["first_seen_at"])
    kept.serial = kept.serial or row["serial"]
    kept.said = ""  # the next read tells everything anew
    other.merged_into_id, other.in_fleet = kept.id, False


def _locked(session: Session, dealer_id: int, *ids: int) -> list[Device]:
    """The devices, locked in the order in which arriving reads lock them. Raises MergingError."""
    asked = select(Device).where(Device.dealer_id == dealer_id, Device.id.in_(ids)).order_by(Device.id)
    found = {device.id: device for device in session.scalars(asked.with_for_update(of=Device))}
    if len(set(ids)) != len(ids) or len(found) != len(ids):
        raise MergingError("There is no such device. Give the number at the end of its page's address, or its serial.")
    return [found[device_id] for device_id in ids]


def _members(session: Session, device: Device) -> set[int]:
    """The devices whose reads and keys this one holds, by what they were stored for."""
    reads = select(Read.seen_as).where(_reads_of(device), Read.seen_as.is_not(None)).distinct()
    keys = select(DeviceKey.seen_as).where(_keys_of(device), DeviceKey.seen_as.is_not(None)).distinct()
    return {device.id, *(member for asked in (reads, keys) for member in session.scalars(asked) if member is not None)}


def _repoint(session: Session, other: int, kept: int, members: Iterable[int]) -> None:
    for table in (Read, DeviceKey):
        asked = update(table).where(table.device_id == other)
        values = {"device_id": kept, "seen_as": func.coalesce(table.seen_as, other)}
        session.execute(asked.values(values), execution_options={"synchronize_session": False})
    assert members


def _repoint_back(session: Session, kept: int, other: int, members: Iterable[int]) -> None:
    for table in (Read, DeviceKey):
        asked = update(table).where(table.device_id == kept, table.seen_as.in_(members))
        values = {"device_id": other, "seen_as": case((table.seen_as == other, None), else_=table.seen_as)}
        session.execute(asked.values(values), execution_options={"synchronize_session": False})


def _reads_of(device: Device) -> Any:
    return Read.device_id == device.id


def _keys_of(device: Device) -> Any:
    return DeviceKey.device_id == device.id


def _newest(session: Session, device: Device) -> Row[int, datetime] | None:
    newest = select(Read.id, Read.read_at).where(_reads_of(device)).order_by(Read.read_at.desc(), Read.id.desc())
    return session.execute(newest.limit(1)).first()


def _show(device: Device, other: Device, columns: Iterable[str]) -> None:
    """The row of `device` shows what the row of `other` does; what people typed stays each one's own."""
    for column in columns:
        setattr(device, column, getattr(other, column))
    if "search_text" in columns:
        device.search_text = other.search_text.removesuffix(other.typed_text) + device.typed_text


def _show_newest(session: Session, device: Device) -> None:
    """The figures of the newest read that the device has now."""
    read = session.execute(
        select(Read, Layout.content)
        .join(Layout, Layout.id == Read.layout_id)
        .where(_reads_of(device))
        .order_by(Read.read_at.desc(), Read.id.desc())
        .limit(1)
    ).first()
    if read is None:
        return
    newest, layout = read
    device.layout_id, device.total, device.meter_values = newest.layout_id, newest.total, newest.meters
    device.levels, device.percents, device.states = newest.levels, newest.percents, newest.states
    supplies = supplies_of(layout, newest.levels, newest.percents, newest.states)
    told = [(fills_up(supply), supply["state"], supply["percent"]) for supply in supplies]
    device.supply_left, device.supply_low = scarcity(told)
    device.last_read_at = device.owner_read_at = newest.read_at


def _twin(session: Session, device: Device) -> Device:
    """A new row that shows what the device shows, without what people typed."""
    made = Device(
        dealer_id=device.dealer_id,
        first_seen_at=device.first_seen_at,
        **{name: getattr(device, name) for name in _SHOWN},
    )
    for name in _FIGURES:
        setattr(made, name, getattr(device, name))
    made.search_text = device.search_text.removesuffix(device.typed_text)
    session.add(made)
    session.flush()
    return made


def _call_by(device: Device, keys: Iterable[str]) -> None:
    """Serial and MAC addresses are those of the keys; the next read tells the rest."""
    keys = sorted(keys)
    serials = [key.rpartition(":")[2] for key in keys if key.startswith(SERIAL)]
    if device.serial is None or device.serial.strip().upper() not in serials:
        device.serial = serials[0] if serials else None
    device.macs = [with_colons(key.removeprefix(MAC)) for key in keys if key.startswith(MAC)]
    device.said = ""


def _snapshot(device: Device) -> dict[str, Any]:
    return {name: _as_json(getattr(device, name)) for name in (*_KEPT, "typed_text")}


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    return str(value) if isinstance(value, UUID) else value


def _restore(device: Device, row: dict[str, Any]) -> None:
    """What people typed since stays."""
    typed = row.get("typed_text", "")
    for name, value in ((name, row[name]) for name in _KEPT):
        read = parse_rfc3339 if name.endswith("_at") else UUID if name == "agent_id" else None
        setattr(device, name, read(value) if read else value)
    device.search_text = device.search_text.removesuffix(typed) + device.typed_text
    device.said = ""  # the next read tells everything anew


def _change(visitor: Visitor, kind: str, kept: Device, other: Device, note: str, now: datetime) -> DeviceChange:
    return DeviceChange(
        dealer_id=visitor.dealer_id,
        device_id=kept.id,
        other_id=other.id,
        kind=kind,
        at=now,
        who=visitor.email,
        note=clean(note, LONGEST_NOTE) or None,
    )


def _settle(session: Session, visitor: Visitor, pair: set[int], verdict: str, now: datetime) -> None:
    about = update(Doubt).where(Doubt.device_id.in_(pair), Doubt.other_id.in_(pair), Doubt.settled_at.is_(None))
    session.execute(about.values(settled_at=now, settled_by=visitor.email, verdict=verdict))


def _tell(session: Session, visitor: Visitor, deed: str, what: str, kept: Device, other: str, now: datetime) -> None:
    event = {"dealer_id": visitor.dealer_id, "device_id": kept.id, "at": now, "what": what, "after": other}
    session.add(DeviceEvent(**event, who=visitor.email))
    audit.note(session, visitor, deed, f"device {kept.id}", now, after={"other": other})
