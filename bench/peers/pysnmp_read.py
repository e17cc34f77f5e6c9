"""pysnmp's faster interface (v1arch): a GETBULK walk per subtree.   pysnmp_read ADDRESSES PORT AT_ONCE"""

import asyncio
import json
import sys
import time
from pathlib import Path

from bench.peers.subtrees import REPETITIONS, SUBTREES
from pysnmp.hlapi.v1arch.asyncio import (
    CommunityData,
    ObjectIdentity,
    ObjectType,
    SnmpDispatcher,
    UdpTransportTarget,
    bulk_walk_cmd,
)

addresses, port, at_once = Path(sys.argv[1]).read_text().split(), int(sys.argv[2]), int(sys.argv[3])


async def read() -> list[int]:
    dispatcher, community = SnmpDispatcher(), CommunityData("public", mpModel=1)
    waiting = iter(addresses)
    reads = []

    async def worker() -> None:
        for address in waiting:
            target = await UdpTransportTarget.create((address, port), timeout=1, retries=2)
            values = []
            for subtree in SUBTREES:
                walk = bulk_walk_cmd(
                    dispatcher,
                    community,
                    target,
                    0,
                    REPETITIONS,
                    ObjectType(ObjectIdentity(subtree)),
                    lookupMib=False,
                    lexicographicMode=False,
                )
                async for error, status, _, bindings in walk:
                    if error or status:
                        raise RuntimeError(str(error or status))
                    values += [(str(name), value.prettyPrint()) for name, value in bindings]
            reads.append(len(values))

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return reads


began, cpu = time.perf_counter(), time.process_time()
reads = asyncio.run(read())
spent = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
print(json.dumps({"devices": len(reads), "values": reads[-1], **spent}))
