"""What a device answers, to the letter of RFC 1157 and RFC 3416, and how each quirk differs from that."""

from typing import NamedTuple

import pytest
from pyasn1.codec.ber import decoder
from pysnmp.proto.api import PROTOCOL_MODULES

from lab import wire
from lab.device import Device, Quirks
from lab.recording import row

TABLE = [
    row(line)
    for line in (
        "1.3.6.1.2.1.1.1.0|4|a printer",
        "1.3.6.1.2.1.1.3.0|67|100",
        "1.3.6.1.2.1.1.5.0|4|KM1",
        "1.3.6.1.2.1.43.10.2.1.4.1.1|65|7432",
        "1.3.6.1.2.1.43.11.1.1.9.1.1|2|42",
        "1.3.6.1.2.1.43.11.1.1.9.1.2|2|-3",
        "1.3.6.1.2.1.43.11.1.1.9.1.127|2|1",
        "1.3.6.1.2.1.43.11.1.1.9.1.128|2|2",
        "1.3.6.1.2.1.43.11.1.1.9.1.16383|2|3",
        "1.3.6.1.2.1.43.11.1.1.9.1.16384|2|4",
        "1.3.6.1.2.1.43.11.1.1.9.1.196608|2|5",
        "1.3.6.1.4.1.1347.1.0|70|5000000000",
        "1.3.6.1.4.1.1347.2.0|4|the last",
    )
]
SYSTEM, SUPPLIES, LAST = "1.3.6.1.2.1.1", "1.3.6.1.2.1.43.11.1.1.9.1", "1.3.6.1.4.1.1347.2.0"
END, NO_OBJECT, NO_INSTANCE = "EndOfMibView", "NoSuchObject", "NoSuchInstance"


class Said(NamedTuple):
    """An answer as pysnmp reads it."""

    request_id: int
    error: int
    error_at: int
    values: list[tuple[str, str]]


def ask(device, kind, *oids, version=wire.V2C, community=b"public", singles=0, repetitions=0, **given) -> Said | None:
    encoded = tuple(wire.oid(one) for one in oids)
    message = wire.question(kind, 9, encoded, version=version, community=community, error=singles, error_at=repetitions)
    answer = device.answer(wire.parse(message), **given)
    return said(answer, version) if answer is not None else None


def said(answer, version) -> Said:
    api = PROTOCOL_MODULES[version]
    message, rest = decoder.decode(answer, asn1Spec=api.Message())
    assert not rest
    pdu = api.apiMessage.get_pdu(message)
    values = [
        (str(name), type(value).__name__ if type(value).__name__ in (END, NO_OBJECT, NO_INSTANCE) else str(value))
        for name, value in api.apiPDU.get_varbinds(pdu)
    ]
    return Said(
        int(api.apiPDU.get_request_id(pdu)),
        int(api.apiPDU.get_error_status(pdu)),
        int(api.apiPDU.get_error_index(pdu)),
        values,
    )


@pytest.fixture
def device():
    return Device(TABLE)


def test_get_gives_the_objects_asked_in_their_order(device):
    answer = ask(device, wire.GET, f"{SUPPLIES}.2", f"{SYSTEM}.5.0")
    assert answer == Said(9, 0, 0, [(f"{SUPPLIES}.2", "-3"), (f"{SYSTEM}.5.0", "KM1")])


def test_version_1_names_the_first_missing_object_and_gives_nothing(device):
    answer = ask(device, wire.GET, f"{SYSTEM}.5.0", f"{SYSTEM}.9.0", f"{SYSTEM}.8.0", version=wire.V1)
    assert answer == Said(9, wire.NO_SUCH_NAME, 2, [(f"{SYSTEM}.{arc}.0", "") for arc in (5, 9, 8)])


@pytest.mark.parametrize(
    ("oid", "exception"),
    [
        (f"{SUPPLIES}.3", NO_INSTANCE),
        (f"{SYSTEM}.1.1", NO_INSTANCE),
        (f"{SYSTEM}.9.0", NO_OBJECT),
        ("1.3.6.1.2.1.43.18.1.1.8.1.1", NO_OBJECT),
    ],
)
def test_version_2c_says_for_each_missing_object_what_is_missing(device, oid, exception):
    answer = ask(device, wire.GET, f"{SYSTEM}.5.0", oid)
    assert answer == Said(9, 0, 0, [(f"{SYSTEM}.5.0", "KM1"), (oid, exception)])


@pytest.mark.parametrize(
    ("oid", "following"),
    [
        ("1.3", f"{SYSTEM}.1.0"),
        (SYSTEM, f"{SYSTEM}.1.0"),
        (f"{SYSTEM}.1.0", f"{SYSTEM}.3.0"),
        (f"{SYSTEM}.4.77.1", f"{SYSTEM}.5.0"),
        (f"{SUPPLIES}.127", f"{SUPPLIES}.128"),
        (f"{SUPPLIES}.128", f"{SUPPLIES}.16383"),
        (f"{SUPPLIES}.255", f"{SUPPLIES}.16383"),
        (f"{SUPPLIES}.16383", f"{SUPPLIES}.16384"),
        (f"{SUPPLIES}.20000", f"{SUPPLIES}.196608"),
    ],
)
@pytest.mark.parametrize("version", [wire.V1, wire.V2C])
def test_getnext_goes_by_arcs_not_by_octets(device, version, oid, following):
    answer = ask(device, wire.GETNEXT, oid, version=version)
    assert answer
    assert [name for name, _ in answer.values] == [following]


def test_the_end_of_the_mib(device):
    assert ask(device, wire.GETNEXT, LAST) == Said(9, 0, 0, [(LAST, END)])
    assert ask(device, wire.GETNEXT, SYSTEM, LAST, version=wire.V1) == Said(
        9, wire.NO_SUCH_NAME, 2, [(SYSTEM, ""), (LAST, "")]
    )


def test_version_1_does_not_see_64_bit_counters(device):
    """RFC 3584: they are skipped by GETNEXT and missing for GET."""
    before, wide = f"{SUPPLIES}.196608", "1.3.6.1.4.1.1347.1.0"
    assert ask(device, wire.GETNEXT, before).values == [(wide, "5000000000")]
    assert ask(device, wire.GETNEXT, before, version=wire.V1).values == [(LAST, "the last")]
    assert ask(device, wire.GET, wide, version=wire.V1).error == wire.NO_SUCH_NAME


def test_getbulk_gives_singles_once_and_columns_row_by_row(device):
    answer = ask(device, wire.GETBULK, SYSTEM, SUPPLIES, "1.3.6.1.2.1.43.10", singles=1, repetitions=2)
    assert [name.removeprefix("1.3.6.1.2.1.") for name, _ in answer.values] == [
        "1.1.0", "43.11.1.1.9.1.1", "43.10.2.1.4.1.1", "43.11.1.1.9.1.2", "43.11.1.1.9.1.1",
    ]  # fmt: skip


def test_getbulk_ends_after_a_row_that_is_all_end_of_mib_view(device):
    answer = ask(device, wire.GETBULK, "1.3.6.1.4.1.1347.1.0", LAST, repetitions=50)
    assert answer.values == [(LAST, "the last"), (LAST, END), (LAST, END), (LAST, END)]


def test_getbulk_without_repetitions_gives_nothing(device):
    assert ask(device, wire.GETBULK, SYSTEM).values == []


def test_a_negative_count_in_getbulk_counts_as_none(device):
    assert ask(device, wire.GETBULK, SYSTEM, singles=-1, repetitions=-5).values == []


def test_getbulk_fills_a_message_and_never_more():
    rows = [row(f"1.3.6.1.4.1.9.{n}.0|4|{'x' * 50}") for n in range(100)]
    for octets in range(100, 700, 7):
        device = Device(rows, Quirks(message_octets=octets))
        question = wire.parse(wire.question(wire.GETBULK, 9, (wire.oid("1.3.6.1.4.1.9"),), error_at=100))
        answer = device.answer(question)
        assert len(answer) <= octets
        one_more = len(said(answer, wire.V2C).values) + 1
        with_one_more = wire.response(question, 0, 0, b"".join(device.table.bindings[:one_more]))
        assert len(with_one_more) > octets, "another row had fitted"


def test_an_answer_too_big_for_a_message_is_an_error():
    device = Device([row(f"1.3.6.1.2.1.1.1.0|4|{'x' * 500}")], Quirks(message_octets=484))
    assert ask(device, wire.GET, f"{SYSTEM}.1.0") == Said(9, wire.TOO_BIG, 0, [])
    assert ask(device, wire.GET, f"{SYSTEM}.1.0", version=wire.V1) == Said(9, wire.TOO_BIG, 0, [(f"{SYSTEM}.1.0", "")])


def test_nothing_can_be_set(device):
    assert ask(device, wire.SET, f"{SYSTEM}.5.0").error == wire.NOT_WRITABLE
    assert ask(device, wire.SET, f"{SYSTEM}.5.0", version=wire.V1).error == wire.NO_SUCH_NAME
    assert ask(device, wire.GET, f"{SYSTEM}.5.0").values == [(f"{SYSTEM}.5.0", "KM1")]


def test_uptime_is_what_the_clock_says(device):
    for ticks in (0, 100, 12345, 2**32 + 5):
        answer = ask(device, wire.GETBULK, SYSTEM, repetitions=2, ticks=ticks)
        assert answer.values[1] == (f"{SYSTEM}.3.0", str(ticks % 2**32))


def test_a_changed_value_and_a_new_row_are_answered(device):
    device.change([row(f"{SUPPLIES}.1|2|41"), row(f"{SUPPLIES}.3|2|7")])
    assert [value for _, value in ask(device, wire.GETBULK, SUPPLIES, repetitions=3).values] == ["41", "-3", "7"]


@pytest.mark.parametrize(
    ("quirks", "version", "community"),
    [
        (Quirks(v2c=False), wire.V2C, b"public"),
        (Quirks(v1=False), wire.V1, b"public"),
        (Quirks(community="secret"), wire.V2C, b"public"),
        (Quirks(), wire.V2C, b"private"),
    ],
)
def test_a_version_or_community_that_is_not_spoken_meets_silence(quirks, version, community):
    assert ask(Device(TABLE, quirks), wire.GET, f"{SYSTEM}.5.0", version=version, community=community) is None


def test_a_device_without_getbulk_answers_gen_err_or_nothing():
    assert ask(Device(TABLE, Quirks(bulk="genErr")), wire.GETBULK, SYSTEM, repetitions=3).error == wire.GEN_ERR
    assert ask(Device(TABLE, Quirks(bulk="silence")), wire.GETBULK, SYSTEM, repetitions=3) is None
    assert ask(Device(TABLE, Quirks(bulk="genErr")), wire.GETNEXT, SYSTEM).error == 0


def test_version_1_has_no_getbulk(device):
    assert ask(device, wire.GETBULK, SYSTEM, version=wire.V1, repetitions=3) is None


def test_a_device_that_copes_with_few_objects_a_request():
    asked = [f"{SYSTEM}.1.0", f"{SYSTEM}.3.0", f"{SYSTEM}.5.0"]
    answers = {
        beyond: ask(Device(TABLE, Quirks(most_bindings=2, beyond=beyond)), wire.GET, *asked)
        for beyond in ("tooBig", "silence", "short")
    }
    assert answers["tooBig"] == Said(9, wire.TOO_BIG, 0, [])
    assert answers["silence"] is None
    assert len(answers["short"].values) == 2
    assert len(ask(Device(TABLE, Quirks(most_bindings=2)), wire.GETBULK, SYSTEM, repetitions=9).values) == 2


def test_a_walk_that_runs_in_a_circle():
    device = Device(TABLE, Quirks(loop=(f"{SUPPLIES}.2", f"{SYSTEM}.5.0")))
    assert ask(device, wire.GETNEXT, f"{SUPPLIES}.2").values == [(f"{SYSTEM}.5.0", "KM1")]
    names = [name for name, _ in ask(device, wire.GETBULK, f"{SUPPLIES}.1", repetitions=6).values]
    assert names[0] == names[4] == f"{SUPPLIES}.2"


def test_a_loop_over_a_row_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="does not have"):
        Device(TABLE, Quirks(loop=("1.3.6.1.9.9", f"{SYSTEM}.5.0")))


def test_a_walk_that_ends_in_gen_err_keeps_what_came_before():
    device = Device(TABLE, Quirks(gen_err_at_end=True))
    assert ask(device, wire.GETNEXT, LAST).error == wire.GEN_ERR
    assert ask(device, wire.GETBULK, "1.3.6.1.4.1.1347.1.0", repetitions=9).values == [(LAST, "the last")]
    assert ask(device, wire.GETBULK, LAST, repetitions=9).error == wire.GEN_ERR


def test_a_device_that_sleeps_and_one_that_falls_silent():
    sleeper, mute = Device(TABLE, Quirks(first_lost=2)), Device(TABLE, Quirks(silent_after=2))
    heard = [
        (ask(one, wire.GET, f"{SYSTEM}.5.0", asked=asked) is not None) for one in (sleeper, mute) for asked in range(4)
    ]
    assert heard == [False, False, True, True, True, True, False, False]


def test_loss_is_decided_by_chance_that_is_given():
    device = Device(TABLE, Quirks(loss=0.3))
    assert ask(device, wire.GET, f"{SYSTEM}.5.0", luck=0.29) is None
    assert ask(device, wire.GET, f"{SYSTEM}.5.0", luck=0.3) is not None


def test_a_wrong_request_id_and_garbage():
    assert ask(Device(TABLE, Quirks(request_id_off=1)), wire.GET, f"{SYSTEM}.5.0").request_id == 10
    question = wire.parse(wire.question(wire.GET, 9, (wire.oid(f"{SYSTEM}.5.0"),)))
    good = Device(TABLE).answer(question)
    for garbage in ("noise", "cut", "empty"):
        assert Device(TABLE, Quirks(garbage=garbage)).answer(question) != good
