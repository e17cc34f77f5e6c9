"""Why a batch was not taken, as agents read it: RFC 9457 problem documents.

    Refusal
      NotABatch TooLarge TooSlow UnknownAgent WrongSignature BrokenSeal UnreadableDocument StaleSequence
      NotACheckIn StaleCheckIn
      NotARequest UnknownKey KeySpent KeyExpired TooManyAttempts
      Busy

Everything but Busy is final: the same octets again get the same answer.
"""

from collections.abc import Mapping
from typing import Any, Final

from fastapi.responses import JSONResponse

MEDIA_TYPE: Final = "application/problem+json"
_TYPE: Final = "urn:flexprint:problem:"


class Refusal(Exception):
    """`slug` names the problem for programs, `title` for people; `detail` says what to do next."""

    slug = "refused"
    status = 400
    title = "Refused"

    def __init__(self, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more

    def document(self) -> dict[str, Any]:
        return {
            "type": _TYPE + self.slug,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }


class NotABatch(Refusal):
    slug, status, title = "not-a-batch", 400, "Not a sealed batch"


class TooLarge(Refusal):
    slug, status, title = "too-large", 413, "Too large"


class TooSlow(Refusal):
    slug, status, title = "too-slow", 408, "The body came too slowly"


class UnknownAgent(Refusal):
    slug, status, title = "unknown-agent", 401, "Unknown agent"


class WrongSignature(Refusal):
    slug, status, title = "wrong-signature", 403, "Wrong signature"


class BrokenSeal(Refusal):
    slug, status, title = "broken-seal", 422, "Broken seal"


class UnreadableDocument(Refusal):
    slug, status, title = "unreadable-document", 422, "Unreadable document"


class StaleSequence(Refusal):
    slug, status, title = "stale-sequence", 409, "Sequence number already used"


class NotACheckIn(Refusal):
    slug, status, title = "not-a-check-in", 400, "Not a sealed check-in"


class StaleCheckIn(Refusal):
    slug, status, title = "stale-check-in", 409, "Check-in already seen"


class NotARequest(Refusal):
    slug, status, title = "not-a-request", 400, "Not an enrolment request"


class UnknownKey(Refusal):
    slug, status, title = "unknown-key", 403, "Unknown install key"


class KeySpent(Refusal):
    slug, status, title = "key-spent", 403, "Install key already used"


class KeyExpired(Refusal):
    slug, status, title = "key-expired", 403, "Install key expired"


class TooManyAttempts(Refusal):
    slug, status, title = "too-many-attempts", 429, "Too many attempts"


class Busy(Refusal):
    slug, status, title = "busy", 503, "Not now"


def answer(refusal: Refusal) -> JSONResponse:
    return JSONResponse(
        refusal.document(),
        refusal.status,
        {**refusal.headers, "Cache-Control": "no-store"},
        media_type=MEDIA_TYPE,
    )
