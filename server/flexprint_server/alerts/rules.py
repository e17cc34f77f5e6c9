"""What there is to be alerted of, as a table."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, get_args

Kind = Literal["agent_silent", "meter_epoch", "device_stale", "supply_low", "device_new"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


class Rule(NamedTuple):
    """`one` and `many` name it in words; `weight` is bad, warn or fresh; `is_mailed` when it goes to the addresses that
    the setting alert_recipients has for the place; `do` is the one thing to do."""

    one: str
    many: str
    weight: str
    is_mailed: bool
    do: str


RULES: Final[Mapping[str, Rule]] = {
    "agent_silent": Rule("Agent silent", "agents silent", "bad", True, ""),
    "meter_epoch": Rule(
        "Counter went down", "counters went down", "bad", True, "Open the device and confirm what happened to it."
    ),
    "device_stale": Rule(
        "Device stale",
        "devices stale",
        "bad",
        True,
        "Its agent is well: is the device switched off, moved or gone? Retire it if it is gone.",
    ),
    "supply_low": Rule("Supply low", "supplies low", "warn", True, "Send what is needed."),
    "device_new": Rule("New device", "new devices", "fresh", True, "Does it belong to the contract? Type its labels."),
}
"""By Kind, the graver first, which is the order in which people see them."""
