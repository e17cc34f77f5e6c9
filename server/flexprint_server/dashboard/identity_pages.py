"""Who a device is: what people type about it, retire, merge, split, settle and confirm."""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from flexprint_server.dashboard.device_care import DOUBTS, EVENTS, key_words
from flexprint_server.dashboard.door import Door, Form, RowId, redirect
from flexprint_server.dashboard.pages import page
from flexprint_server.fleet import device_queries, epochs, history, labels, merging
from flexprint_server.fleet.merging import MergingError
from flexprint_server.fleet.models import Device
from flexprint_server.tenants.sign_in import Visitor
from flexprint_shared.text import clean

_NO_INSTANT: Final = "Say since when the reads are those of the other device, such as 2026-11-20 08:00."


def add(pages: APIRouter, door: Door) -> None:
    labeller = Annotated[Visitor, Depends(door.allowed("label"))]
    _identity(pages, door)

    @pages.post("/devices/{device_id}/labels")
    def label(request: Request, device_id: RowId, form: Form, visitor: labeller) -> Response:
        door.check_form(request, form, visitor)
        with door.database.transaction(visitor.scope) as session:
            found = labels.label(session, visitor, device_id, form, door.clock())
        return _back(device_id, found)

    @pages.post("/devices/{device_id}/retire")
    def retire(request: Request, device_id: RowId, form: Form, visitor: labeller) -> Response:
        door.check_form(request, form, visitor)
        retired = form.get("retired") == "yes"
        with door.database.transaction(visitor.scope) as session:
            found = labels.retire(session, visitor, device_id, door.clock(), retired=retired)
        return _back(device_id, found)

    @pages.post("/devices/{device_id}/epochs/{epoch_id}")
    def confirm(request: Request, device_id: RowId, epoch_id: RowId, form: Form, visitor: labeller) -> Response:
        door.check_form(request, form, visitor)
        cause, note = form.get("cause", ""), form.get("note", "")
        with door.database.transaction(visitor.scope) as session:
            found = epochs.confirm(session, visitor, device_id, epoch_id, cause, note, door.clock())
        return _back(device_id, found)


def _back(device_id: int, found: bool) -> Response:
    if not found:
        raise HTTPException(404)
    return redirect(f"/devices/{device_id}")


def _identity(pages: APIRouter, door: Door) -> None:
    labeller = Annotated[Visitor, Depends(door.allowed("label"))]

    def identity_page(visitor: Visitor, device_id: int, *, status: int = 200, **more: Any) -> Response:
        with door.database.reading(visitor.scope) as session:
            device = device_queries.device(visitor.dealer_id, session, device_id)
            if device is None:
                raise HTTPException(404)
            values = {"problem": "", "other": "", "note": "", **more}
            return page(
                "identity.html",
                status=status,
                visitor=visitor,
                now=door.clock(),
                device=device,
                into=device_queries.device(visitor.dealer_id, session, device.merged_into_id or 0),
                keys=history.keys(visitor.dealer_id, session, device_id),
                events=history.events(visitor.dealer_id, session, device_id),
                changes=history.changes(visitor.dealer_id, session, device_id),
                doubts=history.doubts(visitor.dealer_id, session, device_id),
                since=f"{_since(visitor, session, device).astimezone(visitor.time_zone):%Y-%m-%dT%H:%M:%S}",
                event_words=EVENTS,
                doubt_words=DOUBTS,
                key_words=key_words,
                **values,
            )

    @pages.get("/devices/{device_id}/identity")
    def identity(device_id: RowId, visitor: Annotated[Visitor, Depends(door.visitor)]) -> Response:
        return identity_page(visitor, device_id)

    @pages.post("/devices/{device_id}/merge")
    def merge(request: Request, device_id: RowId, form: Form, visitor: labeller) -> Response:
        door.check_form(request, form, visitor)
        other, note = clean(form.get("other", ""), 255), form.get("note", "")
        try:
            with door.database.transaction(visitor.scope) as session:
                other_id = history.named(visitor.dealer_id, session, other) or 0
                merging.merge(session, visitor, device_id, other_id, note, door.clock())
        except MergingError as error:
            return identity_page(visitor, device_id, status=422, problem=str(error), other=other, note=clean(note, 500))
        return redirect(f"/devices/{device_id}/identity")

    @pages.post("/devices/{device_id}/split")
    def split(request: Request, device_id: RowId, form: Form, visitor: labeller) -> Response:
        door.check_form(request, form, visitor)
        since = _instant(form.get("since", ""), visitor.time_zone)
        if since is None:
            return identity_page(visitor, device_id, status=422, problem=_NO_INSTANT)
        try:
            with door.database.transaction(visitor.scope) as session:
                change = merging.split(
                    session, visitor, device_id, _chosen(form), since, form.get("note", ""), door.clock()
                )
                made = change.other_id
        except MergingError as error:
            return identity_page(visitor, device_id, status=422, problem=str(error))
        return redirect(f"/devices/{made}/identity")

    @pages.post("/devices/{device_id}/changes/{change_id}/undo")
    def undo(request: Request, device_id: RowId, change_id: RowId, form: Form, visitor: labeller) -> Response:
        door.check_form(request, form, visitor)
        try:
            with door.database.transaction(visitor.scope) as session:
                change = merging.undo(session, visitor, device_id, change_id, door.clock())
        except MergingError as error:
            return identity_page(visitor, device_id, status=422, problem=str(error))
        if change is None:
            raise HTTPException(404)
        return redirect(f"/devices/{device_id}/identity")

    @pages.post("/devices/{device_id}/doubts/{doubt_id}")
    def settle(request: Request, device_id: RowId, doubt_id: RowId, form: Form, visitor: labeller) -> Response:
        door.check_form(request, form, visitor)
        verdict = "same" if form.get("verdict") == "same" else "different"
        try:
            with door.database.transaction(visitor.scope) as session:
                going_on = merging.settle(session, visitor, device_id, doubt_id, verdict, door.clock())
        except MergingError as error:
            return identity_page(visitor, device_id, status=422, problem=str(error))
        if going_on is None:
            raise HTTPException(404)
        return redirect(f"/devices/{going_on}/identity")


def _since(visitor: Visitor, session: Session, device: Device) -> datetime:
    """Since when reads are likely to be those of another device."""
    return history.last_swap(visitor.dealer_id, session, device.id) or device.last_read_at


def _chosen(form: Mapping[str, str]) -> list[str]:
    """The keys that were ticked: each in a field of its own."""
    return [value for name, value in form.items() if name.startswith("key-")]


def _instant(text: str, zone: tzinfo) -> datetime | None:
    """What a browser's date field gives, or somebody typed by the clock of `zone`, in UTC; None for what is no time."""
    try:
        given = datetime.fromisoformat(text.strip()[:40])
        return (given.replace(tzinfo=zone) if given.tzinfo is None else given).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
