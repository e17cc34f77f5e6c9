"""The rooms of the dashboard: what the navigation shows, to whom, in which order. A new room is a row here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from flexprint_server.tenants.roles import Permission


@dataclass(slots=True, frozen=True)
class Room:
    """A page of its own. Its template says `{% set room = name %}`; `icon` is one of templates/icons.html, named like
    the room. Without `needs` everybody who is signed in sees it."""

    name: str
    label: str
    path: str
    needs: Permission | None = None


GROUPS: Final[tuple[tuple[Room, ...], ...]] = (
    (
        Room("overview", "Overview", "/"),
        Room("devices", "Devices", "/devices"),
        Room("alerts", "Alerts", "/alerts"),
        Room("missing", "Missing reads", "/missing"),
    ),
    (
        Room("customers", "Customers", "/customers"),
        Room("agents", "Agents", "/agents"),
    ),
    (
        Room("reports", "Reports", "/reports"),
        Room("billing", "Billing", "/billing", "billing"),
    ),
    (
        Room("settings", "Settings", "/settings", "people"),
        Room("keys", "API keys", "/keys", "people"),
        Room("people", "People", "/people", "people"),
        Room("audit", "Audit", "/audit", "people"),
    ),
)  # fmt: skip
"""Groups of rooms that belong together, from what people look at every day to what they set up once."""


def groups_for(may: Callable[[Permission], bool]) -> list[list[Room]]:
    """The groups with the rooms that somebody may enter; `may` answers for each permission."""
    seen = ([room for room in group if room.needs is None or may(room.needs)] for group in GROUPS)
    return [group for group in seen if group]
