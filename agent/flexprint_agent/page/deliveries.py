"""What became of the workbooks that were asked for, as far as this computer and the collector know."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flexprint_agent.keep.spool import Batch
from flexprint_agent.page.frame import Visit, cell, moment, table, tag
from flexprint_agent.page.html import DASH, Child, Html, data, el
from flexprint_shared.times import parse_rfc3339, rfc3339

_SHOWN: Final = 20
_KINDS: Final[Mapping[str, str]] = {
    "waiting": "warn",
    "sent": "good",
    "refused": "bad",
    "failed": "bad",
    "accepted": "good",
    "deferred": "warn",
    "bounced": "bad",
    "suppressed": "warn",
}
_STATES: Final = ("waiting", "acknowledged", "refused", "due", "building", "built", "sending", "sent", "failed")
_DELIVERIES: Final = ("queued", "accepted", "deferred", "refused", "bounced", "suppressed")


@dataclass(slots=True, frozen=True)
class Asked:
    """A workbook: when it was asked for, how it is (of _STATES), and the recipients as the collector tells them."""

    at: datetime
    state: str
    recipients: Sequence[Mapping[str, Any]] = ()


def asked_for(batches: Iterable[Batch], workbooks: Iterable[Mapping[str, Any]]) -> list[Asked]:
    """The newest first: what the collector says of each, else what is known here of the batch that asked. What has not
    the form that it should have is left out. Pure."""
    told = {}
    for one in workbooks:
        try:
            at = parse_rfc3339(one["requested_at"])
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
            continue
        recipients = one.get("recipients")
        listed = [each for each in recipients if isinstance(each, dict)] if isinstance(recipients, list) else []
        state = one.get("state")
        told[rfc3339(at)] = Asked(at, state if state in _STATES else "acknowledged", listed)
    for batch in batches:
        if batch.report_at is not None:
            told.setdefault(rfc3339(batch.report_at), Asked(batch.report_at, batch.state))
    return sorted(told.values(), key=lambda one: one.at, reverse=True)


def deliveries(visit: Visit) -> Child:
    words = visit.words
    all_asked = asked_for(visit.keep.spool.batches(), visit.keep.handed.workbooks())[:_SHOWN]
    if not all_asked:
        return el("p", words("workbook.none_yet"), class_="sub")
    head = (words("workbook.asked_at"), words("workbook.state"), words("workbook.recipients"))
    rows = [
        el(
            "tr",
            el("th", moment(visit, one.at), scope="row"),
            cell(head[1], tag(words(f"report.{one.state}"), _KINDS.get(one.state, ""))),
            cell(head[2], [_recipient(visit, each) for each in one.recipients] or DASH),
        )
        for one in all_asked
    ]
    return [
        table(words("workbook.sent"), head, rows, class_="cards deliveries"),
        el("p", words("workbook.when_known"), class_="hint"),
    ]


def _recipient(visit: Visit, told: Mapping[str, Any]) -> Html:
    words = visit.words
    state = told.get("state") if told.get("state") in _DELIVERIES else "queued"
    try:
        at: Child = moment(visit, parse_rfc3339(str(told.get("at"))))
    except (ValueError, OverflowError):
        at = None
    # What the mail server said is of interest where the mail did not simply arrive.
    answer = None if state == "accepted" else told.get("answer")
    return el(
        "span",
        data(told.get("address") or ""),
        " ",
        tag(words(f"delivery.{state}"), _KINDS.get(str(state), "")),
        " ",
        at,
        el("span", data(answer, lang="en"), class_="answer") if answer else None,
        class_="recipient",
    )
