"""What templates say of a list: its columns (templates/lists.html). Pure."""

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Column:
    """What stands over a column. `kind` is `num` for figures, `unseen` where only those hear the heading who listen.
    `sort` is the word in the address that sorts by it; `falls` where the largest comes first. `also` is a second
    heading of the same column."""

    heading: str
    kind: str = ""
    sort: str = ""
    falls: bool = False
    also: "Column | None" = None

    @property
    def sorts(self) -> tuple[str, ...]:
        """All the words that sort by this column."""
        return tuple(one for one in (self.sort, *(self.also.sorts if self.also else ())) if one)
