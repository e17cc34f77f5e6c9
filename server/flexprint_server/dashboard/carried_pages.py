"""Sites that reach no collector: somebody brings the agent's export, and takes the acknowledgement back."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import defer

from flexprint_server.dashboard.door import Door, RowId, redirect
from flexprint_server.dashboard.downloads import download
from flexprint_server.dashboard.pages import page
from flexprint_server.dashboard.uploads import Upload, one_file
from flexprint_server.ingest import offline
from flexprint_server.ingest.models import CarriedFile
from flexprint_server.ingest.service import Inbox
from flexprint_server.tenants import audit
from flexprint_server.tenants.sign_in import Visitor
from flexprint_shared.offline import LARGEST_EXPORT, NotThisFile

_SHOWN: Final = 50
"""Files on the page: the newest."""

_MOST_BATCHES: Final = 500
"""Batches on the page of a file, those first that were refused."""

_STATES: Final = {"stored": ("Stored", "good"), "before": ("Stored before", ""), "refused": ("Refused", "bad")}

_PLACE: Final = "/agents/carried"


def add(pages: APIRouter, door: Door, inbox: Inbox) -> None:
    installer = Annotated[Visitor, Depends(door.allowed("agents"))]
    # After the visitor: what nobody may send is not read.
    uploaded = Annotated[Upload, Depends(one_file("export", LARGEST_EXPORT))]

    def list_page(visitor: Visitor, problem: str = "", status: int = 200) -> Response:
        asked = select(CarriedFile).where(CarriedFile.dealer_id == visitor.dealer_id)
        with door.database.reading(visitor.scope) as session:
            light = asked.options(defer(CarriedFile.batches), defer(CarriedFile.acknowledgement))
            files = list(session.scalars(light.order_by(CarriedFile.id.desc()).limit(_SHOWN)))
            came_to = offline.came_to(session, [file.id for file in files])
        return page(
            "carried.html",
            status=status,
            visitor=visitor,
            now=door.clock(),
            files=files,
            came_to=came_to,
            problem=problem,
        )

    @pages.get(_PLACE)
    def carried(visitor: installer) -> Response:
        return list_page(visitor)

    @pages.post(_PLACE)
    def bring(request: Request, visitor: installer, upload: uploaded) -> Response:
        door.check_form(request, upload.fields, visitor)
        if not upload.name:
            return list_page(visitor, "Choose the file that the agent wrote.", 422)
        now = door.clock()
        try:
            taken = offline.take(door.database, inbox, upload.file, now, visitor.dealer_id)
        except NotThisFile as error:
            return list_page(visitor, f"{upload.name}: {error}. Nothing was stored.", 422)
        with door.database.transaction(visitor.scope) as session:
            file = CarriedFile(
                dealer_id=visitor.dealer_id,
                taken_at=now,
                brought_by=visitor.email,
                name=upload.name,
                reports=taken.reports,
                batches=[one.told() for one in taken.batches],
                acknowledgement=taken.acknowledgement,
            )
            session.add(file)
            session.flush()
            told = {"batches": taken.new, "reads": taken.reads, "refused": len(taken.refused)}
            audit.note(session, visitor, "export.brought", upload.name, now, after=told)
            return redirect(f"{_PLACE}/{file.id}")

    @pages.get(_PLACE + "/{file_id}")
    def one_file_page(file_id: RowId, visitor: installer) -> Response:
        file = _file(door, visitor, file_id)
        batches = sorted(file.batches, key=lambda one: one["state"] != "refused")
        shown = batches[:_MOST_BATCHES]
        with door.database.reading(visitor.scope) as session:
            agents = offline.agents_of(session, visitor.dealer_id, {one["agent"] for one in shown if one["agent"]})
            return page(
                "carried_file.html",
                visitor=visitor,
                now=door.clock(),
                file=file,
                came_to=offline.came_to(session, [file.id])[file.id],
                batches=shown,
                more=len(batches) - len(shown),
                agents=agents,
                states=_STATES,
            )

    @pages.get(_PLACE + "/{file_id}/acknowledgement")
    def acknowledgement(file_id: RowId, visitor: installer) -> Response:
        file = _file(door, visitor, file_id)
        return download(file.acknowledgement, f"{file.name}.ack", "application/octet-stream")


def _file(door: Door, visitor: Visitor, file_id: int) -> CarriedFile:
    with door.database.reading(visitor.scope) as session:
        file = session.get(CarriedFile, file_id)
    if file is None or file.dealer_id != visitor.dealer_id:
        raise HTTPException(404)
    return file
