"""SNMPv3 against net-snmp's snmpd: the agent that many printers' firmware is built on."""

import os
import shutil
import socket
import subprocess

import pytest

from flexprint_agent.snmp import ber
from flexprint_agent.snmp.conversation import get
from flexprint_agent.snmp.exchange import Endpoint, Exchange, Limits
from flexprint_agent.snmp.v3 import AUTH_PROTOCOLS, PRIVACY_PROTOCOLS, User

SNMPD = shutil.which("snmpd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(SNMPD is None, reason="needs Debian's snmpd (make test-system)"),
]

AUTH, PRIVACY = "a-good-password", "another-password"
DESCRIPTION = ber.oid("1.3.6.1.2.1.1.1.0")
ENGINE = "8000270f05" + "00" * 20
KINDS = [(None, None)] + [(auth, privacy) for auth in AUTH_PROTOCOLS for privacy in (None, *PRIVACY_PROTOCOLS)]


def user(auth=None, privacy=None, **more):
    passwords = {"auth_password": AUTH if auth else "", "privacy_password": PRIVACY if privacy else ""}
    return User(**{"name": f"{auth}-{privacy}", "auth": auth, "privacy": privacy} | passwords | more)


class Snmpd:
    """Its configuration is its own; boots are kept between two starts, as in a printer."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        lines = [f"exactEngineID 0x{ENGINE}"]
        for auth, privacy in KINDS:
            name = f"{auth}-{privacy}"
            level = "priv" if privacy else "auth" if auth else "noauth"
            words = [auth.replace("SHA-1", "SHA"), AUTH] if auth else []
            words += [privacy, PRIVACY] if privacy else []
            lines += [f"createUser {name} {' '.join(words)}", f"rouser {name} {level}"]
        lines.append(f"createUser unseen SHA {AUTH}")
        (folder / "snmpd.conf").write_text("\n".join(lines) + "\n")
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [SNMPD, "-f", "-Le", f"udp:127.0.0.1:{self.port}"],
            env={
                "SNMPCONFPATH": f"{self.folder}:{self.folder}/kept",
                "SNMP_PERSISTENT_DIR": str(self.folder / "kept"),
                "MIBS": "",
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in self.process.stderr:
            if "NET-SNMP version" in line:
                return
        raise AssertionError("snmpd ended")

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stderr.close()


@pytest.fixture(scope="module")
def snmpd(tmp_path_factory):
    running = Snmpd(tmp_path_factory.mktemp("snmpd"))
    yield running
    running.stop()


def ask(snmpd, *users, timeout=2.0, **more):
    endpoint = Endpoint("127.0.0.1", snmpd.port, communities=(), versions=(), users=users, **more)
    exchange = Exchange(Limits(timeout=timeout, retries=0))
    (outcome,) = exchange.run([(endpoint, lambda traits: get([DESCRIPTION], traits))])
    return outcome


@pytest.mark.parametrize(("auth", "privacy"), KINDS)
def test_every_kind_of_user_is_answered(snmpd, auth, privacy):
    outcome = ask(snmpd, user(auth, privacy))
    assert (outcome.error, outcome.packets) == (None, 2)
    assert DESCRIPTION in outcome.result
    assert outcome.engine.id.hex() == ENGINE


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (user("SHA-1", name="nobody"), "unknown-user"),
        (user("SHA-256", "AES-128", auth_password="not the password"), "wrong-digest"),
        (user("SHA-512", "AES-128", name="SHA-256-AES-128"), "wrong-digest"),
        (user("SHA-1", "AES-128", name="SHA-1-None"), "unsupported-level"),
        (user("SHA-1", name="SHA-1-AES-128"), "no-access"),
        (user(name="SHA-1-AES-128"), "no-access"),
        (user("SHA-1", name="unseen"), "no-access"),
        # These two net-snmp does not report.
        (user("SHA-256", "AES-128", privacy_password="not the password"), "unanswered"),
        (user("SHA-256", "AES-128", context="nowhere"), "unanswered"),
    ],
)
def test_a_refusal_says_what_is_wrong(snmpd, wrong, fault):
    outcome = ask(snmpd, wrong, timeout=0.5)
    assert [refusal.fault.name for refusal in outcome.refusals] == [fault]
    assert outcome.packets == 2


def test_a_restart_costs_one_report(snmpd):
    engine = ask(snmpd, user("SHA-256", "AES-128")).engine
    snmpd.stop()
    snmpd.start()
    outcome = ask(snmpd, user("SHA-256", "AES-128"), engine=engine)
    assert (outcome.error, outcome.packets) == (None, 2)
    assert outcome.engine.boots == engine.boots + 1


def test_a_known_engine_costs_no_discovery(snmpd):
    engine = ask(snmpd, user("SHA-1", "DES")).engine
    assert ask(snmpd, user("SHA-1", "DES"), engine=engine).packets == 1
