"""What pages can ask of the fleet: one dealer's devices, found, ordered and counted."""

import inspect
import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from flexprint_server.fleet import device_queries, queries
from flexprint_server.fleet.device_queries import READS_PAGE
from flexprint_server.fleet.models import Device
from flexprint_server.fleet.queries import PAGE, Wanted
from flexprint_server.ingest.models import Batch
from flexprint_server.reports import queries as report_queries
from flexprint_server.tenants.models import Customer
from flexprint_shared.readings import Supply
from services import seeded

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
KYOCERA, TASKALFA, HP = seeded.KINDS[:3]


class Fleet:
    """Alice's dealer with two customers, and a stranger's with one; printers as a test adds them."""

    def __init__(self, database):
        self.database = database
        self.chance = random.Random(1)
        with database.transaction() as session:
            alice = seeded.bare_dealer(
                session, NOW - timedelta(days=90), "Northwind Copiers", "alice@northwind.example"
            )
            stranger = seeded.bare_dealer(session, NOW, "Elsewhere Office", "bob@elsewhere.example")
            self.alice, self.stranger = alice.id, stranger.id
            self.agents = {
                "harbour": self._agent(session, alice, "Harbour Dental", "Main Street"),
                "munich": self._agent(session, alice, "MÜLLER & Söhne", "München"),
                "elsewhere": self._agent(session, stranger, "Zeta", "HQ"),
            }

    def _agent(self, session, dealer, customer, site):
        owner = Customer(dealer_id=dealer.id, name=customer, created_at=NOW)
        session.add(owner)
        session.flush()
        return seeded.add_site(session, dealer, owner, site, NOW, self.chance)

    def add(self, serial, *, at="harbour", kind=KYOCERA, total=1000, read=NOW, seen=None, history=(), **more):
        one = seeded.a_read(kind, read, more.pop("address", "10.0.0.1"), serial, total, **more)
        with self.database.transaction() as session:
            device = seeded.store(session, self.agents[at], one, first_seen_at=seen or NOW - timedelta(days=60))
            seeded.add_reads(session, session.merge(self.agents[at]), device, one, history)
            return device.id

    def found(self, dealer=None, **wanted):
        with self.database.reading() as session:
            return queries.devices(dealer or self.alice, session, Wanted(**wanted), NOW)

    def serials(self, **wanted):
        return [device.serial for device in self.found(**wanted).devices]

    def totals(self, **wanted):
        return self.found(**wanted).totals


@pytest.fixture
def fleet(database):
    return Fleet(database)


@pytest.mark.parametrize("module", [queries, device_queries, report_queries])
def test_every_question_names_its_dealer_first(module):
    """No query can be asked without saying whose."""
    asked = [
        function
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    ]
    assert asked
    for function in asked:
        first = next(iter(inspect.signature(function).parameters.values()))
        assert (first.name, first.default) == ("dealer_id", inspect.Parameter.empty), function


def test_nobody_sees_anothers_devices_in_any_way(fleet):
    device = fleet.add("THEIRS", at="elsewhere", history=[(NOW, 5)])
    fleet.add("OURS")
    assert fleet.serials() == ["OURS"]
    assert fleet.serials(text="theirs") == fleet.serials(text="zeta") == []
    site = fleet.agents["elsewhere"].site_id
    assert fleet.serials(site_id=site) == []
    assert fleet.totals().all == 1
    with fleet.database.reading() as session:
        assert device_queries.device(fleet.alice, session, device) is None
        assert device_queries.reads(fleet.alice, session, device) == []
        assert device_queries.history(fleet.alice, session, device, NOW - timedelta(days=1), NOW) == []
        theirs = device_queries.device(fleet.stranger, session, device)
        assert device_queries.agent_of(fleet.alice, session, theirs) is None
        choices = queries.choices(
            fleet.alice, session, Wanted(customer_id=theirs.site.customer_id, site_id=site), of_customer=False
        )
    assert (choices.customer, choices.site, choices.sites) == (None, None, [])
    assert [name for _, name in choices.customers] == ["Harbour Dental", "MÜLLER & Söhne"]


@pytest.mark.parametrize(
    "text",
    [
        "vd2", "VD200042", "ecosys", "kyocera p2040", "10.9.8", "front desk", "PRN-7", "00:17:C8:01", "nw-1",
        "harbour", "main vd2", "  vd2   dental ",
    ],
)  # fmt: skip
def test_a_device_is_found_by_whatever_people_know_of_it(fleet, text):
    fleet.add(
        "VD200042", address="10.9.8.7", location="Front Desk", name="PRN-7", macs=("00:17:c8:01:02:03",), asset="NW-1"
    )
    fleet.add("CNB1", kind=HP, at="munich", address="172.16.0.1")
    assert fleet.serials(text=text) == ["VD200042"]


@pytest.mark.parametrize("text", ["münchen", "MÜNCHEN", "müller", "söhne cnb"])
def test_a_search_knows_capital_letters_beyond_ascii(fleet, text):
    fleet.add("CNB1", at="munich")
    fleet.add("VD1")
    assert fleet.serials(text=text) == ["CNB1"]


@pytest.mark.parametrize("text", ["%", "_", "VD%1", "' OR 1=1 --", "\\", "vd1\nkyocera", "x" * 100, "none"])
def test_a_search_is_words_and_never_a_pattern(fleet, text):
    fleet.add("VD1")
    assert fleet.serials(text=text) in ([], ["VD1"] if text == "vd1\nkyocera" else [])


def test_the_list_can_be_narrowed_to_a_customer_or_a_site(fleet):
    fleet.add("A1")
    fleet.add("B1", at="munich")
    with fleet.database.reading() as session:
        customer, _ = queries.choices(fleet.alice, session, Wanted(), of_customer=False).customers[1]
    assert fleet.serials(customer_id=customer) == ["B1"]
    assert fleet.serials(site_id=fleet.agents["harbour"].site_id) == ["A1"]
    assert fleet.totals(customer_id=customer).all == 1


def low(state, percent):
    return (Supply("1.1", "TK-1160", "toner", "black", percent, state, percent, 100, "percent"),)


def test_new_devices_come_first_whatever_their_customer(fleet):
    """Also across the pages of the list, and in the other direction."""
    fleet.add("OLD-H")
    fleet.add("OLD-M", at="munich")
    fleet.add("NEW-M", at="munich", seen=NOW - timedelta(days=2))
    fleet.add("NEW-H", seen=NOW - timedelta(days=29))
    assert fleet.serials() == ["NEW-H", "NEW-M", "OLD-H", "OLD-M"]
    assert fleet.serials(descending=True) == ["NEW-M", "NEW-H", "OLD-M", "OLD-H"]
    assert fleet.serials(text="kyocera") == ["NEW-H", "NEW-M", "OLD-H", "OLD-M"]
    for number in range(PAGE - 1):
        fleet.add(f"X{number:02d}", seen=NOW - timedelta(days=1))
    assert fleet.serials()[0] == "NEW-H"
    assert fleet.serials(page=2) == ["NEW-M", "OLD-H", "OLD-M"]


def test_what_somebody_retired_or_merged_is_in_no_list_and_no_figure_but_its_own(fleet):
    fleet.add("ACTIVE")
    retired, merged = fleet.add("RETIRED"), fleet.add("MERGED")
    with fleet.database.transaction() as session:
        session.execute(update(Device).where(Device.id == retired).values(in_fleet=False, retired_at=NOW))
        session.execute(update(Device).where(Device.id == merged).values(in_fleet=False, merged_into_id=retired))
    assert fleet.serials() == fleet.serials(show="today") == ["ACTIVE"]
    assert fleet.serials(show="retired") == ["RETIRED"]
    assert (fleet.totals().all, fleet.totals().retired) == (1, 1)


def test_the_figures_on_top_count_what_their_lists_show(fleet):
    new = fleet.add("NEW", seen=NOW - timedelta(days=1))
    fleet.add("STALE", read=NOW - timedelta(days=8))
    fleet.add("LOW", supplies=low("low", 4))
    fleet.add("YESTERDAY", read=NOW - timedelta(hours=16))
    fleet.add("FINE", supplies=low("ok", 80))
    assert fleet.serials(show="new") == ["NEW"]
    page = fleet.found()
    assert [page.rules.is_new(one, NOW) for one in page.devices].count(True) == 1
    assert page.devices[0].id == new
    assert fleet.serials(show="stale") == ["STALE"]
    assert fleet.serials(show="low") == ["LOW"]
    assert sorted(fleet.serials(show="today")) == ["FINE", "LOW", "NEW"]
    assert fleet.totals() == queries.Totals(all=5, today=3, new=1, stale=1, low=1, retired=0)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"sort": "customer", "descending": True}, ["B", "A", "C"]),
        ({"sort": "customer"}, ["A", "C", "B"]),
        ({"sort": "printer"}, ["B", "A", "C"]),
        ({"sort": "printer", "descending": True}, ["C", "A", "B"]),
        ({"sort": "serial", "descending": True}, ["C", "B", "A"]),
        ({"sort": "total"}, ["C", "A", "B"]),
        ({"sort": "total", "descending": True}, ["B", "A", "C"]),
        ({"sort": "supply"}, ["B", "A", "C"]),
        ({"sort": "supply", "descending": True}, ["A", "B", "C"]),
        ({"sort": "read", "descending": True}, ["A", "C", "B"]),
    ],
)
def test_the_list_is_sorted_and_what_is_not_told_comes_last(fleet, wanted, expected):
    fleet.add("A", total=500, supplies=low("ok", 50))
    fleet.add("B", at="munich", kind=HP, total=900, read=NOW - timedelta(days=2), supplies=low("low", 3))
    fleet.add("C", kind=TASKALFA, total=7, read=NOW - timedelta(days=1), supplies=low("unknown", None))
    assert fleet.serials(**wanted) == expected


@pytest.mark.parametrize("sort", queries.SORTS)
def test_pages_divide_the_list_without_gap_or_repetition(fleet, sort):
    for number in range(PAGE + 3):
        fleet.add(f"S{number:03}", total=7, at="munich" if number % 3 else "harbour")
    pages = [fleet.serials(sort=sort, page=page) for page in (1, 2)]
    assert [len(page) for page in pages] == [PAGE, 3]
    assert len(set(pages[0] + pages[1])) == PAGE + 3
    assert fleet.found(page=999).page == 2


def test_reads_come_newest_first_in_pages_with_their_evidence(fleet):
    history = [(NOW - timedelta(hours=step), 5000 - step) for step in range(READS_PAGE + 5)]
    device = fleet.add("A", total=5000, history=history)
    with fleet.database.reading() as session:
        first = device_queries.reads(fleet.alice, session, device)
        last = first[READS_PAGE - 1]
        rest = device_queries.reads(fleet.alice, session, device, (last.read_at, last.id))
    assert [read.read_at for read in first[:READS_PAGE] + rest] == [at for at, _ in history]
    assert first[0].values() == {"total": 5000}
    assert first[0].received_at == NOW + timedelta(seconds=41)
    assert first[0].sequence == 1


def test_reads_of_one_instant_are_divided_by_pages_too(fleet):
    device = fleet.add("A", total=9, history=[(NOW, 9)] * (READS_PAGE + 2))
    with fleet.database.reading() as session:
        first = device_queries.reads(fleet.alice, session, device)[:READS_PAGE]
        rest = device_queries.reads(fleet.alice, session, device, (first[-1].read_at, first[-1].id))
    assert len({read.id for read in first + rest}) == READS_PAGE + 2


def test_the_history_is_the_totals_in_order_of_time_since_an_instant(fleet):
    history = [(NOW - timedelta(days=day), 100 - day) for day in (0, 5, 100)]
    device = fleet.add("A", total=100, history=history)
    with fleet.database.reading() as session:
        points = device_queries.history(fleet.alice, session, device, NOW - timedelta(days=90), NOW)
    assert points == [(NOW - timedelta(days=5), 95), (NOW, 100)]


def test_a_read_from_a_clock_far_ahead_is_listed_but_neither_newest_nor_drawn(fleet):
    """The device's row knows better; its page shows the read that the row shows."""
    ahead, late = NOW + timedelta(days=3650), NOW + timedelta(hours=3)
    device_id = fleet.add("A", total=100, history=[(NOW, 100), (ahead, 7), (NOW - timedelta(days=1), 90)])
    with fleet.database.transaction() as session:
        session.execute(update(Batch).values(received_at=late))
    with fleet.database.reading() as session:
        device = device_queries.device(fleet.alice, session, device_id)
        newest = device_queries.newest_read(fleet.alice, session, device)
        listed = device_queries.reads(fleet.alice, session, device_id)
        points = device_queries.history(fleet.alice, session, device_id, NOW - timedelta(days=90), NOW)
        assert device_queries.newest_read(fleet.stranger, session, device) is None
    assert (newest.read_at, newest.values()) == (NOW, {"total": 100})
    assert [(read.read_at, read.is_ahead) for read in listed[:2]] == [(ahead, True), (NOW, False)]
    assert points == [(NOW - timedelta(days=1), 90), (NOW, 100)]


def test_customers_are_no_choice_where_there_are_too_many(fleet):
    with fleet.database.transaction() as session:
        session.add_all(
            Customer(dealer_id=fleet.alice, name=f"C{number}", created_at=NOW) for number in range(queries.MOST_CHOICES)
        )
    with fleet.database.reading() as session:
        assert queries.choices(fleet.alice, session, Wanted(), of_customer=False).customers == []
