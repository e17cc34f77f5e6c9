"""Why a printer does not answer, as far as what is known tells. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_interface
from typing import Final, NamedTuple

from flexprint_agent.keep.devices import Device

_GONE_AFTER: Final = timedelta(days=30)
_PREFIX: Final = {4: 24, 6: 64}
"""Bits of an address that printers of one network share, as far as one can tell without asking."""


class Cause(NamedTuple):
    likely: str
    next_step: str


def likely_cause(one: Device, known: Sequence[Device], now: datetime) -> Cause:
    """Of a printer that did not answer when it was last asked, given all that are known."""
    if one.address is None:
        return Cause(
            f"another device answers at {one.was_at or 'its address'} now",
            "flexprint-agent search finds it at its new address, where that lies in what is searched",
        )
    if one.is_local:
        return Cause("its cable is out, or it is off", "switch it on, look at the cable, then flexprint-agent read")
    network = _network(one.address)
    beside = [other for other in known if other.address and not other.is_local and _network(other.address) == network]
    if len(beside) > 1 and all(other.silent_since for other in beside):
        return Cause(
            f"all {len(beside)} printers known in {network} are silent: the way to that network is closed",
            "ask your IT whether a switch, a VPN or a firewall stands between; SNMP needs UDP port 161",
        )
    since = one.silent_since or now
    if now - since > _GONE_AFTER:
        return Cause(
            f"silent since {since:%Y-%m-%d}: it was taken away, or has another address",
            f"flexprint-agent search; if it is gone for good, flexprint-agent exclude {one.address}",
        )
    if one.last_read_at is None:
        return Cause(
            "it was found and never told its meters: its SNMP may want another community or user",
            "look at SNMP in the printer's own page; then flexprint-agent credentials add",
        )
    if others := sum(other.silent_since is None for other in beside):
        return Cause(
            f"{others} others in {network} answer, so it is off, or its SNMP was switched off or given a new name",
            "switch it on, then flexprint-agent read; if it is on, look at SNMP in the printer's own page",
        )
    return Cause(
        "it is off, or the way to it is closed",
        "switch it on, then flexprint-agent read; if it is on, ask your IT about UDP port 161",
    )


def _network(address: str) -> str:
    bare = address.partition("%")[0]
    version = 6 if ":" in bare else 4
    return str(ip_interface(f"{bare}/{_PREFIX[version]}").network)
