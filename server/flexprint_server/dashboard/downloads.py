"""Files that a browser saves: their names, their headers, and their content a piece at a time."""

import os
from collections.abc import Iterator, Mapping
from typing import IO, Final
from urllib.parse import quote

from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from flexprint_server.dashboard.pages import HEADERS
from flexprint_shared.text import clean

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV: Final = "text/csv; charset=utf-8"

_PIECE: Final = 64 << 10


def attachment(name: str) -> str:
    """A Content-Disposition (RFC 6266) that saves a file under `name`, whatever stands in it."""
    safe = "".join("_" if character in '\\/:*?"<>|' else character for character in clean(name, 150)).strip(". ")
    plain = "".join(character if character.isascii() and character != "%" else "_" for character in safe)
    return (
        f"attachment; filename=\"{plain or 'report.xlsx'}\"; filename*=UTF-8''{quote(safe or 'report.xlsx', safe='')}"
    )


def download(content: bytes, name: str, kind: str) -> Response:
    """A small file, whole."""
    return Response(content, media_type=kind, headers=_headers(name))


def streamed(file: IO[bytes], name: str, kind: str) -> Response:
    """A file of any size, from its beginning; it is closed when the answer is over, however that ends."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return _FileAnswer(file, kind, _headers(name) | {"Content-Length": str(size)})


def in_parts(parts: Iterator[bytes], size: int, name: str, kind: str) -> Response:
    """A file of `size` octets that is in no file of ours."""
    return StreamingResponse(parts, media_type=kind, headers=_headers(name) | {"Content-Length": str(size)})


class _FileAnswer(StreamingResponse):
    def __init__(self, file: IO[bytes], kind: str, headers: Mapping[str, str]) -> None:
        super().__init__(iter(lambda: file.read(_PIECE), b""), media_type=kind, headers=headers)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._file:
            await super().__call__(scope, receive, send)


def _headers(name: str) -> dict[str, str]:
    return {**HEADERS, "Cache-Control": "no-store", "Content-Disposition": attachment(name)}
