"""Forms with a file, as browsers send them (RFC 7578). Pure."""

from collections.abc import Mapping
from email.parser import BytesHeaderParser
from typing import Final

MOST_PARTS: Final = 20


def parts_of(body: bytes, boundary: str) -> tuple[Mapping[str, list[str]], Mapping[str, bytes]]:
    """The fields of a form, and its files by the name of their field, without those where nothing was chosen. Raises
    ValueError for what no browser sends."""
    if not boundary or not boundary.isascii():
        raise ValueError("a form with a file needs its boundary")
    mark = b"\r\n--" + boundary.encode()
    # The first mark has no end of line before it, the last one two dashes behind.
    before, *parts = (b"\r\n" + body).split(mark, MOST_PARTS + 1)
    if before or not parts or not parts[-1].startswith(b"--"):
        raise ValueError("the form is cut off, or holds too much")
    form: dict[str, list[str]] = {}
    files: dict[str, bytes] = {}
    for part in parts[:-1]:
        if not part.startswith(b"\r\n"):
            raise ValueError("a part of the form does not begin as one")
        head, divided, content = part[2:].partition(b"\r\n\r\n")
        said = BytesHeaderParser().parsebytes(head)
        name = said.get_param("name", header="content-disposition")
        if not divided or not isinstance(name, str):
            raise ValueError("a part of the form has no name")
        if said.get_param("filename", header="content-disposition") is None:
            form.setdefault(name, []).append(content.decode("utf-8", "replace"))
        elif content:
            files[name] = content
    return form, files
