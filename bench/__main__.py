"""The performance book: every benchmark with its peers in one run, written to docs/benchmarks.md.

python -m bench                  all chapters
python -m bench sweep workbook   only these; the book keeps its other chapters
"""

import platform
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from bench.rig import CannotMeasure

BOOK = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
CHAPTERS = {
    "sweep": "Sweep: who answers, in one subnet, in 64 at once, in a /16",
    "read": "Read: everything a printer says",
    "ingest": "Ingest: from the socket to the commit",
    "workbook": "Workbook: rows to a file",
    "reports": "A fleet's workbook: from the database to the mail",
    "mail": "From the last upload to the mailbox",
    "pages": "Pages: from a request to its answer, of 100,000 devices and 20 million reads",
}
HEAD = """\
# Benchmarks

Written by `make bench`. Peers run in turn with ours within one run, on one machine, so **compare ratios**: single figures
move with the machine and with what else it does. Everything is on loopback; a real network adds its latency to all alike.
What is not installed is left out.
"""
_CHAPTER = re.compile(r"<!-- chapter: (\w+) -->\n.*?(?=<!-- chapter: |\Z)", re.DOTALL)


def chapter(name: str, *, once: bool) -> Iterator[str]:
    """The lines of one chapter. Raises CannotMeasure."""
    module = import_module(f"bench.{name}")
    rows = module.measure(1) if once else module.measure()
    yield f"<!-- chapter: {name} -->"
    yield f"## {CHAPTERS[name]}"
    yield ""
    yield f"Measured {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {platform.machine()}."
    yield ""
    yield from module.markdown(rows)
    yield ""


def main() -> int:
    once = "-1" in sys.argv[1:]
    wanted = [name for name in sys.argv[1:] if name != "-1"] or list(CHAPTERS)
    unknown = set(wanted) - set(CHAPTERS)
    if unknown:
        print(f"no chapter {', '.join(sorted(unknown))}; there are {', '.join(CHAPTERS)}", file=sys.stderr)
        return 2
    kept = {}
    if BOOK.exists():
        kept = {found[1]: found[0].rstrip() + "\n\n" for found in _CHAPTER.finditer(BOOK.read_text(encoding="utf-8"))}
    missing = 0
    for name in wanted:
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            kept[name] = "\n".join(chapter(name, once=once)) + "\n"
        except CannotMeasure as reason:
            print(f"{name}: {reason}", file=sys.stderr)
            missing += 1
            continue
        print(kept[name])
        BOOK.write_text("\n".join([HEAD, *(kept[each] for each in CHAPTERS if each in kept)]), encoding="utf-8")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
