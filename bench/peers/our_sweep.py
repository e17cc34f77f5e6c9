"""The product's sweep, unpaced, of all subnets of a network at once.   our_sweep CIDR PREFIX PORT linux|portable"""

import ipaddress
import json
import math
import sys

from flexprint_agent.search.sweep import sweep
from flexprint_agent.snmp.pace import Pace

network = ipaddress.ip_network(sys.argv[1])
result = sweep(
    [range(int(one[0]), int(one[-1]) + 1) for one in network.subnets(new_prefix=int(sys.argv[2]))],
    port=int(sys.argv[3]),
    timeout=1.0,
    retries=1,
    pace=Pace(math.inf),
    linux=sys.argv[4] == "linux",
)
print(json.dumps({"found": len(result.answered), "seconds": result.seconds, "strays": result.strays}))
