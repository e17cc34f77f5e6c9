"""What a router answers about its routes -> segments where printers may be.

Asked are, in this order: inetCidrRouteTable (RFC 4292), ipCidrRouteTable (RFC 2096) and ipRouteTable (RFC 1213), each
only when the ones before told of no segment, as all three show one and the same forwarding table; and always
ipAddrTable (RFC 1213), the router's own addresses, since some list nothing but a default route. The destination stands
in the index, so two or three columns tell a whole table.

Seen in real tables, and never a segment: default routes, also with the mask 255.255.255.255 [Zebra]; host routes,
"direct" ones too [Teltonika RUT240]; 127.0.0.0/8 [Lexmark]; 169.254.0.0/16 and damaged destinations such as 0.2.0.0
[RouterOS]; multicast and the broadcast [Windows]; transfer nets of two or four addresses. Columns with rows missing
[RouterOS] are joined by index. A provider's router knows hundreds of thousands of routes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from flexprint_agent.snmp import ber
from flexprint_agent.snmp.conversation import Conversation, Silent, Traits
from flexprint_agent.snmp.walk import walk

MOST_ROUTES: Final = 2000
"""Rows taken of one table. Of a longer one, as many rows of private networks are taken as well."""

MOST_HOPS: Final = 8
"""Routers behind a router that are worth asking."""

SHORTEST: Final = 8
"""Bits of a prefix below which a route leads to half the Internet, not to a segment."""

LONGEST: Final = 29
"""Bits of a prefix above which a route leads to a host or joins two routers."""

Values = Mapping[bytes, ber.Value]
Index = tuple[int, ...]
Cells = Mapping[int, ber.Value]
"""What one row answered, by the number of the column."""


class Network(NamedTuple):
    """An IPv4 network: its first address as a number, and the bits of its prefix."""

    first: int
    prefix: int


class Route(NamedTuple):
    """One row. `next_hop` None: directly attached, or not told."""

    network: Network
    next_hop: int | None


@dataclass(slots=True, frozen=True)
class Learned:
    """What a router told: segments in order, the routers that lead to some of them (the first MOST_HOPS), and whether
    that is all of its routes."""

    segments: tuple[Network, ...]
    hops: tuple[int, ...]
    whole: bool


class _Table(NamedTuple):
    """entry: the OID of a row, before the column. columns: what is walked. before: what stands in the index before
    the destination. route: one row as a route; None where it leads nowhere."""

    entry: bytes
    columns: tuple[int, ...]
    before: Index
    route: Callable[[Index, Cells], Route | None]


def ask_routes(traits: Traits, over: Callable[[], bool]) -> Conversation[Learned]:
    """Asks a router for its routes, until `over` says that it took long enough. Raises Silent when no table at all was
    answered."""
    routes: list[Route] = []
    own: set[int] = set()
    whole, silence, heard = True, Silent(), False
    for table in (*_ROUTE_TABLES, _OWN_ADDRESSES):
        if table is not _OWN_ADDRESSES and any(is_segment(route.network) for route in routes):
            continue
        try:
            values, ended = yield from _walked(table, traits, over)
        except Silent as silent:
            # One table may be more than an agent can take, and the next is asked all the same.
            silence, whole = silent, False
            continue
        heard, whole = True, whole and ended
        rows = _joined(values, table)
        routes += [route for index, cells in rows.items() if (route := table.route(index, cells))]
        if table is _OWN_ADDRESSES:
            own = {number for index in rows if (number := _number(index)) is not None}
    if not heard:
        raise silence
    return learned(routes, own, whole=whole)


def learned(routes: Iterable[Route], own: Iterable[int], *, whole: bool = True) -> Learned:
    """The segments in these routes. `own` are addresses of the router itself, which some name as next hop."""
    leading = sorted({route for route in routes if is_segment(route.network)}, key=lambda route: route.network)
    itself = set(own)
    hops = [route.next_hop for route in leading if route.next_hop is not None and not _is_nowhere(route.next_hop)]
    others = [hop for hop in dict.fromkeys(hops) if hop not in itself]
    segments = dict.fromkeys(route.network for route in leading)
    return Learned(tuple(segments), tuple(others[:MOST_HOPS]), whole)


def is_segment(network: Network) -> bool:
    """Whether printers may be in it."""
    return SHORTEST <= network.prefix <= LONGEST and not _is_nowhere(network.first)


def _is_nowhere(address: int) -> bool:
    """0.0.0.0/8, loopback, link-local, multicast, reserved and the broadcast: nobody is found there."""
    return address >> 24 in (0, 127) or address >> 16 == 0xA9FE or address >> 28 >= 0xE


# What is asked


def _walked(table: _Table, traits: Traits, over: Callable[[], bool]) -> Conversation[tuple[Values, bool]]:
    """The rows of a table, and whether they are all. Rows are in the order of destinations, so a table too long
    would end before 10.0.0.0: what is private is then asked for by itself."""
    columns = [table.entry + bytes((column,)) for column in table.columns]
    most = MOST_ROUTES * len(columns)
    values = yield from walk(columns, traits, most_values=most, over=over)
    if len(values) < most:
        return values, not over()
    found = dict(values)
    for blocks in _PRIVATE:
        roots = [column + bytes((*table.before, *block)) for column in columns for block in map(_arcs, blocks)]
        found.update((yield from walk(roots, traits, most_values=most, over=over)))
    return found, False


def _arcs(block: Index) -> bytes:
    """Numbers of an index, in octets as on the wire."""
    return b"".join(bytes((arc,)) if arc < 0x80 else bytes((0x80 | arc >> 7, arc & 0x7F)) for arc in block)


# RFC 1918; what one walk asks for at once.
_PRIVATE: Final = (((10,),), ((192, 168),), tuple((172, second) for second in range(16, 32)))


# What is answered


def _joined(values: Values, table: _Table) -> dict[Index, dict[int, ber.Value]]:
    """The rows by their index; each has the columns that were answered for it."""
    rows: dict[Index, dict[int, ber.Value]] = {}
    start = len(table.entry)
    for name, value in values.items():
        if name.startswith(table.entry) and len(name) > start + 1:
            rows.setdefault(ber.arcs(name[start + 1 :]), {})[name[start]] = value
    return rows


def _inet_cidr_route(index: Index, cells: Cells) -> Route | None:
    """inetCidrRouteEntry: type and length of the destination, destination, prefix length, policy (count and arcs),
    type and length of the next hop, next hop. inetCidrRouteType 2 reject, 5 blackhole."""
    if index[:2] != _IPV4 or len(index) < 7 or _says(cells, 8) in (2, 5):
        return None
    hop = index[8 + index[7] :] if len(index) > 7 else ()
    return _route(index[2:6], index[6], _number(hop[2:]) if hop[:2] == _IPV4 else None)


def _ip_cidr_route(index: Index, cells: Cells) -> Route | None:
    """ipCidrRouteEntry: destination, mask, type of service, next hop. ipCidrRouteType 2 reject."""
    if len(index) != 13 or _says(cells, 6) == 2:
        return None
    return _route(index[:4], _bits(_number(index[4:8])), _number(index[9:]))


def _ip_route(index: Index, cells: Cells) -> Route | None:
    """ipRouteEntry: the destination; ipRouteNextHop, ipRouteType (2 invalid) and ipRouteMask are columns."""
    if _says(cells, 8) == 2:
        return None
    return _route(index, _bits(_address(cells, 11)), _address(cells, 7))


def _ip_addr(index: Index, cells: Cells) -> Route | None:
    """ipAddrEntry: an address of the router; ipAdEntNetMask is a column."""
    return _route(index, _bits(_address(cells, 3)), None)


_IPV4: Final = (1, 4)  # InetAddressType ipv4 (RFC 4001), four octets
_ROUTE_TABLES: Final = (
    _Table(ber.oid("1.3.6.1.2.1.4.24.7.1"), (7, 8), _IPV4, _inet_cidr_route),
    _Table(ber.oid("1.3.6.1.2.1.4.24.4.1"), (5, 6), (), _ip_cidr_route),
    _Table(ber.oid("1.3.6.1.2.1.4.21.1"), (7, 8, 11), (), _ip_route),
)
_OWN_ADDRESSES: Final = _Table(ber.oid("1.3.6.1.2.1.4.20.1"), (3,), (), _ip_addr)


def _route(destination: Sequence[int], prefix: int | None, next_hop: int | None) -> Route | None:
    """None where destination or mask make no network. Bits of a host in the destination are taken off."""
    first = _number(destination)
    if first is None or prefix is None or prefix > 32:
        return None
    return Route(Network(first >> 32 - prefix << 32 - prefix, prefix), next_hop)


def _number(octets: Sequence[int]) -> int | None:
    return int.from_bytes(bytes(octets), "big") if len(octets) == 4 and max(octets) < 256 else None


def _bits(mask: int | None) -> int | None:
    """The length of the prefix that a mask stands for; None for a mask with holes."""
    if mask is None:
        return None
    host = mask ^ 0xFFFFFFFF
    return None if host & host + 1 else 32 - host.bit_length()


def _address(cells: Cells, column: int) -> int | None:
    """An IpAddress, or the four octets that some send as a string."""
    tag, content = cells.get(column, (ber.NULL, b""))
    return int.from_bytes(content, "big") if tag in (ber.IP_ADDRESS, ber.OCTET_STRING) and len(content) == 4 else None


def _says(cells: Cells, column: int) -> int | None:
    return ber.integer(cells[column]) if column in cells else None
