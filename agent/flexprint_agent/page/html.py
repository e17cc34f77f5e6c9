"""HTML made of calls, so that nothing reaches a page without being escaped.

el("p", "5 < 6", class_="sub")  ->  <p class="sub">5 &lt; 6</p>
"""

from collections.abc import Iterable
from html import escape
from typing import Final, TypeAlias

Child: TypeAlias = "str | Iterable[Child] | None"
"""What stands in an element: text (escaped), Html (as it is), nothing, or several of these."""

Attribute: TypeAlias = str | int | float | bool | None

_VOID: Final = frozenset(("br", "hr", "img", "input", "link", "meta"))


class Html(str):
    """Markup. Everything that is not of this class is text."""

    __slots__ = ()


def el(name: str, /, *children: Child, **attributes: Attribute) -> Html:
    """An element. `class_` is `class`, `aria_label` is `aria-label`; True is an attribute without a value, False and
    None leave it out."""
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(children)}</{name}>")


def join(children: Child) -> Html:
    """All of them, one behind the other."""
    if children is None:
        return Html()
    if isinstance(children, Html):
        return children
    if isinstance(children, str):
        return Html(escape(children))
    return Html("".join(map(join, children)))


DASH: Final = Html('<span class="none">\u2013</span>')
"""Stands where there is nothing to show."""


def data(text: object, **attributes: Attribute) -> Html:
    """What is not ours to translate: a name, an address, what a device or another program said. It cannot turn the text
    around it, whichever way its letters run."""
    return el("bdi", str(text), translate="no", **attributes)


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
