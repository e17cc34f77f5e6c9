"""Mail addresses that a report may go to: one rule for the agent that takes them and the collector that writes them."""

import re
from typing import Final

MOST_RECIPIENTS: Final = 50
"""Recipients of one report. An agent that was taken over must not become a source of spam."""

LONGEST_ADDRESS: Final = 254
"""Octets of a mail address (RFC 5321, section 4.5.3.1.3, with the erratum)."""

_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS: Final = re.compile(
    rf"(?=.{{1,64}}@)[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+)*@{_LABEL}(?:\.{_LABEL})*"
)


def is_address(text: str) -> bool:
    """True for one plain mail address: no display name, no quoting, nothing that could end a line."""
    return len(text) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(text) is not None
