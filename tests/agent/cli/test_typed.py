"""What a person types to `probe` and `read`: one answer for each."""

import sys

import pytest

from flexprint_agent.cli import typed as typing
from flexprint_agent.cli.typed import of_each, typed
from lab.office import office
from lab.site import Lab

NAMES = {
    "copier": ["127.20.10.21"],
    "kopierer": ["127.20.10.21"],
    "moved": ["127.20.99.98", "127.20.10.21"],
    "gone": ["127.20.99.97", "127.20.99.98"],
    "both": ["127.20.10.21", "2001:db8::21"],
}


@pytest.fixture
def dns(monkeypatch):
    monkeypatch.setattr(typing, "look_up", lambda name: NAMES.get(name, []))


class Printers:
    """Answers where printers are; notes what was asked."""

    def __init__(self, *addresses):
        self.addresses = addresses
        self.asked = []

    def read(self, places):
        for address, port, text in places:
            self.asked.append(address)
            yield {"target": text, "address": address, "port": port, "answered": address in self.addresses}


def outcomes(printers, *texts):
    named, nowhere = typed(texts, [], 161)
    return nowhere + [(one["target"], one["address"], one["answered"]) for one in of_each(named, printers.read)]


def test_one_device_under_two_names_is_read_once_and_told_twice(dns):
    printers = Printers("127.20.10.21")
    assert outcomes(printers, "copier", "127.20.10.21", "kopierer") == [
        ("copier", "127.20.10.21", True),
        ("127.20.10.21", "127.20.10.21", True),
        ("kopierer", "127.20.10.21", True),
    ]
    assert printers.asked == ["127.20.10.21"]


def test_of_a_name_with_several_addresses_the_next_is_asked_where_one_is_silent(dns):
    printers = Printers("127.20.10.21")
    assert outcomes(printers, "moved", "gone", "127.20.99.98", "both") == [
        ("127.20.99.98", "127.20.99.98", False),
        ("both", "127.20.10.21", True),
        ("moved", "127.20.10.21", True),
        ("gone", "127.20.99.98", False),
    ]
    assert sorted(printers.asked) == ["127.20.10.21", "127.20.99.97", "127.20.99.98"]


def test_each_address_of_a_range_is_a_device_of_its_own(dns):
    printers = Printers("10.0.0.6")
    assert outcomes(printers, "10.0.0.5-6", "10.0.0.6") == [
        ("10.0.0.5-6", "10.0.0.5", False),
        ("10.0.0.5-6", "10.0.0.6", True),
        ("10.0.0.6", "10.0.0.6", True),
    ]


@pytest.mark.parametrize("text", ["::102:304", "2001:db8:0:0::7", "[2001:db8::7]:1161", "::ffff:10.0.0.7"])
def test_an_address_is_known_again_however_it_was_written(text):
    from flexprint_agent.snmp.wire import spelled

    named, _ = typed([text], [], 161)
    address, _ = named[0].spots[0]
    assert spelled(address) == address


@pytest.mark.skipif(sys.platform != "linux", reason="the simulated site needs Linux")
def test_a_probe_tells_each_target_on_a_line_of_its_own(agent, monkeypatch):
    one = next(one for one in office() if one.truth)
    monkeypatch.setattr(typing, "look_up", {"copier": [one.address]}.get)
    with Lab([one]) as lab:
        said = agent("probe", "copier", one.address, f"{one.address}:{lab.port}", "--port", lab.port, "--json")
        assert lab.report()["per address"][one.address]["packets"] == said.lines[0]["packets"]
    assert [line["target"] for line in said.lines] == ["copier", one.address, f"{one.address}:{lab.port}"]
    assert {line["identity"]["serial"] for line in said.lines} == {one.truth.serial}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_closed_port_is_no_answer_and_says_why(agent):
    said = agent("probe", "127.20.99.96:1", "--json")
    assert (said.status, said.json["answered"]) == (1, False)
    assert said.json["error"] == "no answer to SNMP v2c, v1 at 127.20.99.96:1 within 2 s"
    assert (said.json["reason"], said.json["packets"]) == ("the port is closed", 2)
    assert said.json["seconds"] < 2
    assert "within 2 s (the port is closed)" in agent("probe", "127.20.99.96:1").out
