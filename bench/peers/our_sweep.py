"""The product's sweep, unpaced.   our_sweep CIDR PORT linux|portable"""

import ipaddress
import json
import math
import sys

from flexprint_agent.search.sweep import sweep
from flexprint_agent.snmp.pace import Pace

network = ipaddress.ip_network(sys.argv[1])
result = sweep(
    [range(int(network[0]), int(network[-1]) + 1)],
    port=int(sys.argv[2]),
    timeout=1.0,
    retries=1,
    pace=Pace(math.inf),
    linux=sys.argv[3] == "linux",
)
print(json.dumps({"found": len(result.answered), "seconds": result.seconds, "strays": result.strays}))
