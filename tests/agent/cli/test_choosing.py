import io
import json
import sys

import pytest
import trustme

from flexprint_agent.cli.parser import parse
from flexprint_agent.keep import Keep
from flexprint_agent.settings import MASK
from services.collector import problem


def test_targets_are_taken_and_bad_ones_named_one_by_one(agent):
    said = agent("add", "10.1.1.0/24", "10.1.1.300", "copier", "10.1.1.40-5", "--json")
    assert said.status == 2
    assert said.json["added"] == ["10.1.1.0/24", "copier"]
    assert [one["target"] for one in said.json["refused"]] == ["10.1.1.300", "10.1.1.40-5"]
    assert said.err.count("\n") == 2
    assert agent("status", "--json").json["targets"] == ["10.1.1.0/24", "copier"]


def test_a_large_range_wants_a_second_word(agent):
    said = agent("add", "10.0.0.0/16")
    assert said.status == 2
    assert "--yes" in said.err
    assert agent("add", "--yes", "10.0.0.0/16").status == 0
    assert agent("exclude", "10.0.0.0/8").status == 0


def test_what_was_added_is_removed_however_it_is_written(agent):
    agent("add", "10.1.1.0/24", "10.2.2.2")
    agent("exclude", "10.1.1.7")
    said = agent("remove", "10.1.1.*", "10.1.1.7", "10.9.9.9", "--json")
    assert said.status == 2
    assert said.json == {"removed": ["10.1.1.0/24", "10.1.1.7"], "unknown": ["10.9.9.9"]}
    status = agent("status", "--json").json
    assert (status["targets"], status["exclusions"]) == (["10.2.2.2"], [])


def test_adding_twice_changes_nothing(agent):
    agent("add", "10.1.1.1")
    assert agent("add", "10.1.1.1", "--json").json == {"added": [], "known": ["10.1.1.1"], "refused": []}


def test_recipients_come_and_go(agent):
    assert agent("recipients", "add", "office@example.com", " boss@example.com ").status == 0
    agent("recipients", "add", "OFFICE@example.com")
    assert agent("recipients", "list", "--json").json["recipients"] == ["office@example.com", "boss@example.com"]
    gone = agent("recipients", "remove", "Office@Example.com", "--json")
    assert (gone.status, gone.json["recipients"]) == (0, ["boss@example.com"])
    said = agent("recipients", "remove", "nobody@example.com")
    assert (said.status, "no recipient" in said.err) == (2, True)


def test_what_the_dealer_set_is_told_apart_with_ones_own_value_and_the_switch_that_forbids_it(agent, tmp_path):
    agent("recipients", "add", "office@example.com")
    agent("settings", "wakes_per_day", "6")
    with Keep(tmp_path / "home") as keep:
        told = {"recipients": "Office@example.com,dealer@example.com", "wakes_per_day": "2", "report_every": "x\x1b[2J"}
        keep.handed.put_settings(told, "v1")
    (row,) = agent("settings", "wakes_per_day", "--json").json["settings"]
    assert (row["value"], row["own"], row["from_dealer"], row["dealer_holds"]) == ("2", "6", "2", True)
    said = agent("settings").out
    assert "set by your dealer (yours: 6)" in said
    assert "to forbid your dealer the schedule: flexprint-agent settings dealer_may recipients,pace,masks" in said
    assert "your dealer asks for x\\x1b[2J: report_every cannot be" in said
    assert "\x1b" not in said
    listed = agent("recipients", "list", "--json").json
    assert listed == {"recipients": ["office@example.com"], "from_dealer": ["dealer@example.com"]}
    assert "dealer@example.com  (added by your dealer)" in agent("recipients", "list").out
    kept = agent("recipients", "remove", "dealer@example.com")
    assert (kept.status, "settings dealer_may schedule,pace,masks` forbids that" in kept.err) == (2, True)
    agent("settings", "dealer_may", "none")
    (row,) = agent("settings", "wakes_per_day", "--json").json["settings"]
    assert (row["value"], row["from_dealer"], row["why_not"]) == ("6", "2", "the site does not allow it")
    assert agent("recipients", "list", "--json").json["from_dealer"] == []


@pytest.mark.parametrize(
    "address",
    ["", "office", "@example.com", "office@", "a@b@c", "a b@example.com", "a@example.com,b@example.com", "a\n@b.c",
     "<a@b.c>", "ä@example.com", "a@" + "x" * 260],
)  # fmt: skip
def test_what_is_no_mail_address_is_refused(agent, address):
    """Line breaks and lists of addresses in one would end up in a mail's header."""
    assert agent("recipients", "add", address).status == 2
    assert agent("recipients", "list", "--json").json == {"recipients": [], "from_dealer": []}


@pytest.mark.parametrize("words", [("list", "a@b.c"), ("add",), ("remove",), ()])
def test_recipients_wants_the_right_number_of_addresses(agent, words):
    assert agent("recipients", *words).status == 2


def test_settings_are_listed_set_and_reset(agent):
    assert agent("settings", "search_every", "7d").status == 0
    (row,) = agent("settings", "search_every", "--json").json["settings"]
    assert (row["value"], row["default"], row["set"]) == ("7d", "84h", True)
    agent("settings", "search_every", "")
    (row,) = agent("settings", "search_every", "--json").json["settings"]
    assert (row["value"], row["set"]) == ("84h", False)


@pytest.mark.parametrize("words", [("colour",), ("colour", "blue"), ("colour", ""), ("snmp_timeout", "soon")])
def test_a_wrong_setting_is_wrong_usage(agent, words):
    assert agent("settings", *words).status == 2


def test_secrets_are_never_printed(enrolled, tmp_path):
    """Nor do they stand in any file of the home, nor in a refusal."""
    secrets = ("s3cret-community", "hunter2-proxy", "hunter3-typed")
    enrolled("settings", "communities", f"public,{secrets[0]}")
    enrolled("settings", "proxy", f"http://me:{secrets[1]}@127.0.0.1:3128")
    enrolled("settings", "proxy_password", "-", typed=f"{secrets[2]}\n")
    said = [enrolled("settings"), enrolled("settings", "--json"), enrolled("settings", "communities")]
    said += [enrolled("status"), enrolled("doctor"), enrolled("settings", "communities", f"{secrets[0]}\a")]
    for one in said:
        assert not any(secret in one.out + one.err for secret in secrets)
    assert MASK in said[0].out
    for path in (tmp_path / "home").iterdir():
        assert not any(secret.encode() in path.read_bytes() for secret in secrets)


def test_enrolment_is_kept_with_its_route(agent, collector, tmp_path, monkeypatch):
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.chdir(tmp_path)
    said = agent(
        "enroll", "--server", collector.url, "--insecure-loopback", "--key", "-", "--json",
        "--proxy", "http://me:secret@proxy.example.com:3128", "--ca", "ca.pem", typed="KEY\n",
    )  # fmt: skip
    assert said.status == 0
    assert said.json["dealer"] == "Northwind Copiers"
    rows = {row["name"]: row["value"] for row in agent("settings", "--json").json["settings"]}
    assert rows["proxy"] == "http://proxy.example.com:3128"
    assert (rows["proxy_user"], rows["proxy_password"]) == ("me", MASK)
    assert rows["ca"] == str(tmp_path / "ca.pem")
    assert agent("status", "--json").json["enrolled"] is True


def test_plain_http_is_for_this_computer_and_on_request(agent, collector):
    said = agent("enroll", "--server", collector.url, "--key", "KEY")
    assert (said.status, "--insecure-loopback" in said.err) == (2, True)
    assert agent("enroll", "--server", "http://192.0.2.1", "--key", "KEY", "--insecure-loopback").status == 2
    assert collector.requests == []


def test_an_enrolment_that_failed_can_be_repeated_with_the_same_key_pair(agent, collector):
    """The answer may have been lost: the collector then knows the public key already."""
    collector.behaviours.append(problem(403, "key-spent"))
    words = ("enroll", "--server", collector.url, "--insecure-loopback", "--key", "KEY")
    said = agent(*words)
    assert (said.status, "dealer" in said.err) == (1, True)
    assert agent("status", "--json").json["enrolled"] is False
    collector.behaviours.append(lambda exchange: exchange.honest() and None)
    assert agent(*words).status == 1
    assert agent(*words).status == 0
    first, second = collector.agents.values()
    assert first == second


def test_a_ca_file_that_is_none_is_refused_before_anything_is_kept(agent, tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate")
    for words in (("settings", "ca"), ("enroll", "--server", "https://c.example.com", "--key", "K", "--ca")):
        assert agent(*words, tmp_path / "ca.pem").status == 2
    assert agent("settings", "ca", "--json").json["settings"][0]["set"] is False


@pytest.mark.parametrize("command", ["serach", "", "stat", "--colour"])
def test_a_command_that_does_not_exist_is_refused_clearly(agent, command):
    said = agent(command)
    assert said.status == 2
    assert "usage:" in said.err
    assert said.out == ""


def test_home_and_json_are_understood_before_and_after_the_command():
    for words in (["--home", "H", "--json", "status"], ["status", "--home", "H", "--json"]):
        chosen = parse(words)
        assert (chosen.home, chosen.json) == ("H", True)
    assert (parse(["status"]).home, parse(["status"]).json) == (None, False)


def test_the_home_given_by_word_wins_over_the_environment(agent, tmp_path):
    agent("--home", tmp_path / "other", "add", "10.1.1.1")
    assert agent("status", "--json").json["targets"] == []
    assert json.loads(agent("status", "--json", "--home", tmp_path / "other").out)["targets"] == ["10.1.1.1"]


def test_a_name_that_nobody_knows_cannot_be_excluded(agent):
    """It would exclude nothing; its address does."""
    said = agent("exclude", "server-room.invalid", "localhost", "--json")
    assert (said.status, said.json["excluded"]) == (2, ["localhost"])
    assert "give its address" in said.err


@pytest.mark.parametrize("address", ["a..b@example.com", "a@exa_mple.com", "a@example.com."])
def test_an_address_that_the_collector_would_refuse_is_refused_here(agent, address):
    assert agent("recipients", "add", address).status == 2


def test_a_proxy_of_the_environment_that_is_none_is_said_without_its_password(enrolled, monkeypatch):
    words = ("enroll", "--server", "https://collector.invalid", "--key", "K")
    assert enrolled(*words, "--proxy", "http://[x").status == 2
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hunter2@proxy:abc")
    said = enrolled(*words)
    assert (said.status, "HTTPS_PROXY" in said.err, "hunter2" in said.err) == (2, True, False)


def test_a_lost_key_file_is_found_and_cured_by_enrolling_again(enrolled, collector, tmp_path):
    collector.behaviours.append(problem(403, "key-spent"))
    words = ("enroll", "--server", collector.url, "--insecure-loopback", "--key", "KEY")
    assert enrolled(*words).status == 1
    (tmp_path / "home" / "key").unlink()
    assert "key-missing" in enrolled("doctor", "--json").out
    assert enrolled(*words).status == 0
    assert "key-missing" not in enrolled("doctor", "--json").out


def test_a_list_is_taken_line_by_line(agent, tmp_path):
    """Bad lines are named one by one with their numbers; the rest is taken, twice the same only once."""
    listed = tmp_path / "printers.csv"
    listed.write_bytes(b"Name;IP\r\nHall;10.1.2.7\r\nB\xfcro;10.1.2.300\r\n;10.1.2.7\r\nRoof;\r\nDesk;10.1.2.9:1161")
    said = agent("add", "--file", listed, "--json")
    assert (said.status, said.json["added"]) == (2, ["10.1.2.7", "10.1.2.9:1161"])
    assert [one["target"] for one in said.json["refused"]] == ["line 3: 10.1.2.300", "line 5: "]
    assert "line 3: 10.1.2.300: '10.1.2.300' is no address" in said.err
    assert agent("add", "-", "10.1.2.10", "--json", typed="10.1.2.7, copier # hall\n").json == {
        "added": ["copier", "10.1.2.10"],
        "known": ["10.1.2.7"],
        "refused": [],
    }
    assert agent("exclude", "-", "--json", typed="10.1.2.9\n").json["excluded"] == ["10.1.2.9"]


def test_a_list_that_cannot_be_read_is_told(agent, tmp_path):
    said = agent("add", "--file", tmp_path / "nowhere.csv")
    assert (said.status, "nowhere.csv cannot be read" in said.err) == (2, True)
    assert agent("add").status == 2


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 2), ("", 2)])
def test_a_large_range_is_asked_for_at_a_terminal(agent, monkeypatch, answer, status):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(io, "StringIO", Terminal)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert agent("add", "10.10.*.*", typed=answer + "\n").status == status
    assert "65,534 addresses" in sys.stderr.getvalue()


def test_a_large_range_needs_a_yes_where_nobody_can_be_asked(agent):
    assert agent("add", "10.10.*.*").status == 2
    assert agent("add", "--yes", "10.10.*.*").status == 0


def test_an_interface_keeps_the_case_of_its_name(agent):
    agent("add", "FE80::1%Eth0", "2001:DB8::7")
    assert agent("status", "--json").json["targets"] == ["fe80::1%Eth0", "2001:db8::7"]
    assert agent("remove", "fe80::1%Eth0", "2001:db8:0::7").status == 0
