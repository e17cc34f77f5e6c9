import uuid

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from flexprint_shared import checkin, sealing
from flexprint_shared.checkin import Header, NotACheckIn, NotTheCollectors

AGENT, COLLECTOR, SEALING = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
HEADER = Header(uuid.UUID(int=7), 41, sealing.key_id(SEALING.public_key()))


def up(document=None):
    return checkin.seal(document or {"format": 1, "host": "EMPFANG-Ü"}, HEADER, SEALING.public_key(), AGENT)


def test_what_goes_up_is_opened_by_the_collector_alone():
    sealed = up()
    assert checkin.header_of(sealed) == HEADER
    sealing.verify(sealed, AGENT.public_key())
    assert "EMPFANG-Ü" in checkin.opened(sealed, SEALING).decode()
    assert b"EMPFANG" not in sealed
    with pytest.raises(sealing.BrokenSeal):
        checkin.opened(sealed, X25519PrivateKey.generate())


def test_a_check_in_under_another_counter_is_none():
    """Neither the signature nor the seal holds where a number in the header was changed."""
    sealed = up()
    changed = sealed[:27] + bytes([sealed[27] ^ 1]) + sealed[28:]
    assert checkin.header_of(changed).counter != HEADER.counter
    with pytest.raises(sealing.WrongSignature):
        sealing.verify(changed, AGENT.public_key())
    with pytest.raises(sealing.BrokenSeal):
        checkin.opened(changed, SEALING)


def test_a_batch_is_no_check_in_and_a_check_in_no_batch():
    batch = sealing.seal(
        b"body", sealing.Header(HEADER.agent, 1, bytes(32), HEADER.sealing_key), SEALING.public_key(), AGENT
    )
    with pytest.raises(NotACheckIn):
        checkin.header_of(batch)
    with pytest.raises(sealing.NotABatch):
        sealing.header_of(up())


def test_an_answer_is_to_one_check_in_and_by_the_collector():
    first, second = up(), up()
    answer = checkin.answer({"format": 1, "commands": []}, first, COLLECTOR)
    assert checkin.answer_to(first, answer, COLLECTOR.public_key()) == {"format": 1, "commands": []}
    for sealed, octets, key in (
        (second, answer, COLLECTOR),
        (first, answer, AGENT),
        (first, answer[:-1], COLLECTOR),
        (first, b"", COLLECTOR),
    ):
        with pytest.raises(NotTheCollectors):
            checkin.answer_to(sealed, octets, key.public_key())


@pytest.mark.parametrize("document", [{"format": 2}, [], "text"])
def test_an_answer_of_another_format_is_none(document):
    sealed = up()
    with pytest.raises(NotACheckIn):
        checkin.answer_to(sealed, checkin.answer(document, sealed, COLLECTOR), COLLECTOR.public_key())


def test_a_body_that_swells_is_refused():
    sealed = up({"format": 1, "log": "x" * (checkin.LARGEST_DOCUMENT + 1)})
    assert len(sealed) < 10_000
    with pytest.raises(NotACheckIn, match="swells"):
        checkin.opened(sealed, SEALING)
