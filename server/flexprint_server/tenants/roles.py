"""Who may do what, as one table. Pure."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

Permission = Literal["see", "label", "agents", "reports", "billing", "people"]
"""see: look at everything in scope. label: type asset numbers, locations and notes, settle doubts about which device is
which. agents: install keys, agents, customers and sites, and what is settled for them. reports: schedules, recipients,
sending again. billing: cut-offs, corrections, export profiles. people: users, keys, the dealer's settings, the audit
log."""

OWNER: Final = "owner"
CUSTOMER: Final = "customer"
"""A customer's own user: sees the sites of that customer and changes nothing."""

ROLES: Final[Mapping[str, frozenset[Permission]]] = {
    OWNER: frozenset(get_args(Permission)),
    "billing": frozenset(("see", "label", "reports", "billing")),
    "technician": frozenset(("see", "label", "agents", "reports")),
    "viewer": frozenset(("see",)),
    CUSTOMER: frozenset(("see",)),
}


def may(role: str, permission: Permission) -> bool:
    """Whether the role has the permission; a role that nobody knows has none."""
    return permission in ROLES.get(role, ())
