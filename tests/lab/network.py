"""Hosts and LANs of a test's own, made of network namespaces: `with Network() as network:`.

A host is a process that waits, in namespaces of its own (network and mounts); programs enter them with `nsenter`.
Nothing has a name outside, so any number of networks stand side by side with the same addresses, and nothing is left
when the process that made one ends, however it ends: namespaces go with their last process. Root is not needed where
unprivileged user namespaces are allowed. Nothing of the machine's own network is touched.

Every host counts with nftables what it sends and receives: the lab's own count, not that of what is tested.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

_SECONDS: Final = 30.0
_COUNTING: Final = """
table inet lab {
    set sent4 { typeof ip daddr . meta l4proto . th dport; size 262144; flags dynamic; counter; }
    set sent6 { typeof ip6 daddr . meta l4proto . th dport; size 65536; flags dynamic; counter; }
    set received4 { typeof ip daddr . meta l4proto . th dport; size 262144; flags dynamic; counter; }
    set received6 { typeof ip6 daddr . meta l4proto . th dport; size 65536; flags dynamic; counter; }
    chain output {
        type filter hook output priority 0;
        meta l4proto { tcp, udp } update @sent4 { ip daddr . meta l4proto . th dport }
        meta l4proto { tcp, udp } update @sent6 { ip6 daddr . meta l4proto . th dport }
    }
    chain input {
        type filter hook input priority 0;
        meta l4proto { tcp, udp } update @received4 { ip daddr . meta l4proto . th dport }
        meta l4proto { tcp, udp } update @received6 { ip6 daddr . meta l4proto . th dport }
    }
    chain pace { type filter hook output priority 10; }
    chain lost { type filter hook input priority 20; }
}
"""


class NetworkFailed(Exception):
    """A command that builds the network did not work."""


class To(NamedTuple):
    """Where packets went: `protocol` is tcp or udp, `port` the one they were sent to."""

    address: str
    protocol: str
    port: int


@cache
def unavailable(*programs: str) -> str | None:
    """Why no network can be made here, or not one with these `programs`; None where it can: for `skipif`."""
    missing = [name for name in ("ip", "unshare", "nsenter", "setpriv", "mount", "nft", *programs) if not _path(name)]
    if missing:
        return f"{', '.join(missing)} missing here: `make test-system` installs them"
    tried = subprocess.run([*_unshare(), "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"no network namespaces allowed here, neither as root nor unprivileged ({tried.stderr.strip()})"
    return None


def _path(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def _unshare() -> list[str]:
    own_users = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *own_users, "--net", "--mount", "--propagation", "private", "--"]


class Network:
    """The hosts and the LANs that join them. A LAN is a bridge in a host of its own, which forwards no IP."""

    def __init__(self) -> None:
        self.hosts: dict[str, Host] = {}
        self._programs: list[subprocess.Popen[Any]] = []
        self._plugs = 0

    def __enter__(self) -> Self:
        try:
            self._switch = self.host("switch")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends every program, then every host. Doing it twice does no harm."""
        programs, self._programs = self._programs, []
        hosts, self.hosts = self.hosts, {}
        for program in programs:
            program.kill()
        for program in programs:
            program.communicate()
        for host in hosts.values():
            host.close()

    def host(self, name: str) -> "Host":
        """A new host with nothing but its loopback."""
        made = Host(name, self, self.hosts.get("switch"))
        self.hosts[name] = made
        # No duplicate address detection: an IPv6 address is there at once, as after a second in an office.
        made.sysctl("net/ipv6/conf/default/accept_dad", 0)
        made.ip("link set lo up")
        made.run("nft", "-f", "-", input=_COUNTING)
        return made

    def lan(self, name: str) -> None:
        """A new LAN. Its switch floods multicast, as a plain one does."""
        self._switch.ip(f"link add name {name} type bridge mcast_snooping 0", f"link set dev {name} up")

    def plug(self, host: "Host", interface: str, lan: str, *addresses: str) -> None:
        """Gives the host an interface in the LAN, with these addresses (10.77.1.1/24)."""
        self._plugs += 1
        socket = f"port{self._plugs}"
        self._switch.ip(
            f"link add name {socket} type veth peer name {interface} netns {host.pid}",
            f"link set dev {socket} master {lan} up",
        )
        host.ip(
            *(f"addr add {address} {'nodad' if ':' in address else 'brd +'} dev {interface}" for address in addresses),
            f"link set dev {interface} up",
        )

    def started(self, program: subprocess.Popen[Any]) -> None:
        self._programs.append(program)


class Host:
    """One machine of the network. `enter` before a command line runs it there, from the folder /."""

    def __init__(self, name: str, network: Network, first: "Host | None") -> None:
        self.name = name
        self._network = network
        # Every host of an unprivileged network lives in the user namespace of the first.
        users = [] if os.geteuid() == 0 or first is None else ["--user", "--preserve-credentials"]
        where = ["nsenter", "--target", str(first.pid), *users, "--"] if first and users else []
        unshare = ["unshare", *_unshare()[-5:]] if users else _unshare()
        # It ends when its standard input does, so that it never outlives the one who holds the other end.
        self._waiting = subprocess.Popen(
            [*where, *unshare, "sh", "-c", "echo up; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._waiting.stdout
        assert self._waiting.stderr
        if self._waiting.stdout.readline() != b"up\n":
            raise NetworkFailed(f"host {name}: {self._waiting.stderr.read().decode(errors='replace').strip()}")
        self.pid = self._waiting.pid
        entered = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        self.enter = ["nsenter", "--target", str(self.pid), *entered, "--net", "--mount", "--"]

    def close(self) -> None:
        self._waiting.communicate()

    def run(self, *command: str, ok: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        """Runs a command here and waits for its end. Raises NetworkFailed on any exit status but 0 if it is to be
        `ok`."""
        done = subprocess.run(
            [*self.enter, _path(command[0]) or command[0], *command[1:]],
            check=False,
            **{"capture_output": True, "text": True, "timeout": _SECONDS, **options},
        )
        if ok and done.returncode:
            raise NetworkFailed(f"{self.name}: {' '.join(command)}: {done.stderr or done.stdout}")
        return done

    def python(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """`python -m WORDS`, with this environment's packages, here; its exit status is for the caller to judge."""
        return self.run(sys.executable, "-m", *words, **{"ok": False, **options})

    def start(
        self, *command: str, log: Path, port: int | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Starts a program that runs here until the network ends, and waits until it listens on UDP `port`."""
        # What a privileged program is told to do at its parent's end is forgotten when it enters: so setpriv comes last.
        bound = ["setpriv", "--pdeathsig", "KILL", "--", _path(command[0]) or command[0], *command[1:]]
        with log.open("ab") as output:
            program = subprocess.Popen(
                [*self.enter, *bound], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env
            )
        self._network.started(program)
        deadline = time.monotonic() + _SECONDS
        while port is not None and not _listens(program.pid, port):
            if program.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(encoding="utf-8", errors="replace").strip()
                raise NetworkFailed(f"{self.name}: {command[0]} does not listen on UDP port {port}: {said}")
            time.sleep(0.02)
        return program

    def ip(self, *commands: str) -> None:
        """Commands of ip(8), as one batch."""
        self.run("ip", "-batch", "-", input="\n".join(commands) + "\n")

    def sysctl(self, name: str, value: int) -> None:
        self.run("sh", "-c", f"echo {value} > /proc/sys/{name}")

    def names(self, addresses: Mapping[str, str], folder: Path) -> None:
        """From now on these names have these addresses here, and no other name has one. `folder` keeps the file."""
        hosts = folder / f"hosts-{self.name}"
        hosts.write_text("".join(f"{address} {name}\n" for name, address in addresses.items()), encoding="ascii")
        nowhere = folder / f"resolv-{self.name}"
        nowhere.write_text("", encoding="ascii")
        for file, place in ((hosts, "/etc/hosts"), (nowhere, "/etc/resolv.conf")):
            self.run("mount", "--bind", str(file), str(Path(place).resolve()))

    def sent(self) -> Counter[To]:
        """Packets of TCP and UDP that programs here sent, to whom, since the start or the last `forget`. Counted
        before any loss, and whether or not somebody has the address."""
        return self._counted("sent4") + self._counted("sent6")

    def received(self) -> Counter[To]:
        """Packets of TCP and UDP that came for this host, by the address they were for. Counted before any loss."""
        return self._counted("received4") + self._counted("received6")

    def _counted(self, name: str) -> Counter[To]:
        listed = json.loads(self.run("nft", "--json", "--numeric", "list", "set", "inet", "lab", name).stdout)
        elements = next(one["set"] for one in listed["nftables"] if "set" in one).get("elem", [])
        names = {6: "tcp", 17: "udp", "6": "tcp", "17": "udp"}
        found: Counter[To] = Counter()
        for element in elements:
            address, protocol, port = element["elem"]["val"]["concat"]
            found[To(address, names.get(protocol, protocol), port)] += element["elem"]["counter"]["packets"]
        return found

    def forget(self) -> None:
        """Sets every count back to nothing."""
        sets = ("sent4", "sent6", "received4", "received6")
        self.run("nft", "-f", "-", input="".join(f"flush set inet lab {name}\n" for name in sets))

    def lose(self, percent: int, port: int = 161) -> None:
        """From now on this share of the UDP packets that come here to or from `port` is lost."""
        # Lost as they arrive: a packet that is dropped where it leaves is an error to the program that sends it.
        rules = ["flush chain inet lab lost"]
        if percent:
            chance = f"numgen random mod 100 < {percent} drop"
            rules += [f"add rule inet lab lost udp {way} {port} {chance}" for way in ("dport", "sport")]
        self.run("nft", "-f", "-", input="\n".join(rules))

    def watch_pace(self, packets_per_second: int, at_once: int) -> None:
        """From now on `too_fast` counts the UDP packets sent here beyond this pace: a bucket that holds `at_once`."""
        limit = f"limit rate over {packets_per_second}/second burst {at_once} packets"
        rules = f"flush chain inet lab pace\nadd rule inet lab pace meta l4proto udp {limit} counter"
        self.run("nft", "-f", "-", input=rules)

    def too_fast(self) -> int:
        """Packets beyond the pace of `watch_pace`."""
        listed = json.loads(self.run("nft", "--json", "list", "chain", "inet", "lab", "pace").stdout)
        rule = next(one["rule"] for one in listed["nftables"] if "rule" in one)
        return sum(part["counter"]["packets"] for part in rule["expr"] if "counter" in part)


def _listens(pid: int, port: int) -> bool:
    ending = f":{port:04X}"
    try:
        tables = [Path(f"/proc/{pid}/net/{name}").read_text(encoding="ascii") for name in ("udp", "udp6")]
    except OSError:
        return False
    return any(line.split()[1].endswith(ending) for table in tables for line in table.splitlines()[1:])


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This environment with `extra`, without proxies and settings of another FlexPrint."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("FLEXPRINT_") and not name.lower().endswith("_proxy")
    }
    return kept | dict(extra)
