import pytest

from flexprint_agent.send.way import Step
from flexprint_agent.wake.health import Facts, findings

WELL = {
    "enrolled": True,
    "waiting_batches": 0,
    "last_error": None,
    "targets": ["10.1.1.0/24"],
    "printers": 3,
    "recipients": ["office@example.com"],
}


def names(status=None, refused=(), silent=(), way=(), **more):
    found = findings(Facts(WELL | (status or {}), refused, silent, way, **more))
    assert all(one.problem and one.next_step for one in found)
    return [one.name for one in found]


def test_where_all_is_well_nothing_is_found():
    assert names() == []


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({"status": {"enrolled": False}}, ["not-enrolled"]),
        ({"status": {"waiting_batches": 2, "last_error": "no route"}}, ["batches-waiting"]),
        ({"status": {"targets": [], "printers": 0}}, ["no-targets"]),
        ({"status": {"targets": []}}, []),  # those of the local networks are known without
        ({"status": {"printers": 0}}, ["no-printers"]),
        ({"status": {"recipients": []}}, ["no-recipients"]),
        ({"refused": [(7, "broken-seal"), (9, "too-large")]}, ["batch-refused", "batch-refused"]),
        ({"silent": ["ECOSYS at 10.1.1.7"]}, ["printers-silent"]),
        ({"locked": "the key is missing"}, ["key-missing"]),
        ({"unknown_exclusion": "guest is not known"}, ["exclusion-unknown"]),
        ({"uncovered": ["ECOSYS at 10.1.1.7"], "why_uncovered": "no target"}, ["printers-uncovered"]),
        ({"way": [Step("name", "trouble", "nobody knows it", "ask")]}, ["collector-unreachable"]),
        ({"way": [Step("clock", "trouble", "an hour ahead", "set it")]}, ["clock-wrong"]),
        ({"way": [Step("clock", "ok", "as the collector's")]}, []),
    ],
)
def test_each_trouble_is_found_with_its_next_step(facts, found):
    assert names(**facts) == found


def test_what_keeps_reads_from_the_collector_comes_first():
    everything = names(
        {"enrolled": False, "waiting_batches": 1, "recipients": []},
        silent=["x"],
        way=[Step("connection", "trouble", "closed", "ask")],
    )
    assert everything == [
        "not-enrolled",
        "collector-unreachable",
        "batches-waiting",
        "printers-silent",
        "no-recipients",
    ]
