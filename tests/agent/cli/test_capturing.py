"""capture, as a person uses it: the file, what is said, and every way in which it can go wrong."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from flexprint_agent.capture.recording import parse
from flexprint_agent.read import tables
from lab import wire
from lab.device import FLAWLESS, Quirks
from lab.office import Placed, office
from lab.recording import Row, load
from lab.site import Lab

CAPTURES = Path(__file__).resolve().parents[2] / "captures"
KYOCERA = next(one for one in office() if one.truth and one.truth.model == "ECOSYS P2040dw")
AT = {"good": "127.31.1.1", "dies": "127.31.1.2", "silent": "127.31.1.3", "slow": "127.31.1.4", "secret": "127.31.1.5"}
MANNERS = {
    "good": FLAWLESS,
    "dies": Quirks(silent_after=9),
    "slow": Quirks(latency=0.3),
    "secret": Quirks(community="geheim42"),
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    told = Row("1.3.6.1.4.1.1347.40.99.1.0", wire.OCTET_STRING, b"geheim42")
    with Lab(Placed(AT[name], [*KYOCERA.rows, told], manners) for name, manners in MANNERS.items()) as running:
        yield running


@pytest.fixture
def capture(agent, lab, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(name, *words):
        return agent("capture", f"{AT[name]}:{lab.port}", "--timeout", "0.3", "--retries", "0", *words)

    return run


def test_it_writes_a_file_that_the_lab_serves_and_that_says_how_it_was_taken(capture, tmp_path):
    said = capture("good", "--output", "printer.snmprec", "--json")
    assert said.status == 0, said.err
    document = said.json
    assert (document["file"], document["whole"], document["ended"]) == ("printer.snmprec", True, None)
    assert (document["manufacturer"], document["model"]) == ("Kyocera", "ECOSYS P2040dw")
    rows = load(tmp_path / "printer.snmprec")
    assert len(rows) == document["values"] > 100
    recording = parse((tmp_path / "printer.snmprec").read_bytes())
    assert not recording.faults
    assert recording.fact("snmp") == "v2c"
    assert recording.fact("whole") == "yes"
    assert "by flexprint-agent" in recording.fact("taken")
    assert {"oid", "reason"} == set(document["left_out"][0])


def test_neither_address_nor_community_stands_in_it(capture, tmp_path):
    """The printer holds the community in a table of its own; masked or not, it stays there."""
    said = capture("secret", "--community", "geheim42", "--output", "printer.snmprec")
    assert said.status == 0, said.err
    text = (tmp_path / "printer.snmprec").read_text()
    assert "geheim42" not in text
    assert AT["secret"] not in text
    assert "it holds the community, the user or a password that the device is asked with" in text


def test_a_masked_one_names_nobody_and_the_same_home_masks_alike(capture, tmp_path, agent):
    agent("status")  # makes the home
    for name in ("one", "two"):
        assert capture("good", "--mask", "--output", name).status == 0
    one, two = (parse((tmp_path / name).read_bytes()) for name in ("one", "two"))
    assert KYOCERA.truth.serial not in (tmp_path / "one").read_text()
    assert one.fact("masked").startswith("serials")
    serial = wire.oid("1.3.6.1.2.1.43.5.1.1.17.1")
    assert one.values[serial] == two.values[serial]


def test_without_a_name_the_file_is_called_after_the_device(capture, tmp_path):
    said = capture("good")
    assert said.status == 0
    [path] = tmp_path.glob("*.snmprec")
    assert path.name.startswith("kyocera-ecosys-p2040dw-20")
    assert str(path.name) in said.out


def test_a_file_that_exists_is_never_overwritten_and_no_packet_is_sent(capture, lab, tmp_path):
    (tmp_path / "mine").write_text("mine")
    lab.forget()
    said = capture("good", "--output", "mine")
    assert said.status == 2
    assert "mine exists and is not overwritten; name another file" in said.err
    assert (tmp_path / "mine").read_text() == "mine"
    assert lab.report()["requests"] == 0


def test_a_folder_that_does_not_exist_is_said_before_a_packet_is_sent(capture):
    said = capture("good", "--output", "nowhere/file")
    assert said.status == 2
    assert "there is no folder" in said.err


def test_a_device_that_falls_silent_leaves_a_file_that_says_it_is_partial(capture, tmp_path):
    said = capture("dies", "--output", "part", "--json")
    assert said.status == 1
    assert said.json["whole"] is False
    assert "part is not whole" in said.err
    recording = parse((tmp_path / "part").read_bytes())
    assert recording.fact("whole").startswith("no, 127.31.1.2:")
    assert recording.values


def test_a_device_that_never_answers_leaves_no_file(capture, tmp_path):
    said = capture("silent", "--output", "none")
    assert said.status == 1
    assert "no answer to SNMP v2c, v1" in said.err
    assert "nothing was written" in said.err
    assert not (tmp_path / "none").exists()


def test_one_device_at_a_time_and_none_that_is_excluded(agent, tmp_path):
    assert agent("capture", "10.9.9.0/30").status == 2
    agent("exclude", "10.9.9.9")
    said = agent("capture", "10.9.9.9")
    assert said.status == 2
    assert "it is excluded" in said.err


def test_ctrl_c_leaves_what_is_there(lab, tmp_path):
    """The process is stopped while a slow device is being walked."""
    command = [sys.executable, "-m", "flexprint_agent", "--home", str(tmp_path / "home"), "--json", "capture"]
    running = subprocess.Popen(
        [*command, f"{AT['slow']}:{lab.port}", "--output", "part"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that started these tests in the background has told all of them to ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  one call, no lock
    )
    lab.forget()
    while lab.report()["per address"].get(AT["slow"], {}).get("packets", 0) < 4:
        with suppress(subprocess.TimeoutExpired):
            pytest.fail(f"it ended by itself: {running.wait(0.05)}")
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 1, err
    assert json.loads(out)["ended"] == "it was stopped by hand"
    recording = parse((tmp_path / "part").read_bytes())
    assert recording.fact("whole") == "no, it was stopped by hand"
    assert recording.values


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with a capture of the example's printer and its table."""
    monkeypatch.chdir(tmp_path)
    for path in CAPTURES.glob("nordwind*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    yield tmp_path
    tables.put_in_force()


def test_vendors_lists_the_tables(agent):
    listed = agent("vendors", "--json").json["tables"]
    kyocera = next(one for one in listed if one["file"] == "kyocera.toml")
    assert "UTAX" in kyocera["makers"]
    assert "total" in kyocera["meters"]
    assert "kyocera.toml" in agent("vendors").out


def test_vendors_check_tells_programs_the_same(agent, desk):
    said = agent("vendors", "check", "nordwind-p40.snmprec", "nordwind-p40.snmprec", "--json")
    assert said.status == 0
    one, _ = said.lines
    assert (one["file"], one["tables"], one["faults"]) == ("nordwind-p40.snmprec", [], [])
    assert one["read"]["printer"] is True
    assert [meter["value"] for meter in one["read"]["meters"]] == [41902]
    assert one["unexplained"][0]["oid"] == "1.3.6.1.4.1.63999.3.2.1.3.1"
    assert one["perhaps_serials"] == [{"oid": "1.3.6.1.4.1.63999.2.1.1.0", "text": "NWP40-7Q318842"}]
    tried = agent("vendors", "check", "--table", "nordwind.toml", "nordwind-p40.snmprec", "--json").json
    assert [table["file"] for table in tried["tables"]] == ["nordwind.toml"]
    assert tried["unexplained"] == tried["perhaps_serials"] == []


def test_bad_lines_are_named_and_the_rest_is_explained(agent, desk):
    (desk / "bad.snmprec").write_text("1.3.6.1.2.1.43.10.2.1.4.1.1|65|7432\nrubbish\n1.3.6.1.x|4|y\n")
    said = agent("vendors", "check", "bad.snmprec")
    assert said.status == 1
    assert "bad.snmprec, line 2: 'rubbish' is no OID|TAG|VALUE" in said.err
    assert "bad.snmprec, line 3: '1.3.6.1.x' is no OID" in said.err
    assert "Total 7,432 impressions" in said.out


@pytest.mark.parametrize("content", [None, b"", b"\0" * 100, b"# only a header\n"])
def test_a_file_that_is_none_is_named_and_the_others_are_explained(agent, desk, content):
    if content is not None:
        (desk / "none").write_bytes(content)
    said = agent("vendors", "check", "none", "nordwind-p40.snmprec")
    assert said.status == 1
    assert "flexprint-agent: none " in said.err
    assert "Nordwind P40" in said.out


def test_a_table_that_is_none_says_what_is_wrong_with_it(agent, desk):
    (desk / "bad.toml").write_text("trees = []\nmakers = }\n")
    said = agent("vendors", "check", "--table", "bad.toml", "nordwind-p40.snmprec")
    assert said.status == 2
    assert "this table cannot be used:\nbad.toml: TOMLDecodeError:" in said.err
    assert "line 2" in said.err
    assert agent("vendors", "check", "--table", "missing.toml", "x").status == 2
