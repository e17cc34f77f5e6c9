"""Where a sweep asks with which communities, and where over SNMPv3 as well. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from flexprint_agent.search.finder import Scope
from flexprint_agent.targets import Span


class Way(NamedTuple):
    """How an address is asked: over SNMPv3 first where `secured`, then with each community in turn."""

    secured: bool
    communities: tuple[str, ...]


def by_way(spans: Sequence[Span], scopes: Sequence[Scope], communities: Sequence[str]) -> list[tuple[Way, list[Span]]]:
    """`spans` (each with its port), cut where a scope begins or ends, and put together by how they are asked.
    `communities` are for every address, after those of the scopes that it is in."""
    found: dict[Way, list[Span]] = {}
    for span in spans:
        for piece in _pieces(span, scopes):
            holding = [scope for scope in scopes if _holds(scope, piece)]
            own = (scope.community for scope in holding if scope.community is not None)
            way = Way(any(scope.community is None for scope in holding), tuple(dict.fromkeys((*own, *communities))))
            found.setdefault(way, []).append(piece)
    return list(found.items())


def _pieces(span: Span, scopes: Iterable[Scope]) -> list[Span]:
    """The span, cut so that each piece is wholly inside or wholly outside of every scope."""
    ends = {
        end
        for scope in scopes
        for other in scope.spans or ()
        for end in (other.first, other.last + 1)
        if _is_of(other, span) and span.first < end <= span.last
    }
    starts = [span.first, *sorted(ends)]
    lasts = [*(start - 1 for start in starts[1:]), span.last]
    return [replace(span, first=first, last=last) for first, last in zip(starts, lasts, strict=True)]


def _is_of(other: Span, span: Span) -> bool:
    """Whether a scope's span says something about the ports and the kind of addresses of `span`. As with exclusions,
    that of a link-local address holds for every interface."""
    return other.version == span.version and other.port in (None, span.port)


def _holds(scope: Scope, piece: Span) -> bool:
    return scope.spans is None or any(
        _is_of(other, piece) and other.first <= piece.first <= other.last for other in scope.spans
    )
