"""The document inside a batch: what goes in comes out, whatever devices said, and nothing else does."""

import json
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexprint_shared import batch
from flexprint_shared.batch import NotADocument, Sender, document, inflate, pack, reads_of, unpack
from services.reads import NOON, a_read, fleet, reads, tells_all

SENDER = Sender("0.1.0", "FRONT-DESK")


def made(*some, **more):
    return document(some, made_at=NOON, sender=SENDER, **more)


@given(st.lists(reads, max_size=5))
def test_a_batch_gives_back_the_reads_it_was_made_of(some):
    """Every value survives the way through the wire; reads of one model become neighbours."""
    there_and_back = reads_of(unpack(pack(made(*some))))
    assert sorted(map(repr, there_and_back)) == sorted(repr(read.without_conversation()) for read in some)


def test_what_a_model_shares_travels_once():
    """Fifty printers of one model bring their OIDs and supply names one time."""
    opened = made(*fleet(50))
    assert len(opened["layouts"]) == 1
    assert json.dumps(opened).count("TK-1170") == 1


def test_what_nobody_tells_costs_nothing():
    """Keys and columns that came later are left out where no read fills them, and a batch without them is read."""
    opened = made(a_read())
    assert not {*batch.OPTIONAL_COLUMNS} & {*opened["reads"]}
    assert not {"types", "parts"} & {*opened["layouts"][0]}
    assert reads_of(opened) == [a_read().without_conversation()]


def test_what_some_tell_travels_beside_those_that_do_not():
    assert sorted(map(repr, reads_of(made(a_read(), tells_all())))) == sorted(map(repr, (a_read(), tells_all())))


def test_a_batch_may_only_ask_for_a_report():
    opened = unpack(pack(made(recipients=["office@example.com"], report_requested_at=NOON)))
    assert reads_of(opened) == []
    assert opened["report"] == {"requested_at": "2026-11-22T12:00:00Z"}
    assert opened["recipients"] == ["office@example.com"]


def test_fifty_reads_are_small_on_the_wire():
    """A dealer's whole customer fits into a few kilobytes."""
    assert len(pack(made(*fleet(50)))) < 50 * 60


@pytest.mark.parametrize(
    "spoil",
    [
        lambda opened: opened.pop("reads"),
        lambda opened: opened["reads"].pop("at"),
        lambda opened: opened["reads"]["at"].append(1),
        lambda opened: opened["reads"].update(layout=[7]),
        lambda opened: opened["reads"].update(states=["?"]),
        lambda opened: opened["reads"].update(meters=[[1]]),
        lambda opened: opened.update(since="yesterday"),
        lambda opened: opened.update(layouts={}),
    ],
)
def test_columns_that_do_not_fit_together_are_no_document(spoil):
    opened = made(a_read())
    spoil(opened)
    with pytest.raises(NotADocument):
        reads_of(opened)


def test_a_bomb_is_refused_before_it_unfolds():
    """A small body that would swell to gigabytes costs no more than the limit."""
    with pytest.raises(NotADocument, match="swells"):
        inflate(zlib.compress(bytes(50 << 20), 9))


@pytest.mark.parametrize("octets", [b"", b"plain", zlib.compress(b"{}")[:-1], zlib.compress(b"{}") + b"x"])
def test_what_is_not_one_whole_deflated_body_is_refused(octets):
    with pytest.raises(NotADocument):
        inflate(octets)


@pytest.mark.parametrize("text", [b"[", b"[]", b"{}", b'{"format": 2}', b"[" * 100_000, b"\xff"])
def test_what_is_no_document_of_this_format_is_refused(text):
    with pytest.raises(NotADocument):
        unpack(zlib.compress(text))


@given(st.binary(max_size=200))
def test_any_octets_are_either_a_document_or_refused(octets):
    with suppress(NotADocument):
        unpack(octets)


def test_every_state_of_a_supply_has_a_letter_of_its_own():
    assert len(batch.STATES) == len(batch.STATE_LETTERS)
    assert all(len(letter) == 1 for letter in batch.STATES)
