"""How the agent is: what is wrong with its next step, and what it has been doing."""

import sys
from collections.abc import Mapping, Sequence
from typing import Final

from flexprint_agent.page import work
from flexprint_agent.page.frame import Visit, button, card, details, el_link, facts, form, moment, notice, page, tag
from flexprint_agent.page.html import DASH, Child, Html, data, el
from flexprint_agent.page.server import Response
from flexprint_agent.page.setup import step_due
from flexprint_agent.page.showing import INSTALLED, by_itself, unattended, work_panel
from flexprint_agent.send.way import Step
from flexprint_agent.service import manage
from flexprint_agent.wake.health import Finding, facts_of, findings
from flexprint_shared.times import parse_rfc3339

# Where each finding is mended; what is not here is mended elsewhere, as its text says.
_WHERE: Final[Mapping[str, str]] = {
    "not-enrolled": "setup/connect",
    "collector-unreachable": "settings",
    "batches-waiting": "settings",
    "batch-refused": "sent",
    "no-targets": "networks",
    "no-printers": "networks",
    "exclusion-unknown": "networks",
    "printers-uncovered": "networks",
    "snmpv3-refused": "credentials",
    "printers-silent": "printers",
    "printer-left-alone": "printers",
    "no-recipients": "workbook",
}
_SERIOUS: Final = ("not-enrolled", "key-missing", "collector-unreachable", "batch-refused", "exclusion-unknown")


def show(visit: Visit) -> Response:
    step = step_due(visit)
    if step is not None:
        done = visit.request.asked("done")
        return visit.go(f"setup/{step}", **({"done": done} if done else {}))
    words, keep = visit.words, visit.keep
    known = facts_of(keep, visit.now(), reach=False)
    found = findings(known)
    enrolment = keep.enrolments.get()
    reads = [one.last_read_at for one in keep.devices.all() if one.last_read_at is not None]
    content = [
        work_panel(visit, "reading", "sending", "searching", "checking"),
        _checked(visit),
        unattended(visit),
        el("section", [_finding(visit, one) for one in found], class_="stack", aria_label=words("overview.findings"))
        if found
        else _well(visit),
        card(
            words("overview.facts"),
            facts(
                [
                    (words("overview.printers"), words.number(keep.devices.count())),
                    (words("overview.last_read"), moment(visit, max(reads, default=None))),
                    (words("overview.next_wake"), _next(visit, known.status["next_wake_at"])),
                    (words("overview.acknowledged"), moment(visit, keep.spool.last_acknowledged_at())),
                    (words("overview.waiting"), words.number(keep.spool.pending() + keep.spool.count("waiting"))),
                    (words("overview.dealer"), data(enrolment.dealer) if enrolment else DASH),
                    (words("overview.collector"), data(enrolment.server) if enrolment else DASH),
                ]
            ),
            el(
                "div",
                form(visit, "read", button(words("overview.read"), "primary")),
                form(visit, "check", button(words("overview.check"))),
                class_="buttons",
            ),
        ),
    ]
    return page(visit, words("overview.title"), content, room="overview")


def _next(visit: Visit, at: str | None) -> Html:
    if at is None:
        return el("span", visit.words("overview.asleep"), class_="none")
    return moment(visit, parse_rfc3339(at))


def _well(visit: Visit) -> Child:
    return notice(visit.words("overview.well"), "good") if by_itself(visit) else None


def install(visit: Visit) -> Response:
    """Has the system start the agent from now on. Raises ServiceFailed."""
    home = visit.keep.home.absolute()
    manage.here(home).install(manage.command_of(str(home), sys.platform))
    return visit.go(done=INSTALLED)


def _checked(visit: Visit) -> Child:
    """The way to the collector as it was walked last, step by step."""
    words, state = visit.words, visit.work.state
    if state is None or state.name != "checking" or state.running or state.failure is not None:
        return None
    way: Sequence[Step] = state.result["way"]
    kinds = {"ok": "good", "trouble": "bad", "skipped": ""}
    rows = [
        el(
            "li",
            el("span", words(f"way.{step.name}")),
            tag(words(f"way.{step.state}"), kinds[step.state]),
            details(visit, f"{step.told}; {step.next_step}") if step.state == "trouble" else None,
        )
        for step in way
    ]
    trouble = {step.name for step in way if step.state == "trouble"}
    if not trouble:
        told = notice(words("overview.reached"), "good")
    elif trouble == {"clock"}:
        told = notice(words("overview.reached_late"), "warn")
    else:
        told = notice(words("overview.not_reached"), "bad")
    return [
        told,
        card(words("overview.way"), el("ol", rows, class_="rows way")),
    ]


def _finding(visit: Visit, one: Finding) -> Html:
    words, name = visit.words, one.name.replace("-", "_")
    where = _WHERE.get(one.name)
    kind = "bad" if one.name in _SERIOUS else "warn"
    known = words.has(f"finding.{name}")
    return el(
        "article",
        el("h2", words(f"finding.{name}") if known else data(one.problem, lang="en")),
        el("p", words(f"finding.{name}_next")) if known else None,
        el_link(visit, where, f"finding.{name}_do") if where and known else None,
        details(visit, f"{one.problem} {one.next_step}"),
        class_=f"finding {kind}",
    )


def read(visit: Visit) -> Response:
    visit.work.start("reading", work.round_now)
    visit.work.wait(1.0)
    return visit.go()


def check(visit: Visit) -> Response:
    visit.work.start("checking", work.check)
    visit.work.wait(2.0)
    return visit.go()
