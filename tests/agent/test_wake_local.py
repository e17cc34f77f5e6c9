"""Printers on cables, from the print queue to the collector: a small IPP responder stands in for the spooler."""

import sys
from types import SimpleNamespace

import pytest

from flexprint_agent import pjl, settings
from flexprint_agent.ipp import message
from flexprint_agent.keep import Keep
from flexprint_agent.search.spooler import cups, ipp_usb, print_counters
from flexprint_agent.wake import local
from flexprint_agent.wake.finding import search, search_plan
from flexprint_agent.wake.local import hanging, read_local, trouble
from flexprint_agent.wake.reading import read_known
from flexprint_shared.readings import Identity
from services import ipp
from services.pjl import printer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="CUPS")

ON = settings.in_force({})
TILL = {"printer-name": "till", "device-uri": "usb://HP/LaserJet%20400?serial=PHGB12", "printer-state": 3}
TONER = {"marker-names": "Black", "marker-types": "toner", "marker-colors": "#000000", "marker-levels": 42}


class Spooler:
    """A CUPS socket whose queues and jobs a test changes."""

    def __init__(self, responder):
        self.responder = responder
        self.queues()
        self.jobs()

    def queues(self, *told, status=0):
        self.responder.replies[message.CUPS_GET_PRINTERS] = ipp.answer([(ipp.PRINTER, one) for one in told], status)

    def jobs(self, *pages):
        told = [
            {"job-id": number, "job-state": 9, "job-impressions-completed": some, "time-at-completed": 1000 + number}
            for number, some in enumerate(pages, start=1)
        ]
        self.responder.replies[message.GET_JOBS] = ipp.answer([(ipp.JOB, one) for one in told])


@pytest.fixture
def spooler(tmp_path, monkeypatch):
    path = tmp_path / "cups.sock"
    with ipp.Responder({}, path) as responder:
        monkeypatch.setattr(cups, "SOCKETS", (path,))
        yield Spooler(responder)


def read(keep, now):
    return list(read_known(keep, ON, lambda: now))


def meters(outcome):
    return {meter["name"]: (meter["value"], meter["source"]) for meter in outcome["meters"]}


def test_a_printer_on_a_cable_is_read_without_having_been_searched(keep, now, spooler):
    spooler.queues(TILL | TONER)
    (outcome,) = read(keep, now)
    assert (outcome["address"], outcome["printer"], outcome["packets"]) == ("usb:till", True, 0)
    assert outcome["identity"]["serial"] == "PHGB12"
    assert outcome["supplies"][0]["percent"] == 42
    (device,) = keep.devices.all()
    assert (device.address, device.port, device.last_read_at) == ("usb:till", 0, now)
    assert keep.spool.pending() == 1


def test_pages_of_finished_jobs_climb_over_purges_and_restarts_of_the_agent(tmp_path, now, spooler):
    spooler.queues(TILL)
    pages = []
    for listing in ([30], [30, 5], [30, 5, 2], [], [30, 5, 2, 4]):
        spooler.jobs(*listing)
        with Keep(tmp_path / "home") as keep:
            (outcome,) = read(keep, now)
        pages.append(meters(outcome))
    assert pages == [{"print.spooler": (count, "spooler")} for count in (0, 5, 7, 7, 11)]


def test_a_read_that_is_not_kept_counts_no_pages(keep, now, spooler, monkeypatch):
    """Read and count are one transaction: killed between them, the next read counts the same pages again."""
    spooler.queues(TILL)
    read(keep, now)
    spooler.jobs(5)
    with monkeypatch.context() as killed:
        killed.setattr(keep.spool, "put", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            read(keep, now)
    (outcome,) = read(keep, now)
    assert meters(outcome) == {"print.spooler": (5, "spooler")}


def test_two_queues_of_one_printer_are_one_printer(keep, now, spooler):
    spooler.queues(TILL, TILL | {"printer-name": "till in draft"})
    read(keep, now)
    spooler.jobs(3)  # the responder says the same of both queues
    (outcome,) = read(keep, now)
    assert (outcome["address"], meters(outcome)) == ("usb:till", {"print.spooler": (6, "spooler")})


def test_a_printer_that_speaks_ipp_over_usb_is_asked_for_its_own_counters(keep, now, spooler):
    told = ipp.answer(
        [(ipp.PRINTER, {"printer-impressions-completed": 777, "printer-device-id": "MFG:HP;MDL:M404;SN:X1Y2;"})]
    )
    with ipp.Responder({message.GET_PRINTER_ATTRIBUTES: told}) as device:
        spooler.queues(TILL | {"device-uri": f"ipp://localhost:{device.port}/ipp/print"})
        spooler.jobs(5)
        (outcome,) = read(keep, now)
    assert meters(outcome) == {"total": (777, "standard")}
    assert outcome["identity"]["serial"] == "X1Y2"
    assert b"printer-impressions-completed" in device.asked[0]
    assert b"/ipp/print" in device.asked[0]


def test_and_when_it_is_switched_off_there_is_no_read_and_it_stays_one_device(keep, now, spooler):
    told = ipp.answer([(ipp.PRINTER, {"printer-device-id": "MFG:HP;MDL:M404;SN:X1Y2;"})])
    with ipp.Responder({message.GET_PRINTER_ATTRIBUTES: told}) as device:
        spooler.queues(TILL | {"device-uri": f"ipp://localhost:{device.port}/ipp/print"})
        (outcome,) = read(keep, now)
        # It answers and gives no counter: the jobs of this computer are counted.
        assert meters(outcome) == {"print.spooler": (0, "spooler")}
    (outcome,) = read(keep, now)
    assert (outcome["answered"], "switch it on" in outcome["error"]) == (False, True)
    (found,) = search(keep, ON, lambda: now)["found"]
    assert (found["answered"], found["printer"]) == (False, False)
    (known,) = keep.devices.all()
    assert (known.identity.serial, known.silent_since) == ("X1Y2", now)
    assert keep.spool.pending() == 1


def test_a_printer_that_the_network_shows_too_is_read_there_alone(keep, now, spooler):
    identity = Identity(manufacturer="HP", model="LaserJet 400", serial="PHGB12")
    device, _ = keep.keep_found(identity, "127.9.0.1", 161, now)
    spooler.queues(TILL)
    assert list(read_local(keep, ON, lambda: now)) == []
    (known,) = keep.devices.all()
    assert (known.id, known.address) == (device, "127.9.0.1")
    # When the network does not show it any more, the cable does: it stays one device.
    keep.keep_silence(device, now)
    (outcome,) = read_local(keep, ON, lambda: now)
    assert outcome["address"] == "usb:till"
    (known,) = keep.devices.all()
    assert (known.id, known.address) == (device, "usb:till")


def test_a_printer_whose_queue_is_gone_gives_no_read_and_it_is_said(keep, now, spooler):
    spooler.queues(TILL)
    read(keep, now)
    spooler.queues()
    (outcome,) = read(keep, now)
    assert (outcome["answered"], "print queue" in outcome["error"]) == (False, True)
    assert keep.devices.all()[0].silent_since == now
    assert keep.spool.pending() == 1


def test_a_spooler_that_refuses_gives_no_read_and_the_doctor_says_why(keep, now, spooler):
    spooler.queues(TILL)
    read(keep, now)
    spooler.queues(status=0x0403)
    (outcome,) = read(keep, now)
    assert "0x0403" in outcome["error"]
    assert "lpstat" in trouble(ON)


def test_a_renamed_queue_with_a_serial_stays_one_device(keep, now, spooler):
    spooler.queues(TILL)
    read(keep, now)
    spooler.queues(TILL | {"printer-name": "shop"})
    (outcome,) = read(keep, now)
    assert outcome["address"] == "usb:shop"
    assert [device.address for device in keep.devices.all()] == ["usb:shop"]


def test_switched_off_nothing_is_asked(keep, now, spooler):
    spooler.queues(TILL)
    off = settings.in_force({"spooler": "off"})
    assert list(read_local(keep, off, lambda: now)) == []
    assert spooler.responder.asked == []


def test_a_search_finds_them_and_its_plan_names_them_where_nothing_else_was_chosen(keep, now, spooler):
    spooler.queues(TILL, TILL | {"printer-name": "pdf", "device-uri": "cups-pdf:/"})
    plan = search_plan(keep, ON)
    assert (plan["packets"], plan["local"]) == (0, ["usb:till"])
    found = search(keep, ON, lambda: now)
    assert (found["packets"], found["printers"], found["new"]) == (0, 1, 1)
    (one,) = found["found"]
    assert (one["address"], one["found_by"], one["serial"]) == ("usb:till", "spooler", "PHGB12")
    assert search(keep, ON, lambda: now)["new"] == 0


def test_a_printer_that_ipp_usb_serves_is_read_though_its_queue_only_knows_its_announcement(
    keep, now, spooler, tmp_path, monkeypatch
):
    monkeypatch.setattr(ipp_usb, "STATES", tmp_path)
    spooler.jobs(5)
    spooler.queues(
        TILL | {"device-uri": "ipp://HP%20M404%20(USB)._ipp._tcp.local/"},
        # An older queue of the same printer, by its USB cable.
        TILL | {"printer-name": "old", "device-uri": "usb://HP/M404?serial=X1Y2"},
    )
    told = {"printer-impressions-completed": 777, "printer-device-id": "MFG:HP;MDL:M404;SN:X1Y2;"}
    with ipp.Responder({message.GET_PRINTER_ATTRIBUTES: ipp.answer([(ipp.PRINTER, told)])}) as device:
        (tmp_path / "HP-M404.state").write_text(f"[device]\nhttp-port = {device.port}\n")
        (tmp_path / "unplugged.state").write_text("[device]\nhttp-port = 1\n")
        found = search(keep, ON, lambda: now)["found"]
        assert [(one["address"], one["serial"]) for one in found] == [("usb:HP-M404", "X1Y2")]
        (outcome,) = read(keep, now)
    assert (outcome["address"], meters(outcome)) == ("usb:HP-M404", {"total": (777, "standard")})
    (known,) = keep.devices.all()
    assert known.address == "usb:HP-M404"


@pytest.mark.parametrize("said", ["", "[device]", "http-port = 0", "http-port = 70000", "http-port = x", "\xff\xfe"])
def test_what_ipp_usb_did_not_write_is_no_printer(tmp_path, said):
    (tmp_path / "a.state").write_bytes(said.encode("latin-1"))
    assert ipp_usb.devices(tmp_path) == []


def test_printers_on_other_cables_are_told_by_their_cable():
    found = [cups._queue({"printer-name": ["a"], "device-uri": [uri]}) for uri in ("parallel:/dev/lp0", "usb://A/B")]
    assert [one.address for one in hanging(found)] == ["parallel:a", "usb:a"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a port for both directions")
def test_a_printer_that_speaks_pjl_counts_for_itself(keep, now, spooler, tmp_path, monkeypatch):
    """Its own count is billed, and not the jobs of this computer."""
    spooler.queues(TILL | TONER)
    spooler.jobs(3, 4)
    told = "MFG:HP;MDL:LaserJet 400;CMD:PJL,PCL;SN:PHGB12;"
    with printer(tmp_path, told, b"@PJL INFO PAGECOUNT\r\n4711\r\n\x0c") as (folders, _):
        monkeypatch.setattr(pjl, "CLASS", folders["ports"])
        monkeypatch.setattr(pjl, "DEVICES", folders["devices"])
        (outcome,) = read(keep, now)
    assert meters(outcome) == {"total": (4711, "vendor")}
    assert outcome["meters"][0]["oid"] == "@PJL INFO PAGECOUNT"


def test_on_windows_the_pages_of_a_queue_are_those_of_its_counter(now, monkeypatch):
    """Tallied as on the first wake, on one after seven pages, and on one after the spooler was started again."""
    monkeypatch.setattr(local, "sys", SimpleNamespace(platform="win32"))
    told, tallies = [], {}
    for pages in ({"till [copy 1]": 100, "other": 5}, {"till _copy 1_": 107}, {"till _copy 1_": 2}, {}):
        counted = {print_counters.folded(name): count for name, count in pages.items()}
        monkeypatch.setattr(print_counters, "pages", lambda counted=counted: counted)
        tallies |= local._counted(["Till (Copy 1)"], tallies, now)
        told.append(tallies["Till (Copy 1)"].pages)
    assert told == [0, 7, 9, 9]
