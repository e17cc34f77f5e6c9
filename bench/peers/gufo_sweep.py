"""gufo-snmp: a session (and a socket) per address; it has no retry, so the loop makes one.

gufo_sweep CIDR PORT AT_ONCE
"""

import asyncio
import ipaddress
import json
import resource
import sys

from gufo.snmp import SnmpVersion
from gufo.snmp.aio import SnmpSession

network, port, at_once = ipaddress.ip_network(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
OBJECTS = ["1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.2.0"]


async def sweep() -> int:
    addresses, found = iter(network), 0

    async def worker() -> None:
        nonlocal found
        for address in addresses:
            async with SnmpSession(
                addr=str(address), port=port, community="public", version=SnmpVersion.v2c, timeout=1
            ) as session:
                for _ in range(2):
                    try:
                        await session.get_many(OBJECTS)
                    except TimeoutError:
                        continue
                    found += 1
                    break

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return found


_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(at_once * 2 + 100, most), most))
print(json.dumps({"found": asyncio.run(sweep())}))
