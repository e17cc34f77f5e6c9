"""A real cupsd with a printer on a cable that does not exist, and a real IPP printer: the agent reads both."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from flexprint_agent import settings
from flexprint_agent.search.spooler import cups
from flexprint_agent.wake.finding import search
from flexprint_agent.wake.local import read_local
from services.cupsd import Cupsd, missing

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]

ON = settings.in_force({})
TILL = "usb://Example/Laser%20400?serial=USB12345"


@pytest.fixture
def cupsd(tmp_path, monkeypatch):
    folder = tmp_path / "cups"
    folder.mkdir()
    with Cupsd(folder) as running:
        monkeypatch.setattr(cups, "SOCKETS", (running.socket,))
        yield running


def pages(keep, now):
    (outcome,) = read_local(keep, ON, lambda: now)
    return {meter["name"]: meter["value"] for meter in outcome["meters"]}


def test_a_printer_on_a_cable_is_read_through_its_queue(cupsd, keep, now):
    cupsd.add("till", TILL, "-L", "Front desk")
    cupsd.print("till", 3)
    (outcome,) = read_local(keep, ON, lambda: now)
    identity = outcome["identity"]
    assert (identity["manufacturer"], identity["model"], identity["serial"]) == ("Example", "Laser 400", "USB12345")
    assert (identity["name"], identity["location"]) == ("till", "Front desk")
    told = [(one["name"], one["kind"], one["color"], one["percent"]) for one in outcome["supplies"]]
    assert told == [("Black Toner", "toner", "black", 42), ("Drum", "opc", None, 80)]
    assert outcome["status"] == {"state": "idle", "errors": ["lowToner"], "console": []}


def test_pages_climb_over_held_jobs_a_purged_history_and_a_new_start_of_the_spooler(cupsd, keep, now):
    cupsd.add("till", TILL)
    cupsd.print("till", 30)
    assert pages(keep, now) == {"print.spooler": 0}
    cupsd.print("till", 3)
    cupsd.print("till", 4)
    assert pages(keep, now) == {"print.spooler": 7}
    cupsd.print("till", 9, "-H", "hold", wait=False)
    assert pages(keep, now) == {"print.spooler": 7}
    cupsd.forget_jobs()
    assert pages(keep, now) == {"print.spooler": 7}
    cupsd.print("till", 5)
    cupsd.stop()
    cupsd.start()
    assert pages(keep, now) == {"print.spooler": 12}


def test_nothing_that_names_a_document_or_a_person_is_asked_or_kept(cupsd, keep, now, tmp_path):
    cupsd.add("till", TILL)
    cupsd.print("till", 3)
    pages(keep, now)
    for path in (tmp_path / "home").iterdir():
        assert b"secret title" not in path.read_bytes()


def test_queues_of_every_kind_are_told_apart(cupsd, keep, now):
    cupsd.add("till", TILL)
    cupsd.add("hall", "socket://127.9.0.77:9100")
    cupsd.add("office", "ipp://server.example.com/printers/office")
    cupsd.add("paper", "file:///dev/null")
    cupsd.run("lpadmin", "-p", "till", "-c", "everywhere-class", "-E")
    kinds = {queue.name: queue.port.kind for queue in cups.queues()}
    assert kinds == {"till": "local", "hall": "network", "office": "shared", "paper": "virtual"}


def test_a_search_asks_the_address_behind_a_queue_and_an_exclusion_wins(cupsd, keep, now):
    cupsd.add("hall", "socket://127.9.0.77:9100")
    quick = settings.in_force({"snmp_timeout": "0.1", "snmp_retries": "0"})
    found = search(keep, quick, lambda: now)
    assert [(one["address"], one["found_by"], one["answered"]) for one in found["found"]] == [
        ("127.9.0.77", "spooler", False)
    ]
    keep.choices.add_targets(["127.9.0.77"], now, excluded=True)
    keep.choices.add_targets(["127.9.0.78"], now)
    assert [one["excluded"] for one in search(keep, quick, lambda: now)["not_asked"]] == [True]


# Its own network and its own /run: the IPP printer wants a message bus and avahi, and nothing may leave this computer.
NAMESPACE = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/cups /run/dbus /run/avahi-daemon
ln -s "$1" /run/cups/cups.sock
ip link set lo up
ip link set lo multicast on
dbus-daemon --system --fork --nopidfile >/dev/null 2>&1
avahi-daemon --daemonize --no-chroot --no-drop-root --no-rlimits >/dev/null 2>&1
ippeveprinter -n localhost -p "$2" -a "$3" -d "$4" "Office USB" >"$4/log" 2>&1 &
printer=$!
trap 'kill $printer; avahi-daemon --kill; kill $(pgrep -s 0 -x dbus-daemon) 2>/dev/null || true' EXIT
for _ in $(seq 100); do
    if ipptool -tq "ipp://localhost:$2/ipp/print" get-printer-attributes.test >/dev/null 2>&1; then break; fi
    kill -0 $printer
    sleep 0.1
done
"$5" -m flexprint_agent --home "$6" search --json
"$5" -m flexprint_agent --home "$6" read --json
"""

ATTRIBUTES = """
ATTR text printer-make-and-model "Brother HL-L3230CDW series"
ATTR text printer-device-id "MFG:Brother;CMD:PJL,PCL;MDL:HL-L3230CDW series;SN:E78231;"
ATTR integer printer-impressions-completed 123456
ATTR collection printer-impressions-completed-col {
    MEMBER integer monochrome 100000
    MEMBER integer full-color 23456
}
ATTR integer printer-media-sheets-completed 90000
ATTR octetString printer-supply "index=1;class=supplyThatIsConsumed;type=toner;unit=percent;maxcapacity=100;level=37;colorantname=black;"
ATTR text printer-supply-description "Black Toner"
"""


@pytest.mark.skipif(shutil.which("ippeveprinter") is None, reason="no ippeveprinter: `make test-system` installs it")
def test_a_real_ipp_printer_behind_a_queue_gives_its_own_counters(cupsd, tmp_path):
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        port = any_port.getsockname()[1]
    cupsd.add("office", f"ipp://localhost:{port}/ipp/print")
    attributes = tmp_path / "printer.conf"
    attributes.write_text(ATTRIBUTES)
    (tmp_path / "printer").mkdir()
    done = subprocess.run(
        [
            "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", NAMESPACE, "sh",
            cupsd.socket, str(port), attributes, tmp_path / "printer", sys.executable, tmp_path / "home",
        ],
        capture_output=True, text=True, check=False, timeout=120,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr + (tmp_path / "printer" / "log").read_text()
    found, read = map(json.loads, done.stdout.splitlines())
    assert [(one["address"], one["serial"]) for one in found["found"]] == [("usb:office", "E78231")]
    assert {meter["name"]: (meter["value"], meter["source"]) for meter in read["meters"]} == {
        "total": (123456, "standard"),
        "total.mono": (100000, "standard"),
        "total.color": (23456, "standard"),
    }
    assert (read["identity"]["manufacturer"], read["identity"]["model"]) == ("Brother", "HL-L3230CDW series")
    assert [(one["name"], one["percent"]) for one in read["supplies"]] == [("Black Toner", 37)]
