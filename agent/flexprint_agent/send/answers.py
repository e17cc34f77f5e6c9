"""What an HTTP answer means. Pure: octets in, a receipt or one of our errors out.

Between agent and collector stand proxies, captive portals and load balancers that answer in its name. Only a problem
document (RFC 9457) with one of our own types speaks for the collector; only a receipt that names the batch's hash
acknowledges it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flexprint_agent.send.errors import (
    DeliveryError,
    NotAccepted,
    NotTheCollector,
    Overloaded,
    ProxyRefused,
    Refused,
)

PROBLEM_TYPE: Final = "urn:flexprint:problem:"
LARGEST_ANSWER: Final = 256 << 10
"""Octets of an answer that are read at most; the collector's are a hundredth of it, as a rule."""

FOR_GOOD: Final = frozenset(
    {"broken-seal", "not-a-batch", "too-large", "stale-sequence", "unreadable-document", "wrong-signature"}
)
"""Problems that sending the same octets again cannot cure."""

_ENROL_AGAIN: Final = (
    "ask your dealer for a new install key and enrol again: flexprint-agent enroll --server URL --key KEY"
)
# What a problem of the collector asks the person here to do.
_NEXT_STEPS: Final[Mapping[str, str]] = {
    "unknown-agent": f"the collector does not know this agent; {_ENROL_AGAIN}",
    "unknown-key": (
        "the collector does not know this install key; check it for typing errors or ask your dealer for a new one"
    ),
    "key-spent": "this install key has been used already; ask your dealer for a new one",
    "expired-key": "this install key has expired; ask your dealer for a new one",
}


@dataclass(slots=True, frozen=True)
class Answer:
    """One HTTP answer; header names in lower case. The body is cut off at LARGEST_ANSWER."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> dict[str, Any] | None:
        """The JSON object in the body; None where there is none."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None


def acknowledgement(answer: Answer, hashed: bytes) -> int:
    """How many reads the collector has stored with the batch of this hash. Raises DeliveryError for every answer that
    does not acknowledge exactly this batch."""
    if answer.status != 200:
        raise problem(answer)
    receipt = answer.json()
    if receipt is None or "batch" not in receipt:
        raise NotTheCollector(_not_the_collector(answer))
    if receipt["batch"] != hashed.hex():
        raise NotTheCollector(
            "the answer acknowledges another batch than the one that was sent; the batch is kept and sent again "
            "(if this stays so, something between here and the collector answers from a cache)"
        )
    reads = receipt.get("reads")
    return reads if isinstance(reads, int) else 0


def problem(answer: Answer) -> DeliveryError:
    """The error that an answer other than the hoped-for one stands for."""
    document = answer.json() if answer.media_type == "application/problem+json" else None
    slug = str((document or {}).get("type", ""))
    if document is not None and slug.startswith(PROBLEM_TYPE):
        return _ours(answer, document, slug.removeprefix(PROBLEM_TYPE))
    if answer.status == 407:
        return ProxyRefused(
            "the proxy wants a user name and password; set them with "
            "`flexprint-agent settings proxy_user NAME` and `flexprint-agent settings proxy_password -`",
            wants_password=True,
        )
    if answer.status in (408, 425, 429) or answer.status >= 500:
        return Overloaded(
            f"the collector takes nothing now (HTTP {answer.status}); nothing is lost, it can be tried again later",
            _retry_after(answer),
        )
    return NotTheCollector(_not_the_collector(answer))


def _ours(answer: Answer, document: Mapping[str, Any], slug: str) -> DeliveryError:
    said = str(document.get("detail") or document.get("title") or slug)[:300]
    if slug in FOR_GOOD and 400 <= answer.status < 500:
        return Refused(
            f"the collector refused the batch for good ({slug}: {said}); it is kept, show it to your dealer",
            slug,
            _newest(document),
        )
    if answer.status in (408, 425, 429) or answer.status >= 500:
        return Overloaded(
            f"the collector asks for patience ({said}); nothing is lost, it can be tried again later",
            _retry_after(answer),
        )
    return NotAccepted(_NEXT_STEPS.get(slug, f"the collector answered {slug}: {said}; show this to your dealer"), slug)


def _newest(document: Mapping[str, Any]) -> tuple[int, bytes] | None:
    sequence, hashed = document.get("last_sequence"), document.get("last_hash")
    if type(sequence) is not int or not 0 <= sequence < 1 << 63 or not isinstance(hashed, str):
        return None
    return (sequence, bytes.fromhex(hashed)) if re.fullmatch(r"[0-9a-f]{64}", hashed) else None


def _retry_after(answer: Answer) -> float | None:
    """Seconds, from a Retry-After in seconds (RFC 9110); the form with a date is not worth a clock here."""
    text = answer.headers.get("retry-after", "").strip()
    return float(text) if re.fullmatch(r"[0-9]{1,6}", text) else None


def _not_the_collector(answer: Answer) -> str:
    shown = answer.media_type or "nothing"
    return (
        f"something that is not the collector answered (HTTP {answer.status}, {shown}); check the collector's address "
        "with `flexprint-agent status`, and whether this network wants a sign-in page to be opened first"
    )
