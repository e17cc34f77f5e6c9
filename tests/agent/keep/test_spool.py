import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from flexprint_agent.keep import Keep, spool
from flexprint_agent.keep.enrolment import Enrolment
from flexprint_agent.keep.leaving import Leaving, Masks
from flexprint_agent.keep.notes import REPORT_PERIOD
from flexprint_agent.keep.spool import HISTORY, LINES
from flexprint_shared import batch, sealing
from flexprint_shared.readings import Alert, Typed

SENDER = batch.Sender("0.1.0", "FRONT-DESK")
COLLECTOR = X25519PrivateKey.generate()


def enrol(keep, now):
    signing = Ed25519PrivateKey.generate()
    enrolment = Enrolment(
        server="https://collector.example.com",
        insecure_loopback=False,
        agent=uuid.uuid4(),
        dealer="D",
        customer="C",
        site="S",
        identity_key=bytes(32),
        sealing_key=COLLECTOR.public_key().public_bytes_raw(),
        enrolled_at=now,
    )
    keep.enrolments.put(enrolment, signing.private_bytes_raw())
    return keep.enrolments.sealer(enrolment), enrolment, signing.public_key()


@pytest.fixture
def seal(keep, now):
    return enrol(keep, now)[0]


def make(keep, seal, now, **more):
    return keep.spool.make_batches(seal, sender=SENDER, recipients=["office@example.com"], now=now, **more)


def waiting(keep):
    found, after = [], 0
    while following := keep.spool.next_waiting(after):
        found.append(following)
        after = following[0].number
    return found


def opened(sealed):
    return batch.unpack(sealing.unseal(sealed, COLLECTOR))


def test_a_read_outlives_a_restart(tmp_path, a_read):
    with Keep(tmp_path) as keep:
        keep.keep_read(a_read(total=1200), {})
    with Keep(tmp_path) as reopened:
        assert reopened.spool.pending() == 1


def test_a_batch_holds_the_reads_as_they_were_read(keep, seal, now, a_read):
    reads = [a_read(n, seconds=0.5, packets=9) for n in range(1, 4)]
    for read in reads:
        keep.keep_read(read, {})
    assert make(keep, seal, now) == 1
    assert keep.spool.pending() == 0
    ((made, sealed),) = waiting(keep)
    document = opened(sealed)
    assert batch.reads_of(document) == [read.without_conversation() for read in reads]
    assert document["recipients"] == ["office@example.com"]
    assert keep.spool.document(made.number) == document


def test_batches_are_numbered_chained_and_signed(keep, now, a_read):
    seal, enrolment, public = enrol(keep, now)
    for number in range(1, 4):
        keep.keep_read(a_read(number), {})
        make(keep, seal, now)
    previous = sealing.NO_BATCH
    for place, (made, sealed) in enumerate(waiting(keep), start=1):
        sealing.verify(sealed, public)
        header = sealing.header_of(sealed)
        assert (header.agent, header.sequence, header.previous) == (enrolment.agent, place, previous)
        assert made.hash == sealing.batch_hash(sealed)
        previous = made.hash


def test_a_large_site_sends_several_batches_and_asks_for_one_workbook(keep, seal, now, a_read, monkeypatch):
    monkeypatch.setattr(batch, "MOST_READS", 3)
    for number in range(1, 8):
        keep.keep_read(a_read(number), {})
    assert make(keep, seal, now, report_for="2026-11-23") == 3
    documents = [opened(sealed) for _, sealed in waiting(keep)]
    assert [len(batch.reads_of(document)) for document in documents] == [3, 3, 1]
    assert [document["report"] is not None for document in documents] == [False, False, True]


def test_a_workbook_can_be_asked_for_without_any_reads(keep, seal, now):
    assert make(keep, seal, now) == 0
    assert make(keep, seal, now, report_for="2026-11-23") == 1
    ((made, sealed),) = waiting(keep)
    assert (made.reads, made.report_at) == (0, now)
    assert opened(sealed)["report"] == {"requested_at": "2026-11-23T08:00:00Z"}
    assert keep.notes.get(REPORT_PERIOD) == "2026-11-23"


def test_one_talkative_device_does_not_block_the_others(keep, seal, now, a_read, monkeypatch):
    """Reads that together would be refused as too large go in smaller batches; a giant goes alone."""
    monkeypatch.setattr(batch, "LARGEST_DOCUMENT", 20_000)
    giant = tuple(Alert("warning", n, uuid.uuid4().hex) for n in range(500))
    for number in range(1, 6):
        keep.keep_read(a_read(number, alerts=giant if number == 3 else ()), {})
    make(keep, seal, now)
    parts = [[r.identity.serial[-1] for r in batch.reads_of(opened(sealed))] for _, sealed in waiting(keep)]
    assert sorted(serial for part in parts for serial in part) == list("12345")
    assert ["3"] in parts


def test_recipients_count_for_the_size_of_a_batch(keep, seal, now, a_read, monkeypatch):
    """Reads that fit alone and not with fifty addresses go in two batches."""
    for number in (1, 2):
        keep.keep_read(a_read(number), {})
    monkeypatch.setattr(batch, "LARGEST_DOCUMENT", 6_000)
    recipients = [f"{number:02}{'x' * 60}@{'y' * 60}.example.com" for number in range(50)]
    assert keep.spool.make_batches(seal, sender=SENDER, recipients=recipients, now=now) == 2


def test_a_batch_leaves_the_spool_only_by_its_own_hash(keep, seal, now, a_read):
    for number in (1, 2):
        keep.keep_read(a_read(number), {})
        make(keep, seal, now)
    (first, _), (second, _) = waiting(keep)
    keep.spool.acknowledge(bytes(32), now)
    assert keep.spool.count("waiting") == 2
    keep.spool.acknowledge(first.hash, now)
    assert [made.number for made, _ in waiting(keep)] == [second.number]
    assert keep.spool.last_acknowledged_at() == now


def test_a_refused_batch_is_set_aside_and_kept(keep, seal, now, a_read):
    for number in (1, 2):
        keep.keep_read(a_read(number), {})
        make(keep, seal, now)
    (first, _), (_, sealed) = waiting(keep)
    keep.spool.set_aside(first.number, "broken seal", now)
    assert waiting(keep)[0][1] == sealed
    kept = keep.spool.batch(first.number)
    assert (kept.state, kept.last_error) == ("refused", "broken seal")
    assert batch.reads_of(keep.spool.document(first.number))


def test_a_workbook_asked_for_in_a_refused_batch_is_asked_for_again(keep, seal, now):
    make(keep, seal, now, report_for="2026-11-23")
    keep.spool.set_aside(1, "broken seal", now)
    assert keep.notes.get(REPORT_PERIOD) is None


def test_after_a_stale_sequence_the_waiting_batches_follow_the_collector(keep, seal, now, a_read):
    """A home restored from a backup: the collector has batches that this home has forgotten."""
    for number in (1, 2, 3):
        keep.keep_read(a_read(number), {})
        make(keep, seal, now)
    keep.spool.set_aside(1, "stale", now, seal=seal, newest=(41, b"\7" * 32))
    (_, second), (_, third) = waiting(keep)
    assert (sealing.header_of(second).sequence, sealing.header_of(second).previous) == (42, b"\7" * 32)
    assert (sealing.header_of(third).sequence, sealing.header_of(third).previous) == (43, sealing.batch_hash(second))
    keep.keep_read(a_read(4), {})
    make(keep, seal, now)
    assert sealing.header_of(waiting(keep)[-1][1]).sequence == 44


def test_after_enrolling_again_waiting_batches_join_the_new_chain(keep, seal, now, a_read):
    keep.keep_read(a_read(1), {})
    make(keep, seal, now)
    again, enrolment, public = enrol(keep, now)
    keep.keep_read(a_read(2), {})
    make(keep, again, now)
    keep.spool.chain_again(again)
    headers = [sealing.header_of(sealed) for _, sealed in waiting(keep)]
    assert [(header.agent, header.sequence) for header in headers] == [(enrolment.agent, 1), (enrolment.agent, 2)]
    for _, sealed in waiting(keep):
        sealing.verify(sealed, public)


def test_old_history_is_dropped_and_what_waits_is_not(keep, seal, now, a_read):
    for number in (1, 2):
        keep.keep_read(a_read(number), {})
        make(keep, seal, now)
    keep.spool.acknowledge(waiting(keep)[0][0].hash, now)
    keep.spool.forget_history(now + HISTORY + timedelta(days=1))
    assert keep.spool.document(1) is None
    assert keep.spool.document(2) is not None


def test_the_contents_that_are_kept_have_a_largest_size_the_newest_stay(keep, seal, now, a_read, monkeypatch):
    for number in range(1, 6):
        keep.keep_read(a_read(number), {})
        make(keep, seal, now)
    for made, _ in waiting(keep)[:4]:
        keep.spool.acknowledge(made.hash, now)
    each = keep.database.value("SELECT max(length(document)) FROM batches")
    monkeypatch.setattr(spool, "LARGEST_HISTORY", 2 * each + 1)
    keep.spool.forget_history(now)
    assert [keep.spool.document(number) is not None for number in range(1, 6)] == [False, False, True, True, True]
    assert keep.spool.count("acknowledged") == 4


def test_five_years_do_not_make_the_file_grow_for_ever(keep, seal, now, a_read):
    """A wake in twenty days stands for all of them: what is kept after two years is what is kept after seven."""
    keep.database.value("PRAGMA synchronous = OFF")  # this test is about size; waiting for the disk is another's
    sizes, at = [], now
    for number in range(7 * 18):
        for printer in range(6):
            keep.keep_read(a_read(printer, total=number, read_at=at), {})
        make(keep, seal, at)
        keep.spool.acknowledge(waiting(keep)[0][0].hash, at)
        keep.spool.forget_history(at)
        sizes.append(keep.database.value("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"))
        at += timedelta(days=20)
    two, seven = sizes[2 * 18], sizes[-1]
    assert seven < two + 64 * 1024
    assert keep.database.value("SELECT count(*) FROM batches") < 5 * 18.5
    assert keep.database.value("SELECT min(document IS NOT NULL) FROM batches WHERE number > ?", number - 19) == 1
    # A chain goes on where it was, whatever of it is forgotten.
    assert keep.spool.batches()[0].sequence == 7 * 18


def test_what_waits_or_was_refused_is_kept_for_ever(keep, seal, now, a_read):
    for number in (1, 2, 3):
        keep.keep_read(a_read(number), {})
        make(keep, seal, now)
    keep.spool.set_aside(2, "why", now)
    keep.spool.acknowledge(waiting(keep)[1][0].hash, now)
    keep.spool.forget_history(now + 3 * LINES)
    assert [keep.spool.document(number) is not None for number in (1, 2, 3)] == [True, True, False]
    assert keep.spool.batches()[0].sequence == 3


def test_reads_in_batches_take_no_room_of_their_own(keep, seal, now, a_read):
    """A read that left stands in its batch alone, and its batch says it as briefly as it left."""
    keep.database.value("PRAGMA synchronous = OFF")
    sizes = []
    for number in range(7):
        for printer in range(60):
            keep.keep_read(a_read(printer, total=number), {})
        make(keep, seal, now)
        keep.spool.acknowledge(waiting(keep)[0][0].hash, now)
        sizes.append(keep.database.value("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"))
    assert keep.spool.pending() == 0
    assert (sizes[-1] - sizes[1]) / (5 * 60) < 200


def test_two_reads_of_one_device_are_two_reads(keep, seal, now, a_read):
    keep.keep_read(a_read(1, total=5), {})
    keep.keep_read(replace(a_read(1, total=6), read_at=now + timedelta(minutes=1)), {})
    make(keep, seal, now)
    ((_, sealed),) = waiting(keep)
    assert [read.meter("total") for read in batch.reads_of(opened(sealed))] == [5, 6]


def test_the_clear_copy_is_what_was_sealed_with_what_was_typed_and_without_what_is_masked(keep, seal, now, a_read):
    """Whoever reads the clear copy reads what the collector reads."""
    keep.keep_read(a_read(address="10.1.2.3"), {})
    (device,) = keep.devices.all()
    keep.labels.put(device.id, Typed("Front desk", "INV-77", None))
    make(keep, seal, now, leaving=Leaving(Masks(address=True), bytes(32)))
    ((made, sealed),) = waiting(keep)
    assert opened(sealed) == keep.spool.document(made.number)
    assert "10.1.2.3" not in str(opened(sealed))
    assert opened(sealed)["reads"]["typed"] == [["Front desk", "INV-77", None]]
