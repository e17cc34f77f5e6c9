"""Where in a list that is counted by groups a page of it lies."""

from collections.abc import Iterable
from typing import TypeVar

_Group = TypeVar("_Group")


def window(counts: Iterable[tuple[_Group, int]], before: int, size: int) -> tuple[list[_Group], int]:
    """Of groups (name, members) in order: those in which the `size` members after the first `before` lie, and how
    many members of the first of these come before them."""
    found: list[_Group] = []
    skipped = passed = 0
    for group, members in counts:
        if members and passed + members > before:
            if not found:
                skipped = before - passed
            found.append(group)
        passed += members
        if passed >= before + size:
            break
    return found, skipped
