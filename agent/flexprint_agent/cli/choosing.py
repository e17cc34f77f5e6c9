"""enroll, settings, add, exclude, remove, recipients: what the site chooses."""

import argparse
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from flexprint_agent import __version__, settings, targets
from flexprint_agent.cli import lists, show
from flexprint_agent.cli.common import complain, confirmed, from_stdin, now, opened, say
from flexprint_agent.errors import WrongUsage
from flexprint_agent.keep import Keep
from flexprint_agent.targets import BadTarget, Name
from flexprint_agent.wake.reading import look_up
from flexprint_shared.addresses import MOST_RECIPIENTS, is_address


def enroll(chosen: argparse.Namespace) -> int:
    import platform

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from flexprint_agent.keep.enrolment import Enrolment
    from flexprint_agent.send import client
    from flexprint_agent.send.enroll import Applicant
    from flexprint_agent.send.enroll import enroll as ask

    server = client.server_address(chosen.server, insecure_loopback=chosen.insecure_loopback)
    chosen_now = (settings.split_proxy(chosen.proxy) if chosen.proxy else {}) | _ca(chosen.ca)
    for name, value in chosen_now.items():
        settings.check(name, value)
    with opened(chosen, alone=True) as keep:
        in_force = settings.in_force(keep.choices.settings() | keep.choices.secrets() | chosen_now)
        signing_key = keep.enrolments.next_signing_key()
        public_key = Ed25519PrivateKey.from_private_bytes(signing_key).public_key().public_bytes_raw()
        system = f"{platform.system()} {platform.release()}"
        applicant = Applicant(public_key, socket.gethostname(), system, __version__)
        route = client.Route(
            server,
            in_force.ca,
            in_force.proxy,
            in_force.proxy_user,
            in_force.proxy_password,
            chosen.insecure_loopback,
        )
        with client.Collector(route) as collector:
            welcome = ask(collector, from_stdin(chosen.key), applicant)
        keep.choices.set(chosen_now, settings.SECRETS)
        enrolment = Enrolment(
            server=server,
            insecure_loopback=chosen.insecure_loopback,
            agent=welcome.agent,
            dealer=welcome.dealer,
            customer=welcome.customer,
            site=welcome.site,
            identity_key=welcome.identity_key,
            sealing_key=welcome.sealing_key,
            enrolled_at=now(),
        )
        keep.enrolments.put(enrolment, signing_key)
    say(
        chosen,
        {
            "enrolled": True,
            "agent": str(welcome.agent),
            "collector": server,
            "dealer": welcome.dealer,
            "customer": welcome.customer,
            "site": welcome.site,
        },
        show.enrolled,
    )
    return 0


def _ca(path: str | None) -> dict[str, str]:
    """The `ca` setting for a file as it was named from here. Raises BadRoute when it is no authority."""
    if path is None:
        return {}
    from flexprint_agent.send.client import trust

    whole = str(Path(path).absolute())
    trust(whole)
    return {"ca": whole}


def change_settings(chosen: argparse.Namespace) -> int:
    with opened(chosen) as keep:
        if chosen.value is not None:
            _set(keep, chosen.name, from_stdin(chosen.value))
        stored, secret = keep.choices.settings(), keep.choices.secret_names()
    if chosen.name is not None and chosen.name not in settings.BY_NAME:
        settings.check(chosen.name, "")
    rows = [
        {
            "name": one.name,
            "value": settings.MASK if one.name in secret else stored.get(one.name, one.default),
            "default": one.default,
            "set": one.name in secret or one.name in stored,
            "about": one.about,
        }
        for one in settings.TABLE
        if chosen.name in (None, one.name)
    ]
    say(chosen, {"settings": rows}, show.settings)
    return 0


def _set(keep: Keep, name: str, value: str) -> None:
    values = {name: value}
    if name == "proxy":
        values = settings.split_proxy(value)
    elif value and name == "ca":
        values = _ca(value)
    for each, text in values.items():
        settings.check(each, text or settings.BY_NAME[each].default if each in settings.BY_NAME else text)
    keep.choices.set(values, settings.SECRETS)


def add(chosen: argparse.Namespace) -> int:
    return _choose(chosen, excluded=False)


def exclude(chosen: argparse.Namespace) -> int:
    return _choose(chosen, excluded=True)


def _choose(chosen: argparse.Namespace, *, excluded: bool) -> int:
    """Takes the good ones and names the others one by one."""
    parse = targets.parse_exclusion if excluded else targets.parse
    good: list[str] = []
    bad: list[BadTarget] = []
    named: dict[str, list[str]] = {}
    for line, text in _typed(chosen):
        try:
            target = parse(text) if text else _no_target(text)
            if not excluded and targets.is_large(target):
                _ask_first(chosen, text, target)
        except BadTarget as refusal:
            # A long list is mended by the numbers of its lines.
            bad.append(refusal if line is None else BadTarget(f"line {line}: {lists.shown(text)}", refusal.reason))
            continue
        kept = targets.normal(text)
        if excluded and isinstance(target, Name):
            named[kept] = look_up(target.name)
        if kept not in good:
            good.append(kept)
    with opened(chosen) as keep:
        for text, addresses in named.items():
            if addresses:
                keep.choices.remember_excluded(text, addresses)
            elif not keep.choices.excluded_addresses(text):
                good.remove(text)
                bad.append(BadTarget(text, "nobody knows this name now, so it would exclude nothing; give its address"))
        new = keep.choices.add_targets(good, now(), excluded=excluded)
    document = {
        "excluded" if excluded else "added": new,
        "known": [text for text in good if text not in new],
        "refused": [{"target": one.text, "reason": one.reason} for one in bad],
    }
    say(chosen, document, show.chosen)
    for one in bad:
        complain(one)
    return 2 if bad else 0


def _typed(chosen: argparse.Namespace) -> Iterator[tuple[int | None, str]]:
    """Every target that was given, with its line where it stands in a list: `-` is a list on standard input."""
    for text in chosen.targets:
        if text == "-":
            stream = getattr(sys.stdin, "buffer", sys.stdin)
            given = stream.read(lists.LARGEST + 1)
            yield from lists.entries(given if isinstance(given, bytes) else given.encode())
        else:
            yield None, text
    if chosen.file is not None:
        try:
            with Path(chosen.file).open("rb") as stream:
                octets = stream.read(lists.LARGEST + 1)
        except OSError as error:
            raise WrongUsage(f"{chosen.file} cannot be read ({error.strerror}); check the name of the list") from None
        yield from lists.entries(octets)


def _no_target(text: str) -> targets.Target:
    raise BadTarget(text, "there is no address and no name in this row")


def _ask_first(chosen: argparse.Namespace, text: str, target: targets.Target) -> None:
    """A large range is taken when the person says so again. Raises BadTarget."""
    assert isinstance(target, targets.Span)
    question = f"{text.strip()} has {len(target):,} addresses, each asked at every search. Add it?"
    if not confirmed(chosen, question):
        raise BadTarget(text, "this is larger than a /20; add --yes if you mean it")


def remove(chosen: argparse.Namespace) -> int:
    with opened(chosen) as keep:
        kept = [*keep.choices.targets(), *keep.choices.exclusions()]
        wanted = {text: [one for one in kept if _same(one, text)] for text in chosen.targets}
        gone = keep.choices.remove_targets([one for found in wanted.values() for one in found], now())
    unknown = [text for text, found in wanted.items() if not found]
    say(chosen, {"removed": gone, "unknown": unknown}, show.chosen)
    for text in unknown:
        complain(f"{text}: neither a target nor excluded; `flexprint-agent status` lists them")
    return 2 if unknown else 0


def _same(kept: str, typed: str) -> bool:
    """True where both texts mean the same addresses, however they are written."""
    try:
        return kept == targets.normal(typed) or targets.parse(kept) == targets.parse(typed)
    except BadTarget:
        return False


def recipients(chosen: argparse.Namespace) -> int:
    status = 0
    with opened(chosen) as keep:
        if chosen.action == "add":
            addresses = [_address(text) for text in chosen.addresses]
            if len({*keep.choices.recipients(), *addresses}) > MOST_RECIPIENTS:
                raise WrongUsage(f"{MOST_RECIPIENTS} recipients are the most; send to a mailing list instead")
            keep.choices.add_recipients(addresses)
        elif chosen.action == "remove":
            gone = keep.choices.remove_recipients(chosen.addresses)
            for address in chosen.addresses:
                if address not in gone:
                    complain(f"{address} was no recipient; `flexprint-agent recipients list` shows them")
                    status = 2
        say(chosen, {"recipients": keep.choices.recipients()}, show.recipients)
    return status


def _address(text: str) -> str:
    """A mail address that the collector will write to. Raises WrongUsage."""
    address = text.strip()
    if not is_address(address):
        raise WrongUsage(f"{text!r} is no mail address; write it as office@example.com")
    return address
