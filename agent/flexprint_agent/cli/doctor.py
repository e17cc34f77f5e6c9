"""What is wrong, and the next step. Pure: facts in, findings out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, frozen=True)
class Facts:
    """`status` is the document of `status`, `refused` pairs of batch number and reason, `silent` the printers that did
    not answer when they were last asked, `unreachable` why the collector does not answer now, `locked` why what is kept
    sealed cannot be opened, `uncovered` the printers that no target covers (`why_uncovered`), `unknown_exclusion` what
    is wrong with an excluded name, `refusals` what devices refuse of SNMPv3 and what mends it, `spooler` why the print
    queues of this computer cannot be listed, `resting` the printers that are left alone for a while and why."""

    status: Mapping[str, Any]
    refused: Sequence[tuple[int, str]]
    silent: Sequence[str]
    unreachable: str | None
    locked: str | None = None
    uncovered: Sequence[str] = ()
    why_uncovered: str = ""
    unknown_exclusion: str | None = None
    refusals: Sequence[tuple[str, str]] = ()
    spooler: str | None = None
    resting: Sequence[tuple[str, str]] = ()


@dataclass(slots=True, frozen=True)
class Finding:
    name: str
    problem: str
    next_step: str

    def as_json(self) -> dict[str, str]:
        return {"finding": self.name, "problem": self.problem, "next_step": self.next_step}


def findings(facts: Facts) -> list[Finding]:
    """What keeps reads from the collector comes first."""
    status = facts.status
    found = []
    if not status["enrolled"]:
        found.append(
            Finding(
                "not-enrolled",
                "This agent belongs to no collector, so its reads stay here.",
                "flexprint-agent enroll --server URL --key KEY (your dealer gives you both)",
            )
        )
    if facts.locked is not None:
        found.append(
            Finding("key-missing", "The signing key or another secret of this agent cannot be opened.", facts.locked)
        )
    if facts.unreachable is not None:
        found.append(Finding("collector-unreachable", "The collector does not answer.", facts.unreachable))
    if status["waiting_batches"]:
        reason = status["last_error"] or "they have not been tried yet"
        found.append(
            Finding(
                "batches-waiting",
                f"{status['waiting_batches']} batches wait to be taken by the collector ({reason}).",
                "flexprint-agent send (nothing is lost meanwhile)",
            )
        )
    found += [
        Finding("batch-refused", f"Batch {number} was refused for good: {reason}", f"flexprint-agent sent {number}")
        for number, reason in facts.refused
    ]
    if not status["printers"] and not status["targets"]:
        found.append(
            Finding(
                "no-targets",
                "No printer is known, and nothing was chosen to be searched beside the networks of this computer.",
                "flexprint-agent segments, select what is to be searched, then flexprint-agent search",
            )
        )
    elif not status["printers"]:
        found.append(Finding("no-printers", "No printer is known.", "flexprint-agent search"))
    if facts.unknown_exclusion is not None:
        found.append(
            Finding("exclusion-unknown", "No printer is asked, as it might be excluded.", facts.unknown_exclusion)
        )
    if facts.uncovered:
        found.append(
            Finding(
                "printers-uncovered",
                f"Known, and not read ({len(facts.uncovered)}): {_few(facts.uncovered)}",
                facts.why_uncovered,
            )
        )
    found += [
        Finding("snmpv3-refused", problem, f"{step} (flexprint-agent credentials remove and add), then read it again")
        for problem, step in facts.refusals
    ]
    if facts.spooler is not None:
        found.append(Finding("spooler-unreachable", "The print queues of this computer are not known.", facts.spooler))
    found += [
        Finding(
            "printer-left-alone",
            f"{place} is left alone for a while: {why}.",
            "flexprint-agent read with its address asks it now; if it goes on, exclude it and ask your dealer",
        )
        for place, why in facts.resting
    ]
    if facts.silent:
        found.append(
            Finding(
                "printers-silent",
                f"{len(facts.silent)} printers did not answer: {_few(facts.silent)}",
                "check that they are on, then flexprint-agent read; flexprint-agent search finds those that moved",
            )
        )
    if not status["recipients"]:
        found.append(
            Finding("no-recipients", "Workbooks go to nobody.", "flexprint-agent recipients add office@example.com")
        )
    return found


def _few(places: Sequence[str]) -> str:
    return ", ".join(places[:5]) + (" ..." if len(places) > 5 else "")
