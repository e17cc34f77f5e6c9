"""gufo-snmp: a GETBULK walk per subtree.   gufo_read ADDRESSES PORT AT_ONCE"""

import asyncio
import json
import sys
import time
from pathlib import Path

from bench.peers.subtrees import REPETITIONS, SUBTREES
from gufo.snmp import SnmpVersion
from gufo.snmp.aio import SnmpSession

addresses, port, at_once = Path(sys.argv[1]).read_text().split(), int(sys.argv[2]), int(sys.argv[3])


async def read() -> list[int]:
    waiting = iter(addresses)
    reads = []

    async def worker() -> None:
        for address in waiting:
            values = []
            async with SnmpSession(
                addr=address,
                port=port,
                community="public",
                version=SnmpVersion.v2c,
                timeout=1,
                max_repetitions=REPETITIONS,
            ) as session:
                for subtree in SUBTREES:
                    values += [value async for value in session.getbulk(subtree)]
            reads.append(len(values))

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return reads


began, cpu = time.perf_counter(), time.process_time()
reads = asyncio.run(read())
spent = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
print(json.dumps({"devices": len(reads), "values": reads[-1], **spent}))
