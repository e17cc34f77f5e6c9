"""SNMPv3 against an engine that we did not write: pysnmp's, in a process of its own."""

import hmac
import random
import socket
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from flexprint_agent.snmp import ber, v3
from flexprint_agent.snmp.conversation import get
from flexprint_agent.snmp.exchange import Endpoint, Exchange, Limits
from flexprint_agent.snmp.v3 import AUTH_PROTOCOLS, PRIVACY_PROTOCOLS, Engine, Peer, User
from flexprint_agent.snmp.walk import walk
from lab.recording import Row
from lab.secured import Account, Safe, Secured
from lab.site import Lab

from .conftest import ALL, IN_COLUMNS, ROOTS, TABLE

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs 127.0.0.0/8 as Linux has it")
pytestmark = linux

AUTH, PRIVACY = "a good password", "another password"
KINDS = [
    (None, None),
    *((auth, None) for auth in AUTH_PROTOCOLS),
    *(("SHA-256", privacy) for privacy in PRIVACY_PROTOCOLS),
    # A key of sixteen octets is stretched to the thirty-two that these need, each in its own way.
    ("MD5", "AES-256"),
    ("MD5", "AES-256-C"),
    ("SHA-1", "AES-192"),
    ("SHA-1", "AES-192-C"),
    ("SHA-512", "AES-256"),
]
DESCRIPTION, NAME = ber.oid("1.3.6.1.2.1.1.1.0"), ber.oid("1.3.6.1.2.1.1.5.0")
PRINTER, ZEROS, RELUCTANT, CARD = (f"127.30.0.{place}" for place in range(1, 5))


def user(auth=None, privacy=None, name=None, **more):
    passwords = {"auth_password": AUTH if auth else "", "privacy_password": PRIVACY if privacy else ""}
    return User(name or f"{auth}-{privacy}", auth, privacy=privacy, **(passwords | more))


def account(one, **more):
    return Account(one.name, one.auth, one.auth_password, one.privacy, one.privacy_password, **more)


METER = user("SHA-256", "AES-128", "meter")


@pytest.fixture(scope="module")
def printers():
    accounts = tuple(account(user(*kind)) for kind in KINDS)
    with Secured(
        [
            Safe(PRINTER, TABLE, (*accounts, account(METER)), contexts=("", "floor2")),
            Safe(ZEROS, TABLE, (account(METER),), engine_id="8000270f05" + "00" * 20),
            Safe(RELUCTANT, TABLE, (account(METER, reads=False),)),
            Safe(CARD, TABLE, (account(METER),), contexts=("Jetdirect",)),
        ]
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(printers):
    printers.restart(PRINTER, boots=7, time=100)
    printers.forget()


def ask(printers, *users, address=PRINTER, begin=None, exchange=None, **more):
    """One conversation; the outcome."""
    exchange = exchange or Exchange(Limits(timeout=2, retries=0))
    facts = {"communities": (), "versions": ()} | more
    endpoint = Endpoint(address, printers.port, users=users, **facts)
    (outcome,) = exchange.run([(endpoint, begin or (lambda traits: get([DESCRIPTION, NAME], traits)))])
    return outcome


@pytest.mark.parametrize(("auth", "privacy"), KINDS)
def test_every_kind_of_user_is_answered(printers, auth, privacy):
    outcome = ask(printers, user(auth, privacy))
    assert outcome.error is None
    assert outcome.result == {name: ALL[name] for name in (DESCRIPTION, NAME)}
    assert (outcome.version, outcome.user, outcome.packets) == (3, user(auth, privacy), 2)
    assert outcome.engine.id == printers.printers[PRINTER].engine()


def test_a_walk_runs_over_v3_as_it_does_over_v2c(printers):
    outcome = ask(printers, METER, begin=lambda traits: walk(ROOTS, traits))
    assert outcome.result == IN_COLUMNS
    assert outcome.traits.version == 3


def test_a_known_engine_costs_no_discovery(printers):
    known = ask(printers, METER).engine
    outcome = ask(printers, METER, engine=known)
    assert (outcome.error, outcome.packets) == (None, 1)


@pytest.mark.parametrize(
    ("wrong", "fault", "packets"),
    [
        (user("SHA-256", "AES-128", "Meter"), "unknown-user", 2),
        (user("SHA-256", "AES-128", "meter", auth_password="not the password"), "wrong-digest", 2),
        (user("SHA-1", "AES-128", "meter"), "wrong-digest", 2),
        (user("SHA-256", "DES", "meter"), "cannot-decrypt", 2),
        (user("SHA-256", None, "SHA-256-None", context="floor9"), "unknown-context", 2),
        (user("SHA-256", None, "meter"), "unsupported-level", 2),
        (user(None, None, "SHA-256-None"), "unsupported-level", 2),
    ],
)
def test_a_refusal_says_what_is_wrong_and_is_not_asked_twice(printers, wrong, fault, packets):
    outcome = ask(printers, wrong)
    assert (outcome.answered, outcome.result) == (True, None)
    assert [refusal.fault.name for refusal in outcome.refusals] == [fault]
    assert outcome.packets == printers.packets(PRINTER) == packets
    assert f"{PRINTER}:{printers.port} refuses SNMPv3: it" in outcome.error
    assert outcome.error.endswith(f". Next: {v3.FAULTS[fault].next_step}")
    assert AUTH not in outcome.error


def test_a_wrong_privacy_password_is_told_whatever_the_printer_makes_of_it(printers):
    """A stream cipher decrypts to something, always: an engine may report it, or say nothing at all."""
    wrong = user("SHA-256", "AES-128", "meter", privacy_password="not the password")
    outcome = ask(printers, wrong, exchange=Exchange(Limits(timeout=0.3, retries=1)))
    assert outcome.answered
    assert next(refusal.fault.name for refusal in outcome.refusals) in ("cannot-decrypt", "unanswered")
    assert outcome.packets <= 3


def test_a_user_that_may_read_nothing_is_told_so_at_once(printers):
    outcome = ask(printers, METER, address=RELUCTANT)
    assert [refusal.fault.name for refusal in outcome.refusals] == ["no-access"]
    assert outcome.packets == 2


def test_a_context_is_asked_for_by_its_name(printers):
    held = user("SHA-256", None, "SHA-256-None", context="floor2")
    assert ask(printers, held).error is None


def test_a_network_card_that_answers_in_a_context_of_its_own_alone(printers):
    """As HP's do; the refusal says what to enter."""
    outcome = ask(printers, METER, address=CARD)
    assert [refusal.fault.name for refusal in outcome.refusals] == ["unknown-context"]
    assert "Jetdirect" in outcome.error
    assert ask(printers, replace(METER, context="Jetdirect"), address=CARD).error is None


def test_users_are_tried_in_order_until_one_is_served(printers):
    wrong = [user("SHA-256", name="nobody"), user("SHA-256", "AES-128", "meter", auth_password="not the password")]
    outcome = ask(printers, *wrong, METER, user("MD5"))
    assert outcome.user == METER
    assert [refusal.fault.name for refusal in outcome.refusals] == ["unknown-user", "wrong-digest"]
    assert outcome.packets == 1 + 3


def test_a_device_that_refuses_every_user_is_asked_with_a_community(printers):
    with Lab([]) as lab:
        outcome = ask(
            lab, METER, communities=("public",), versions=(ber.V2C,), exchange=Exchange(Limits(timeout=0.2, retries=1))
        )
        # Nobody is there at all: two packets in v3, two in v2c, whatever the number of users.
        assert outcome.packets == 4
    assert outcome.error == f"no answer to SNMP v3, v2c at {PRINTER}:{lab.port} within 0.2 s"
    assert not outcome.answered


def test_an_error_names_the_refusal_before_the_silence_of_other_versions(printers):
    outcome = ask(
        printers,
        user("SHA-256", name="nobody"),
        communities=("public",),
        versions=(ber.V2C,),
        exchange=Exchange(Limits(timeout=0.2, retries=0)),
    )
    assert outcome.error.startswith(
        f"{PRINTER}:{printers.port} refuses SNMPv3: it does not know the user nobody; no answer to SNMP v2c"
    )
    assert outcome.answered


@pytest.mark.parametrize("boots", [9, 1, 2**31 - 2])
def test_a_device_that_restarted_is_read_on_after_one_report(printers, boots):
    """Its boots go up; where its memory was cleared they may even go back."""
    engine = ask(printers, METER).engine
    printers.restart(PRINTER, boots=boots)
    outcome = ask(printers, METER, engine=engine)
    assert (outcome.error, outcome.packets) == (None, 2)
    assert (outcome.engine.boots, outcome.engine.time) == (boots, pytest.approx(0, abs=5))


def test_a_restart_in_the_middle_of_a_conversation_heals(printers):
    def begin(traits):
        first = yield from get([DESCRIPTION], traits)
        printers.restart(PRINTER)
        return first | (yield from get([NAME], traits))

    outcome = ask(printers, METER, begin=begin)
    assert outcome.result == {name: ALL[name] for name in (DESCRIPTION, NAME)}
    assert outcome.packets == 4


def test_a_device_replaced_by_another_is_recognized_by_its_engine(printers):
    other = Engine(b"\x80\x00\x27\x0f\x04somebody else", 3, 77)
    outcome = ask(printers, METER, engine=other)
    assert (outcome.error, outcome.packets) == (None, 2)
    assert outcome.engine.id == printers.printers[PRINTER].engine()


def test_an_engine_whose_clock_stands_at_its_end_is_given_up_soon(printers):
    """RFC 3414: at 2^31 - 1 boots an engine accepts nobody until it is set up anew."""
    printers.restart(PRINTER, boots=2**31 - 1)
    outcome = ask(printers, METER)
    assert [refusal.fault.name for refusal in outcome.refusals] == ["not-in-time-window"]
    assert outcome.packets <= 5


def test_silence_in_the_middle_ends_as_it_does_over_v2c(printers):
    def begin(traits):
        first = yield from get([DESCRIPTION], traits)
        printers.down(PRINTER)
        return first | (yield from get([NAME], traits))

    try:
        outcome = ask(printers, METER, begin=begin, exchange=Exchange(Limits(timeout=0.2, retries=0)))
    finally:
        printers.up(PRINTER)
    assert outcome.error == f"{PRINTER}:{printers.port} stopped answering SNMP v3: nothing within 0.2 s"


def test_v3_and_v2c_devices_are_asked_side_by_side(printers):
    table = [Row("1.3.6.1.2.1.1.1.0", 4, b"plain")]
    from lab.device import FLAWLESS
    from lab.office import Placed

    with Lab([Placed("127.30.1.1", table, FLAWLESS)]) as lab:
        endpoints = [
            Endpoint(PRINTER, printers.port, communities=(), versions=(), users=(METER,)),
            Endpoint("127.30.1.1", lab.port),
        ]
        outcomes = Exchange(Limits(timeout=2)).run(
            (one, lambda traits: get([DESCRIPTION], traits)) for one in endpoints
        )
        assert {one.endpoint.address: one.version for one in outcomes} == {PRINTER: 3, "127.30.1.1": ber.V2C}


# What is said by somebody else, or is nonsense.


class Talk:
    """A user's side and the octets that an engine would send it, without a socket."""

    def __init__(self, one=METER, engine=None):
        self.user = one
        self.peer = Peer(engine or Engine(b"\x80\x00\x27\x0f\x04engine", 3, 1000), 0.0)

    def said(
        self,
        pdu_kind=ber.RESPONSE,
        *,
        by=None,
        message_id=77,
        request_id=77,
        clock=(3, 1000),
        flags=None,
        bindings=(),
        error=0,
    ):
        from flexprint_agent.snmp import usm

        by = by or self.user
        message = ber.encode(ber.Message(ber.V2C, b"", pdu_kind, request_id, error, 0, list(bindings)))
        pdu = message[message.index(bytes((pdu_kind,))) :]
        engine = Engine(self.peer.engine_id, *clock)
        plain = ber.tlv(0x30, ber.tlv(4, engine.id) + ber.tlv(4, b"") + pdu)
        if flags == 0 or not by.auth:
            return v3.message(message_id, 0, engine, by.name.encode(), b"", plain)[0]
        return usm.secure(by, engine, message_id, plain)

    def hear(self, datagram, now=0.0):
        return self.peer.hear(self.user, v3.parse(datagram), datagram, now)


VALUE = (DESCRIPTION, ber.OCTET_STRING, b"A printer")


def report(counter):
    return [(ber.oid(f"1.3.6.1.6.3.15.1.1.{counter}.0"), ber.COUNTER32, b"\x01")]


def test_what_the_device_says_is_heard():
    assert Talk().hear(Talk().said(bindings=[VALUE])).bindings == [VALUE]


@pytest.mark.parametrize(
    "forged",
    [
        {"flags": 0},
        {"by": user("SHA-256", "AES-128", "meter", auth_password="not the password")},
        {"by": user("SHA-256", "AES-128", "somebody")},
        {"by": user("SHA-256", None, "meter")},
        {"request_id": 78},
        {"pdu_kind": ber.GET},
    ],
)
def test_an_answer_that_is_not_the_devices_own_counts_for_nothing(forged):
    talk = Talk()
    with pytest.raises(ber.Malformed):
        talk.hear(talk.said(bindings=[VALUE], **forged))
    assert not talk.peer.heard


def test_an_old_answer_is_not_taken_for_a_new_one():
    talk = Talk()
    talk.hear(talk.said(clock=(3, 5000)))
    talk.hear(talk.said(clock=(3, 4900)), now=1.0)  # overtaken on the way
    for clock in ((3, 4849), (2, 9000)):
        with pytest.raises(ber.Malformed):
            talk.hear(talk.said(clock=clock), now=2.0)


def test_reports_without_sense_end_the_conversation_and_teach_nothing():
    talk = Talk()
    assert talk.hear(talk.said(v3.REPORT, flags=0)).name == "refused"
    nowhere = v3.message(
        77,
        0,
        Engine(b"", 1, 1),
        b"",
        b"",
        ber.tlv(0x30, ber.tlv(4, b"") * 2 + b"\xa8\x0b\x02\x01\x00\x02\x01\x00\x02\x01\x00\x30\x00"),
    )[0]
    with pytest.raises(ber.Malformed):
        talk.hear(nowhere)


def test_a_device_that_only_reports_is_heard_four_times_at_most():
    talk = Talk()
    heard = [talk.hear(talk.said(v3.REPORT, flags=0, bindings=report(2), clock=(3, at))) for at in range(4)]
    assert heard[:3] == [None] * 3
    assert heard[3].name == "not-in-time-window"


def test_a_device_that_names_another_engine_each_time_is_given_up_after_a_few_packets():
    """Whatever it says, three users cost six packets: the engine is learned three times, then nobody believes it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as liar:
        liar.bind(("127.0.0.1", 0))
        liar.settimeout(5)

        def lie():
            for number in range(6):
                datagram, source = liar.recvfrom(65535)
                talk = Talk(engine=Engine(b"\x80\x00engine %d" % number, 1, 1))
                asked = v3.parse(datagram).message_id
                liar.sendto(talk.said(v3.REPORT, message_id=asked, flags=0, bindings=report(4)), source)

        thread = threading.Thread(target=lie)
        thread.start()
        endpoint = Endpoint(
            *liar.getsockname(), communities=(), versions=(), users=(METER, user("MD5"), user(name="third"))
        )
        (outcome,) = Exchange(Limits(timeout=5)).run([(endpoint, lambda traits: get([DESCRIPTION], traits))])
        thread.join()
    assert (outcome.answered, outcome.result, outcome.packets) == (True, None, 6)
    assert [refusal.fault.name for refusal in outcome.refusals] == ["unknown-engine"] * 3


def test_octets_that_are_no_message_are_malformed_and_nothing_else():
    chance = random.Random(1)
    whole = [
        Talk().said(bindings=[VALUE]),
        Talk(user()).said(bindings=[VALUE]),
        Talk().said(v3.REPORT, flags=0, bindings=report(3)),
    ]
    before, after = v3.discovery()
    for datagram in (*whole, before + b"\x01\x02\x03\x04" + after):
        spoilt = [datagram[:end] for end in range(len(datagram))]
        spoilt += [
            datagram[:at] + bytes((datagram[at] ^ 1 << bit,)) + datagram[at + 1 :]
            for at in range(len(datagram))
            for bit in range(8)
        ]
        spoilt += [chance.randbytes(len(datagram)) for _ in range(50)]
        for octets in spoilt:
            talk = Talk()
            try:
                heard = talk.hear(octets)
            except ber.Malformed:
                continue
            assert heard is None or isinstance(heard, v3.Fault) or heard.bindings == [VALUE]


def test_garbage_after_a_discovery_does_not_stop_the_answer(printers):
    """A stranger's messages with ids of its own are counted and dropped."""
    exchange = Exchange(Limits(timeout=2))
    outcome = ask(printers, METER, exchange=exchange)
    assert outcome.error is None
    assert (exchange.strays, exchange.malformed) == (0, 0)


def test_a_v2c_answer_to_a_v3_request_is_a_stray():
    """The message id stands in clear: who sees it must not be able to answer without a key."""
    from flexprint_agent.snmp.dialogue import Dialogue

    dialogue = Dialogue(Endpoint("127.0.0.1", users=(METER,)), lambda traits: get([DESCRIPTION], traits), 0.0)
    dialogue.ids[77] = 0
    assert not dialogue.expects(77, ("127.0.0.1", 161), secured=False)
    assert dialogue.expects(77, ("127.0.0.1", 161), secured=True)
    assert not dialogue.expects(77, ("127.0.0.2", 161), secured=True)


# Keys and digests.


@pytest.mark.parametrize(
    ("auth", "key"),
    [("MD5", "526f5eed9fcce26f8964c2930787d82b"), ("SHA-1", "6695febc9288e36282235fc7151f128497b38f3f")],
)
def test_keys_are_those_of_the_standard(auth, key):
    """RFC 3414, A.3.1 and A.3.2: the password maplesyrup at the engine 00 00 00 00 00 00 00 00 00 00 00 02."""
    from flexprint_agent.snmp import usm

    one = User("maple", auth, "maplesyrup")
    assert usm._keys(one, bytes(11) + b"\x02").auth.hex() == key


def test_zeros_in_an_engine_id_are_not_taken_for_the_place_of_the_digest():
    from flexprint_agent.snmp import usm

    talk = Talk(engine=Engine(b"\x80\x00\x27\x0f\x05" + bytes(20), 3, 1000))
    datagram = talk.said()
    envelope = v3.parse(datagram)
    assert envelope.engine.id == talk.peer.engine_id
    assert len(envelope.salt) == 8
    blank = datagram[: envelope.digest.start] + bytes(24) + datagram[envelope.digest.stop :]
    key = usm._keys(METER, talk.peer.engine_id).auth
    assert datagram[envelope.digest] == hmac.digest(key, blank, "sha256")[:24]


def test_no_two_messages_are_encrypted_alike():
    talk = Talk()
    salts = {v3.parse(talk.said(bindings=[VALUE])).salt for _ in range(50)}
    assert len(salts) == 50


def test_a_password_is_hashed_once_for_all_devices_and_a_key_made_once_for_each():
    from flexprint_agent.snmp import usm

    usm._master.cache_clear()
    one = user("SHA-512", "AES-256", "cached")
    for number in range(5):
        for _ in range(2):
            usm._keys(one, b"engine%d" % number)
    assert usm._master.cache_info().misses == 2


# What a user can be.


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ({"name": ""}, "a user name has 1 to 32 octets"),
        ({"name": "x" * 33}, "a user name has 1 to 32 octets"),
        ({"name": "a\nb"}, "a user name has 1 to 32 octets"),
        ({"name": "a", "auth": "SHA-3", "auth_password": AUTH}, "authentication is none or one of MD5"),
        ({"name": "a", "auth": "MD5", "auth_password": "short"}, "the authentication password has 8 to 255"),
        (
            {"name": "a", "auth": "MD5", "auth_password": AUTH, "privacy": "DES", "privacy_password": "s3cr3t"},
            "the privacy password has 8",
        ),
        ({"name": "a", "privacy": "DES", "privacy_password": PRIVACY}, "no privacy without authentication"),
    ],
)
def test_a_user_that_cannot_be_is_refused_without_its_secrets(facts, complaint):
    with pytest.raises(ValueError, match=complaint) as refusal:
        User(**facts)
    assert "short" not in str(refusal.value)
    assert "s3cr3t" not in str(refusal.value)


def test_secrets_are_in_no_repr():
    shown = repr((METER, Endpoint("127.0.0.1", users=(METER,)), v3.Refusal(METER, v3.FAULTS["wrong-digest"])))
    assert AUTH not in shown
    assert PRIVACY not in shown


def test_only_a_user_with_a_password_brings_pysnmp():
    program = (
        "import sys\n"
        "from flexprint_agent.snmp.exchange import *\n"
        "from flexprint_agent.snmp.conversation import get, Traits\n"
        "import flexprint_agent.read.printers, flexprint_agent.search.sweep\n"
        "Endpoint('127.0.0.1')\n"
        "assert 'flexprint_agent.snmp.v3' not in sys.modules\n"
        "from flexprint_agent.snmp.v3 import User, discovery, Peer, Engine\n"
        "discovery(); Peer(Engine(b'x' * 9, 1, 1), 0).datagram(User('open'), 1 << 24, b'', 0)\n"
        "assert not any(name.startswith('pysnmp') for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
