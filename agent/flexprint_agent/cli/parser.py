"""What can be typed."""

import argparse
from collections.abc import Sequence
from typing import Final

from flexprint_agent import __version__

TARGETS: Final = "name, address, 10.10.10.*, 10.10.10.5-40 or 10.10.10.0/24, each with an optional :port"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command and its options; `--home` and `--json` are known before and after the command. Exits with status
    2 on wrong usage, with the reason on stderr."""
    parser = argparse.ArgumentParser(
        prog="flexprint-agent",
        description="Finds printers, reads their meters, hands the reads to the collector.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"flexprint-agent {__version__}")
    # Given before the command they are set here; given after it, the command's own copies set them again.
    parser.set_defaults(home=None, json=False)
    _everywhere(parser)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, about: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=about, description=about, allow_abbrev=False)
        _everywhere(made)
        return made

    enroll = command("enroll", "registers with the dealer's collector")
    enroll.add_argument("--server", required=True, metavar="URL", help="the collector's address")
    enroll.add_argument("--key", required=True, help="the one-time install key; - reads it from standard input")
    enroll.add_argument("--proxy", metavar="URL", help="web proxy on the way, as http://user:password@host:port")
    enroll.add_argument("--ca", metavar="FILE", help="private certificate authority to trust as well (PEM)")
    enroll.add_argument(
        "--insecure-loopback", action="store_true", help="accept plain http to this computer, for trying things out"
    )

    add = command("add", "chooses what is searched")
    add.add_argument("--yes", action="store_true", help="take ranges larger than a /20 as well")
    exclude = command("exclude", "never sends these a packet")
    for one in (add, exclude):
        one.add_argument("targets", nargs="*", metavar="TARGET", help=f"{TARGETS}; - reads a list from standard input")
        one.add_argument("--file", metavar="FILE", help="a list: a target a line, or a table with an address column")
    remove = command("remove", "forgets targets and exclusions")
    remove.add_argument("targets", nargs="+", metavar="TARGET", help=TARGETS)

    segments = command(
        "segments",
        "lists the networks that could be searched, asking the default gateway, and chooses",
    )
    segments.add_argument("action", nargs="?", choices=("select", "deselect"), help="choose what is searched")
    segments.add_argument("cidrs", nargs="*", metavar="CIDR", help="a segment as the list shows it, 10.10.10.0/24")
    segments.add_argument("--gateway", metavar="ADDR", help="ask this router instead of the default gateway")
    segments.add_argument("--hops", action="store_true", help="ask the routers behind the gateway as well")
    segments.add_argument(
        "--community", action="append", metavar="C", help="SNMP community of the routers; - reads standard input"
    )
    segments.add_argument("--yes", action="store_true", help="take segments larger than a /20 as well")

    search = command("search", "finds printers in what was chosen")
    search.add_argument("--plan", action="store_true", help="show addresses, packets, bytes and seconds; send nothing")
    command("devices", "what is known, with last read")
    read = command("read", "reads known printers, or those named, and keeps the reads")
    read.add_argument("targets", nargs="*", metavar="TARGET", help=TARGETS)
    probe = command("probe", "one read each, printed; nothing is kept")
    probe.add_argument("targets", nargs="+", metavar="TARGET", help=TARGETS)
    _asking(probe)
    capture = command("capture", "what a device answers, as one file that a lab can serve")
    capture.add_argument("target", metavar="TARGET", help="name or address of one device, with an optional :port")
    capture.add_argument("--mask", action="store_true", help="mask serials, names, places, people and addresses")
    capture.add_argument("--output", metavar="FILE", help="file to write; one that exists is never overwritten")
    _asking(capture)
    vendors = command("vendors", "lists the makers' tables, or checks captures against them")
    check = vendors.add_subparsers(dest="action").add_parser(
        "check", help="which table applies to a capture, what it reads, what it leaves unexplained", allow_abbrev=False
    )
    _everywhere(check)
    check.add_argument("files", nargs="+", metavar="FILE", help="a file that capture wrote, or another .snmprec")
    check.add_argument("--table", metavar="FILE", help="a table to try that is not installed")

    send = command("send", "hands over what is in the spool")
    send.add_argument("--report", action="store_true", help="ask for the workbook now")
    recipients = command("recipients", "where workbooks go")
    recipients.add_argument("action", choices=("add", "remove", "list"))
    recipients.add_argument("addresses", nargs="*", metavar="ADDRESS")
    wake = command("wake", "one full wake: search if due, read, send")
    wake.add_argument("--due", action="store_true", help="do only what is due, as the service does")
    command("run", "the service: sleeps, wakes, until it is stopped")
    exporting = command("export", "writes what waits to a file, for a site that reaches no collector")
    exporting.add_argument("file", metavar="FILE", help="sealed: whoever carries it can neither read nor change it")
    exporting.add_argument("--report", action="store_true", help="ask for the workbook with it")
    importing = command("import", "takes the collector's acknowledgement of an export")
    importing.add_argument("file", metavar="FILE", help="what the collector gave when it took the export")
    service = command("service", "has the system start `run` by itself")
    service.add_argument("action", choices=("install", "remove", "status"))
    page = command("page", "the local web page, where all of this is done with a mouse")
    page.add_argument("--no-browser", dest="browser", action="store_false", help="print the address and open nothing")
    command("status", "health at a glance")
    doctor = command("doctor", "walks from the collector to each printer: what is wrong, and the next step")
    doctor.add_argument("--report", metavar="FILE", help="write all of it to a file for your dealer, without secrets")
    sent = command("sent", "every batch that left, readable in clear")
    sent.add_argument("batch", nargs="?", type=int, metavar="BATCH", help="number of the batch to show whole")
    sent.add_argument("--check-in", action="store_true", help="what was told of this agent at the last check-in")
    sent.add_argument("--log", action="store_true", help="the log that left last, because your dealer asked for it")
    credentials = command("credentials", "as whom devices are asked: users of SNMPv3, and communities")
    _credentials(credentials)
    settings = command("settings", "shows the settings, or sets one")
    settings.add_argument("name", nargs="?", metavar="NAME")
    settings.add_argument("value", nargs="?", metavar="VALUE", help="'' takes the default; - reads standard input")
    chosen = parser.parse_args(arguments)
    if chosen.command == "credentials":
        chosen.numbers = _wanted(credentials, chosen)
    if chosen.command == "recipients" and (chosen.action == "list") == bool(chosen.addresses):
        recipients.error("list takes no address, add and remove take at least one")
    if chosen.command in ("add", "exclude") and not chosen.targets and chosen.file is None:
        (add if chosen.command == "add" else exclude).error("name at least one TARGET, - or --file FILE")
    if chosen.command == "segments" and (chosen.action is None) == bool(chosen.cidrs):
        segments.error("select and deselect take at least one segment")
    return chosen


def _credentials(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("add", "remove", "sooner", "list"))
    parser.add_argument(
        "numbers", nargs="*", metavar="NUMBER", help="what `remove` forgets or `sooner` tries one place earlier"
    )
    parser.add_argument("--for", dest="scope", metavar="TARGET", help=f"the devices it is for (all): {TARGETS}")
    parser.add_argument(
        "--community", nargs="?", const="-", metavar="C", help="an SNMP community, asked for where it is not given"
    )
    _user(parser)


def _wanted(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> list[int]:
    """The numbers to remove. Exits on what does not go together."""
    described = chosen.user is not None, chosen.community is not None
    if chosen.action == "add" and (described[0] == described[1] or chosen.numbers):
        parser.error("add takes either --user NAME or --community")
    if chosen.action != "add" and (any(described) or chosen.scope):
        parser.error(f"{chosen.action} takes no user, no community and no --for")
    if (chosen.action in ("remove", "sooner")) != bool(chosen.numbers) or not all(
        text.isdecimal() for text in chosen.numbers
    ):
        parser.error(
            "remove and sooner take the numbers that `flexprint-agent credentials list` shows, list and add take none"
        )
    return [int(text) for text in chosen.numbers]


def _user(parser: argparse.ArgumentParser) -> None:
    unsafe = "asked for where it is not given here, which other programs can see; - reads a line of standard input"
    parser.add_argument("--user", metavar="NAME", help="user of SNMPv3")
    parser.add_argument("--auth-protocol", metavar="P", help="none, MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512")
    parser.add_argument("--auth-password", metavar="S", help=unsafe)
    parser.add_argument(
        "--privacy-protocol", metavar="P", help="none, DES, AES-128, AES-192, AES-256, AES-192-C, AES-256-C"
    )
    parser.add_argument("--privacy-password", metavar="S", help=unsafe)
    parser.add_argument("--context", metavar="NAME", help="context of SNMPv3, where the printer has several")


def _everywhere(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--home",
        default=argparse.SUPPRESS,
        metavar="DIR",
        help="folder that holds everything the agent keeps (also FLEXPRINT_AGENT_HOME)",
    )
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print facts as JSON")


def _asking(parser: argparse.ArgumentParser) -> None:
    """How a device is asked."""
    parser.add_argument("--port", type=int, metavar="N", help="UDP port where the target names none (161)")
    parser.add_argument("--community", action="append", metavar="C", help="SNMP community; may be repeated")
    parser.add_argument("--version", choices=("1", "2c", "3"), help="SNMP version (2c, then 1)")
    _user(parser)
    parser.add_argument("--timeout", metavar="S", help="seconds until a device counts as silent; doubles per retry")
    parser.add_argument("--retries", metavar="N", help="how often a silent device is asked again")
