"""How an agent comes in: once, with a key, and with proof of whom it talks to."""

from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import func, select

from flexprint_server.ingest import refusals
from flexprint_server.ingest.enrolment import enrol
from flexprint_server.tenants.guessing import FREE_PER_NETWORK
from flexprint_server.tenants.install_keys import new_key
from flexprint_server.tenants.models import Agent
from flexprint_server.tenants.service import VALID_FOR, add_dealer, install_key
from flexprint_shared.sealing import key_id
from services import agents
from services.reads import NOON


@pytest.fixture
def key(database):
    with database.transaction() as session:
        add_dealer(session, "Northwind", "alice@northwind.example", agents.PASSWORD, NOON)
    return made_key(database)


def made_key(database):
    with database.transaction() as session:
        return install_key(session, "Northwind", "Harbour Dental", "Main Street", NOON)


def public_key():
    return b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()


def body(key, public=None, **more):
    asked = {
        "key": key,
        "public_key": public or public_key(),
        "host": "FRONT-DESK",
        "platform": "Linux",
        "version": "1",
    }
    return msgspec.json.encode({**asked, **more})


def ask(database, octets, *, address="10.0.0.1", now=NOON):
    return enrol(database, lambda: agents.keyring(database), octets, address, now)


def test_an_agent_learns_where_it_belongs_and_whom_it_talks_to(database, key):
    """The sealing key comes under the signature of the identity that the agent will remember."""
    answer = ask(database, body(key))
    assert (answer["dealer"], answer["customer"], answer["site"]) == ("Northwind", "Harbour Dental", "Main Street")
    sealing_key = answer["sealing_key"]
    raw = b64decode(sealing_key["public_key"])
    identity = Ed25519PublicKey.from_public_bytes(b64decode(answer["identity_key"]))
    identity.verify(b64decode(sealing_key["signature"]), b"flexprint/sealing-key/1\0" + raw)
    assert sealing_key["id"] == key_id(agents.X25519PublicKey.from_public_bytes(raw)).hex()
    with database.reading() as session:
        agent = session.scalars(select(Agent)).one()
    assert str(agent.id) == answer["agent_id"]
    assert (agent.host, agent.last_sequence, agent.last_hash) == ("FRONT-DESK", 0, bytes(32))


def test_every_agent_learns_the_same_keys(database, key):
    first, second = ask(database, body(key)), ask(database, body(made_key(database)))
    assert first["identity_key"] == second["identity_key"]
    assert first["sealing_key"]["id"] == second["sealing_key"]["id"]
    assert first["agent_id"] != second["agent_id"]


def test_a_key_lets_one_agent_in(database, key):
    ask(database, body(key))
    with pytest.raises(refusals.KeySpent, match="ask the dealer"):
        ask(database, body(key))


def test_an_agent_whose_answer_was_lost_asks_again(database, key):
    """The same key pair and install key: the same agent, not a second one."""
    octets = body(key)
    assert ask(database, octets) == ask(database, octets)


def test_of_two_agents_with_one_key_exactly_one_gets_in(database, key):
    agents.keyring(database)

    def race(_):
        try:
            return ask(database, body(key))["agent_id"]
        except refusals.KeySpent:
            return None

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(race, range(4)))
    assert sum(answer is not None for answer in answers) == 1
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Agent)) == 1


def test_two_collector_processes_make_one_set_of_keys(database):
    with ThreadPoolExecutor(4) as pool:
        rings = list(pool.map(lambda _: agents.keyring(database), range(4)))
    assert len({ring.current_id for ring in rings}) == 1
    assert len({ring.signature() for ring in rings}) == 1


def test_a_key_expires(database, key):
    with pytest.raises(refusals.KeyExpired):
        ask(database, body(key), now=NOON + VALID_FOR)
    assert ask(database, body(key), now=NOON + VALID_FOR - timedelta(seconds=1))


def test_a_key_nobody_made_is_unknown(database, key):
    for wrong in (new_key(), "", "FPK-", "x" * 900, "FPK-\0", "💥" * 20):
        with pytest.raises(refusals.UnknownKey):
            ask(database, body(wrong))


@pytest.mark.parametrize(
    "octets",
    [
        b"", b"{}", b"[]", b"\xff", b"[" * 100_000, body(1), body("k", "not base64!"), body("k", "AAAA"),
        body("k", host="x" * 2000), body("k", platform=None),
    ],
    ids=lambda octets: f"{len(octets)} octets",
)  # fmt: skip
def test_what_is_no_request_is_refused(database, octets):
    with pytest.raises(refusals.NotARequest):
        ask(database, octets)


@pytest.mark.parametrize(
    ("mine", "also_mine", "of_others"),
    [
        ("10.0.0.1", "10.0.0.1", "10.0.0.2"),
        ("2001:db8:7:1::5", "2001:db8:7:1:ffff::9", "2001:db8:7:2::5"),  # IPv6 gives everybody 2**64 of them
        ("::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"),
    ],
)
def test_guessing_is_slowed_down(database, key, mine, also_mine, of_others):
    """After many wrong keys a network is not listened to for a while; others are, and so is it later."""
    for _ in range(FREE_PER_NETWORK):
        with pytest.raises(refusals.UnknownKey):
            ask(database, body(new_key()), address=mine)
    with pytest.raises(refusals.TooManyAttempts) as refused:
        ask(database, body(key), address=also_mine)
    seconds = int(refused.value.headers["Retry-After"])
    assert seconds > 0
    assert ask(database, body(key), address=of_others)
    assert ask(database, body(made_key(database)), address=also_mine, now=NOON + timedelta(seconds=seconds))


def test_a_whole_office_may_enrol_from_one_address(database, key):
    """What was right is no guess."""
    assert ask(database, body(key))
    for _ in range(FREE_PER_NETWORK + 3):
        assert ask(database, body(made_key(database)))


def test_what_the_host_calls_itself_is_cleaned(database, key):
    ask(database, body(key, host="a\0b\u202e" + "x" * 500))
    with database.reading() as session:
        assert session.scalars(select(Agent.host)).one() == ("a b" + "x" * 252)
