"""The page of networks, as a browser without scripts sees it."""

import re

from flexprint_agent.keep import Keep
from services.local_page import text_of


def test_networks_are_ticked_and_unticked_beside_what_they_cost(person, gateway, keep):
    person.get("networks")
    person.post("networks/learn")
    page = text_of(person.settled("networks").text)
    assert "10.201.2.0/24 the gateway 127.20.9.1 254" in page
    assert "65,534" in page
    shown = {"shown": ["10.201.2.0/24", "10.202.0.0/16"]}
    person.post("networks", shown | {"cidr": "10.201.2.0/24"})
    assert keep.choices.targets() == ["10.201.2.0/24"]
    assert re.search(r'value="10.201.2.0/24"[^>]* checked', person.page)
    person.post("networks", shown | {"cidr": "10.202.0.0/16"})
    assert keep.choices.targets() == ["10.202.0.0/16"]
    person.post("networks", shown)
    assert keep.choices.targets() == []


def test_what_looks_around_this_computer_is_switched_off_by_its_box(person, home):
    person.get("networks")
    person.post("networks", {"around": "shown", "mdns": "on"})
    with Keep(home) as kept:
        assert kept.choices.settings() == dict.fromkeys(("broadcast", "multicast", "spooler"), "off")


def test_a_gateway_that_tells_nothing_is_no_dead_end(person, keep):
    person.get("networks")
    person.post("networks/learn")
    page = text_of(person.settled("networks").text)
    assert "The gateway tells nothing about other networks. That is usual." in page
