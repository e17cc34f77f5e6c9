"""Whatever a device answers, a read comes of it: no crash, no hang, nothing unbounded."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flexprint_agent.read import layout, tables
from flexprint_agent.read import objects as at
from flexprint_agent.read.identity import Speaker
from flexprint_agent.read.interpret import interpret
from flexprint_agent.read.recognise import recognise
from flexprint_agent.snmp import ber
from flexprint_server.ingest.document import decode
from flexprint_shared.batch import Sender, document, inflate, pack
from flexprint_shared.readings import LARGEST_NUMBER, Read

from .conftest import MONDAY, Device

COLUMNS = sorted({*at.FIRST_ROWS, *at.WALKED, at.SUPPLY_MARKER})
OBJECTS = [*at.SYSTEM, *tables.objects(tables.vendors())]
TAGS = [0x02, 0x04, 0x05, 0x06, 0x40, 0x41, 0x42, 0x43, 0x44, 0x46, 0x7F]

contents = st.one_of(
    st.binary(max_size=12),
    st.binary(max_size=600),
    st.integers(-(2**63), 2**63 - 1).map(ber.signed),
    st.text(max_size=80).map(str.encode),
    st.sampled_from([2**63 - 1, 2**63, 2**64 - 1]).map(ber.signed),
    st.sampled_from([b"9" * 19, b"9" * 20, b"9223372036854775807", b"0" * 30000 + b"7", b"x" * 60000]),
    st.sampled_from([b"\x00\x01\xc8" + b"\x01" * 200, b"\x00\x01\x08" + b"\xfe" * 8 + b"\xff"]),
    st.sampled_from([b"MFG:" + b";" * 400, b"\x00" * 500, b"\xff" * 200, b"00010400000f4aff", b"black", b"S/N " * 100]),
)
values = st.one_of(
    st.tuples(st.sampled_from(TAGS), contents),
    st.sampled_from(
        [(ber.COUNTER64, b"\xff" * 8), (ber.COUNTER64, b"\x80" + bytes(7)), (ber.INTEGER, b"\x80" + bytes(7))]
    ),
)
indexes = st.lists(st.sampled_from([0, 1, 2, 127, 128, 2**31]), min_size=0, max_size=4).map(
    lambda arcs: at.instance(b"", *arcs) if arcs else b""
)
names = st.one_of(
    st.builds(lambda column, index: column + index, st.sampled_from(COLUMNS), indexes),
    st.sampled_from(OBJECTS),
    st.binary(min_size=1, max_size=30).filter(lambda octets: octets[-1] < 0x80),
)
answered = st.dictionaries(names, values, max_size=60)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(answered)
def test_any_answers_make_a_read(said):
    speaker = Speaker(at.Answers(said))
    read = interpret(speaker, address="10.1.2.3", port=161, read_at=MONDAY)
    assert isinstance(read, Read)
    assert all(0 <= meter.value <= LARGEST_NUMBER for meter in read.meters)
    assert all(supply.percent is None or 0 <= supply.percent <= 100 for supply in read.supplies)
    assert len(json.dumps(read.as_json())) < 200_000
    assert recognise(speaker).reason
    learned = layout.learn(speaker, MONDAY)
    assert layout.from_json(json.loads(json.dumps(learned.as_json()))) == learned


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(answered)
def test_the_collector_takes_the_read_of_any_device(said):
    """One device that it refused would keep the reads of a whole site from arriving, for good."""
    read = interpret(Speaker(at.Answers(said)), address="10.1.2.3", port=161, read_at=MONDAY)
    packed = pack(document([read], made_at=MONDAY, sender=Sender("0.1.0", "FRONT-DESK")))
    assert len(decode(inflate(packed)).reads.layout) == 1


@settings(max_examples=60, deadline=None)
@given(answered.filter(lambda said: all(name for name in said)))
def test_any_device_is_read_to_an_end(said):
    """A conversation with it ends, in a number of packets that its values account for."""
    valid = {name: value for name, value in said.items() if name[0] < 0x80 and name[-1] < 0x80}
    device = Device(valid)
    found = device.read()
    assert found.reason
    assert len(device.asks) < 80
