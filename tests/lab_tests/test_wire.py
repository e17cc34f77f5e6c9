"""The lab's codec against pysnmp's, and against octets that make no sense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto import rfc1902
from pysnmp.proto.api import PROTOCOL_MODULES

from lab import wire

ARCS = st.tuples(st.sampled_from((1, 2)), st.integers(0, 39), st.lists(st.integers(0, 2**32 - 1), max_size=20))


@given(ARCS)
def test_object_identifiers_are_written_as_pyasn1_writes_them(parts):
    first, second, rest = parts
    dotted = ".".join(map(str, (first, second, *rest)))
    encoded = encoder.encode(rfc1902.ObjectName(dotted))
    assert wire.tlv(wire.OBJECT_ID, wire.oid(dotted)) == encoded
    assert wire.dotted(wire.oid(dotted)) == dotted


@given(st.integers(-(2**31), 2**31 - 1))
def test_integers_are_written_as_short_as_can_be_and_read_by_pyasn1(number):
    """pyasn1's own encoder is no measure: it spends two octets on -128."""
    written = wire.whole(number)
    assert int(decoder.decode(wire.tlv(wire.INTEGER, written))[0]) == number
    assert len(written) == 1 or written[0] not in (0x00, 0xFF) or (written[0] ^ written[1]) & 0x80


@given(st.integers(0, 2**64 - 1))
def test_counters_are_written_as_pyasn1_writes_them(number):
    assert wire.tlv(wire.COUNTER64, wire.whole(number)) == encoder.encode(rfc1902.Counter64(number))


@given(st.binary(max_size=70_000))
def test_lengths_of_every_size_are_written_as_pyasn1_writes_them(octets):
    assert wire.tlv(wire.OCTET_STRING, octets) == encoder.encode(rfc1902.OctetString(octets))


@pytest.mark.parametrize("version", [wire.V1, wire.V2C])
@given(request_id=st.integers(0, 2**31 - 1), oids=st.lists(ARCS, max_size=5), community=st.binary(max_size=40))
def test_pysnmp_understands_the_labs_questions_and_the_lab_pysnmps(version, request_id, oids, community):
    """The same request written by both codecs is the same octets."""
    names = [".".join(map(str, (first, second, *rest))) for first, second, rest in oids]
    api = PROTOCOL_MODULES[version]
    pdu = api.GetNextRequestPDU()
    api.apiPDU.set_defaults(pdu)
    api.apiPDU.set_request_id(pdu, request_id)
    api.apiPDU.set_varbinds(pdu, [(name, api.Null("")) for name in names])
    message = api.Message()
    api.apiMessage.set_defaults(message)
    api.apiMessage.set_community(message, community)
    api.apiMessage.set_pdu(message, pdu)
    written = encoder.encode(message)
    encoded = tuple(wire.oid(name) for name in names)
    assert wire.question(wire.GETNEXT, request_id, encoded, version=version, community=community) == written
    question = wire.parse(written)
    assert (question.version, question.kind, question.community) == (version, wire.GETNEXT, community)
    assert (question.request_id, question.oids) == (request_id, encoded)
    decoded, rest = decoder.decode(wire.response(question, 0, 0, b"".join(question.bindings)), asn1Spec=api.Message())
    assert not rest
    assert int(api.apiPDU.get_request_id(api.apiMessage.get_pdu(decoded))) == request_id


SOME_QUESTION = wire.question(wire.GETBULK, 77, (wire.oid("1.3.6.1.2.1.43.11.1.1.9"),), error_at=20)


def test_every_truncation_is_refused():
    for cut in range(len(SOME_QUESTION)):
        with pytest.raises(wire.Malformed):
            wire.parse(SOME_QUESTION[:cut])


def test_every_flipped_bit_is_refused_or_read_as_another_question():
    for place in range(len(SOME_QUESTION) * 8):
        octets = bytearray(SOME_QUESTION)
        octets[place // 8] ^= 1 << place % 8
        try:
            wire.parse(bytes(octets))
        except wire.Malformed:
            continue


@given(st.binary(max_size=200))
def test_noise_is_refused(octets):
    try:
        wire.parse(octets)
    except wire.Malformed:
        return


def test_an_object_identifier_that_ends_in_the_middle_of_an_arc_is_refused():
    for broken in (b"", b"\x2b\x86", b"\x80"):
        with pytest.raises(wire.Malformed):
            wire.arcs(broken)
