"""credentials: as whom the devices of a scope are asked. Secrets are asked for, never shown."""

import argparse
import getpass
import sys
from collections.abc import Mapping
from typing import Any

from flexprint_agent.cli import show
from flexprint_agent.cli.common import complain, from_stdin, opened, say
from flexprint_agent.errors import WrongUsage
from flexprint_agent.keep import Keep
from flexprint_agent.snmp.v3 import AUTH_PROTOCOLS, PRIVACY_PROTOCOLS, User, protocol
from flexprint_agent.wake.credentials import community_facts, facts_of, keep_credential, normal_scope


def credentials(chosen: argparse.Namespace) -> int:
    status = 0
    with opened(chosen) as keep:
        if chosen.action == "add":
            _add(keep, chosen)
        else:
            deed = {"remove": keep.credentials.remove, "sooner": keep.credentials.sooner}.get(chosen.action)
            for number in chosen.numbers:
                if deed is not None and not deed(number):
                    complain(f"there is no credential {number}; `flexprint-agent credentials list` shows them")
                    status = 2
        say(chosen, {"credentials": _listed(keep)}, show.credentials)
    return status


def _add(keep: Keep, chosen: argparse.Namespace) -> None:
    """Raises WrongUsage."""
    # What it is for comes first: nobody types a password for a scope that cannot be.
    scope = normal_scope(chosen.scope or "")
    if chosen.community is not None:
        facts = community_facts(secret(chosen.community, "community"))
    else:
        facts = facts_of(user(chosen))
    if not keep_credential(keep, scope, facts):
        complain("this credential was there already")


def user(chosen: argparse.Namespace) -> User:
    """The user that `--user` and the options with it describe; passwords that they do not name are asked for. Raises
    WrongUsage."""
    try:
        auth = protocol(chosen.auth_protocol or "none", AUTH_PROTOCOLS)
        privacy = protocol(chosen.privacy_protocol or "none", PRIVACY_PROTOCOLS)
        for name, given, kind in (
            ("auth", chosen.auth_password, auth),
            ("privacy", chosen.privacy_password, privacy),
        ):
            if given is not None and kind is None:
                raise WrongUsage(f"--{name}-password needs --{name}-protocol")
        return User(
            chosen.user,
            auth,
            secret(chosen.auth_password, "authentication password") if auth else "",
            privacy,
            secret(chosen.privacy_password, "privacy password") if privacy else "",
            chosen.context or "",
        )
    except ValueError as error:
        raise WrongUsage(f"this user of SNMPv3 cannot be: {error}") from None


def secret(given: str | None, what: str) -> str:
    """A secret that was not given, or given as -: asked for where a person sits, else a line of standard input."""
    if given not in (None, "-"):
        return str(given)
    if sys.stdin.isatty():
        return getpass.getpass(f"{what}: ")
    return from_stdin("-")


def _listed(keep: Keep) -> list[dict[str, Any]]:
    refused = [one.credential for one in keep.credentials.refusals()]
    return [
        {
            "number": one.number,
            "for": one.scope or "all",
            **_shown(one.facts),
            "refused_by": refused.count(one.number),
        }
        for one in keep.credentials.all()
    ]


def _shown(facts: Mapping[str, str]) -> dict[str, Any]:
    """What of a credential may be seen."""
    return {
        "kind": "community" if "community" in facts else "user",
        **{name: facts.get(name) for name in ("user", "auth", "privacy", "context")},
    }
