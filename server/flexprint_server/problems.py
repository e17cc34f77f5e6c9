"""What programs are told when a call is refused: RFC 9457 problem documents."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi.responses import JSONResponse

MEDIA_TYPE: Final = "application/problem+json"
_TYPE: Final = "urn:flexprint:problem:"


class Problem(Exception):
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


def answer(problem: Problem) -> JSONResponse:
    headers = {**problem.headers, "Cache-Control": "no-store"}
    return JSONResponse(problem.document(), problem.status, headers, media_type=MEDIA_TYPE)
