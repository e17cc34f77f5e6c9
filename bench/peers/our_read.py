"""The product's reads.   our_read ADDRESSES PORT walk|read|known"""

import json
import math
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.peers.subtrees import SUBTREES

from flexprint_agent.read.layout import Layout
from flexprint_agent.read.printers import read_printers
from flexprint_agent.snmp import ber
from flexprint_agent.snmp.exchange import Endpoint, Exchange, Limits
from flexprint_agent.snmp.walk import walk

addresses, port, way = Path(sys.argv[1]).read_text().split(), int(sys.argv[2]), sys.argv[3]
endpoints = [Endpoint(address, port) for address in addresses]
exchange = Exchange(Limits(timeout=1.0, retries=2, packets_per_second=math.inf))
columns = [ber.oid(one) for one in SUBTREES]


def walked() -> tuple[int, int]:
    """Devices read, and values of the last. Nothing is kept, as in a wake."""
    devices = values = 0
    for outcome in exchange.run((endpoint, lambda traits: walk(columns, traits)) for endpoint in endpoints):
        devices += outcome.result is not None
        values = len(outcome.result or ())
    return devices, values


def read(layouts: dict[str, Layout | None]) -> tuple[int, int]:
    """Devices read, and meters and supplies of the last; keeps what was learned of each."""
    devices = values = 0
    known = ((endpoint, layouts.get(endpoint.address)) for endpoint in endpoints)
    for reading in read_printers(exchange, known, lambda: datetime.now(UTC)):
        layouts[reading.endpoint.address] = reading.layout
        if reading.read:
            devices += 1
            values = len(reading.read.meters) + len(reading.read.supplies)
    return devices, values


layouts: dict[str, Layout | None] = {}
if way == "known":
    read(layouts)
packets, octets = exchange.packets_sent, exchange.octets_sent + exchange.octets_received
began, cpu = time.perf_counter(), time.process_time()
devices, values = walked() if way == "walk" else read(layouts)
print(
    json.dumps(
        {
            "devices": devices,
            "values": values,
            "seconds": time.perf_counter() - began,
            "cpu": time.process_time() - cpu,
            "packets": exchange.packets_sent - packets,
            "octets": exchange.octets_sent + exchange.octets_received - octets,
        }
    )
)
