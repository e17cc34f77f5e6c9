"""net-snmp's snmpbulkwalk, a process per subtree.   bulkwalk_read ADDRESSES PORT AT_ONCE"""

import json
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.peers.subtrees import REPETITIONS, SUBTREES

addresses, port, at_once = Path(sys.argv[1]).read_text().split(), sys.argv[2], int(sys.argv[3])


def read(address: str) -> int:
    options = ["-v2c", "-cpublic", f"-Cr{REPETITIONS}", "-t1", "-r2", "-On", f"{address}:{port}"]
    walks = [
        subprocess.run(["snmpbulkwalk", *options, subtree], capture_output=True, check=True) for subtree in SUBTREES
    ]
    return sum(walk.stdout.count(b"\n.1.") + walk.stdout.startswith(b".1.") for walk in walks)


began = time.perf_counter()
with ThreadPoolExecutor(at_once) as pool:
    reads = list(pool.map(read, addresses))
usage = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
spent = {"seconds": time.perf_counter() - began, "cpu": sum(one.ru_utime + one.ru_stime for one in usage)}
print(json.dumps({"devices": len(reads), "values": reads[-1], **spent}))
