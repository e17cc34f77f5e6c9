"""What a person chooses, checked and kept: the collector, settings, targets, exclusions, segments, recipients.

The command line and the local page both choose here, so that one means what the other does.
"""

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from flexprint_agent import __version__, settings, targets
from flexprint_agent.errors import WrongUsage
from flexprint_agent.keep import Keep
from flexprint_agent.keep.enrolment import Enrolment
from flexprint_agent.targets import BadTarget, Name, Span
from flexprint_agent.wake import lists
from flexprint_agent.wake.chosen import from_dealer
from flexprint_agent.wake.reading import Clock, look_up
from flexprint_agent.wake.segments import block_of
from flexprint_agent.wake.sending import leaving_of
from flexprint_shared.addresses import MOST_RECIPIENTS, is_address

if TYPE_CHECKING:
    from flexprint_agent.send.client import Route

Typed = tuple[int | None, str]
"""The number of the line that a target stands on, None where it stands alone; and the target."""

Agrees = Callable[[str, Span], bool]
"""Whether a person means a range as large as this one. Told what was typed, and the range."""


@dataclass(slots=True, frozen=True)
class Taken:
    """What became of what was typed: `new` was taken, `known` was there before, `refused` could not be taken."""

    new: list[str]
    known: list[str]
    refused: list[BadTarget]


# The collector


@dataclass(slots=True, frozen=True)
class Wanted:
    """An enrolment as it was typed. `proxy` with user and password, `login` those of a proxy that the system names or
    that asked for them, `ca` the name of a file."""

    server: str
    key: str
    proxy: str | None = None
    ca: str | None = None
    insecure_loopback: bool = False
    login: tuple[str, str] | None = field(default=None, repr=False)


class NoKey(WrongUsage):
    """Nothing was typed for the install key."""


def enroll(keep: Keep, wanted: Wanted, now: Clock) -> Enrolment:
    """Registers with the collector and keeps what it answered; the proxy and the authority are kept with it. Raises
    NoKey, BadRoute, BadSetting, DeliveryError."""
    import platform

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from flexprint_agent.send import client
    from flexprint_agent.send.enroll import Applicant
    from flexprint_agent.send.enroll import enroll as ask

    if not wanted.key:
        raise NoKey("there is no install key; your dealer gives you one")
    way, chosen = _way(keep, wanted)
    signing_key = keep.enrolments.next_signing_key()
    public_key = Ed25519PrivateKey.from_private_bytes(signing_key).public_key().public_bytes_raw()
    system = f"{platform.system()} {platform.release()}"
    host = leaving_of(keep, settings.in_force(keep.choices.settings())).host(socket.gethostname())
    applicant = Applicant(public_key, host, system, __version__)
    with client.Collector(way) as collector:
        welcome = ask(collector, wanted.key, applicant)
    keep.choices.set(chosen, settings.SECRETS)
    enrolment = Enrolment(
        server=way.server,
        insecure_loopback=wanted.insecure_loopback,
        agent=welcome.agent,
        dealer=welcome.dealer,
        customer=welcome.customer,
        site=welcome.site,
        identity_key=welcome.identity_key,
        sealing_key=welcome.sealing_key,
        enrolled_at=now(),
    )
    keep.enrolments.put(enrolment, signing_key)
    return enrolment


def reach(keep: Keep, wanted: Wanted, at: datetime) -> None:
    """Asks whether the collector answers there and spends no key. Raises BadRoute, BadSetting, DeliveryError."""
    from flexprint_agent.send.way import require_open

    require_open(_way(keep, wanted)[0], at)


def _way(keep: Keep, wanted: Wanted) -> "tuple[Route, dict[str, str]]":
    """The way to the collector that was typed, and the settings that belong to it."""
    from flexprint_agent.send.client import Route, server_address

    server = server_address(wanted.server, insecure_loopback=wanted.insecure_loopback)
    chosen = (settings.split_proxy(wanted.proxy) if wanted.proxy else {}) | _authority(wanted.ca)
    if wanted.login is not None:
        chosen |= dict(zip(("proxy_user", "proxy_password"), wanted.login, strict=True))
    for name, value in chosen.items():
        settings.check(name, value)
    now = settings.in_force(keep.choices.settings() | keep.choices.secrets() | chosen)
    proxy = (now.proxy, now.proxy_user, now.proxy_password)
    return Route(server, now.ca, *proxy, wanted.insecure_loopback, now.proxy_pac), chosen


def _authority(path: str | None) -> dict[str, str]:
    """The `ca` setting for a file as it was named from here. Raises BadRoute when it is no authority."""
    if not path:
        return {}
    from flexprint_agent.send.client import trust

    whole = str(Path(path).absolute())
    trust(whole)
    return {"ca": whole}


# Settings


def change(keep: Keep, name: str, value: str) -> None:
    """Sets one; an empty value takes the default again. Raises BadSetting, BadRoute."""
    values = {name: value}
    if name == "proxy":
        values = settings.split_proxy(value)
    elif value and name == "ca":
        values = _authority(value)
    for each, text in values.items():
        settings.check(each, text or settings.BY_NAME[each].default if each in settings.BY_NAME else text)
    keep.choices.set(values, settings.SECRETS)
    _plan_again(keep)


def _plan_again(keep: Keep) -> None:
    """The next wake may be another one now."""
    from flexprint_agent.wake.planning import plan

    plan(keep, settings.in_force(keep.choices.settings() | dict(from_dealer(keep).values)), datetime.now(UTC))


# Targets and exclusions


def choose(keep: Keep, typed: Iterable[Typed], at: datetime, *, excluded: bool, agrees: Agrees) -> Taken:
    """Takes the good ones as targets (or exclusions); each of the others is refused with its reason."""
    parse = targets.parse_exclusion if excluded else targets.parse
    good: list[str] = []
    bad: list[BadTarget] = []
    named: dict[str, list[str]] = {}
    for line, text in typed:
        try:
            target = parse(text) if text else _no_target(text)
            if not excluded and targets.is_large(target):
                _ask_first(text, target, agrees)
        except BadTarget as refusal:
            # A long list is mended by the numbers of its lines.
            bad.append(refusal if line is None else BadTarget(f"line {line}: {lists.shown(text)}", refusal.reason))
            continue
        kept = targets.normal(text)
        if excluded and isinstance(target, Name):
            named[kept] = look_up(target.name)
        if kept not in good:
            good.append(kept)
    for text, addresses in named.items():
        if addresses:
            keep.choices.remember_excluded(text, addresses)
        elif not keep.choices.excluded_addresses(text):
            good.remove(text)
            bad.append(BadTarget(text, "nobody knows this name now, so it would exclude nothing; give its address"))
    new = keep.choices.add_targets(good, at, excluded=excluded)
    return Taken(new, [text for text in good if text not in new], bad)


def _no_target(text: str) -> targets.Target:
    raise BadTarget(text, "there is no address and no name in this row")


def _ask_first(text: str, target: targets.Target, agrees: Agrees) -> None:
    """A large range is taken when the person says so again. Raises BadTarget."""
    assert isinstance(target, Span)
    if not agrees(text, target):
        raise BadTarget(text, "this is larger than a /20; add --yes if you mean it")


def forget(keep: Keep, texts: Iterable[str], at: datetime) -> tuple[list[str], list[str]]:
    """Forgets these targets and exclusions, however they are written: those that were there, and those that were
    neither."""
    kept = [*keep.choices.targets(), *keep.choices.exclusions()]
    wanted = {text: [one for one in kept if _same(one, text)] for text in texts}
    gone = keep.choices.remove_targets([one for found in wanted.values() for one in found], at)
    return gone, [text for text, found in wanted.items() if not found]


def _same(kept: str, typed: str) -> bool:
    """True where both texts mean the same addresses, however they are written."""
    try:
        return kept == targets.normal(typed) or targets.parse(kept) == targets.parse(typed)
    except BadTarget:
        return False


# Segments


def select(keep: Keep, texts: Iterable[str], at: datetime, agrees: Agrees) -> Taken:
    """Makes segments targets; each that cannot be taken is refused with its reason."""
    good: list[str] = []
    bad: list[BadTarget] = []
    for text in texts:
        try:
            cidr = _cidr(text)
            target = targets.parse(cidr)
            if targets.is_large(target):
                _ask_first(cidr, target, agrees)
            good.append(cidr)
        except BadTarget as refusal:
            bad.append(refusal)
    there = [cidr for cidr in good if _targets_of(keep, cidr)]
    new = keep.choices.add_targets([cidr for cidr in good if cidr not in there], at)
    return Taken(new, there, bad)


def deselect(keep: Keep, texts: Iterable[str], at: datetime) -> tuple[list[str], list[BadTarget]]:
    """Takes segments back: the targets that are gone, and what could not be taken back."""
    gone: list[str] = []
    bad: list[BadTarget] = []
    for text in texts:
        try:
            cidr = _cidr(text)
            kept = _targets_of(keep, cidr)
            gone += keep.choices.remove_targets(kept or _no_target_of(keep, text, cidr), at)
        except BadTarget as refusal:
            bad.append(refusal)
    return gone, bad


def _cidr(text: str) -> str:
    """The segment in `text` as it is kept. Raises BadTarget."""
    targets.parse(text)
    block = block_of(text.strip().lower())
    if block is None or block[1] is not None:
        raise BadTarget(text, "this is no segment; write it as the list does (10.10.10.0/24), or `add` it as a target")
    return str(block[0])


def _targets_of(keep: Keep, cidr: str) -> list[str]:
    """The targets that are this segment, however they were written."""
    return [text for text in keep.choices.targets() if block_of(text) == (IPv4Network(cidr), None)]


def _no_target_of(keep: Keep, text: str, cidr: str) -> list[str]:
    wider = [
        other
        for other in keep.choices.targets()
        if (block := block_of(other)) and block[1] is None and IPv4Network(cidr).subnet_of(block[0])
    ]
    if wider:
        why = f"it is searched as a part of {wider[0]}; `flexprint-agent exclude {cidr}` leaves it out"
        raise BadTarget(text, why)
    raise BadTarget(text, "it was not selected")


# Recipients


def add_recipients(keep: Keep, texts: Iterable[str]) -> None:
    """Raises WrongUsage where one is no mail address, or there would be too many."""
    addresses = [_address(text) for text in texts]
    if len({*keep.choices.recipients(), *addresses}) > MOST_RECIPIENTS:
        raise WrongUsage(f"{MOST_RECIPIENTS} recipients are the most; send to a mailing list instead")
    keep.choices.add_recipients(addresses)
    _plan_again(keep)


def _address(text: str) -> str:
    """A mail address that the collector will write to. Raises WrongUsage."""
    address = text.strip()
    if not is_address(address):
        raise WrongUsage(f"{text!r} is no mail address; write it as office@example.com")
    return address
