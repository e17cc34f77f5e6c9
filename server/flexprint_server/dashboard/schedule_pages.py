"""Schedules of workbooks: the list, and the form that makes and changes one, with a preview of what it will do."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from flexprint_server.dashboard import address_line, exports
from flexprint_server.dashboard.door import Door, Form, RowId, redirect
from flexprint_server.dashboard.exports import INSTANT, NUMBER, Export, Field
from flexprint_server.dashboard.pages import page
from flexprint_server.reports import covered, schedules, wording
from flexprint_server.reports.addresses import file_name
from flexprint_server.reports.fleet_rows import about
from flexprint_server.reports.models import Schedule
from flexprint_server.reports.schedules import LONGEST_NAME, ScheduleUnfit, Typed
from flexprint_server.reports.wanted import SHEETS, Covers, CoversKind, period, zone_of
from flexprint_server.reports.workbook.devices import COLUMNS
from flexprint_server.tenants import audit
from flexprint_server.tenants.sign_in import Visitor
from flexprint_shared.recurrence import WEEKDAYS, parse_recurrence
from flexprint_shared.text import clean

LIST: Final = "/reports/schedules"

_MOST_PAGES: Final = 10_000

_COVERS: Final[Mapping[CoversKind, str]] = {
    "all": "Every customer",
    "customers": "These customers",
    "sites": "These sites",
    "groups": "These groups",
    "devices": "These devices",
}
_WEEKDAYS: Final = dict(
    zip(WEEKDAYS, ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), strict=True)
)
_SHEETS: Final = {
    "supplies": "Supplies: one row for each",
    "import": "Import: one row for each device and meter, for programs",
}
_PERIODS: Final = {
    "none": "No volume",
    "month": "The last calendar month",
    "week": "The last week, Monday to Sunday",
    "run": "Since the run before",
}
_TOO_MANY: Final = f"People asked for {schedules.MOST_BY_HAND} runs within this hour. Try again later."
_PLAIN: Final = {
    "name": "", "kind": "monthly", "weekday": "mon", "day": "1", "at": "07:00", "zone": "UTC", "covers": "all",
    "lines": "", "recipients": "", "period": "none", "subject": "", "file_name": "",
}  # fmt: skip


def _every_row(session: Session, dealer_id: int) -> Iterator[dict[str, Any]]:
    """Those of all pages, a page at a time."""
    number, some = 1, schedules.of_dealer(session, dealer_id)
    while some:
        yield from _rows(session, dealer_id, some[: schedules.PAGE])
        number += 1
        some = schedules.of_dealer(session, dealer_id, number) if len(some) > schedules.PAGE else []


EXPORT: Final[Export[dict[str, Any]]] = Export(
    "Schedules",
    (
        Field("Schedule", lambda row: row["schedule"].name, 30),
        Field("When", lambda row: row["when"], 30),
        Field("Time zone", lambda row: row["schedule"].zone),
        Field("Covers", lambda row: row["what"], 34),
        Field("Next run (UTC)", lambda row: row["schedule"].next_at, 18, INSTANT),
        Field("Last run (UTC)", lambda row: row["schedule"].last_run_at, 18, INSTANT),
        Field("Recipients", lambda row: ", ".join(row["schedule"].recipients), 40),
        Field("Volume", lambda row: _PERIODS[row["schedule"].period], 26),
        Field("Number", lambda row: row["schedule"].id, 10, NUMBER),
    ),
    lambda session, visitor, _query, _now: _every_row(session, visitor.dealer_id),
)


def add(pages: APIRouter, door: Door, mail_domain: str) -> None:
    exports.add(pages, door, LIST, EXPORT, "reports")
    keeper = Annotated[Visitor, Depends(door.allowed("reports"))]

    def form_page(
        visitor: Visitor, schedule: Schedule | None, values: Mapping[str, Any], *, status: int = 200, **more: Any
    ) -> Response:
        return page(
            "schedule.html",
            status=status,
            visitor=visitor,
            now=door.clock(),
            schedule=schedule,
            values=values,
            choices=_choices(),
            **{"faults": {}, "preview": None, **more},
        )

    def found(session: Session, visitor: Visitor, schedule_id: int) -> Schedule:
        schedule = schedules.one_of(session, visitor.dealer_id, schedule_id)
        if schedule is None:
            raise HTTPException(404)
        return schedule

    def saved(form: Form, visitor: Visitor, schedule_id: int | None) -> Response:
        """Keeps what was typed, or shows it again with what is wrong or what it would do."""
        now = door.clock()
        with door.database.transaction(visitor.scope) as session:
            schedule = None if schedule_id is None else found(session, visitor, schedule_id)
            try:
                typed = _typed(session, visitor.dealer_id, form)
                if "preview" in form:
                    schedules.checked(typed)
                    shown = _preview(session, visitor.dealer_id, typed, now)
                    return form_page(visitor, schedule, _values(form), preview=shown)
                before = None if schedule is None else _told(schedule)
                kept = schedules.keep(session, visitor.dealer_id, typed, visitor.email, now, schedule)
            except ScheduleUnfit as error:
                faults = _by_field(error.faults)
                return form_page(visitor, schedule, _values(form), status=422, faults=faults)
            what = "schedule.made" if schedule is None else "schedule.changed"
            audit.note(session, visitor, what, kept.name, now, before=before, after=_told(kept))
        return redirect(LIST)

    @pages.get(LIST)
    def all_schedules(request: Request, visitor: keeper) -> Response:
        number = address_line.number(request.query_params.get("page"), _MOST_PAGES) or 1
        with door.database.reading(visitor.scope) as session:
            found = schedules.of_dealer(session, visitor.dealer_id, number)
            return page(
                "schedules.html",
                visitor=visitor,
                now=door.clock(),
                rows=_rows(session, visitor.dealer_id, found[: schedules.PAGE]),
                number=number,
                has_next=len(found) > schedules.PAGE,
                problem=_TOO_MANY if request.query_params.get("wait") else "",
            )

    @pages.get(f"{LIST}/new")
    def new(request: Request, visitor: keeper) -> Response:
        values = {**_PLAIN, "sheets": ("supplies", "import"), "columns": ()}
        site = address_line.number(request.query_params.get("site"))
        with door.database.reading(visitor.scope) as session:
            lines = covered.lines_of(session, visitor.dealer_id, Covers("sites", (site,) if site else ()))
        if lines:
            values |= {"covers": "sites", "lines": lines[0], "name": lines[0]}
        return form_page(visitor, None, values)

    @pages.post(LIST)
    def make(request: Request, form: Form, visitor: keeper) -> Response:
        door.check_form(request, form, visitor)
        return saved(form, visitor, None)

    @pages.get(f"{LIST}/{{schedule_id}}")
    def one(schedule_id: RowId, visitor: keeper) -> Response:
        with door.database.reading(visitor.scope) as session:
            schedule = found(session, visitor, schedule_id)
            return form_page(visitor, schedule, _kept_values(session, schedule))

    @pages.post(f"{LIST}/{{schedule_id}}")
    def change(request: Request, schedule_id: RowId, form: Form, visitor: keeper) -> Response:
        door.check_form(request, form, visitor)
        return saved(form, visitor, schedule_id)

    @pages.post(f"{LIST}/{{schedule_id}}/pause")
    def pause(request: Request, schedule_id: RowId, form: Form, visitor: keeper) -> Response:
        """Pauses it, or lets it go on where it is paused."""
        door.check_form(request, form, visitor)
        with door.database.transaction(visitor.scope) as session:
            schedule, now = found(session, visitor, schedule_id), door.clock()
            goes_on = form.get("go_on") == "yes"
            if goes_on:
                schedules.resume(schedule, now)
            else:
                schedules.pause(schedule)
            audit.note(session, visitor, "schedule.resumed" if goes_on else "schedule.paused", schedule.name, now)
        return redirect(LIST)

    @pages.post(f"{LIST}/{{schedule_id}}/remove")
    def remove(request: Request, schedule_id: RowId, form: Form, visitor: keeper) -> Response:
        door.check_form(request, form, visitor)
        with door.database.transaction(visitor.scope) as session:
            schedule = found(session, visitor, schedule_id)
            audit.note(session, visitor, "schedule.removed", schedule.name, door.clock(), before=_told(schedule))
            schedules.remove(session, schedule)
        return redirect(LIST)

    @pages.post(f"{LIST}/{{schedule_id}}/run")
    def run(request: Request, schedule_id: RowId, form: Form, visitor: keeper) -> Response:
        """One run now, besides those that are due."""
        door.check_form(request, form, visitor)
        now = door.clock()
        with door.database.transaction(visitor.scope) as session:
            schedule = found(session, visitor, schedule_id)
            if not schedules.may_run_by_hand(session, visitor.dealer_id, now):
                return redirect(f"{LIST}?wait=1")
            before = schedule.last_run_at or schedule.created_at
            report = schedules.request_run(session, schedule, now, mail_domain, due_at=None, before=before)
            audit.note(session, visitor, "schedule.run", schedule.name, now)
        return redirect(f"/reports/{report}")


def _choices() -> dict[str, Any]:
    return {
        "weekdays": _WEEKDAYS,
        "covers": _COVERS,
        "periods": _PERIODS,
        "columns": COLUMNS,
        "sheets": _SHEETS,
        "fields": wording.FIELDS,
        "subject": wording.SUBJECT,
        "file_name": wording.FILE_NAME,
    }


def _rows(session: Session, dealer_id: int, found: Sequence[Schedule]) -> list[dict[str, Any]]:
    each = [msgspec.convert(one.covers, Covers) for one in found]
    names = covered.names_of_each(session, dealer_id, each)
    return [_row(*row) for row in zip(found, each, names, strict=True)]


def _row(schedule: Schedule, covers: Covers, names: tuple[str, str] | None) -> dict[str, Any]:
    return {
        "schedule": schedule,
        "when": parse_recurrence(schedule.recurrence).in_words(),
        "what": _what(covers, *names) if names else "nothing that is still there",
        "next": schedule.next_at and schedule.next_at.astimezone(zone_of(schedule.zone)),
    }


def _what(covers: Covers, customer: str, site: str) -> str:
    what = customer if covers.kind in ("all", "customers") else f"{customer}, {site}"
    if covers.kind == "devices":
        return f"{len(covers.ids)} device{'s' if len(covers.ids) != 1 else ''}: {what}"
    return what


# ---------------------------------------------------------------- what was typed


def _lines(text: str) -> list[str]:
    return [line for line in (clean(line, 254) for line in text.replace(",", "\n").splitlines()) if line]


def _typed(session: Session, dealer_id: int, form: Mapping[str, str]) -> Typed:
    """The schedule in a form."""
    kind = form.get("covers", "all")
    lines = [line for line in (clean(line, 300) for line in form.get("lines", "").splitlines()) if line]
    covers, unclear = covered.covers_of(session, dealer_id, kind if kind in _COVERS else "all", lines)  # type: ignore[arg-type]
    chosen = form.get("period", "none")
    sheets = [name for name in SHEETS if form.get(f"sheet-{name}")]
    return Typed(
        name=clean(form.get("name", ""), LONGEST_NAME),
        recurrence=_recurrence(form),
        zone=clean(form.get("zone", ""), 64),
        covers=covers,
        unclear=unclear,
        recipients=_lines(form.get("recipients", "")),
        sheets=sheets if chosen == "none" else [*sheets, "volume"],
        columns=[key for key in COLUMNS if form.get(f"column-{key}")],
        period=chosen if chosen in _PERIODS else "none",
        subject=clean(form.get("subject", ""), 1000),
        file_name=clean(form.get("file_name", ""), 1000),
    )


def _recurrence(form: Mapping[str, str]) -> str:
    kind = clean(form.get("kind", ""), 20)
    between = {"weekly": form.get("weekday", ""), "monthly": form.get("day", "")}.get(kind, "")
    return " ".join(filter(None, (kind, clean(between, 10), clean(form.get("at", ""), 10))))


def _values(form: Mapping[str, str]) -> dict[str, Any]:
    """The fields of the form as they were typed."""
    typed = {name: clean_lines(form.get(name, "")) for name in _PLAIN}
    sheets = [name for name in SHEETS if form.get(f"sheet-{name}")]
    return {**typed, "sheets": sheets, "columns": [key for key in COLUMNS if form.get(f"column-{key}")]}


def clean_lines(text: str) -> str:
    """Several lines, each without what could harm a page."""
    return "\n".join(clean(line, 1000) for line in text.splitlines())


def _kept_values(session: Session, schedule: Schedule) -> dict[str, Any]:
    recurrence = parse_recurrence(schedule.recurrence)
    covers = msgspec.convert(schedule.covers, Covers)
    return {
        "name": schedule.name,
        "kind": recurrence.kind,
        "weekday": WEEKDAYS[recurrence.day or 0] if recurrence.kind == "weekly" else "mon",
        "day": str(recurrence.day) if recurrence.kind == "monthly" else "1",
        "at": f"{recurrence.at:%H:%M}",
        "zone": schedule.zone,
        "covers": covers.kind,
        "lines": "\n".join(covered.lines_of(session, schedule.dealer_id, covers)),
        "recipients": "\n".join(schedule.recipients),
        "period": schedule.period,
        "subject": schedule.subject,
        "file_name": schedule.file_name,
        "sheets": schedule.sheets,
        "columns": schedule.columns,
    }


def _by_field(faults: Sequence[tuple[str, str]]) -> dict[str, str]:
    by_field: dict[str, list[str]] = {}
    for field, fault in faults:
        by_field.setdefault(field, []).append(fault)
    return {field: f"{'; '.join(said)[:1].upper()}{'; '.join(said)[1:]}." for field, said in by_field.items()}


def _told(schedule: Schedule) -> dict[str, Any]:
    """What the audit log says of it."""
    return {
        "when": f"{schedule.recurrence} {schedule.zone}",
        "covers": schedule.covers["kind"],
        "recipients": ", ".join(schedule.recipients),
        "sheets": ", ".join(schedule.sheets),
        "volume": schedule.period,
    }


def _preview(session: Session, dealer_id: int, typed: Typed, now: Any) -> dict[str, Any]:
    """What it will do: its next runs, and what the next one would be called if it were made now."""
    zone = zone_of(typed.zone)
    told = about(session, dealer_id, typed.covers, now)
    since, until = period(typed.period, now.astimezone(zone), now.astimezone(zone)) or (None, None)  # type: ignore[arg-type]
    facts = wording.Facts(
        name=typed.name,
        customer=told.customer,
        site=told.site,
        made_at=now.astimezone(zone),
        printers=told.devices,
        since=since,
        until=until,
    )
    return {
        "runs": list(schedules.coming_runs(parse_recurrence(typed.recurrence), typed.zone, now)),
        "subject": wording.filled(typed.subject or wording.SUBJECT, facts),
        "file_name": file_name(wording.filled(typed.file_name or wording.FILE_NAME, facts)),
        "about": told,
        "since": since,
        "until": until,
        "recipients": typed.recipients,
    }
