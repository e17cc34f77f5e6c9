"""pysnmp's faster interface (v1arch).   pysnmp_sweep CIDR PORT AT_ONCE"""

import asyncio
import ipaddress
import json
import resource
import sys

from pysnmp.hlapi.v1arch.asyncio import (
    CommunityData,
    ObjectIdentity,
    ObjectType,
    SnmpDispatcher,
    UdpTransportTarget,
    get_cmd,
)

network, port, at_once = ipaddress.ip_network(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])


async def sweep() -> int:
    dispatcher, community = SnmpDispatcher(), CommunityData("public", mpModel=1)
    addresses, found = iter(network), 0

    async def worker() -> None:
        nonlocal found
        for address in addresses:
            target = await UdpTransportTarget.create((str(address), port), timeout=1, retries=1)
            objects = [ObjectType(ObjectIdentity(f"1.3.6.1.2.1.1.{number}.0")) for number in (1, 2)]
            error, *_ = await get_cmd(dispatcher, community, target, *objects, lookupMib=False)
            found += error is None

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return found


_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(at_once * 2 + 100, most), most))
print(json.dumps({"found": asyncio.run(sweep())}))
