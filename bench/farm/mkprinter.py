"""Writes the table of a made-up colour laser printer for the farm: `mkprinter.py FOLDER`.

357 objects laid out as RFC 1213, RFC 2790 and RFC 3805 say, and a private branch like those the makers
ship. Lines are OID|TAG|VALUE; the farm fills in what stands in braces, differently for each address.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

INT, STR, HEX, OID, C32, G32, TT = "2", "4", "4x", "6", "65", "66", "67"
MIB2 = "1.3.6.1.2.1"
HP = "1.3.6.1.4.1.11.2.3.9"
MAKER, MODEL = "ACME", "LaserColor 4600"
TRAYS = ("Manual feed", "Tray 1", "Tray 2")
SUPPLIES = (
    (3, "Black Toner Cartridge", 1),
    (3, "Cyan Toner Cartridge", 2),
    (3, "Magenta Toner Cartridge", 3),
    (3, "Yellow Toner Cartridge", 4),
    (15, "Fuser Kit", 0),
    (20, "Transfer Kit", 0),
)

Cell = tuple[int, str, object]
Line = tuple[str, str, object]


def row(table: str, index: str, cells: Iterable[Cell]) -> Iterator[Line]:
    for column, tag, value in cells:
        yield f"{MIB2}.{table}.{column}.{index}", tag, value


def system() -> Iterator[Line]:
    said = f"{MAKER} {MODEL};Firmware 2.4.1 2023-05-11;NIC 10/100/1000;SN:{{serial}}"
    scalars = (
        (STR, said), (OID, f"{HP}.1"), (TT, "{uptime}"), (STR, "helpdesk@example.test"), (STR, "{host}"),
        (STR, "Building {n}, floor 2"), (INT, 72),
    )  # fmt: skip
    for number, (tag, value) in enumerate(scalars, 1):
        yield f"{MIB2}.1.{number}.0", tag, value


def interfaces() -> Iterator[Line]:
    yield f"{MIB2}.2.1.0", INT, 2
    named = (("lo", 24, ""), (f"{MAKER} embedded gigabit ethernet", 6, "{mac6}"))
    for index, (name, kind, mac) in enumerate(named, 1):
        cells: list[Cell] = [
            (1, INT, index), (2, STR, name), (3, INT, kind), (4, INT, 1500), (5, G32, 1000000000), (6, STR, mac),
            (7, INT, 1), (8, INT, 1), (9, TT, 0),
        ]  # fmt: skip
        cells += [(column, C32, "{rand:0:4000000000}") for column in range(10, 21)]
        yield from row("2.2.1", str(index), [*cells, (21, G32, 0), (22, OID, "0.0")])
    yield f"{MIB2}.4.1.0", INT, 2
    yield f"{MIB2}.4.2.0", INT, 64


def host_resources() -> Iterator[Line]:
    yield f"{MIB2}.25.1.1.0", TT, "{uptime}"
    yield f"{MIB2}.25.2.2.0", INT, 1048576
    for index, (kind, name) in enumerate(((5, f"{MAKER} {MODEL}"), (4, "Network interface"), (3, "CPU")), 1):
        device = f"{MIB2}.25.3.1.{kind}"
        cells: tuple[Cell, ...] = (
            (1, INT, index),
            (2, OID, device),
            (3, STR, name),
            (4, OID, "0.0"),
            (5, INT, 2),
            (6, C32, 0),
        )
        yield from row("25.3.2.1", str(index), cells)
    yield from row("25.3.5.1", "1", ((1, INT, "{rand:3:4}"), (2, HEX, "0000")))


def general() -> Iterator[Line]:
    numbers = (
        (2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (7, 1), (8, 1), (9, 1), (10, 4), (11, 80), (12, 2), (13, 1), (14, 3),
        (15, 1), (18, "{rand:0:3}"), (19, "{rand:0:1}"),
    )  # fmt: skip
    texts = ((16, STR, "{host}"), (17, STR, "{serial}"))
    yield from row("43.5.1.1", "1", ((1, C32, "{rand:1:40}"), *((c, INT, v) for c, v in numbers), *texts))
    for index, cover in enumerate(("Front door", "Rear door"), 1):
        yield from row("43.6.1.1", f"1.{index}", ((2, STR, cover), (3, INT, 4)))
    yield from row("43.7.1.1", "1.1", ((2, STR, "en"), (3, STR, "US"), (4, INT, 106)))


def paper() -> Iterator[Line]:
    for index, name in enumerate(TRAYS, 1):
        cells: tuple[Cell, ...] = (
            (2, INT, 4), (3, INT, 3), (4, INT, 110000), (5, INT, 85000), (6, INT, 110000), (7, INT, 85000),
            (8, INT, 8), (9, INT, 500), (10, INT, "{rand:0:500}"), (11, INT, 0), (12, STR, "na_letter_8.5x11in"),
            (13, STR, name), (14, STR, MAKER), (15, STR, f"TR-{index}"), (16, STR, "1.0"), (17, STR, ""),
            (18, STR, name), (19, INT, -2), (20, INT, 75),
        )  # fmt: skip
        yield from row("43.8.2.1", f"1.{index}", cells)
    cells = (
        (2, INT, 4), (3, INT, 8), (4, INT, 250), (5, INT, -2), (6, INT, 0), (7, STR, "Output bin 1"), (8, STR, MAKER),
        (9, STR, "OB"), (10, STR, ""), (11, STR, ""), (12, STR, "Standard bin 1"), (13, INT, -2), (14, INT, 4),
        (15, INT, 110000), (16, INT, 85000),
    )  # fmt: skip
    yield from row("43.9.2.1", "1.1", cells)
    cells = (
        (2, INT, 80), (3, INT, 80), (4, INT, 3), (5, INT, 110000), (6, INT, 85000), (7, INT, 20000), (8, INT, 20000),
        (9, INT, 1), (10, INT, 7), (11, STR, "Main path"),
    )  # fmt: skip
    yield from row("43.13.4.1", "1.1", cells)


def marker() -> Iterator[Line]:
    cells: tuple[Cell, ...] = (
        (2, INT, 4), (3, INT, 7), (4, C32, "{counter}"), (5, C32, "{rand:10:900}"), (6, INT, 4), (7, INT, 0),
        (8, INT, 1200), (9, INT, 1200), (10, INT, 600), (11, INT, 600), (12, INT, 50), (13, INT, 50), (14, INT, 50),
        (15, INT, 0),
    )  # fmt: skip
    yield from row("43.10.2.1", "1.1", cells)
    for index, (kind, name, colorant) in enumerate(SUPPLIES, 1):
        cells = (
            (2, INT, 1), (3, INT, colorant), (4, INT, 3), (5, INT, kind), (6, STR, f"{name} S/N:{{mac}}"),
            (7, INT, 7), (8, INT, 12000), (9, INT, "{rand:0:12000}"),
        )  # fmt: skip
        yield from row("43.11.1.1", f"1.{index}", cells)
    for index, color in enumerate(("black", "cyan", "magenta", "yellow"), 1):
        yield from row("43.12.1.1", f"1.{index}", ((2, INT, 1), (3, INT, 3), (4, STR, color), (5, INT, 4)))


def channels() -> Iterator[Line]:
    for index in (1, 2):
        cells: tuple[Cell, ...] = (
            (2, INT, 8 + index), (3, STR, "1.0"), (4, INT, 1), (5, INT, 1), (6, INT, 1), (7, INT, 1),
            (8, STR, "port=9100"),
        )  # fmt: skip
        yield from row("43.14.1.1", f"1.{index}", cells)
    for index in range(1, 5):
        cells = (
            (2, INT, index + 2), (3, STR, "5"), (4, STR, "1"), (5, STR, f"Interpreter {index}"), (6, STR, "2.4.1"),
            (7, INT, 1), (8, INT, 1200), (9, INT, 1200), (10, INT, 106), (11, INT, 106), (12, INT, 1),
        )  # fmt: skip
        yield from row("43.15.1.1", f"1.{index}", cells)


def console() -> Iterator[Line]:
    for index, text in enumerate(("Ready", "Tray 2 low"), 1):
        yield from row("43.16.5.1", f"1.{index}", ((2, STR, text),))
    for index in range(1, 4):
        cells: tuple[Cell, ...] = (
            (2, INT, 4), (3, INT, 3), (4, INT, 8), (5, INT, index), (6, INT, 0), (7, INT, 808),
            (8, STR, f"Tray {index} is low on paper"), (9, TT, "{uptime}"),
        )  # fmt: skip
        yield from row("43.18.1.1", f"1.{index}", cells)


def private() -> Iterator[Line]:
    counters = ("{counter}", "{counter/3}", "{counter/2}", "{counter/9}", "{counter/20}", "{rand:0:50000}",
                "{rand:0:9000}", "{rand:0:700}")  # fmt: skip
    for number, value in enumerate(counters, 1):
        yield f"{HP}.4.2.1.4.1.2.{number}.0", INT, value
    yield f"{HP}.1.1.7.0", STR, f"MFG:{MAKER};CMD:PJL,PCL,PS;MDL:{MODEL};CLS:PRINTER;SN:{{serial}};"
    yield f"{HP}.4.2.1.1.3.3.0", STR, "{serial}"
    yield f"{HP}.4.2.1.1.3.2.0", STR, MODEL


PARTS = (system, interfaces, host_resources, general, paper, marker, channels, console, private)


def main() -> None:
    lines = [f"{name}|{tag}|{value}\n" for part in PARTS for name, tag, value in part()]
    (Path(sys.argv[1]) / "printer.snmprec").write_text("".join(lines))


if __name__ == "__main__":
    main()
