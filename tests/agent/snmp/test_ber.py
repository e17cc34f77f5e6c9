"""The codec against pysnmp's own, and against everything that a network can make of a message."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto import api

from flexprint_agent.snmp import ber
from lab import wire

V1 = api.PROTOCOL_MODULES[api.SNMP_VERSION_1]
V2C = api.PROTOCOL_MODULES[api.SNMP_VERSION_2C]
PYSNMP = {ber.V1: V1, ber.V2C: V2C}

sub_identifiers = st.integers(0, 2**32 - 1) | st.integers(0, 200)
oids = st.builds(
    lambda top, second, rest: (top, second if top == 2 else second % 40, *rest),
    st.integers(0, 2),
    st.integers(0, 2**32 - 81),
    st.lists(sub_identifiers, min_size=1, max_size=60),
)
octets = st.binary(max_size=40) | st.binary(min_size=120, max_size=300)
int32 = st.integers(-(2**31), 2**31 - 1)
uint32 = st.integers(0, 2**32 - 1)

# (what pysnmp holds, tag we must see, what our reading of it must be)
both_versions = st.one_of(
    st.builds(lambda n: ("Integer", n), int32),
    st.builds(lambda o: ("OctetString", o), octets),
    st.builds(lambda o: ("ObjectIdentifier", o), oids),
    st.builds(lambda o: ("IpAddress", o), st.binary(min_size=4, max_size=4)),
    st.builds(lambda n: ("TimeTicks", n), uint32),
    st.builds(lambda o: ("Opaque", o), octets),
    st.just(("Null", "")),
)
v1_only = st.builds(lambda n: ("Counter", n), uint32) | st.builds(lambda n: ("Gauge", n), uint32)
v2c_only = st.one_of(
    st.builds(lambda n: ("Counter32", n), uint32),
    st.builds(lambda n: ("Gauge32", n), uint32),
    st.builds(lambda n: ("Counter64", n), st.integers(0, 2**64 - 1)),
    st.sampled_from([("NoSuchObject", ""), ("NoSuchInstance", ""), ("EndOfMibView", "")]),
)
TAGS = {
    "Integer": ber.INTEGER,
    "OctetString": ber.OCTET_STRING,
    "ObjectIdentifier": ber.OBJECT_ID,
    "IpAddress": ber.IP_ADDRESS,
    "Counter": ber.COUNTER32,
    "Counter32": ber.COUNTER32,
    "Gauge": ber.GAUGE32,
    "Gauge32": ber.GAUGE32,
    "TimeTicks": ber.TIMETICKS,
    "Opaque": ber.OPAQUE,
    "Counter64": ber.COUNTER64,
    "Null": ber.NULL,
    "NoSuchObject": ber.NO_SUCH_OBJECT,
    "NoSuchInstance": ber.NO_SUCH_INSTANCE,
    "EndOfMibView": ber.END_OF_MIB_VIEW,
}
NUMBERS = {"Integer", "Counter", "Counter32", "Gauge", "Gauge32", "TimeTicks", "Counter64"}


@st.composite
def messages(draw):
    """A response as plain Python, for both codecs to encode."""
    version = draw(st.sampled_from([ber.V1, ber.V2C]))
    values = both_versions | (v2c_only if version else v1_only)
    return (
        version,
        draw(st.binary(max_size=200)),
        draw(int32),
        draw(st.integers(0, 5)),
        draw(st.integers(0, 100)),
        draw(st.lists(st.tuples(oids, values), max_size=12)),
    )


def pysnmp_value(version, kind, value):
    module = PYSNMP[version]
    if kind in ("NoSuchObject", "NoSuchInstance", "EndOfMibView", "Null"):
        return getattr(module, kind)("") if kind == "Null" else getattr(module, kind)()
    if kind == "IpAddress" and version == ber.V1:  # a CHOICE in RFC 1155
        return module.IpAddress(hexValue=value.hex())
    if kind in ("OctetString", "Opaque", "IpAddress"):
        return getattr(module, kind)(hexValue=value.hex())
    return getattr(module, kind)(value)


def encoded_by_pysnmp(version, community, request_id, error, error_at, bindings):
    module = PYSNMP[version]
    pdu = module.GetResponsePDU()
    module.apiPDU.set_defaults(pdu)
    module.apiPDU.set_request_id(pdu, request_id)
    module.apiPDU.set_error_status(pdu, error)
    module.apiPDU.set_error_index(pdu, error_at)
    module.apiPDU.set_varbinds(pdu, [(name, pysnmp_value(version, *value)) for name, value in bindings])
    message = module.Message()
    module.apiMessage.set_defaults(message)
    module.apiMessage.set_community(message, community)
    module.apiMessage.set_pdu(message, pdu)
    return encoder.encode(message)


# pyasn1 spends an octet too many on these (FF 80 for -128), which X.690 8.3.2 forbids and we read all the same.
PADDED_BY_PYASN1 = {-(2**7), -(2**15), -(2**23), -(2**31)}


def numbers(facts):
    return {facts[2], *(value for _, (kind, value) in facts[5] if kind in NUMBERS)}


def content(kind, value):
    """The content octets that both must come to."""
    if kind in NUMBERS:
        return ber.signed(value)
    if kind == "ObjectIdentifier":
        return ber.oid(".".join(map(str, value)))
    return b"" if value == "" else value


def as_message(version, community, request_id, error, error_at, bindings):
    return ber.Message(
        version,
        community,
        ber.RESPONSE,
        request_id,
        error,
        error_at,
        [(ber.oid(".".join(map(str, name))), TAGS[kind], content(kind, value)) for name, (kind, value) in bindings],
    )


@settings(deadline=None, max_examples=150)
@given(messages())
def test_reads_what_pysnmp_writes(facts):
    """Every type of RFC 3416 in every size, as pysnmp encodes it, comes out as it went in."""
    message = ber.decode(encoded_by_pysnmp(*facts))

    assert message[:6] == as_message(*facts)[:6]
    if not numbers(facts) & PADDED_BY_PYASN1:
        assert message == as_message(*facts)
    for (name, (kind, value)), (oid, tag, octets_) in zip(facts[5], message.bindings, strict=True):
        assert ber.dotted(oid) == ".".join(map(str, name))
        assert ber.integer((tag, octets_)) == (value if kind in NUMBERS else None)
        if kind == "ObjectIdentifier":
            assert ber.object_id((tag, octets_)) == ".".join(map(str, value))


@settings(deadline=None, max_examples=150)
@given(messages())
def test_writes_what_pysnmp_writes_and_reads(facts):
    """Octet for octet the same message, so that nothing an agent insists on is missing."""
    ours = ber.encode(as_message(*facts))

    theirs = encoded_by_pysnmp(*facts)
    if not numbers(facts) & PADDED_BY_PYASN1:
        assert ours == theirs
    read, rest = decoder.decode(ours, asn1Spec=PYSNMP[facts[0]].Message())
    assert not rest
    assert encoder.encode(read) == theirs


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from([ber.V1, ber.V2C]),
    st.sampled_from([("GetRequestPDU", ber.GET), ("GetNextRequestPDU", ber.GET_NEXT)]),
    st.text(max_size=20),
    st.integers(ber.FIRST_ID, ber.LAST_ID),
    st.lists(oids, max_size=40),
)
def test_requests_are_those_of_pysnmp(version, kind, community, request_id, names):
    """A request is two pieces around any id, and is what pysnmp would have sent."""
    module = PYSNMP[version]
    pdu = getattr(module, kind[0])()
    module.apiPDU.set_defaults(pdu)
    module.apiPDU.set_request_id(pdu, request_id)
    module.apiPDU.set_varbinds(pdu, [(name, module.Null("")) for name in names])
    message = module.Message()
    module.apiMessage.set_defaults(message)
    module.apiMessage.set_community(message, community.encode())
    module.apiMessage.set_pdu(message, pdu)

    wanted = [ber.oid(".".join(map(str, name))) for name in names]
    before, after = ber.request(kind[1], version, community.encode(), wanted)

    assert before + request_id.to_bytes(4, "big") + after == encoder.encode(message)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**31 - 1), st.lists(oids, min_size=1, max_size=20))
def test_bulk_requests_are_those_of_pysnmp(repetitions, names):
    pdu = V2C.GetBulkRequestPDU()
    V2C.apiBulkPDU.set_defaults(pdu)
    V2C.apiBulkPDU.set_request_id(pdu, ber.FIRST_ID)
    V2C.apiBulkPDU.set_non_repeaters(pdu, 0)
    V2C.apiBulkPDU.set_max_repetitions(pdu, repetitions)
    V2C.apiBulkPDU.set_varbinds(pdu, [(name, V2C.Null("")) for name in names])
    message = V2C.Message()
    V2C.apiMessage.set_defaults(message)
    V2C.apiMessage.set_community(message, b"public")
    V2C.apiMessage.set_pdu(message, pdu)

    wanted = [ber.oid(".".join(map(str, name))) for name in names]
    before, after = ber.request(ber.GET_BULK, ber.V2C, b"public", wanted, repetitions)

    assert before + ber.FIRST_ID.to_bytes(4, "big") + after == encoder.encode(message)


def test_the_lab_agrees():
    """The lab's codec was written apart from this one; what one writes the other reads."""
    before, after = ber.request(ber.GET_BULK, ber.V2C, b"public", [ber.oid("1.3.6.1.4.1.1347.43"), ber.oid("2.999")], 7)
    question = wire.parse(before + (0x7FFFFFFF).to_bytes(4, "big") + after)
    assert (question.kind, question.request_id, question.error, question.error_at) == (
        wire.GETBULK, 0x7FFFFFFF, 0, 7,
    )  # fmt: skip
    assert [wire.dotted(one) for one in question.oids] == ["1.3.6.1.4.1.1347.43", "2.999"]
    value = wire.binding(question.oids[0], wire.COUNTER64, wire.whole(2**64 - 1))
    (binding,) = ber.decode(wire.response(question, 0, 0, value)).bindings
    assert ber.integer(binding[1:]) == 2**64 - 1


# One message with everything in it: long lengths, exceptions, negative and 64-bit numbers, a long OID.
EVERYTHING = ber.encode(
    ber.Message(
        ber.V2C,
        b"public",
        ber.RESPONSE,
        0x12345678,
        0,
        0,
        [
            (ber.oid("1.3.6.1.2.1.1.1.0"), ber.OCTET_STRING, b"A printer " * 15),
            (ber.oid("1.3.6.1.2.1.43.11.1.1.9.1.1"), ber.INTEGER, ber.signed(-3)),
            (ber.oid("1.3.6.1.2.1.1.2.0"), ber.OBJECT_ID, ber.oid("1.3.6.1.4.1.4294967295.1")),
            (ber.oid("2.999." + "4294967295." * 30 + "1"), ber.COUNTER64, ber.signed(2**64 - 1)),
            (ber.oid("1.3.6.1.2.1.1.3.0"), ber.TIMETICKS, ber.signed(2**32 - 1)),
            (ber.oid("1.3.6.1.2.1.4.20.1.1"), ber.IP_ADDRESS, bytes((10, 0, 0, 1))),
            (ber.oid("1.3.6.1.2.1.43.16"), ber.END_OF_MIB_VIEW, b""),
        ],
    )
)


def survives(datagram):
    """A message or Malformed; what was decoded can be used without care."""
    try:
        message = ber.decode(datagram)
    except ber.Malformed:
        return
    assert sum(len(name) + len(value) for name, _, value in message.bindings) <= len(datagram)
    for name, tag, value in message.bindings:
        assert ber.oid(ber.dotted(name)) or ber.dotted(name)
        assert ber.type_name(tag)
        ber.integer((tag, value))
        ber.object_id((tag, value))


def test_every_truncation_is_malformed():
    for end in range(len(EVERYTHING)):
        with pytest.raises(ber.Malformed):
            ber.decode(EVERYTHING[:end])


def test_every_flipped_bit_is_survived():
    """A flipped bit gives another message or Malformed; no other error, whatever bit it is."""
    for place in range(len(EVERYTHING) * 8):
        flipped = bytearray(EVERYTHING)
        flipped[place // 8] ^= 1 << place % 8
        survives(bytes(flipped))


def test_every_octet_replaced_by_every_other_is_survived():
    short = ber.encode(
        ber.Message(1, b"public", ber.RESPONSE, 1 << 24, 0, 0, [(ber.oid("1.3.6.1.2.1.1.5.0"), 4, b"hp")])
    )
    for place in range(len(short)):
        for octet in range(256):
            survives(short[:place] + bytes((octet,)) + short[place + 1 :])


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=400))
def test_any_octets_are_survived(noise):
    survives(noise)
    survives(b"\x30\x82" + len(noise).to_bytes(2, "big") + noise)
    # A head that is right, and noise where the bindings should be.
    survives(ber.encode(ber.Message(1, b"public", ber.RESPONSE, 1 << 24, 0, 0, []))[:-1] + b"\x7f" + noise)


def test_many_mutations_of_one_message_are_survived():
    chance = random.Random(3805)
    for _ in range(3000):
        spoilt = bytearray(EVERYTHING)
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(spoilt))
            if chance.random() < 0.3:
                del spoilt[at : at + chance.randint(1, 9)]
            elif chance.random() < 0.5:
                spoilt[at:at] = chance.randbytes(chance.randint(1, 9))
            else:
                spoilt[at] = chance.randrange(256)
        survives(bytes(spoilt))


def test_octets_after_the_message_are_ignored():
    """Some agents pad their datagrams."""
    assert ber.decode(EVERYTHING + b"\x00\xff rubbish") == ber.decode(EVERYTHING)


@pytest.mark.parametrize("extra", [1, 2, 3, 5])
def test_lengths_in_more_octets_than_needed_are_read(extra):
    """82 00 05 for 05: fixed-width length fields are common in small agents."""

    def padded(tag, inner):
        return bytes((tag, 0x80 | extra)) + len(inner).to_bytes(extra, "big") + inner

    name = ber.oid("1.3.6.1.2.1.1.5.0")
    binding = padded(0x30, padded(6, name) + padded(4, b"hp"))
    integers = b"".join(padded(2, number.to_bytes(4, "big")) for number in (0x01020304, 0, 0))
    pdu = padded(0xA2, integers + padded(0x30, binding))
    message = padded(0x30, padded(2, b"\x01") + padded(4, b"public") + pdu)
    if extra == 1:
        assert len(message) < 128
    assert ber.decode(message) == ber.Message(1, b"public", ber.RESPONSE, 0x01020304, 0, 0, [(name, 4, b"hp")])


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ((ber.INTEGER, b"\xff"), -1),
        ((ber.INTEGER, b"\xff\xff\xff\xfd"), -3),
        ((ber.INTEGER, b"\x00\x00\x00\x05"), 5),
        ((ber.INTEGER, b"\x80\x00\x00\x00\x00\x00\x00\x00"), -(2**63)),
        ((ber.INTEGER, b""), None),
        ((ber.INTEGER, bytes(9)), None),
        ((ber.COUNTER32, b"\xff\xff\xff\xff"), 2**32 - 1),
        ((ber.COUNTER32, b"\x00\xff\xff\xff\xff"), 2**32 - 1),
        ((ber.COUNTER32, b"\x01\x00\x00\x00\x00"), None),
        ((ber.GAUGE32, b"\x80"), 128),
        ((ber.TIMETICKS, b"\x00"), 0),
        ((ber.COUNTER64, b"\xff" * 8), 2**64 - 1),
        ((ber.COUNTER64, b"\x00" + b"\xff" * 8), 2**64 - 1),
        ((ber.COUNTER64, b"\x01" + b"\x00" * 8), None),
        ((ber.COUNTER64, b""), None),
        ((ber.OCTET_STRING, b"12"), None),
        ((ber.NO_SUCH_INSTANCE, b""), None),
    ],
)
def test_numbers_are_read_as_their_type_means_them(value, number):
    """INTEGER is signed, counters are not, even when a device forgot the leading zero octet."""
    assert ber.integer(value) == number


@pytest.mark.parametrize(
    ("dotted", "encoded"),
    [
        ("1.3.6.1.2.1", "2b06010201"),
        ("0.0", "00"),
        ("2.999.3", "883703"),
        ("2.47", "7f"),
        ("2.48", "8100"),
        ("1.3.6.1.4.1.1347", "2b06010401 8a43"),
        ("1.3.4294967295", "2b 8fffffff7f"),
        (".1.3.6", "2b06"),
    ],
)
def test_oids_are_encoded_as_x690_says(dotted, encoded):
    assert ber.oid(dotted) == bytes.fromhex(encoded)
    assert ber.dotted(bytes.fromhex(encoded)) == dotted.strip(".")


@pytest.mark.parametrize("wrong", ["", "1", "3.1", "1.40", "1.3.-1", "1.3.x", "1..3"])
def test_what_is_no_oid_is_refused(wrong):
    with pytest.raises(ValueError):
        ber.oid(wrong)


@pytest.mark.parametrize("octets_", [b"", b"\x81", b"\x2b\x81", b"\xff" * 70000, b"\x01" * 641])
def test_a_value_that_is_no_oid_costs_nothing(octets_):
    """An endless sub-identifier is refused by its length, before anybody adds it up."""
    with pytest.raises(ber.Malformed):
        ber.dotted(octets_)
    assert ber.object_id((ber.OBJECT_ID, octets_)) is None


@settings(deadline=None, max_examples=300)
@given(oids, oids)
def test_oids_are_ordered_by_their_sub_identifiers(one, other):
    """The octets' own order is another: 16383 is FF 7F, 16384 is 81 80 00."""
    first, second = (ber.oid(".".join(map(str, name))) for name in (one, other))
    assert ber.after(first, second) == (one > other)
    longer = ber.oid(".".join(map(str, (*one, 1))))
    assert ber.after(longer, first)
    assert not ber.after(first, first)


def test_the_order_that_octets_would_get_wrong():
    assert ber.after(ber.oid("1.3.16384"), ber.oid("1.3.16383"))
    assert not ber.after(ber.oid("1.3.16383"), ber.oid("1.3.16384"))


def test_types_have_their_names():
    assert [ber.type_name(tag) for tag in (0x02, 0x04, 0x06, 0x41, 0x46, 0x82, 0x99)] == [
        "INTEGER", "OCTET STRING", "OBJECT IDENTIFIER", "Counter32", "Counter64", "endOfMibView", "type 0x99",
    ]  # fmt: skip


def test_an_indefinite_length_is_malformed():
    """SNMP forbids it (RFC 3417, 8), and following it could take forever."""
    with pytest.raises(ber.Malformed):
        ber.decode(b"\x30\x80" + EVERYTHING[2:] + b"\x00\x00")


def test_snmpv3_is_told_apart():
    v3 = b"\x30\x0b\x02\x01\x03\x30\x06\x02\x01\x01\x02\x01\x00"
    with pytest.raises(ber.Malformed, match="version 3"):
        ber.decode(v3)
