"""CUPS device URIs -> ports. Pure, and never fails: what is not understood is unknown.

usb://HP/LaserJet%20400?serial=PHGB12     socket://10.1.2.3:9100     lpd://printer.local/queue
ipp://[fe80::1%25eth0]:631/ipp/print      hp:/net/LaserJet?ip=10.1.2.3     dnssd://HP%20400._ipp._tcp.local/
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, unquote

from flexprint_agent.ipp.client import is_this_computer
from flexprint_agent.search.spooler.queues import Kind, Port

LONGEST: Final = 2048

_URI: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*):(?://(?P<authority>[^/?#]*))?(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?", re.IGNORECASE
)
_AUTHORITY: Final = re.compile(r"(?:[^@]*@)?(?:\[(?P<literal>[^\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>\d{1,5}))?")

# The backends of CUPS and of the makers' own packages -> what they lead to.
_KINDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(("socket", "lpd", "ipp", "ipps", "http", "https", "jetdirect"), "network"),
    **dict.fromkeys(("usb", "ippusb", "hp", "parallel", "serial", "hal", "canon", "canonusb", "cnijusb"), "local"),
    **dict.fromkeys(("hpfax", "fax", "efax", "epsonfax", "mfpfax", "capifax"), "fax"),
    **dict.fromkeys(("smb", "ncp", "afp", "pap"), "shared"),
    **dict.fromkeys(("dnssd", "mdns", "implicitclass"), "announced"),
    **dict.fromkeys(("cups-pdf", "pdf", "file", "tofile", "mailto", "vnc", "boomaga", "print-to-file"), "virtual"),
}
# Backends that run another one: beh:/1/3/5/socket://10.1.2.3, gutenprint53+usb://...
_WRAPPED: Final = re.compile(r"(?:beh:/\d+/\d+/\d+/|[a-z0-9-]+\+(?=usb:))", re.IGNORECASE)
_ZONE_IN_CUPS: Final = re.compile(r"v1\.", re.IGNORECASE)
_MOST_WRAPS: Final = 3


def port_of(uri: str) -> Port:
    """Where a device URI leads."""
    uri = uri.strip()[:LONGEST]
    for _ in range(_MOST_WRAPS):
        wrapped = _WRAPPED.match(uri)
        uri = uri[wrapped.end() :] if wrapped else uri
    parts = _URI.match(uri)
    if parts is None:
        return Port("virtual" if uri.startswith("/") else "unknown", uri)
    scheme, path = parts["scheme"].lower(), parts["path"]
    query = dict(parse_qsl(parts["query"] or ""))
    authority = parts["authority"] or ""
    kind = _KINDS.get(scheme, "unknown")
    if scheme == "hp":
        return _of_hplip(uri, path, query)
    if kind == "network":
        return _of_network(uri, scheme, authority, path)
    if kind == "local":
        return _of_cable(uri, scheme, unquote(authority), unquote(path), query)
    return Port(kind, uri)


def _of_network(uri: str, scheme: str, authority: str, path: str) -> Port:
    host, port = _host_and_port(authority)
    if not host:
        return Port("unknown", uri)
    if is_this_computer(host):
        # ipp-usb and its like serve a printer on a cable there; the spooler's own queues are no printers.
        if scheme in ("ipp", "ipps") and not _is_queue(path):
            return Port("ipp", uri, ipp_port=port or 631, ipp_path=path or "/")
        return Port("shared", uri)
    if "._tcp." in host.lower():
        return Port("announced", uri)
    if _is_queue(path) and scheme not in ("socket", "lpd", "jetdirect"):
        return Port("shared", uri)
    return Port("network", uri, host=host)


def _is_queue(path: str) -> bool:
    """/printers/NAME and /classes/NAME are queues of a CUPS server (or of Windows: /printers/NAME/.printer)."""
    return path.lower().startswith(("/printers/", "/classes/"))


def _of_cable(uri: str, scheme: str, manufacturer: str, model: str, query: Mapping[str, str]) -> Port:
    bus = scheme if scheme in ("parallel", "serial") else "usb"
    if bus != "usb":
        return Port("local", uri, bus=bus)
    # interface= and the like say which part of the device; the printer is the same.
    name = f"{scheme}://{manufacturer}{model}?serial={query.get('serial', '')}"
    return Port(
        "local",
        name,
        manufacturer=manufacturer or None,
        model=model.strip("/") or None,
        serial=query.get("serial") or None,
    )


def _of_hplip(uri: str, path: str, query: Mapping[str, str]) -> Port:
    """HPLIP: hp:/usb/HP_LaserJet_400?serial=PHGB12, hp:/net/HP_LaserJet_400?ip=10.1.2.3 (or hostname=, or zc=)."""
    bus, _, model = unquote(path).strip("/").partition("/")
    if bus == "net":
        host = query.get("ip") or query.get("hostname")
        return Port("network", uri, host=host) if host else Port("announced", uri)
    if bus not in ("usb", "par"):
        return Port("unknown", uri)
    return Port(
        "local",
        uri,
        bus="parallel" if bus == "par" else "usb",
        manufacturer="HP",
        model=model.replace("_", " ") or None,
        serial=query.get("serial") or None,
    )


def _host_and_port(authority: str) -> tuple[str, int]:
    """Of `user@host:port` or `[address]:port`. An IPv6 zone is written %25eth0 (RFC 6874) or, by CUPS, +eth0."""
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        return "", 0
    port = int(found["port"] or 0)
    if found["literal"] is None:
        return unquote(found["host"]).rstrip("."), port
    literal = _ZONE_IN_CUPS.sub("", unquote(found["literal"]), count=1).replace("+", "%")
    return literal, port
