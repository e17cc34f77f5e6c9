"""A sealed batch is stored once and whole, or not at all."""

import random
import threading
import uuid
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import func, select

from flexprint_server.fleet.models import Device, DeviceKey, Layout
from flexprint_server.fleet.models import Read as StoredRead
from flexprint_server.ingest import refusals
from flexprint_server.ingest.models import Batch
from flexprint_server.ingest.service import Inbox
from flexprint_server.reports.models import Report
from flexprint_server.tenants.models import Agent
from flexprint_shared.batch import Sender, document, pack, reads_of, unpack
from flexprint_shared.readings import Identity, Meter, Read, Typed
from flexprint_shared.sealing import NO_BATCH, batch_hash, unseal
from services import agents
from services.reads import NOON, a_read, fleet, later

ARRIVED = NOON + timedelta(minutes=5)


def count(database, model):
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(model))


def stored(database):
    """Rows of batches, devices, reads and reports."""
    return tuple(count(database, model) for model in (Batch, Device, StoredRead, Report))


def test_a_batch_becomes_devices_and_reads(database, inbox, agent):
    """Every figure of the read stands in the database, with the layout that says where it was answered."""
    sealed = agent.batch(a_read())

    receipt = inbox.receive(sealed, ARRIVED)

    assert receipt.answer() == {"batch": batch_hash(sealed).hex(), "sequence": 1, "reads": 1}
    with database.reading() as session:
        device = session.scalars(select(Device)).one()
        assert (device.manufacturer, device.model, device.serial) == ("Kyocera", "ECOSYS P2040dw", "VD21457943")
        assert (device.address, device.location, device.macs) == ("10.1.2.3", "Reception", ["00:17:c8:b9:02:de"])
        assert device.meters == {"total": [7342, "impressions"], "scan": [46, "scans"]}
        (supply,) = device.supplies
        assert supply.items() <= a_read().supplies[0].as_json().items()
        assert (device.total, device.supply_left, device.supply_low) == (7342, 42, False)
        assert (device.first_seen_at, device.last_read_at) == (NOON, NOON)
        assert "vd21457943" in device.search_text
        read = session.scalars(select(StoredRead)).one()
        assert (read.device_id, read.read_at, read.uptime_s, read.total) == (device.id, NOON, 86400, 7342)
        assert (read.meters, read.levels, read.percents) == ([7342, 46], [420], [42])
        layout = session.get(Layout, read.layout_id).content
        assert layout["meters"][0] == ["total", "impressions", "1.3.6.1.4.1.1347.42.2.1.1.1.6.1", "vendor"]
        assert layout["supplies"] == [["1.1", "TK-1170", "toner", "black", 1000, "percent"]]
        batch = session.get(Batch, read.batch_id)
        assert (batch.sequence, batch.received_at, batch.reads, batch.gap) == (1, ARRIVED, 1, False)
        who = session.get(Agent, agent.id)
        assert (who.last_sequence, who.last_seen_at, who.version) == (1, ARRIVED, "0.1.0")


def test_a_printer_on_a_cable_is_stored_with_what_its_computer_counted(database, inbox, agent):
    """No network: its place is a print queue, and it is one device though it has no serial."""
    meter = Meter("print.spooler", 120, "impressions", "job-impressions-completed", "spooler")
    identity = Identity(manufacturer="HP", model="LaserJet 400", name="till")
    for pages in (120, 125):
        read = Read("usb:till", 0, NOON + timedelta(minutes=pages), identity, meters=(replace(meter, value=pages),))
        inbox.receive(agent.batch(read), ARRIVED + timedelta(days=1))
    with database.reading() as session:
        device = session.scalars(select(Device)).one()
        assert (device.address, device.meters, device.total) == (
            "usb:till",
            {"print.spooler": [125, "impressions"]},
            None,
        )
        keys = session.scalars(select(DeviceKey.key)).all()
        assert keys == [f"address:{agent.id}:usb:till:0"]
        assert count(database, StoredRead) == 2


def test_the_sealed_original_is_kept_and_says_the_same(database, inbox, agent):
    """Evidence: the octets under the agent's signature open to the very reads that were stored."""
    sealed = agent.batch(*fleet(3))
    inbox.receive(sealed, ARRIVED)
    with database.reading() as session:
        kept = session.scalars(select(Batch)).one()
        rows = session.scalars(select(StoredRead).order_by(StoredRead.row)).all()
    assert kept.sealed == sealed
    original = reads_of(unpack(unseal(kept.sealed, agents.keyring(database).sealing[kept.sealed[60:68]])))
    assert [row.total for row in rows] == [original[row.row].meter("total") for row in rows]


def test_the_same_batch_again_changes_nothing_and_is_answered_the_same(database, inbox, agent):
    """The answer was lost, or the collector died after the commit: the agent sends again."""
    sealed = agent.batch(*fleet(5), report_requested_at=NOON, recipients=["office@example.com"])
    first = inbox.receive(sealed, ARRIVED)
    before = stored(database)
    inbox.receive(agent.batch(*fleet(5, grown=10)), ARRIVED)

    again = Inbox(database, lambda: agents.keyring(database), "example.com").receive(
        sealed, ARRIVED + timedelta(days=1)
    )

    assert again.answer() == first.answer()
    assert not again.new
    assert again.report is None
    assert stored(database) == (before[0] + 1, before[1], before[2] + 5, before[3])


def test_a_report_is_asked_for_in_the_transaction_of_the_batch(database, inbox, agent):
    sealed = agent.batch(report_requested_at=NOON, recipients=["office@example.com", "office@example.com", "nonsense"])
    receipt = inbox.receive(sealed, ARRIVED)
    with database.reading() as session:
        report = session.get(Report, receipt.report)
        assert (report.state, report.requested_at, report.agent_id) == ("due", NOON, agent.id)
        assert [delivery.recipient for delivery in report.deliveries][:1] == ["office@example.com"]
        assert session.get(Agent, agent.id).recipients == ["office@example.com", "office@example.com", "nonsense"]


@pytest.mark.parametrize("missing", [1, 5])
def test_a_gap_is_stored_and_marked(database, inbox, agent, missing):
    """Batches in between never arrived: no read is refused for it, and it shows."""
    inbox.receive(agent.batch(*fleet(1)), ARRIVED)
    for _ in range(missing):
        agent.batch()
    inbox.receive(agent.batch(*fleet(1, grown=5)), ARRIVED)
    inbox.receive(agent.batch(*fleet(1, grown=6)), ARRIVED)
    with database.reading() as session:
        gaps = session.execute(select(Batch.sequence, Batch.gap).order_by(Batch.sequence)).all()
    assert [tuple(row) for row in gaps] == [(1, False), (2 + missing, True), (3 + missing, False)]


def test_a_chain_that_does_not_fit_is_a_gap(database, inbox, agent):
    """The right number after the wrong predecessor: somebody else's batch was meant to stand there."""
    inbox.receive(agent.batch(*fleet(1)), ARRIVED)
    agent.previous = bytes(32)
    inbox.receive(agent.batch(*fleet(1)), ARRIVED)
    with database.reading() as session:
        assert session.scalar(select(Batch.gap).where(Batch.sequence == 2)) is True


def test_a_number_used_before_is_refused_with_the_head_of_the_chain(database, inbox, agent):
    """An agent restored from a copy learns where to go on."""
    inbox.receive(agent.batch(*fleet(1)), ARRIVED)
    inbox.receive(agent.batch(*fleet(1)), ARRIVED)
    before = stored(database)
    for sequence in (0, 1, 2):
        with pytest.raises(refusals.StaleSequence) as refused:
            inbox.receive(agent.seal(pack(empty()), sequence, NO_BATCH), ARRIVED)
        assert refused.value.more == {"last_sequence": 2, "last_hash": agent.previous.hex()}
    assert stored(database) == before


def empty():
    return document([], made_at=NOON, sender=Sender("0.1.0", "H"))


def test_nothing_is_stored_of_a_batch_that_is_not_what_it_claims(database, inbox, agent):
    """Wrong signer, unknown agent, other key, changed octets, no batch at all: refused, nothing stored."""
    good = agent.seal(pack(empty()), 1, NO_BATCH)
    stranger = agents.Agent(uuid.uuid4(), agent.key, agent.sealing_key)
    thief = agents.Agent(agent.id, Ed25519PrivateKey.generate(), agent.sealing_key)
    elsewhere = agents.Agent(agent.id, agent.key, X25519PrivateKey.generate().public_key())
    other = agents.an_agent(database)
    moved = good[:4] + other.id.bytes + good[20:-64]
    inner = bytearray(good[:-64])
    inner[120] ^= 1
    cases = [
        (refusals.NotABatch, b""),
        (refusals.NotABatch, b"not a batch at all" * 20),
        (refusals.NotABatch, agent.seal(pack(empty()), 2**63, NO_BATCH)),
        (refusals.UnknownAgent, stranger.seal(pack(empty()), 1, NO_BATCH)),
        (refusals.WrongSignature, thief.seal(pack(empty()), 1, NO_BATCH)),
        (refusals.WrongSignature, good[:-1] + bytes([good[-1] ^ 1])),
        (refusals.WrongSignature, good[:80] + bytes([good[80] ^ 1]) + good[81:]),
        (refusals.BrokenSeal, elsewhere.seal(pack(empty()), 1, NO_BATCH)),
        (refusals.BrokenSeal, moved + other.key.sign(moved)),
        (refusals.BrokenSeal, bytes(inner) + agent.key.sign(bytes(inner))),
    ]
    for refusal, sealed in cases:
        with pytest.raises(refusal):
            inbox.receive(sealed, ARRIVED)
    assert stored(database) == (0, 0, 0, 0)
    assert inbox.receive(good, ARRIVED).new


def test_what_cannot_be_read_is_refused_for_good(database, inbox, agent):
    """Bombs, other formats, broken columns: a signature says who sent it, not that it makes sense."""
    spoiled = document([a_read()], made_at=NOON, sender=Sender("0.1.0", "H"))
    spoiled["layouts"][0]["meters"][0][0] = "pages"
    for packed in (
        b"not deflated",
        zlib.compress(bytes(40 << 20), 9),
        zlib.compress(b"[]"),
        zlib.compress(b'{"format": 1}'),
        pack({**empty(), "format": 2}),
        pack(spoiled),
        pack({**empty(), "report": {"requested_at": "whenever"}}),
        pack({**empty(), "since": -1}),
    ):
        with pytest.raises(refusals.UnreadableDocument):
            inbox.receive(agent.seal(packed, 1, NO_BATCH), ARRIVED)
    assert stored(database) == (0, 0, 0, 0)


def test_what_is_refused_leaves_room_for_the_next(database, inbox, agent):
    """The agent sets the refused batch aside and goes on; what is missing shows as a gap."""
    with pytest.raises(refusals.UnreadableDocument):
        inbox.receive(agent.next(b"garbage"), ARRIVED)
    assert inbox.receive(agent.batch(*fleet(1)), ARRIVED).new
    with database.reading() as session:
        assert session.scalars(select(Batch.gap)).all() == [True]


def test_text_from_a_device_is_clean_before_it_is_stored(database, inbox, agent):
    """NUL would not even fit into PostgreSQL; the sealed original keeps what the device said."""
    nasty = "a\0b\x1b[31m\u202e=cmd()\r\nBcc: x"
    read = a_read(location=nasty, name=nasty, contact="x" * 5000, description="\0\0")
    sealed = agent.batch(read)
    inbox.receive(sealed, ARRIVED)
    with database.reading() as session:
        device = session.scalars(select(Device)).one()
    assert device.location == device.name == "a b [31m=cmd() Bcc: x"
    assert len(device.contact) == 255
    assert device.description is None


def test_the_same_batch_twice_at_once_is_stored_once(database, inbox, agent):
    """An impatient proxy sends the request again: both get the same answer."""
    sealed = agent.batch(*fleet(20), report_requested_at=NOON, recipients=["office@example.com"])
    both = threading.Barrier(2)

    def post(_):
        both.wait()
        return inbox.receive(sealed, ARRIVED)

    with ThreadPoolExecutor(2) as pool:
        receipts = list(pool.map(post, range(2)))
    assert receipts[0].answer() == receipts[1].answer()
    assert sorted(receipt.new for receipt in receipts) == [False, True]
    assert stored(database) == (1, 20, 20, 1)


def test_two_batches_of_one_agent_at_once_are_both_accounted_for(database, inbox, agent):
    """The second may overtake the first, which then takes the place that was left for it."""
    first, second = agent.batch(*fleet(5)), agent.batch(*fleet(5, grown=1))

    with ThreadPoolExecutor(2) as pool:
        receipts = list(pool.map(lambda sealed: inbox.receive(sealed, ARRIVED), (first, second)))
    assert [receipt.sequence for receipt in receipts] == [1, 2]
    assert stored(database)[:2] == (2, 5)
    assert inbox.receive(agent.batch(*fleet(5, grown=2)), ARRIVED).sequence == 3


def test_agents_that_see_the_same_devices_wait_for_each_other_and_never_deadlock(database, inbox):
    """Three agents of one site bring the same forty printers, in other orders, many times at once: one device each,
    every read stored."""
    several, rounds, chance = agents.agents(database, 3), 6, random.Random(3)

    def bring(agent):
        for number in range(rounds):
            reads = fleet(40, grown=number)
            chance.shuffle(reads)
            assert inbox.receive(agent.batch(*reads), ARRIVED).new

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(bring, several))
    assert stored(database) == (3 * rounds, 40, 3 * rounds * 40, 0)
    assert count(database, DeviceKey) == 80
    assert count(database, Layout) == 1


def test_dealers_do_not_share_devices(database, inbox):
    """The same printer seen by two dealers is two devices: nobody learns from the other's fleet."""
    for dealer in ("Northwind Copiers", "Elsewhere Office"):
        inbox.receive(agents.an_agent(database, dealer=dealer).batch(a_read()), ARRIVED)
    with database.reading() as session:
        devices = session.scalars(select(Device)).all()
    assert len({device.dealer_id for device in devices}) == 2


def test_a_large_batch_is_stored_whole(database, inbox, agent):
    """As many reads as a batch may hold."""
    receipt = inbox.receive(agent.batch(*fleet(500)), ARRIVED)
    assert receipt.reads == 500
    assert stored(database) == (1, 500, 500, 0)
    inbox.receive(agent.batch(*(later(read, 9, NOON + timedelta(hours=1)) for read in fleet(500))), ARRIVED)
    assert stored(database) == (2, 500, 1000, 0)


def test_a_receipt_is_plain_facts(inbox, agent):
    answer = inbox.receive(agent.batch(), ARRIVED).answer()
    assert msgspec.json.decode(msgspec.json.encode(answer)) == answer


def test_what_the_customer_typed_and_masked_arrives_as_they_want_it(database, inbox, agent):
    """What somebody typed at the site is what people see of a device, whatever it says itself; without its address a
    device that tells no serial is still the same one."""
    bare = replace(a_read(macs=()), identity=replace(a_read().identity, serial=None, macs=()))
    masked = replace(bare, address="masked-0123456789ab", typed=Typed("Front desk", "INV-77", "By the lift"))
    inbox.receive(agent.batch(masked), ARRIVED)
    inbox.receive(agent.batch(later(masked, 8000, NOON + timedelta(days=1))), ARRIVED + timedelta(days=1))
    with database.reading() as session:
        device = session.scalars(select(Device)).one()
        assert (device.name, device.asset, device.location) == ("Front desk", "INV-77", "By the lift")
        assert (device.address, device.total) == ("masked-0123456789ab", 8000)
        assert "by the lift" in device.search_text
    inbox.receive(
        agent.batch(later(replace(masked, typed=None), 8100, NOON + timedelta(days=2))), ARRIVED + timedelta(days=2)
    )
    with database.reading() as session:
        assert session.scalars(select(Device)).one().location == "Reception"
