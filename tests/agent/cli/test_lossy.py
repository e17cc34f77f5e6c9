"""A search where packets get lost, on loopback: devices that answer only some of what they are asked."""

import pytest

from flexprint_agent.cli import show
from lab.device import Quirks
from lab.office import Placed, office
from lab.site import Lab

PLACES = [f"127.21.4.{20 + number}" for number in range(8)]


def printers(**quirks):
    chosen = [one for one in office() if one.truth][:8]
    return [
        Placed(place, one.rows, Quirks(**quirks), truth=one.truth) for place, one in zip(PLACES, chosen, strict=True)
    ]


@pytest.fixture
def search(agent):
    def run(lab):
        for name in ("search_timeout", "snmp_timeout"):
            agent("settings", name, "0.3")
        agent("add", f"127.21.4.0/27:{lab.port}")
        said = agent("search", "--json")
        assert said.status == 0, said.err
        return said.json

    return run


def test_printers_that_lose_a_third_of_all_answers_are_all_found(search):
    with Lab(printers(loss=0.36)) as lab:
        found = search(lab)
        silent = lab.packets_to("127.21.4.2")
    assert found["printers"] == 8
    assert found["loss"] > 0.1
    assert 2 < silent <= 12
    assert "The network loses packets (about " in show.search(found)


def test_one_slow_printer_costs_silent_addresses_nothing(search):
    slow, *quick = printers()
    with Lab([Placed(slow.address, slow.rows, Quirks(latency=0.45), truth=slow.truth), *quick]) as lab:
        found = search(lab)
        silent = lab.packets_to("127.21.4.2")
    assert found["printers"] == 8
    assert (found["loss"], silent) == (0, 2)
