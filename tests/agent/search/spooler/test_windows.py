"""Real win32 calls on a genuine Windows Python under wine: EnumPrinters, and ports as the registry holds them."""

import json
import shutil
import subprocess

import pytest

from services.windows import COMPILER

pytestmark = pytest.mark.system

ROOT = r"SYSTEM\CurrentControlSet"
MONITORS = rf"{ROOT}\Control\Print\Monitors"
CLASS = "{28d78fad-5a12-11d1-ae5b-0000f803a8c2}"
DEVICE = rf"{ROOT}\Control\DeviceClasses\{CLASS}\##?#USB#VID_03F0&PID_2B17#PHGB12#{CLASS}"
UUID = "1f0c7ba9-11ab-4d21-a1f9-3c4f1e6c0001"
# In the form in which Windows 10 and 11 keep them.
KEYS = {
    rf"{MONITORS}\Standard TCP/IP Port\Ports\IP_127.9.0.81": {
        "HostName": "127.9.0.81",
        "PortNumber": 9100,
        "SNMP Enabled": 1,
        "SNMP Community": "meters",
    },
    rf"{MONITORS}\WSD Port\Ports\WSD-{UUID}": {"Printer UUID": f"urn:uuid:{UUID}"},
    rf"{ROOT}\Enum\SWD\DAFWSDProvider\urn:uuid:{UUID}": {"LocationInformation": "http://127.9.0.82:5357/x"},
    **{
        rf"{ROOT}\Control\Print\Printers\{name}": {"Name": name, "Port": port, "Printer Driver": driver, **more}
        for name, port, driver, more in (
            ("Front desk", "IP_127.9.0.81", "HP Universal Printing PCL 6", {"Location": "Hall", "Attributes": 0x40}),
            ("Meeting room", f"WSD-{UUID}", "Microsoft IPP Class Driver", {"Attributes": 0x40}),
            ("Till", "USB001", "HP LaserJet 400", {"Attributes": 0x40}),
            ("Microsoft Print to PDF", "PORTPROMPT:", "Microsoft Print To PDF", {"Attributes": 0x40}),
            ("Fax", "SHRFAX:", "Microsoft Shared Fax Driver", {"Attributes": 0x4040}),
        )
    },
    rf"{DEVICE}\#\Device Parameters": {"Base Name": "USB", "Port Number": 1, "Port Description": "HP LaserJet 400"},
}

PROGRAM = """
import json, sys, winreg
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from flexprint_agent.cli import main
from flexprint_agent.keep import Keep
from flexprint_agent.settings import in_force
from flexprint_agent.wake.credentials import keyring
from flexprint_agent.search.spooler import windows
from flexprint_agent.search.spooler.queues import communities, queues

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)

def remove(path):
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path) as key:
            names = [winreg.EnumKey(key, number) for number in range(winreg.QueryInfoKey(key)[0])]
    except OSError:
        return
    for name in names:
        remove(path + "\\\\" + name)
    winreg.DeleteKey(winreg.HKEY_LOCAL_MACHINE, path)

keys = json.loads(sys.stdin.read())
try:
    for path, values in keys.items():
        with winreg.CreateKeyEx(winreg.HKEY_LOCAL_MACHINE, path, 0, winreg.KEY_SET_VALUE) as key:
            for name, value in values.items():
                winreg.SetValueEx(key, name, 0, winreg.REG_DWORD if isinstance(value, int) else winreg.REG_SZ, value)
    with Keep(Path(sys.argv[1])) as keep:
        ring = keyring(keep, in_force({}), lambda name: [])
    asked_with = [ring.endpoint(place, 161, {}, NOON).communities for place in ("127.9.0.81", "127.9.0.82")]
    print(json.dumps({
        "ports": asdict(windows.ports()), "queues": [asdict(queue) for queue in queues()],
        "communities": communities(), "asked_with": asked_with,
    }))
    for words in ("settings snmp_timeout 0.2", *(f"settings {one} off" for one in ("broadcast", "multicast", "mdns"))):
        main(["--home", sys.argv[1], *words.split(" ")])
    for words in ("search --plan", "search", "read usb:Till", "devices"):
        main(["--home", sys.argv[1], "--json", *words.split(" ")])
finally:
    for path in keys:
        remove(path)
"""


@pytest.fixture(scope="module")
def said(windows, tmp_path_factory):
    """What the program printed, one document a line: the queues, then the answers of the agent's own commands."""
    home = windows.path(tmp_path_factory.mktemp("home"))
    done = windows.python("-c", PROGRAM, home, typed=json.dumps(KEYS))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def told(said):
    return said[0]


def test_the_hosts_of_ports_are_found_in_the_registry(told):
    assert told["ports"]["tcp"] == {"ip_127.9.0.81": {"host": "127.9.0.81", "community": "meters"}}
    assert told["ports"]["wsd"] == {f"wsd-{UUID}": "127.9.0.82"}


def test_the_device_on_a_usb_port_is_found_in_the_registry(told):
    path = rf"\\?\USB#VID_03F0&PID_2B17#PHGB12#{CLASS}"
    device = {"serial": "PHGB12", "description": "HP LaserJet 400", "path": path}
    assert told["ports"]["usb"] == {"usb001": device}


def test_a_printer_is_asked_with_the_community_of_its_port_and_no_other_printer_is(told):
    assert told["communities"] == {"127.9.0.81": "meters"}
    assert told["asked_with"] == [["meters", "public"], ["public"]]


def test_the_spooler_lists_its_queues_and_each_is_told_apart(told):
    listed = {queue["name"]: queue["port"]["kind"] for queue in told["queues"]}
    assert listed == {
        "Front desk": "network",
        "Meeting room": "network",
        "Till": "local",
        "Microsoft Print to PDF": "virtual",
        "Fax": "fax",
    }
    by_name = {queue["name"]: queue for queue in told["queues"]}
    assert by_name["Front desk"]["port"]["host"] == "127.9.0.81"
    assert by_name["Front desk"]["location"] == "Hall"
    assert by_name["Meeting room"]["port"]["host"] == "127.9.0.82"
    assert (by_name["Till"]["port"]["serial"], by_name["Till"]["driver"]) == ("PHGB12", "HP LaserJet 400")


def test_the_agent_asks_the_addresses_behind_queues_and_reads_what_hangs_on_a_cable(said):
    _, plan, found, read, known = said
    assert [part["target"] for part in plan["parts"]] == ["queue Front desk", "queue Meeting room"]
    assert plan["local"] == ["usb:Till"]
    told = {one["address"]: (one["answered"], one["serial"]) for one in found["found"]}
    assert told == {"127.9.0.81": (False, None), "127.9.0.82": (False, None), "usb:Till": (True, "PHGB12")}
    identity = read["identity"]
    assert (identity["manufacturer"], identity["model"], identity["serial"]) == ("HP", "LaserJet 400", "PHGB12")
    assert read["meters"] == []
    assert any("no meter is answered" in warning for warning in read["warnings"])
    (device,) = known["devices"]
    assert (device["address"], device["serial"], bool(device["last_read_at"])) == ("usb:Till", "PHGB12", True)


def test_a_computer_that_prints_on_nothing_has_no_queues(windows, told):
    done = windows.python("-c", "from flexprint_agent.search.spooler.queues import queues; print(queues())")
    assert done.stdout == "[]\n", done.stderr


COUNTER = r"""
#include <windows.h>
#include <pdh.h>
#include <pdhmsg.h>
static const WCHAR WANTED[] = L"\\Print Queue(*)\\Total Pages Printed";
__declspec(dllexport) PDH_STATUS WINAPI PdhOpenQueryW(LPCWSTR source, DWORD_PTR user, PDH_HQUERY *query) {
    *query = (PDH_HQUERY)0x700000001; return 0; }
__declspec(dllexport) PDH_STATUS WINAPI PdhAddEnglishCounterW(
    PDH_HQUERY query, LPCWSTR path, DWORD_PTR user, PDH_HCOUNTER *counter) {
    *counter = (PDH_HCOUNTER)0x700000002;
    return query == (PDH_HQUERY)0x700000001 && !lstrcmpW(path, WANTED)
        ? 0 : (PDH_STATUS)PDH_CSTATUS_NO_OBJECT; }
__declspec(dllexport) PDH_STATUS WINAPI PdhCollectQueryData(PDH_HQUERY query) { return 0; }
__declspec(dllexport) PDH_STATUS WINAPI PdhCloseQuery(PDH_HQUERY query) { return 0; }
__declspec(dllexport) PDH_STATUS WINAPI PdhGetRawCounterArrayW(
    PDH_HCOUNTER counter, LPDWORD size, LPDWORD count, PPDH_RAW_COUNTER_ITEM_W items) {
    if (counter != (PDH_HCOUNTER)0x700000002) return PDH_INVALID_HANDLE;
    *count = 3;
    if (*size < 3 * sizeof *items) { *size = 3 * sizeof *items; return PDH_MORE_DATA; }
    items[0].szName = L"Till [Copy 1]"; items[0].RawValue.CStatus = PDH_CSTATUS_VALID_DATA;
    items[0].RawValue.FirstValue = 5000000000;
    items[1].szName = L"_Total"; items[1].RawValue.CStatus = 0; items[1].RawValue.FirstValue = 5000000007;
    items[2].szName = L"Gone"; items[2].RawValue.CStatus = PDH_CSTATUS_NO_INSTANCE; items[2].RawValue.FirstValue = 9;
    return 0; }
"""


def test_the_pages_of_queues_are_taken_from_the_spoolers_counter(windows, tmp_path):
    """wine has no such counter. A library with the types of pdh.h tells whether ours are the same."""
    if not shutil.which(COMPILER):
        pytest.skip("no compiler for Windows: `make test-system` installs it")
    (tmp_path / "pdh.c").write_text(COUNTER)
    subprocess.run([COMPILER, "-shared", "-o", tmp_path / "pages.dll", tmp_path / "pdh.c"], check=True)
    program = (
        "import sys; from flexprint_agent.search.spooler import print_counters as c; print(c.pages(*sys.argv[1:]))"
    )
    done = windows.python("-c", program, windows.path(tmp_path / "pages.dll"))
    assert done.stdout == "{'till _copy 1_': 5000000000}\n", done.stderr
    # What the system itself answers: here, that it counts no such thing.
    done = windows.python("-c", program)
    assert done.stdout == "{}\n", done.stderr
