"""The collector accepts all that an agent can make and nothing that would break it."""

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flexprint_server.database import Database
from flexprint_server.ingest import refusals
from flexprint_server.ingest.arrivals import arrivals_of, models_of
from flexprint_server.ingest.document import Columns, Document, Unreadable, decode
from flexprint_server.ingest.service import Inbox
from flexprint_shared.batch import IDENTITY_COLUMNS, MOST_READS, OPTIONAL_COLUMNS, Sender, document, pack
from flexprint_shared.sealing import NO_BATCH
from services import agents
from services.reads import NOON, a_read, fleet, reads, tells_all, tells_its_engine


def made(*some, **more):
    return document(some, made_at=NOON, sender=Sender("0.1.0", "H"), **more)


def octets(opened: Any) -> bytes:
    return json.dumps(opened, ensure_ascii=False).encode()


def test_the_structs_know_exactly_what_the_agent_writes():
    """A column or key added on one side only shows here."""
    usual, all_told = made(a_read()), made(tells_all(), tells_its_engine())
    assert set(Document.__struct_fields__) == set(usual)
    assert set(Columns.__struct_fields__) == set(all_told["reads"]) == {*usual["reads"], *OPTIONAL_COLUMNS}
    assert set(IDENTITY_COLUMNS) < set(Columns.__struct_fields__)
    layout = decode(octets(all_told)).layouts[0]
    assert set(layout.__struct_fields__) == set(all_told["layouts"][0]) == {*usual["layouts"][0], "types", "parts"}


def test_a_batch_of_an_agent_that_knew_less_is_accepted():
    """It has none of the keys and columns that came later."""
    decode(octets(made(a_read())))
    decode(octets(made(a_read(), tells_all())))


@given(
    st.lists(reads, max_size=4), st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=3)
)
def test_whatever_an_agent_can_make_is_accepted(some, recipients):
    """Every read that the agent's own types can hold gets through, and none is lost on the way."""
    opened = decode(octets(made(*some, recipients=recipients, report_requested_at=NOON)))
    models = models_of(opened)
    arrivals = arrivals_of(opened, models, list(range(len(models))), agents.uuid.uuid4())
    assert len(arrivals) == len(some)
    totals = [read.meter("total") for read in some]
    assert sorted(map(repr, totals)) == sorted(repr(arrival.figures.total) for arrival in arrivals)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda opened: opened.update(format=2),
        lambda opened: opened.update(since=-1),
        lambda opened: opened.update(since=2**62),
        lambda opened: opened.update(recipients=["a@b.c"] * 2000),
        lambda opened: opened.update(agent={"version": 1, "host": "H"}),
        lambda opened: opened["layouts"][0]["meters"][0].__setitem__(0, "pages"),
        lambda opened: opened["layouts"][0]["meters"][0].__setitem__(1, "sheep"),
        lambda opened: opened["layouts"][0]["meters"][0].__setitem__(3, "hearsay"),
        lambda opened: opened["layouts"][0]["supplies"][0].pop(),
        lambda opened: opened["reads"].update(layout=[1]),
        lambda opened: opened["reads"].update(layout=[-1]),
        lambda opened: opened["reads"].update(at=[2**60]),
        lambda opened: opened["reads"].update(at=[]),
        lambda opened: opened["reads"].update(port=[70000]),
        lambda opened: opened["reads"].update(macs=[["zz"]]),
        lambda opened: opened["reads"].update(meters=[[2**63, 1]]),
        lambda opened: opened["reads"].update(meters=[[1.5, 1]]),
        lambda opened: opened["reads"].update(meters=[[1]]),
        lambda opened: opened["reads"].update(levels=[[]]),
        lambda opened: opened["reads"].update(percents=[[1, 2]]),
        lambda opened: opened["reads"].update(states=["x"]),
        lambda opened: opened["reads"].update(states=["oo"]),
        lambda opened: opened["reads"].update(state=["on fire"]),
        lambda opened: opened["reads"].update(console=[["x"] * 5000]),
        lambda opened: opened["reads"].update(serial=["x" * 70000]),
        lambda opened: opened["reads"].pop("evidence"),
        lambda opened: opened["layouts"][0].update(types=["Counter32"]),
        lambda opened: opened["layouts"][0].update(parts=[]) or opened["layouts"][0]["parts"].extend("AB"),
        lambda opened: opened["reads"].update(label=[None, None]),
        lambda opened: opened["reads"].update(engine_boots=["7"]),
        lambda opened: opened["reads"].update(supply_serials=[[]]),
        lambda opened: opened["reads"].update(training=[[]]),
    ],
)
def test_what_does_not_fit_is_refused_and_says_where(spoil):
    opened = copy.deepcopy(made(tells_all()))
    spoil(opened)
    with pytest.raises(Unreadable) as refused:
        decode(octets(opened))
    assert len(str(refused.value)) < 500


def test_more_reads_than_a_batch_may_hold_are_refused():
    decode(octets(made(*fleet(500))))
    with pytest.raises(Unreadable):
        decode(octets(made(*fleet(501))))


def test_a_column_that_is_too_long_ends_the_work_at_once():
    """Columns hold no more than a batch may, each by itself: a bomb is not unfolded to be counted afterwards."""
    opened = made(*fleet(1))
    for column in opened["reads"]:
        spoiled = {**opened, "reads": {**opened["reads"], column: opened["reads"][column] * 501}}
        with pytest.raises(Unreadable, match=rf"length <= {MOST_READS}.*{column}"):
            decode(octets(spoiled))


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
def test_any_octets_are_refused_without_a_crash(garbage):
    with pytest.raises(Unreadable):
        decode(garbage)


def test_deep_nesting_is_refused():
    for text in (b"[" * 1_000_000, b'{"reads":' * 100_000):
        with pytest.raises(Unreadable):
            decode(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@pytest.fixture(scope="module")
def held_open(postgres):
    """One migrated PostgreSQL for all examples: what passes validation must pass the database, too."""
    from flexprint_server.migrations import upgrade

    url = postgres.create(template=postgres.template("flexprint_template", upgrade))
    database = Database(url)
    yield Inbox(database, lambda: agents.keyring(database), "example.com"), agents.an_agent(database)
    database.close()
    postgres.drop(url)


@given(st.lists(reads, min_size=1, max_size=4), st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a_document_with_anything_put_anywhere_is_stored_or_refused(held_open, some, data):
    """Garbage under a good signature never becomes an error of the database, and a refusal leaves no trace."""
    inbox, agent = held_open
    opened = json.loads(json.dumps(made(*some, report_requested_at=NOON)))
    for _ in range(data.draw(st.integers(0, 2))):
        _spoil(opened, data)
    sealed = agent.seal(pack(opened), agent.sequence + 1, agent.previous)
    try:
        receipt = inbox.receive(sealed, NOON)
    except (refusals.UnreadableDocument, UnicodeEncodeError):
        return
    agent.sequence, agent.previous = receipt.sequence, receipt.hash


def _spoil(opened, data):
    """Puts any JSON value in the place of one that is there."""
    place: Any = opened
    while True:
        at = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[at], dict | list) or not place[at] or data.draw(st.integers(0, 3)) == 0:
            place[at] = data.draw(json_values)
            return
        place = place[at]


def test_a_refused_batch_says_so_at_the_door(held_open):
    inbox, agent = held_open
    with pytest.raises(refusals.UnreadableDocument, match="update the older one"):
        inbox.receive(agent.seal(pack({"format": 1}), 2**40, NO_BATCH), NOON)
