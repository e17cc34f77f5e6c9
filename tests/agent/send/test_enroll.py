import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from flexprint_agent.send.answers import Answer
from flexprint_agent.send.client import Collector, Route
from flexprint_agent.send.enroll import Applicant, enroll, welcome
from flexprint_agent.send.errors import NotAccepted, NotTheCollector
from services.collector import problem as problem_of

APPLICANT = Applicant(bytes(32), "FRONT-DESK", "Linux 6.1", "0.1.0")


def test_an_install_key_is_exchanged_for_the_collectors_keys(collector):
    with Collector(Route(collector.url, insecure_loopback=True)) as opened:
        greeting = enroll(opened, "KEY", APPLICANT)
    assert collector.agents == {greeting.agent: bytes(32)}
    assert (greeting.dealer, greeting.customer, greeting.site) == ("Northwind Copiers", "Harbour Dental", "Main Street")
    assert greeting.sealing_key == collector.sealing.public_key().public_bytes_raw()


@pytest.mark.parametrize("slug", ["key-spent", "unknown-key", "expired-key"])
def test_a_key_that_does_not_work_says_whom_to_ask(collector, slug):
    collector.behaviours.append(problem_of(403, slug))
    with Collector(Route(collector.url, insecure_loopback=True)) as opened, pytest.raises(NotAccepted, match="dealer"):
        enroll(opened, "KEY", APPLICANT)


def test_a_sealing_key_that_the_identity_did_not_sign_is_refused(collector):
    """Whoever sits between could otherwise hand out a key of their own and read every batch."""
    collector.identity = _SignsWrongly(collector.identity)
    opened = Collector(Route(collector.url, insecure_loopback=True))
    with opened, pytest.raises(NotTheCollector, match="not signed by the collector"):
        enroll(opened, "KEY", APPLICANT)


class _SignsWrongly:
    def __init__(self, key):
        self.public_key = key.public_key

    def sign(self, octets):
        return Ed25519PrivateKey.generate().sign(octets)


def genuine(collector):
    _, _, body, _ = collector.answer("/agent/v1/enroll", json.dumps({"public_key": ""}).encode())
    return json.loads(body)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.pop("agent_id"),
        lambda d: d.update(agent_id=7),
        lambda d: d.update(agent_id="not a uuid"),
        lambda d: d.update(site=None),
        lambda d: d.update(identity_key="AAAA"),
        lambda d: d.update(identity_key="not base64!"),
        lambda d: d.update(sealing_key=None),
        lambda d: d["sealing_key"].update(id="00" * 8),
        lambda d: d["sealing_key"].update(id="zz"),
        lambda d: d["sealing_key"].update(public_key=base64.b64encode(bytes(31)).decode()),
        lambda d: d["sealing_key"].pop("signature"),
    ],
)
def test_a_welcome_that_is_not_whole_is_refused(collector, spoil):
    document = genuine(collector)
    spoil(document)
    with pytest.raises(NotTheCollector):
        welcome(Answer(201, {"content-type": "application/json"}, json.dumps(document).encode()))


def test_text_in_a_welcome_is_made_safe(collector):
    document = genuine(collector) | {"dealer": "Evil\x1b[2J Dealer\n"}
    greeting = welcome(Answer(201, {}, json.dumps(document).encode()))
    assert "\x1b" not in greeting.dealer
