"""What left this network: every batch in clear, as it was before it was sealed."""

import json
from typing import Final

from flexprint_agent.errors import AgentError
from flexprint_agent.keep.notes import LAST_CHECK_IN, LAST_LOG, LAST_TOLD
from flexprint_agent.keep.spool import Batch
from flexprint_agent.page import carried
from flexprint_agent.page.frame import (
    Visit,
    button,
    card,
    cell,
    el_link,
    facts,
    form,
    moment,
    notice,
    page,
    table,
    tag,
    tick,
)
from flexprint_agent.page.html import Child, Html, data, el
from flexprint_agent.page.server import Response
from flexprint_agent.page.settled import by_dealer_tag
from flexprint_agent.wake import choosing
from flexprint_shared.times import parse_rfc3339, rfc3339

_SHOWN: Final = 100
MASKS: Final = ("mask_address", "mask_host", "mask_location", "mask_contact")
_KINDS: Final = {"waiting": "warn", "acknowledged": "good", "refused": "bad"}


def show(visit: Visit, error: AgentError | None = None, said: Child = None) -> Response:
    words = visit.words
    batches = visit.keep.spool.batches()[:_SHOWN]
    head = tuple(words(f"sent.{name}") for name in ("batch", "made", "reads", "size", "state"))
    rows = [
        el(
            "tr",
            el(
                "th",
                el("a", words("sent.number", number=one.number), href=visit.link("batch", number=str(one.number))),
                scope="row",
            ),
            cell(head[1], moment(visit, one.made_at)),
            cell(head[2], words.number(one.reads), class_="num"),
            cell(head[3], words.size(one.octets), class_="num"),
            cell(head[4], tag(words(f"sent.{one.state}"), _KINDS[one.state]), carried.came_along(visit, one)),
        )
        for one in batches
    ]
    content = [
        el("p", words("sent.lead"), class_="lead"),
        said,
        card(None, table(words("sent.title"), head, rows, numbers=(2, 3), class_="cards"), class_="card list")
        if rows
        else notice(words("sent.none"), ""),
        _kept_here(visit),
        carried.cards(visit, error),
        _last_check_in(visit),
        _last_log(visit),
    ]
    return page(visit, words("sent.title"), content, room="sent", status=422 if error else 200)


def take_back(visit: Visit) -> Response:
    """The acknowledgement of what was carried."""
    try:
        taken = carried.take(visit)
    except AgentError as error:
        return show(visit, error)
    return show(visit, said=carried.told(visit, taken))


def _last_check_in(visit: Visit) -> Child:
    words, at = visit.words, visit.keep.notes.instant(LAST_CHECK_IN)
    if at is None:
        return None
    return card(
        words("sent.check_in"),
        el("p", words("sent.check_in_lead"), " ", moment(visit, at), class_="sub"),
        el_link(visit, "check-in", "sent.check_in_show"),
    )


def check_in(visit: Visit) -> Response:
    """The last check-in in clear."""
    words, told = visit.words, visit.keep.notes.get(LAST_TOLD)
    if told is None:
        return page(visit, words("sent.gone"), room="sent", status=404)
    text = json.dumps(json.loads(told), indent=1, ensure_ascii=False)
    content = [card(None, _clear(visit, text)), el("p", el("a", words("sent.back"), href=visit.link("sent")))]
    return page(visit, words("sent.check_in"), content, room="sent")


def _last_log(visit: Visit) -> Child:
    left = _left_log(visit)
    if left is None:
        return None
    words = visit.words
    return card(
        words("sent.log"),
        el("p", words("sent.log_lead"), " ", moment(visit, parse_rfc3339(left["at"])), class_="sub"),
        el_link(visit, "log", "sent.log_show"),
    )


def _left_log(visit: Visit) -> dict[str, str] | None:
    left = visit.keep.notes.get(LAST_LOG)
    return None if left is None else dict(json.loads(left))


def log(visit: Visit) -> Response:
    """The log that left last, in clear."""
    words, left = visit.words, _left_log(visit)
    if left is None:
        return page(visit, words("sent.gone"), room="sent", status=404)
    content = [
        card(None, _clear(visit, left["log"] or "\u2013")),
        el("p", el("a", words("sent.back"), href=visit.link("sent"))),
    ]
    return page(visit, words("sent.log"), content, room="sent")


def _clear(visit: Visit, text: str) -> Html:
    label = visit.words("sent.clear")
    return el("pre", text, translate="no", tabindex=0, class_="clear", aria_label=label, role="region")


def _kept_here(visit: Visit) -> Html:
    """The switches that mask what a printer says before it leaves."""
    words, stored = visit.words, visit.keep.choices.settings()
    boxes = [
        tick(
            name,
            [words(f"mask.{name}"), by_dealer_tag(visit, name)],
            on=stored.get(name) == "on",
            hint=words(f"mask.{name}_hint"),
        )
        for name in MASKS
    ]
    return card(
        words("mask.title"),
        el("p", words("mask.lead"), class_="sub"),
        form(visit, "sent", el("fieldset", el("legend", words("mask.legend"), class_="unseen"), boxes), _save(visit)),
    )


def _save(visit: Visit) -> Html:
    return button(visit.words("frame.save"), "primary")


def save(visit: Visit) -> Response:
    for name in MASKS:
        choosing.change(visit.keep, name, "on" if visit.request.typed(name) else "")
    return visit.go("sent", done="masked")


def _asked_for(visit: Visit) -> Batch | None:
    number = visit.request.asked("number")
    return visit.keep.spool.batch(int(number)) if number.isascii() and number.isdigit() else None


def batch(visit: Visit) -> Response:
    words, one = visit.words, _asked_for(visit)
    if one is None:
        return page(visit, words("sent.gone"), room="sent", status=404)
    document = visit.keep.spool.document(one.number)
    about = [
        (words("sent.made"), moment(visit, one.made_at)),
        (words("sent.state"), (tag(words(f"sent.{one.state}"), _KINDS[one.state]), carried.came_along(visit, one))),
        (words("sent.reads"), words.number(one.reads)),
        (words("sent.size"), words.size(one.octets)),
        (words("sent.hash"), data(one.hash.hex(), class_="mono")),
    ]
    text = json.dumps(document, indent=1, ensure_ascii=False)
    content = [
        card(None, facts(about)),
        notice(words("sent.history"), "")
        if document is None
        else card(
            words("sent.clear"),
            el("p", words("sent.clear_lead"), class_="sub"),
            el(
                "p",
                el(
                    "a",
                    words("sent.download"),
                    href=visit.link("batch.json", number=str(one.number)),
                    download=f"flexprint-batch-{one.number}.json",
                    class_="button",
                ),
            ),
            _clear(visit, text),
        ),
        el("p", el("a", words("sent.back"), href=visit.link("sent"))),
    ]
    return page(visit, words("sent.number", number=one.number), content, room="sent")


def download(visit: Visit) -> Response:
    one = _asked_for(visit)
    document = visit.keep.spool.document(one.number) if one else None
    if one is None or document is None:
        return page(visit, visit.words("sent.gone"), room="sent", status=404)
    whole = {"batch": one.number, "hash": one.hash.hex(), "made_at": rfc3339(one.made_at), "document": document}
    octets = json.dumps(whole, indent=1, ensure_ascii=False).encode()
    name = f'attachment; filename="flexprint-batch-{one.number}.json"'
    return Response(octets, media_type="application/json", headers=(("Content-Disposition", name),))
