"""A printer that answers SNMP over IPv6 only, on UDP port 161 of every address and group of its host:

python -m lab.link SERIAL [IPV4]      the printer of the office with that serial, which says it has that IPv4 address
"""

import socket
import sys
from contextlib import suppress

from . import wire
from .device import Device
from .office import office
from .recording import Row

IP_ADDRESS = 0x40
IP_AD_ENT_ADDR = "1.3.6.1.2.1.4.20.1.1"


def serve(serial: str, addresses: list[str]) -> None:
    placed = next(one for one in office() if one.truth and one.truth.serial == serial)
    others = [row for row in placed.rows if not row.oid.startswith(f"{IP_AD_ENT_ADDR}.")]
    device = Device(
        [*others, *(Row(f"{IP_AD_ENT_ADDR}.{one}", IP_ADDRESS, socket.inet_aton(one)) for one in addresses)],
        placed.quirks,
    )
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as ear:
        ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        ear.bind(("::", 161))
        while True:
            message, asker = ear.recvfrom(65535)
            with suppress(wire.Malformed):
                said = device.answer(wire.parse(message), ticks=4711, asked=0)
                if said is not None:
                    ear.sendto(said, asker)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])
