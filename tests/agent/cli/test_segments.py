"""segments: what could be searched, and choosing from it. The router is the lab's, and is asked over a real socket."""

import os
import subprocess
import sys

import pytest

from flexprint_agent.wake import segments as wake
from lab.device import Quirks
from lab.office import Placed
from lab.recording import row
from lab.site import Lab

ROUTER = "127.20.9.1"
INET = "1.3.6.1.2.1.4.24.7.1"
COMPANY = "head-office"


def router(*blocks, **quirks):
    rows = [row("1.3.6.1.2.1.1.1.0|4|Branch router")]
    for block in blocks:
        network, _, bits = block.partition("/")
        rows.append(row(f"{INET}.8.1.4.{network}.{bits}.2.0.0.0.0|2|3"))
    return Placed(ROUTER, rows, Quirks(**quirks), kind="router")


@pytest.fixture
def lab():
    with Lab([router("10.201.2.0/24", "10.202.0.0/16", "10.203.0.0/30")]) as running:
        yield running


@pytest.fixture
def ask(agent, lab, monkeypatch):
    """`segments` with the lab's router as the gateway, quick to call it silent."""
    assert agent("settings", "search_timeout", "0.2").status == 0

    def segments(*words):
        return agent("segments", "--gateway", f"{ROUTER}:{lab.port}", *words)

    return segments


def learned(said):
    return {one["cidr"]: one for one in said.json["segments"] if one["source"] == "gateway"}


def test_the_list_names_the_networks_behind_the_gateway_and_searches_none_of_them(ask, lab, agent):
    said = ask("--json")
    assert said.status == 0
    assert {cidr: (one["addresses"], one["selected"]) for cidr, one in learned(said).items()} == {
        "10.201.2.0/24": (254, False),
        "10.202.0.0/16": (65534, False),
    }
    gateway = said.json["gateway"]
    assert (gateway["address"], gateway["answered"], gateway["whole"]) == (ROUTER, True, True)
    assert gateway["packets"] == lab.packets_to(ROUTER) <= 5
    assert agent("status", "--json").json["targets"] == []


def test_selecting_makes_a_segment_a_target_and_deselecting_takes_it_back(ask, agent):
    ask()
    said = agent("segments", "select", "10.201.2.0/24", "--json")
    assert (said.status, said.json["selected"]) == (0, ["10.201.2.0/24"])
    assert agent("segments", "select", "10.201.2.9/24", "--json").json["known"] == ["10.201.2.0/24"]
    assert learned(ask("--json"))["10.201.2.0/24"]["selected"]
    assert agent("search", "--plan", "--json").json["addresses"] == 254
    assert agent("segments", "deselect", "10.201.2.0/24", "--json").json["deselected"] == ["10.201.2.0/24"]
    assert not learned(ask("--json"))["10.201.2.0/24"]["selected"]
    assert agent("status", "--json").json["targets"] == []


def test_a_segment_larger_than_a_20_takes_a_yes(ask, agent):
    ask()
    said = agent("segments", "select", "10.202.0.0/16", "10.201.2.0/24", "--json")
    assert said.status == 2
    assert said.json["selected"] == ["10.201.2.0/24"]
    assert "--yes" in said.err
    assert agent("segments", "select", "10.202.0.0/16", "--yes").status == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
@pytest.mark.parametrize(("typed", "selected"), [("y", ["10.202.0.0/16"]), ("", []), ("no", [])])
def test_at_a_terminal_the_yes_is_asked_for(agent, tmp_path, typed, selected):
    import pty

    ours, theirs = pty.openpty()
    words = ("--home", str(tmp_path / "home"), "segments", "select", "10.202.0.0/16")
    with subprocess.Popen(
        [sys.executable, "-m", "flexprint_agent", *words], stdin=theirs, stderr=theirs, stdout=subprocess.PIPE
    ) as running:
        os.close(theirs)
        asked = b""
        while b"[y/N] " not in asked:
            asked += os.read(ours, 1000)
        os.write(ours, typed.encode() + b"\n")
        running.communicate(timeout=60)
    os.close(ours)
    assert b"10.202.0.0/16 has 65,536 addresses" in asked
    assert agent("status", "--json").json["targets"] == selected


def test_a_segment_chosen_by_hand_is_listed_as_such(ask, agent):
    agent("add", "10.210.1.*")
    agent("segments", "select", "10.211.1.0/24")
    shown = {one["cidr"]: one for one in ask("--json").json["segments"]}
    assert (shown["10.210.1.0/24"]["source"], shown["10.210.1.0/24"]["selected"]) == ("manual", True)
    assert shown["10.211.1.0/24"]["source"] == "manual"
    assert agent("segments", "deselect", "10.210.1.0/24", "--json").json["deselected"] == ["10.210.1.*"]


def test_what_is_a_part_of_a_larger_target_says_how_to_leave_it_out(agent):
    agent("add", "10.201.0.0/16", "--yes")
    said = agent("segments", "deselect", "10.201.2.0/24")
    assert said.status == 2
    assert "a part of 10.201.0.0/16; `flexprint-agent exclude 10.201.2.0/24`" in said.err


@pytest.mark.parametrize(
    "word", ["front-desk", "10.1.2.5-40", "10.1.2.3", "10.1.2.0/24:1161", "10.1.2.0/99", "10.*.1.*"]
)
@pytest.mark.parametrize("action", ["select", "deselect"])
def test_what_is_no_segment_is_named_and_the_rest_is_taken(agent, action, word):
    agent("segments", "select", "10.5.5.0/24")
    said = agent("segments", action, word, "10.5.5.0/24", "--json")
    assert said.status == 2
    assert [one["target"] for one in said.json["refused"]] == [word]
    assert "10.5.5.0/24" in (said.json.get("known") or said.json.get("deselected"))


def test_a_segment_that_vanished_stays_while_it_is_selected_and_says_so(ask, agent, lab):
    ask()
    agent("segments", "select", "10.201.2.0/24")
    lab.place(router("10.204.0.0/24"))
    shown = learned(ask("--json"))
    assert set(shown) == {"10.201.2.0/24", "10.204.0.0/24"}
    assert shown["10.201.2.0/24"]["gone"]
    assert "not named any more" in ask().out


def test_a_gateway_that_answers_no_snmp_is_usual_and_the_list_says_what_to_do(ask, lab):
    ask()
    lab.down(ROUTER)
    said = ask()
    assert said.status == 0
    assert "10.201.2.0/24" in said.out, "what it once named is still known"
    for step in ("flexprint-agent add", "--community", "credentials add --for 127.20.9.1", "--gateway"):
        assert step in said.out
    document = ask("--json").json
    assert document["gateway"]["answered"] is False
    assert "no answer to SNMP" in document["gateway"]["error"]


def test_a_router_with_a_community_of_its_own_is_asked_with_it_and_nothing_of_it_is_kept(ask, lab, agent):
    lab.place(router("10.201.2.0/24", community=COMPANY))
    assert not learned(ask("--json"))
    said = ask("--community", COMPANY, "--json")
    assert list(learned(said)) == ["10.201.2.0/24"]
    assert COMPANY not in said.out + agent("settings", "--json").out
    assert ask("--json").json["gateway"]["answered"] is False


def test_an_excluded_gateway_is_sent_nothing(ask, lab, agent):
    agent("exclude", ROUTER)
    said = ask()
    assert said.status == 0
    assert "was not asked, as it is excluded" in said.out
    assert lab.packets_to(ROUTER) == 0


def test_a_gateway_is_one_address(agent):
    for word in ("10.1.2.0/24", "10.1.2.5-6"):
        said = agent("segments", "--gateway", word)
        assert said.status == 2
        assert "no single router" in said.err


def test_a_computer_without_a_gateway_says_what_to_do(agent, monkeypatch):
    monkeypatch.setattr(wake, "_default_gateways", lambda: ([], "this computer has no gateway"))
    said = agent("segments")
    assert said.status == 0
    assert "No gateway was asked: this computer has no gateway. Name one with --gateway" in said.out
    assert agent("segments", "--json").json["gateway"]["address"] is None


def test_a_router_that_answers_garbage_ends_nothing(ask, lab):
    lab.place(
        Placed(
            ROUTER,
            [
                row("1.3.6.1.2.1.1.1.0|4|Branch router"),
                row(f"{INET}.8.1.4.10.1|2|3"),
                row(f"{INET}.8.1.4.300.1.2.0.24.2.0.0.0.0|4|no number"),
                row("1.3.6.1.2.1.4.20.1.3.10.1.2.3|4x|00"),
            ],
            Quirks(),
            kind="router",
        )
    )
    assert (ask().status, learned(ask("--json"))) == (0, {})
    lab.place(router("10.201.2.0/24", garbage="noise"))
    assert ask("--json").json["gateway"]["answered"] is False


def test_select_wants_a_segment(agent):
    assert agent("segments", "select").status == 2
    assert agent("segments", "10.1.2.0/24").status == 2
