import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from flexprint_agent import __version__
from flexprint_agent import wake as waking
from flexprint_agent.cli.commands import function_of
from flexprint_agent.cli.finding import _stream
from flexprint_agent.cli.parser import parse
from flexprint_agent.keep.home import only_one
from flexprint_agent.wake import finding
from flexprint_shared import batch
from lab.office import office
from lab.site import BEYOND_LOOPBACK, Lab
from services import collector as bad_days

linux = pytest.mark.skipif(sys.platform != "linux", reason="the simulated site needs Linux")


@pytest.fixture(scope="module")
def devices():
    """Two printers that answer at once, and something that is none."""
    quick = [one for one in office() if one.truth and one.truth.model.startswith("ECOSYS P")]
    other = next(one for one in office() if not one.truth)
    return [*quick[:2], other]


@pytest.fixture
def lab(devices):
    with Lab(devices) as running:
        yield running


@pytest.fixture
def site(enrolled, lab):
    """An enrolled agent whose targets are the lab's addresses and one silent neighbour."""
    enrolled("settings", "search_timeout", "0.3")
    enrolled("settings", "snmp_timeout", "0.3")
    enrolled("settings", "snmp_retries", "0")
    enrolled("add", *(f"{address}:{lab.port}" for address in lab.devices), f"127.20.99.99:{lab.port}")
    return enrolled


@linux
def test_the_plan_of_a_search_sends_nothing(site, lab):
    plan = site("search", "--plan", "--json").json
    assert (plan["addresses"], plan["packets"]) == (4, 8)
    assert plan["seconds"] > 0
    assert plan["bytes"] > 8 * 28
    assert lab.report()["requests"] == 0


@linux
def test_a_search_costs_no_more_than_its_plan(site, lab):
    plan = site("search", "--plan", "--json").json
    site("search")
    assert lab.packets_to("127.20.99.99") == 2 == plan["packets"] // plan["addresses"]


@linux
def test_a_search_finds_the_printers_and_keeps_nothing_else(site, lab, devices):
    found = site("search", "--json").json
    assert (found["asked"], found["answered"], found["printers"], found["new"]) == (4, 3, 2, 2)
    printers = {one["address"]: one["serial"] for one in found["found"] if one["printer"]}
    assert printers == {one.address: one.truth.serial for one in devices if one.truth}
    assert {one["address"] for one in site("devices", "--json").json["devices"]} == set(printers)
    assert site("search", "--json").json["new"] == 0


@linux
def test_an_excluded_address_gets_no_packet_from_any_command(site, lab, devices):
    excluded = devices[0].address
    site("search")
    site("exclude", excluded)
    lab.forget()
    for words in (
        ("search",),
        ("read",),
        ("wake",),
        ("read", f"{excluded}:{lab.port}"),
    ):
        site(*words)
    said = site("probe", f"{excluded}:{lab.port}", "--json")
    assert said.json["error"].endswith("was not asked: it is excluded")
    assert lab.packets_to(excluded) == 0
    assert lab.packets_to(devices[1].address) > 0


@linux
def test_a_printer_that_is_no_target_any_more_gets_no_packet(site, lab, devices):
    site("search")
    site("remove", f"{devices[0].address}:{lab.port}")
    lab.forget()
    site("read")
    assert lab.packets_to(devices[0].address) == 0


@linux
def test_reads_are_kept_and_sent_and_readable_in_clear(site, lab, devices, collector):
    site("search")
    reads = site("read", "--json").lines
    truths = {one.truth.serial: one.truth.total for one in devices if one.truth}
    assert {one["identity"]["serial"]: _total(one) for one in reads} == truths
    assert site("status", "--json").json["pending_reads"] == 2
    sent = site("send", "--json").json
    assert (sent["batches"], sent["reads"], sent["acknowledged"], sent["waiting"]) == (1, 2, 1, 0)
    assert dict(collector.reads()) == truths
    (row,) = site("sent", "--json").json["batches"]
    assert (row["state"], row["reads"]) == ("acknowledged", 2)
    whole = site("sent", row["batch"], "--json").json
    assert {read.identity.serial for read in batch.reads_of(whole["document"])} == set(truths)
    known = site("devices", "--json").json["devices"]
    assert {one["serial"]: one["meters"]["total"] for one in known} == truths


def _total(read):
    return next(meter["value"] for meter in read["meters"] if meter["name"] == "total")


@linux
def test_a_known_printer_is_read_in_few_packets(site, lab):
    site("search")
    first = sum(one["packets"] for one in site("read", "--json").lines)
    again = sum(one["packets"] for one in site("read", "--json").lines)
    assert again <= 6 < first


@linux
def test_a_wake_does_the_whole_job(site, lab, collector):
    woken = site("wake", "--json").json
    assert (woken["searched"], woken["read"], woken["silent"]) == (True, 2, 0)
    assert woken["sent"]["acknowledged"] == 1
    again = site("wake", "--json").json
    assert (again["searched"], again["read"]) == (False, 2)
    assert len(collector.reads()) == 4
    status = site("status", "--json").json
    assert status["last_wake_at"]
    assert status["last_acknowledged_at"]
    assert status["printers"] == 2


@linux
def test_a_silent_printer_gives_no_read_and_is_counted(site, lab, devices, collector):
    site("wake")
    lab.down(devices[0].address)
    woken = site("wake", "--json").json
    assert (woken["read"], woken["silent"]) == (1, 1)
    assert len(collector.reads()) == 3
    known = {one["address"]: one for one in site("devices", "--json").json["devices"]}
    assert known[devices[0].address]["silent_since"]
    assert "printers-silent" in site("doctor", "--json").out


@linux
def test_a_printer_that_moved_stays_one_device(site, lab, devices):
    from dataclasses import replace

    site("wake")
    lab.down(devices[0].address)
    lab.place(replace(devices[0], address="127.20.99.99"))
    site("search")
    known = site("devices", "--json").json["devices"]
    assert len(known) == 2
    assert {one["address"] for one in known if one["serial"] == devices[0].truth.serial} == {"127.20.99.99"}


@linux
def test_the_community_that_worked_is_asked_first_next_time(site, lab):
    site("settings", "communities", "private,public")
    site("search")
    site("read")
    lab.forget()
    assert all(one["packets"] <= 3 for one in site("read", "--json").lines)


@linux
def test_ctrl_c_in_a_wake_ends_the_reading_and_sends_what_was_read(site, collector, monkeypatch):
    site("search")
    read_known = waking.read_known

    def until_one_was_read(*given):
        yield next(outcome for outcome in read_known(*given) if outcome["printer"])
        raise KeyboardInterrupt

    monkeypatch.setattr(waking, "read_known", until_one_was_read)
    said = site("wake", "--json")
    assert (said.status, said.json["read"], said.json["sent"]["reads"]) == (1, 1, 1)
    assert "what was read is being sent" in said.err
    assert "the next wake goes on from there" in said.err
    assert len(list(collector.reads())) == 1


@linux
def test_ctrl_c_in_the_search_of_a_wake_keeps_what_was_found(site, monkeypatch):
    take = finding._Search.take

    def take_one(*given):
        take(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(finding._Search, "take", take_one)
        said = site("wake", "--json")
    assert (said.status, said.json["searched"], said.json["read"]) == (1, False, 0)
    assert said.json["packets"] > 0
    assert site("wake", "--json").json["searched"] is True


@linux
def test_ctrl_c_while_a_wake_sends_leaves_the_batch_waiting(site, collector, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    site("search")
    with monkeypatch.context() as patched:
        patched.setattr("flexprint_agent.send.client.Collector.hand_over", stopped)
        said = site("wake", "--json")
    assert (said.status, said.json["read"], said.json["sent"]["waiting"]) == (1, 2, 1)
    assert "waits for the next wake" in said.err
    assert site("send", "--json").json["reads"] == 2


@linux
def test_a_named_place_is_read_and_kept(site, lab, devices):
    site("remove", *(f"{address}:{lab.port}" for address in lab.devices))
    said = site("read", f"{devices[0].address}:{lab.port}", "--json")
    assert said.status == 0
    assert said.json["identity"]["serial"] == devices[0].truth.serial
    assert site("status", "--json").json["pending_reads"] == 1
    said = site("read", f"127.20.99.99:{lab.port}", "--json")
    assert (said.status, said.json["answered"]) == (1, False)
    assert site("status", "--json").json["pending_reads"] == 1


@linux
def test_a_probe_keeps_nothing_and_needs_no_home(agent, lab, devices, tmp_path):
    said = agent(
        "probe", devices[0].address, "127.20.99.99", "--port", lab.port, "--timeout", "0.3", "--retries", "0", "--json"
    )
    by_target = {one["target"]: one for one in said.lines}
    assert by_target[devices[0].address]["identity"]["serial"] == devices[0].truth.serial
    assert by_target["127.20.99.99"]["answered"] is False
    assert "no answer to SNMP" in by_target["127.20.99.99"]["error"]
    assert said.status == 1
    assert not (tmp_path / "home").exists()


@linux
def test_a_probe_says_what_is_no_printer(agent, lab, devices):
    said = agent("probe", devices[2].address, "--port", lab.port, "--json")
    assert (said.status, said.json["answered"], said.json["printer"]) == (0, True, False)
    assert "no printer" in agent("probe", devices[2].address, "--port", lab.port).out


@pytest.mark.parametrize(
    "words", [("--port", "0"), ("--timeout", "soon"), ("--retries", "99"), ("--version", "3"), ("--community", "")]
)
def test_a_probe_with_a_wrong_option_is_wrong_usage(agent, words):
    assert agent("probe", "127.20.99.99", *words).status == 2


@pytest.mark.parametrize(
    "words",
    [
        ("read", "10.0.0.0/16"),
        ("probe", "10.0.0.0/16"),
        ("probe", "10.1.1.300"),
        ("sent", "7"),
        ("sent", "1" + "0" * 20),
    ],
)
def test_what_cannot_be_done_is_wrong_usage(agent, words):
    assert agent(*words).status == 2


def test_a_probe_works_where_the_home_cannot_be_looked_at(agent):
    said = agent("probe", "no-such-printer.invalid", "--json", "--home", "x" * 300)
    assert (said.status, said.json["answered"]) == (1, False)
    assert "not known here" in said.err


def test_a_device_that_falls_silent_on_the_way_is_no_success(capsys):
    outcome = {"target": "10.1.1.7", "answered": True, "printer": True, "error": "10.1.1.7 fell silent"}
    assert _stream(parse(["probe", "10.1.1.7"]), [outcome]) == (0, 1)


def test_a_name_that_nobody_knows_is_said(agent):
    said = agent("probe", "no-such-printer.invalid", "--json")
    assert (said.status, said.json["answered"]) == (1, False)
    assert said.json["error"].endswith("was not asked: nobody knows this name")
    assert (said.json["address"], said.json["port"], said.json["packets"]) == (None, 161, 0)
    said = agent("probe", "no-such-printer.invalid:1161")
    assert "no-such-printer.invalid:1161 was not asked" in said.out


@pytest.mark.parametrize(
    ("words", "next_step"),
    [
        (("search",), "flexprint-agent add"),
        (("read",), "flexprint-agent search"),
        (("send",), "flexprint-agent enroll"),
    ],
)
def test_a_command_that_lacks_its_ground_says_the_next_step(agent, words, next_step):
    said = agent(*words)
    assert said.status == 1
    assert next_step in said.err


def test_a_wake_without_a_collector_fails_and_says_why(agent):
    said = agent("wake", "--json")
    assert said.status == 1
    assert said.json["read"] == 0
    assert "enroll" in said.err


def test_a_batch_that_waits_and_one_that_was_refused_are_shown(enrolled, collector):
    collector.behaviours.append(bad_days.portal)
    said = enrolled("send", "--report", "--json")
    assert (said.status, said.json["waiting"]) == (1, 1)
    assert "goes to nobody" in said.err
    assert "sign-in" in enrolled("status").out
    assert "batches-waiting" in enrolled("doctor", "--json").out
    collector.behaviours.append(bad_days.problem(422, "broken-seal", detail="Sealed to another key."))
    assert enrolled("send", "--json").json["refused"] == 1
    status = enrolled("status", "--json").json
    assert (status["waiting_batches"], status["refused_batches"]) == (0, 1)
    assert "Sealed to another key." in enrolled("doctor").out
    assert enrolled("sent", "--json").json["batches"][0]["state"] == "refused"


def test_the_doctor_says_when_the_collector_is_gone(agent, collector):
    agent("enroll", "--server", collector.url, "--insecure-loopback", "--key", "KEY")
    assert "collector-unreachable" not in agent("doctor", "--json").out
    collector.behaviours.append(bad_days.cut)
    said = agent("doctor", "--json")
    assert said.status == 1
    assert "collector-unreachable" in said.out


def test_while_one_agent_works_another_waits(agent, tmp_path):
    agent("status")
    with only_one(tmp_path / "home"):
        for words in (("wake",), ("send",), ("search",), ("read",)):
            said = agent(*words)
            assert (said.status, "another flexprint-agent" in said.err) == (1, True), words
        assert agent("status", "--json").json["at_work"] is True


def test_every_list_is_readable_when_it_is_empty(enrolled):
    for words in (("devices",), ("sent",), ("recipients", "list"), ("status",), ("settings",)):
        said = enrolled(*words)
        assert said.status == 0
        assert said.out.strip()


MODULES = """
import sys
from flexprint_agent.cli import main
main(sys.argv[1:])
print(*{name.partition(".")[0] for name in sys.modules} | {name for name in sys.modules if name.startswith("importlib.")})
"""
HEAVY = {"httpx", "cryptography", "truststore", "asyncio", "ssl", "logging", "pysnmp", "zeroconf"}
LIGHTER_WITHOUT = {"importlib.resources", "zipfile", "tempfile", "random", "calendar", "traceback", "textwrap"}
"""Of the standard library; each is a hundredth of a wake and more."""


def loaded_by(home, words):
    program = [sys.executable, "-c", MODULES, "--home", home, *words]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("words", [("status",), ("devices",), ("sent",), ("add", "10.1.1.1"), ("settings",)])
def test_what_sends_nothing_loads_neither_http_nor_cryptography(enrolled, tmp_path, words):
    """Every import is paid for at each wake on each workstation."""
    for setting in BEYOND_LOOPBACK:
        enrolled("settings", setting, "off")
    assert not loaded_by(tmp_path / "home", words) & HEAVY


@linux
def test_a_wake_that_reads_a_known_printer_loads_no_more_than_that_takes(agent, lab, tmp_path):
    for setting in BEYOND_LOOPBACK:
        agent("settings", setting, "off")
    agent("add", *(f"{address}:{lab.port}" for address in lab.devices))
    agent("search")
    loaded = loaded_by(tmp_path / "home", ("wake",))
    assert [one["meters"]["total"] > 0 for one in agent("devices", "--json").json["devices"]] == [True, True]
    assert sorted(loaded & (HEAVY | LIGHTER_WITHOUT)) == []


def test_every_command_that_can_be_typed_has_its_function(capsys):
    with pytest.raises(SystemExit):
        parse(["--help"])
    typed = re.search(r"\{([a-z,]+)\}", capsys.readouterr().out)
    assert typed
    for command in typed[1].split(","):
        assert callable(function_of(command)), command


def test_a_wake_loads_the_module_of_no_other_command():
    program = (
        "import sys; from flexprint_agent.cli.commands import function_of; function_of('wake'); "
        "print(*(name.rpartition('.')[2] for name in sys.modules if name.startswith('flexprint_agent.cli.')))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "sending" in loaded
    assert not {*loaded} & {"capturing", "choosing", "credentials", "finding", "lists", "segments"}


def test_words_that_nobody_reads_any_more_end_quietly(enrolled, tmp_path):
    command = f"{sys.executable} -m flexprint_agent --home {tmp_path / 'home'} settings | true"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_the_version_is_that_of_the_package(agent):
    assert metadata.version("flexprint-agent") == __version__
    assert agent("--version").out == f"flexprint-agent {__version__}\n"


FULL_DISK = """
set -e
mount -t tmpfs -o size=1m tmpfs "$1"
cp -r "$2"/. "$1"
dd if=/dev/zero of="$1/filler" bs=1k count=2000 2>/dev/null || true
set +e
"$3" -m flexprint_agent --home "$1" wake --json
echo "status $?"
rm "$1/filler"
"$3" -m flexprint_agent --home "$1" wake --json
echo "status $?"
"""


@linux
def test_a_full_disk_is_said_and_nothing_is_lost(site, lab, collector, tmp_path):
    """A real full disk (a small tmpfs): the wake fails with what to do, and with room the next one does all."""
    site("search")
    (tmp_path / "small").mkdir()
    unshare = shutil.which("unshare")
    namespace = [unshare or "unshare", "--mount", "--map-root-user"]
    if not unshare or subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespaces here")
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*namespace, "sh", "-c", FULL_DISK, "sh", tmp_path / "small", tmp_path / "home", sys.executable],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    first, *rest = done.stdout.splitlines()
    assert first == "status 1", done
    assert "make room" in done.stderr or "room on it" in done.stderr
    assert "Traceback" not in done.stderr
    assert rest[1] == "status 0", done
    assert json.loads(rest[0])["read"] == 2
    assert len(collector.reads()) == 2


def test_the_program_is_installed_by_its_name():
    assert (Path(sys.executable).parent / "flexprint-agent").exists()


@linux
def test_what_answers_where_a_printer_was_is_told_and_gives_no_read(site, lab, devices, collector):
    """A switch has taken the printer's address: the wake says so, and makes no read of it."""
    from dataclasses import replace

    site("wake")
    lab.place(replace(devices[2], address=devices[0].address))
    said = site("wake")
    assert f"{devices[0].address} answered and gave no read: it answers no printer table" in said.out
    assert len(collector.reads()) == 3


@linux
def test_a_printer_on_a_cable_is_named_and_shown_like_any_other(enrolled, collector, tmp_path, monkeypatch):
    from flexprint_agent.ipp import message
    from flexprint_agent.search.spooler import cups
    from services import ipp

    till = {"printer-name": "till", "device-uri": "usb://HP/LaserJet%20400?serial=PHGB12"}
    replies = {
        message.CUPS_GET_PRINTERS: ipp.answer([(ipp.PRINTER, till)]),
        message.GET_JOBS: ipp.answer([]),
    }
    with ipp.Responder(replies, tmp_path / "cups.sock"):
        monkeypatch.setattr(cups, "SOCKETS", (tmp_path / "cups.sock",))
        assert "usb:till" in enrolled("search", "--plan").out
        assert "1 printer found (1 new)" in enrolled("search").out
        woken = enrolled("wake", "--json").json
        assert (woken["searched"], woken["read"], woken["sent"]["acknowledged"]) == (False, 1, 1)
        assert enrolled("read", "usb:till", "--json").json["identity"]["serial"] == "PHGB12"
    assert "usb:till" in enrolled("devices").out
    assert collector.reads() == [("PHGB12", 0)]
    assert "usb:till was not read" in enrolled("read").out
