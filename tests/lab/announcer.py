"""Something on a LAN that speaks mDNS:

python -m lab.announcer 10.77.1.21                  a printer that announces itself with this address
python -m lab.announcer 10.77.1.21 10.77.1.22 ...   the same, with all of these addresses
python -m lab.announcer --hostile 10.77.1.66        answers every question with what nobody should send
"""

import contextlib
import os
import random
import socket
import struct
import sys
import threading
from collections.abc import Iterator

SERVICES = ("_ipp._tcp.local.", "_pdl-datastream._tcp.local.")
TEXT = {"ty": "Acme 9000", "product": "(Acme 9000 PS)", "note": "2nd floor"}
GROUP = ("224.0.0.251", 5353)
A, PTR, TXT, SRV = 1, 12, 16, 33


def announce(addresses: list[str]) -> None:
    from zeroconf import ServiceInfo, Zeroconf

    speaker = Zeroconf(interfaces=[addresses[0]])
    for service in SERVICES:
        speaker.register_service(
            ServiceInfo(
                service,
                f"Acme at {addresses[0]}.{service}",
                port=9100,
                addresses=[socket.inet_aton(each) for each in addresses],
                server=f"acme-{addresses[0].replace('.', '-')}.local.",
                properties=TEXT,
            ),
            cooperating_responders=True,
        )
    threading.Event().wait()


def answer_with_rubbish(address: str) -> None:
    ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    ear.bind(GROUP)
    ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP[0]) + socket.inet_aton(address))
    while True:
        _, asker = ear.recvfrom(9000)
        for datagram in rubbish():
            with contextlib.suppress(OSError):
                ear.sendto(datagram, asker)


def rubbish() -> Iterator[bytes]:
    """Noise, messages cut short, names that go round in circles, addresses of others, names without number."""
    chance = random.Random(1)
    good = response(*printer("Good", "8.8.8.8"))
    yield from (chance.randbytes(length) for length in (0, 1, 11, 12, 13, 60, 500, 1400))
    yield from (good[:length] for length in range(0, len(good), 7))
    for _ in range(60):
        damaged = bytearray(good)
        for _ in range(3):
            damaged[chance.randrange(12, len(damaged))] = chance.randrange(256)
        yield bytes(damaged)
    yield header(1) + b"\xc0\x0c" + struct.pack(">HHIH", PTR, 1, 120, 2) + b"\xc0\x0c"
    yield header(65535) + good[12:]
    yield response((name(SERVICES[0]), PTR, name("no printer at all.")))
    yield response((name(SERVICES[0]), PTR, name("x" * 63 + "." + SERVICES[0])))
    yield response(*printer("Text", "10.77.1.250", text=b"\xff" + b"ty=" + b"A" * 252 + b"\x04ty=\x1b\x02ty"))
    yield response(*printer("Nowhere", "0.0.0.0"))
    yield response(*printer("Everyone", "255.255.255.255"))
    yield response(*printer("Network", "10.77.1.0"))
    for number in range(3000):
        yield response((name(SERVICES[0]), PTR, name(f"Flood {number} {os.getpid()}.{SERVICES[0]}")))


def printer(called: str, address: str, text: bytes = b"\x0cty=Acme 9000") -> list[tuple[bytes, int, bytes]]:
    own, host = name(f"{called}.{SERVICES[0]}"), name(f"{called}.local.")
    return [
        (name(SERVICES[0]), PTR, own),
        (own, SRV, struct.pack(">HHH", 0, 0, 631) + host),
        (own, TXT, text),
        (host, A, socket.inet_aton(address)),
    ]


def name(dotted: str) -> bytes:
    return b"".join(bytes((len(label),)) + label.encode() for label in dotted.strip(".").split(".")) + b"\0"


def header(answers: int) -> bytes:
    return struct.pack(">6H", 0, 0x8400, 0, answers, 0, 0)


def response(*records: tuple[bytes, int, bytes]) -> bytes:
    return header(len(records)) + b"".join(
        owner + struct.pack(">HHIH", kind, 1, 120, len(content)) + content for owner, kind, content in records
    )


if __name__ == "__main__":
    if sys.argv[1] == "--hostile":
        answer_with_rubbish(sys.argv[2])
    announce(sys.argv[1:])
