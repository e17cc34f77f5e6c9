"""What mail servers report of a mail that they had accepted: delivery status notifications (RFC 3464). Pure.

They come from anywhere and may say anything. Nothing in one is believed but that which names a mail of ours by its
envelope id, 128 bits of chance that only those servers and its recipient have seen; and all it can do is to mark that
mail as returned.
"""

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from typing import Final, Literal, NamedTuple

from flexprint_shared.text import clean

LARGEST: Final = 256 << 10
"""Octets of a notification that are read: what counts stands before the returned mail."""

_MOST_PARTS: Final = 50
_ID: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_STATUS: Final = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")

Action = Literal["failed", "delayed"]


class Bounce(NamedTuple):
    """`envelope_id` is the left part of the mail's Message-ID, `status` an enhanced status code (RFC 3463) or empty,
    `words` what the mail server said."""

    envelope_id: str
    action: Action
    status: str
    words: str

    @property
    def is_about_the_address(self) -> bool:
        """True when another mail to that address would come back, too: no such mailbox or domain. A full mailbox, or a
        server that takes us for spam, may take the next one."""
        subject_detail = self.status[2:]
        about = subject_detail.startswith("1.") or subject_detail in ("2.1", "4.4")
        return self.action == "failed" and self.status.startswith("5.") and about


def envelope_id(message_id: str) -> str:
    """`<0123...@example.com>`: what a mail's Message-ID begins with."""
    return message_id.strip("<> ").partition("@")[0]


def return_path(bounce_address: str, message_id: str) -> str:
    """The address to which a mail comes back, with its envelope id in it: `bounces+0123...@example.com`."""
    local, _, domain = bounce_address.rpartition("@")
    return f"{local}+{envelope_id(message_id)}@{domain}"


def bounce_in(octets: bytes) -> Bounce | None:
    """What a notification says of a mail of ours; None when it is none, or says nothing of one."""
    try:
        return _bounce_in(message_from_bytes(octets[:LARGEST]))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        # Headers in encodings that nobody knows, parts in parts in parts: it is no report that anybody meant well.
        return None


def _bounce_in(message: Message) -> Bounce | None:
    status: Message | None = None
    marks = [_header(message, name) for name in ("Delivered-To", "X-Original-To", "To")]
    for number, part in enumerate(message.walk()):
        if number > _MOST_PARTS:
            return None
        kind = part.get_content_type()
        if kind == "message/delivery-status" and status is None:
            status = _merged(part)
            marks.append(_header(status, "Original-Envelope-Id"))
        elif kind == "message/rfc822":
            marks += [_header(one, "Message-ID") for one in _inner(part)]
        elif kind == "text/rfc822-headers":
            marks.append(_header(message_from_bytes(_payload(part)), "Message-ID"))
    ids = [found[0] for mark in marks if (found := _ID.search(mark))]
    if status is None or not ids:
        return None
    return bounce_from(ids[0], _header(status, "Action"), _header(status, "Status"), _header(status, "Diagnostic-Code"))


def bounce_from(envelope: str, action: str, status: str, words: str) -> Bounce | None:
    """A report by its fields, as they came; None when it tells of no failure."""
    code = _STATUS.search(status)
    said = clean(words.partition(";")[2] or words, 500) or clean(f"{action} {status}", 100)
    known: dict[str, Action] = {"failed": "failed", "delayed": "delayed"}
    doing = known.get(action.strip().lower())
    if doing is None or not _ID.fullmatch(envelope):
        return None
    return Bounce(envelope, doing, code[0] if code else "", said)


def _merged(part: Message) -> Message:
    """The fields about the mail and those about its (one) recipient, as one."""
    merged = Message()
    for block in _inner(part):
        for name, value in block.items():
            if name not in merged:
                merged[name] = str(value)
    return merged


def _inner(part: Message) -> Iterator[Message]:
    payload = part.get_payload()
    if isinstance(payload, list):
        yield from (one for one in payload if isinstance(one, Message))


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _header(message: Message, name: str) -> str:
    return str(message.get(name) or "")[:1000]
