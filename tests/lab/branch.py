"""A customer's branch as a network: `with Branch(tmp_path) as branch:`, then run the agent on `branch.ws`.

    LAN a 10.77.1.0/24            LAN b 10.77.2.0/24    LAN c 10.77.3.0/24          LAN d 10.77.4.0/24
    ws .50   printers .21 ...     printers .21 ...      printers .21 ...            printers .21 ...
        \\________ rt .1 ______________ rt .1 _____________ rt .1    rt2 .2 _____________ rt2 .1
                  rt 198.51.100.1/30 ---- cloud 198.51.100.2 (a place for a collector)

`rt` is the default gateway of ws, and like `rt2` a real router with a real snmpd. The printers of a LAN are machines
of the simulated office behind one interface; they answer on UDP port 161, also when a broadcast asks them.
"""

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import IPv4Interface
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from .network import Host, Network, environment
from .office import Placed, office
from .site import Lab

LANS: Final = {"a": "10.77.1.0/24", "b": "10.77.2.0/24", "c": "10.77.3.0/24", "d": "10.77.4.0/24"}
GATEWAY: Final = "10.77.1.1"
WORKSTATION: Final = "10.77.1.50"
CLOUD: Final = "198.51.100.2"
PRINTERS: Final = {"a": 4, "b": 3, "c": 2, "d": 1}
LIMITED_BROADCAST: Final = "255.255.255.255"


class Branch:
    """The hosts `ws`, `rt`, `rt2`, `cloud`, and in `labs` the printers of each LAN.

    `folder` takes logs and configurations. `printers` says how many stand in each LAN, `community` what the routers
    answer to (None: they do not answer SNMP).
    """

    def __init__(
        self, folder: Path, *, printers: Mapping[str, int] | None = None, community: str | None = "public"
    ) -> None:
        self.folder = folder
        self.network = Network()
        self.labs: dict[str, Lab] = {}
        self.floors: dict[str, Host] = {}
        self._printers = PRINTERS if printers is None else printers
        self._community = community
        self._agents: dict[str, subprocess.Popen[bytes]] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            opening.enter_context(self.network)
            self._build()
            for lan, devices in _shared_out(self._printers).items():
                self.labs[lan] = opening.enter_context(self._floor(lan, devices))
            if self._community:
                self._answer_snmp(self.rt)
                self._answer_snmp(self.rt2)
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def devices(self) -> dict[str, Placed]:
        """Every printer by its address, as it now stands."""
        return {address: device for lab in self.labs.values() for address, device in lab.devices.items()}

    def agent(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """One command of flexprint-agent on ws, in a home of this branch's own."""
        env = environment({"FLEXPRINT_AGENT_HOME": str(self.folder / "agent")})
        return self.ws.python("flexprint_agent", *words, env=env, timeout=120, input=typed)

    def move(self, address: str, to: str) -> None:
        """Gives the printer at `address` another address of its LAN, as a DHCP server would."""
        lan = next(lan for lan, lab in self.labs.items() if address in lab.devices)
        self.floors[lan].ip(f"addr del {address}/24 dev eth0", f"addr add {to}/24 brd + dev eth0")
        self.labs[lan].place(replace(self.labs[lan].take_away(address), address=to))

    def lose(self, percent: int) -> None:
        """From now on this share of the packets to every printer and router is lost, and of their answers to ws."""
        for host in (self.ws, self.rt, self.rt2, *self.floors.values()):
            host.lose(percent)

    def forget(self) -> None:
        """Sets the counts of every host back to nothing."""
        for host in self.network.hosts.values():
            host.forget()

    def restart_snmp(self, router: Host, *access: str) -> None:
        """Starts the router's agent anew: it then answers with the routes of now, not with those of a minute ago.
        `access` are lines of snmpd.conf that say whom it answers, instead of the community."""
        agent = self._agents.pop(router.name)
        agent.kill()
        agent.wait()
        self._answer_snmp(router, *access)

    def _build(self) -> None:
        network = self.network
        for lan in (*LANS, "wan"):
            network.lan(lan)
        self.rt, self.rt2, self.cloud, self.ws = (network.host(name) for name in ("rt", "rt2", "cloud", "ws"))
        network.plug(self.rt, "wan", "wan", "198.51.100.1/30")
        network.plug(self.cloud, "eth0", "wan", f"{CLOUD}/30")
        for lan in ("a", "b", "c"):
            network.plug(self.rt, f"lan{lan}", lan, _at(lan, 1))
        network.plug(self.rt2, "lanc", "c", _at("c", 2))
        network.plug(self.rt2, "land", "d", _at("d", 1))
        network.plug(self.ws, "eth0", "a", f"{WORKSTATION}/24")
        for router in (self.rt, self.rt2):
            router.sysctl("net/ipv4/ip_forward", 1)
        self.rt.ip(f"route add default via {CLOUD}", "route add 10.77.4.0/24 via 10.77.3.2")
        self.rt2.ip("route add default via 10.77.3.1")
        self.cloud.ip("route add default via 198.51.100.1")
        self.ws.ip(f"route add default via {GATEWAY}")
        self.ws.names({}, self.folder)

    def _floor(self, lan: str, devices: Sequence[Placed]) -> Lab:
        floor = self.floors[lan] = self.network.host(f"floor-{lan}")
        interfaces = [IPv4Interface(f"{one.address}/24") for one in devices]
        # A printer that moves must not take the others of its network with it.
        floor.sysctl("net/ipv4/conf/all/promote_secondaries", 1)
        self.network.plug(floor, "eth0", lan, *map(str, interfaces))
        floor.ip(f"route add default via {_at(lan, 1).removesuffix('/24')}")
        broadcasts = [str(interfaces[0].network.broadcast_address), LIMITED_BROADCAST]
        return Lab(devices, 161, enter=floor.enter, broadcasts=broadcasts)

    def _answer_snmp(self, router: Host, *access: str) -> None:
        settings = self.folder / f"{router.name}.conf"
        answering = "\n".join(access or (f"rocommunity {self._community}",))
        settings.write_text(
            f"agentaddress udp:161\nsysDescr Branch router {router.name}\n{answering}\n", encoding="ascii"
        )
        kept = str(self.folder / f"{router.name}.kept")
        words = ("-f", "-Lo", "-C", "-c", str(settings), "-I", "-smux")
        env = {"MIBS": "", "SNMP_PERSISTENT_DIR": kept}
        self._agents[router.name] = router.start(
            "snmpd", *words, log=self.folder / f"{router.name}.log", port=161, env=env
        )


def _at(lan: str, host: int) -> str:
    return LANS[lan].replace(".0/", f".{host}/")


def _shared_out(printers: Mapping[str, int]) -> dict[str, list[Placed]]:
    """So many printers of the office for each LAN, from address .21 on; makers mixed."""
    waiting = sorted((one for one in office() if one.truth), key=lambda one: one.truth.serial if one.truth else "")
    shared = {}
    for lan, wanted in printers.items():
        chosen, waiting = waiting[:wanted], waiting[wanted:]
        shared[lan] = [
            replace(one, address=_at(lan, 21 + place).removesuffix("/24")) for place, one in enumerate(chosen)
        ]
    return shared
