"""A form with one file, as a browser sends it (RFC 7578): bounded in size and time, on disk where it is large."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import IO, Any, Final

from fastapi import HTTPException, Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from flexprint_shared.text import clean

SLOWEST: Final = 900
"""Seconds in which a file has to be here: 64 MB over a megabit and a half take six minutes."""

_AROUND: Final = 16 << 10
"""Octets of a form beside its file, at most."""


@dataclass(slots=True, frozen=True)
class Upload:
    """The fields of the form, and its file from the beginning; `name` is what the browser called it."""

    fields: dict[str, str]
    name: str
    file: IO[bytes]


def one_file(field: str, most: int) -> Callable[[Request], AsyncIterator[Upload]]:
    """What reads a form whose `field` is a file of `most` octets at most. Raises HTTPException 400, 408 or 413."""

    async def form(request: Request) -> AsyncIterator[Upload]:
        stream = _bounded(request, most + _AROUND)
        parser = MultiPartParser(request.headers, stream, max_files=1, max_fields=8, max_part_size=_AROUND)
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise HTTPException(400)
        try:
            async with asyncio.timeout(SLOWEST):
                parsed = await parser.parse()
        except TimeoutError as error:
            raise HTTPException(408) from error
        except (MultiPartException, ClientDisconnect, KeyError, ValueError, LookupError) as error:
            raise HTTPException(400) from error
        try:
            given = parsed.get(field)
            if not isinstance(given, UploadFile):
                raise HTTPException(400)
            fields = {name: text for name, text in parsed.items() if isinstance(text, str)}
            yield Upload(fields, clean(given.filename or "", 200), given.file)
        finally:
            await parsed.close()

    return form


async def _bounded(request: Request, most: int) -> AsyncGenerator[bytes, Any]:
    came = 0
    async for chunk in request.stream():
        came += len(chunk)
        if came > most:
            raise HTTPException(413)
        yield chunk
