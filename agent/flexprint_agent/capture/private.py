"""What no capture may hold, masked or not, wherever a maker keeps it: jobs, and the words it was asked with. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from flexprint_agent.snmp import ber
from flexprint_agent.snmp.ber import Value

_ENTERPRISES: Final = ber.oid("1.3.6.1.4.1")
_DOCUMENT: Final = re.compile(
    r"\w\.(?:docx?|xlsx?|pptx?|pdf|od[tsp]|rtf|txt|csv|msg|eml|jpe?g|tiff?)\b|^Microsoft (?:Word|Excel|PowerPoint) - ",
    re.IGNORECASE,
)
# Every agent's first guess; to leave out all that equals them would say more than it hides.
_NO_SECRETS: Final = frozenset({"", "public", "private"})
_SHORT: Final = 6
# Arcs of the highest entry that a maker may have: an enterprise alone has six.
_SHALLOWEST: Final = 8


def without_private(
    values: Mapping[bytes, Value], communities: Iterable[str]
) -> tuple[dict[bytes, Value], dict[str, str]]:
    """The values without what is private, and OID -> why it is left out.

    Where a maker's table names a document, the whole table is a list of jobs: who printed it stands beside it.
    """
    secrets = [one.encode() for one in communities if one not in _NO_SECRETS]
    tables = {_entry(name) for name, value in values.items() if _names_a_document(name, value)}
    left_out = {ber.dotted(table): "its texts look like names of documents" for table in tables}
    roots, kept = tuple(tables), {}
    for name, value in values.items():
        if name.startswith(roots):
            continue
        if _holds(value, secrets):
            left_out[ber.dotted(name)] = "it holds the community, the user or a password that the device is asked with"
        else:
            kept[name] = value
    return kept, left_out


def _names_a_document(name: bytes, value: Value) -> bool:
    tag, content = value
    return (
        tag == ber.OCTET_STRING and name.startswith(_ENTERPRISES) and bool(_DOCUMENT.search(content.decode("latin-1")))
    )


def _entry(name: bytes) -> bytes:
    """The entry of the table that an instance is taken to be of: without column and row. A scalar is its own."""
    entry = ber.parent(ber.parent(name))
    return name if name.endswith(b"\0") or len(ber.arcs(entry)) < _SHALLOWEST else entry


def _holds(value: Value, secrets: list[bytes]) -> bool:
    tag, content = value
    return tag == ber.OCTET_STRING and any(
        content.strip(b" \0") == secret or (len(secret) >= _SHORT and secret in content) for secret in secrets
    )
