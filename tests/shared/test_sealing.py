"""A sealed batch tells who made it, can be opened by the collector alone, and shows every change."""

import uuid

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from flexprint_shared.sealing import (
    NO_BATCH,
    BrokenSeal,
    Header,
    NotABatch,
    WrongSignature,
    batch_hash,
    header_of,
    key_id,
    seal,
    unseal,
    verify,
)

AGENT = Ed25519PrivateKey.generate()
COLLECTOR = X25519PrivateKey.generate()
HEADER = Header(uuid.uuid4(), 7, bytes(range(32)), key_id(COLLECTOR.public_key()))
SEALED = seal(b"reads", HEADER, COLLECTOR.public_key(), AGENT)


@given(st.binary(max_size=2000), st.integers(0, 2**64 - 1), st.uuids(), st.binary(min_size=32, max_size=32))
def test_what_is_sealed_can_be_verified_and_opened(body, sequence, agent, previous):
    header = Header(agent, sequence, previous, key_id(COLLECTOR.public_key()))
    sealed = seal(body, header, COLLECTOR.public_key(), AGENT)
    verify(sealed, AGENT.public_key())
    assert header_of(sealed) == header
    assert unseal(sealed, COLLECTOR) == body


@pytest.mark.parametrize("at", range(len(SEALED)))
def test_no_octet_can_change_unnoticed(at):
    """One flipped bit anywhere, the signature included, and the agent did not sign it."""
    changed = bytearray(SEALED)
    changed[at] ^= 0x10
    with pytest.raises(WrongSignature):
        verify(bytes(changed), AGENT.public_key())


def test_another_agent_did_not_sign_it():
    with pytest.raises(WrongSignature):
        verify(SEALED, Ed25519PrivateKey.generate().public_key())


def test_another_key_does_not_open_it():
    with pytest.raises(BrokenSeal):
        unseal(SEALED, X25519PrivateKey.generate())


def test_a_body_cannot_be_moved_under_another_header():
    """A body signed anew by another agent under its own header stays shut, even to the right key."""
    thief = Ed25519PrivateKey.generate()
    head = Header(uuid.uuid4(), 1, NO_BATCH, HEADER.sealing_key).encode()
    moved = head + SEALED[len(head) : -64]
    moved += thief.sign(moved)
    verify(moved, thief.public_key())
    with pytest.raises(BrokenSeal):
        unseal(moved, COLLECTOR)


@pytest.mark.parametrize(
    "octets",
    [b"", b"FPB1", b"FPB2" + SEALED[4:], SEALED[:100], b"GET / HTTP/1.1" * 20],
    ids=lambda octets: f"{len(octets)} octets",
)
def test_what_has_not_the_form_of_a_batch_is_none(octets):
    with pytest.raises(NotABatch):
        header_of(octets)


@given(st.binary(max_size=400))
def test_any_octets_are_refused_without_a_crash(octets):
    with pytest.raises((NotABatch, WrongSignature)):
        header_of(octets)
        verify(octets, AGENT.public_key())


def test_two_seals_of_one_body_differ():
    """Nobody on the way can tell that two uploads say the same."""
    again = seal(b"reads", HEADER, COLLECTOR.public_key(), AGENT)
    assert again != SEALED
    assert batch_hash(again) != batch_hash(SEALED)


def test_sealing_costs_a_fixed_number_of_octets():
    """68 of header, 32 and 16 of HPKE, 64 of signature."""
    assert len(SEALED) == len(b"reads") + 68 + 48 + 64
