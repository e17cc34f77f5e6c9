"""Where no way leads to the collector: what waits goes along in a file, and its acknowledgement comes back in one."""

from typing import Final

from flexprint_agent.errors import AgentError
from flexprint_agent.keep.spool import Batch
from flexprint_agent.page.frame import Visit, button, card, failed, form, moment, notice, tick
from flexprint_agent.page.html import Child, Html, el
from flexprint_agent.page.server import Response
from flexprint_agent.wake import carrying
from flexprint_agent.wake.chosen import in_force, recipients

FILE: Final = "file"


def cards(visit: Visit, error: AgentError | None = None) -> Child:
    """The three steps; nothing before there is a dealer for whom a file could be."""
    if visit.keep.enrolments.get() is None:
        return None
    words, reads = visit.words, visit.keep.spool.unsettled()
    there = words("carried.waits", count=reads) if reads else words("carried.nothing")
    return card(
        words("carried.title"),
        el("p", words("carried.lead"), class_="sub"),
        failed(visit, error) if error else None,
        el(
            "ol",
            el(
                "li",
                el("h3", words("carried.save_title")),
                el("p", words("carried.save_lead"), " ", there, class_="sub"),
                form(visit, "sent/export", _with_workbook(visit), button(words("carried.save"))),
            ),
            el("li", el("h3", words("carried.carry_title")), el("p", words("carried.carry_lead"), class_="sub")),
            el(
                "li",
                el("h3", words("carried.take_title")),
                el("p", words("carried.take_lead"), class_="sub"),
                form(
                    visit,
                    "sent/import",
                    el(
                        "div",
                        el("label", words("carried.file"), for_=FILE),
                        el("input", type="file", id=FILE, name=FILE, required=True, accept=".ack"),
                        class_="field",
                    ),
                    button(words("carried.take")),
                    enctype="multipart/form-data",
                ),
            ),
            class_="carrying",
        ),
        id="carried",
    )


def _with_workbook(visit: Visit) -> Child:
    return tick("report", visit.words("carried.workbook"), on=False) if recipients(visit.keep) else None


def came_along(visit: Visit, one: Batch) -> Child:
    """That a batch is in a file, or was carried; nothing of one that took the usual way."""
    if one.carried:
        return el("span", visit.words("carried.was"), class_="below")
    if one.exported_at is None:
        return None
    return el("span", visit.words("carried.in_a_file"), " ", moment(visit, one.exported_at), class_="below")


def save(visit: Visit) -> Response:
    """The file, for the browser to keep."""
    with visit.keep.alone():
        now = visit.now()
        report = bool(visit.request.typed("report"))
        waiting = carrying.export(visit.keep, in_force(visit.keep), visit.now, report=report)
        if waiting is None:
            return visit.go("sent", done="nothing_waits")
        octets = b"".join(waiting.pieces())
        waiting.written(now)
    name = f'attachment; filename="flexprint-{now.astimezone():%Y-%m-%d}.fpx"'
    return Response(octets, media_type="application/octet-stream", headers=(("Content-Disposition", name),))


def take(visit: Visit) -> carrying.TakenBack:
    """Raises NotThisAcknowledgement, Busy."""
    with visit.keep.alone():
        return carrying.take_back(visit.keep, visit.request.files.get(FILE, b""), visit.now())


def told(visit: Visit, taken: carrying.TakenBack) -> Html:
    """What the acknowledgement said."""
    words = visit.words
    said = [
        words("carried.taken", count=taken.acknowledged) if taken.acknowledged or not taken.refused else "",
        words("carried.still", count=taken.waiting) if taken.waiting else words("carried.all"),
        words("carried.refused", count=len(taken.refused)) if taken.refused else "",
    ]
    reasons = [el("li", why, lang="en", translate="no") for why in dict.fromkeys(taken.refused.values())]
    kind = "warn" if taken.refused else "good"
    return notice(" ".join(filter(None, said)), kind, el("ul", reasons) if reasons else None)
