"""Every page, as a browser without scripts sees it: real forms, a real home, real printers of the lab, a collector."""

import json
import re
import threading
from dataclasses import replace
from html import unescape
from typing import get_args

import pytest

from flexprint_agent.errors import AgentError
from flexprint_agent.keep import Keep
from flexprint_agent.keep.home import SLEEPER
from flexprint_agent.keep.notes import LAST_CHECK_IN, LAST_LOG, LAST_TOLD
from flexprint_agent.lock import Lock
from flexprint_agent.page import catalogue, overview, site
from flexprint_agent.page.catalogue import languages
from flexprint_agent.page.deliveries import Asked, asked_for
from flexprint_agent.page.work import Enough, Work
from flexprint_agent.page.workbook_words import Chosen, read_schedule
from flexprint_agent.read.status import ERRORS
from flexprint_agent.service import manage
from flexprint_agent.settings import GROUPS
from flexprint_agent.wake import segments
from flexprint_shared.batch import reads_of
from flexprint_shared.readings import Status, Supply, SupplyState
from lab.device import Quirks
from lab.office import Placed, office
from lab.recording import row
from lab.site import BEYOND_LOOPBACK, Lab
from services.collector import portal, problem, status
from services.local_page import Person, heading, the_time

PRINTERS = [one for one in office() if one.truth and one.truth.total][:3]
ROUTER = "127.20.9.1"
INET = "1.3.6.1.2.1.4.24.7.1"


def router(*blocks):
    rows = [row("1.3.6.1.2.1.1.1.0|4|Branch router")]
    for block in blocks:
        network, _, bits = block.partition("/")
        rows.append(row(f"{INET}.8.1.4.{network}.{bits}.2.0.0.0.0|2|3"))
    return Placed(ROUTER, rows, Quirks(), kind="router")


@pytest.fixture(scope="module")
def lab():
    with Lab([*PRINTERS, router("10.201.2.0/24", "10.202.0.0/16")]) as running:
        yield running


@pytest.fixture
def gateway(lab, monkeypatch):
    """The lab's router is the gateway."""
    monkeypatch.setattr(segments, "_default_gateways", lambda: ([(ROUTER, lab.port)], None))


@pytest.fixture
def keep(home):
    """The home as another command sees it, beside the page. It searches nothing but targets."""
    with Keep(home) as opened:
        opened.choices.set(dict.fromkeys(BEYOND_LOOPBACK, "off") | {"search_timeout": "0.3"}, ())
        yield opened


@pytest.fixture
def set_up(person, keep, lab, collector):
    """Enrolled, with the lab's printers known and read; the assistant is through."""
    person.get("setup/connect")
    person.post("setup/connect", {"server": collector.url, "key": "FPK-1", "do": "enrol"})
    person.running.work.wait()
    keep.notes.forget("page_setup")
    keep.choices.add_targets([f"{one.address}:{lab.port}" for one in PRINTERS], the_time())
    person.get("printers")
    person.post("printers/search")
    assert person.settled("printers").status_code == 200
    return person


def text_of(page):
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


# The first five minutes


def test_the_assistant_leads_from_an_empty_home_to_a_workbook_that_was_asked_for(
    person, gateway, lab, keep, collector, home
):
    """Without scripts, from page to page by its buttons alone."""
    assert heading(person.get().text) == "Connect this computer to your dealer"
    person.post("setup/connect", {"server": collector.url, "key": "FPK-1", "do": "enrol"})
    page = person.settled("setup/networks").text
    assert "Connected to Northwind Copiers, for Harbour Dental, Main Street." in text_of(page)
    assert "10.201.2.0/24 the gateway 127.20.9.1 254" in text_of(page)
    targets = "\n".join(f"{one.address}:{lab.port}" for one in PRINTERS)
    person.post("setup/networks", {"targets": targets, "around": "shown"})
    page = person.settled("setup/printers").text
    assert "3 printers found." in text_of(page)
    for one in PRINTERS:
        assert f"{one.truth.total:,}" in page
    person.post("setup/printers")
    assert heading(person.page) == "Who gets the workbook?"
    person.post(
        "setup/workbook",
        {
            "addresses": "a@example.com, b@example.com",
            "how_often": "weekly",
            "weekday": "fri",
            "time": "07:30",
            "day": "1",
        }
        | {"wakes_per_day": "6", "now": "on"},
    )
    page = person.settled("setup/done").text
    assert "The first workbook is on its way to 2 addresses." in text_of(page)
    person.post("setup/done")
    assert heading(person.page) == "Overview"
    assert "Printers are not read by themselves yet" in person.page
    with Lock(str(home / SLEEPER), "asleep"):
        assert "All is well" in person.get().text

    assert collector.reports() == 1
    assert {serial for serial, _ in collector.reads()} == {one.truth.serial for one in PRINTERS}
    assert keep.choices.recipients() == ["a@example.com", "b@example.com"]
    chosen = keep.choices.settings()
    assert (chosen["report_every"], chosen["wakes_per_day"]) == ("weekly fri 07:30", "6")


def test_where_it_was_left_the_assistant_goes_on(person, keep, collector):
    person.get()
    person.post("setup/connect", {"server": collector.url, "key": "FPK-1", "do": "enrol"})
    person.running.work.wait()
    assert heading(person.get().text) == "Where are your printers?"
    person.post("setup/networks", {"targets": "127.20.200.1"})
    person.running.work.wait()
    assert heading(person.get().text) == "Your printers"


def test_who_enrolled_by_the_command_line_meets_no_assistant(set_up):
    assert heading(set_up.get().text) == "Overview"


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"server": "http://127.0.0.1:9", "key": "K"}, "did not answer"),
        ({"server": "http://collector.example.com", "key": "K"}, "This address or file cannot be used"),
        ({"server": "https://user@x", "key": "K"}, "This address or file cannot be used"),
        ({"server": "https://127.0.0.1:9", "key": "K", "proxy": "nonsense://x"}, "This value cannot be used"),
        ({"server": "https://127.0.0.1:9", "key": "K", "ca": "/nowhere.pem"}, "This address or file cannot be used"),
        ({"server": "http://127.0.0.1:9", "key": ""}, "Type the install key"),
    ],
)
def test_what_cannot_work_is_said_with_the_next_step_and_what_was_typed_stays(person, typed, says):
    person.get("setup/connect")
    answer = person.post("setup/connect", typed | {"do": "enrol"})
    assert answer.status_code == 422
    assert says in text_of(answer.text)
    assert f'value="{typed["server"]}"' in answer.text


def test_a_key_that_the_collector_refuses_is_said(person, collector):
    collector.behaviours.append(problem(403, "unknown-key"))
    person.get("setup/connect")
    answer = person.post("setup/connect", {"server": collector.url, "key": "WRONG", "do": "enrol"})
    assert answer.status_code == 422
    assert "install key" in text_of(answer.text)


def test_a_proxys_user_and_password_are_kept_with_the_enrolment_and_not_shown_again(person, keep, collector):
    person.get("setup/connect")
    form = {
        "server": "http://127.0.0.1:9",
        "key": "FPK-1",
        "proxy_user": "ada",
        "proxy_password": "s3cret!",
        "do": "enrol",
    }
    answer = person.post("setup/connect", form)
    assert answer.status_code == 422
    assert 'value="ada"' in answer.text
    assert "s3cret!" not in answer.text
    person.post("setup/connect", form | {"server": collector.url})
    person.running.work.wait()
    assert keep.choices.settings()["proxy_user"] == "ada"
    assert keep.choices.secrets()["proxy_password"] == "s3cret!"


def test_checking_the_connection_spends_no_key(person, collector):
    person.get("setup/connect")
    answer = person.post("setup/connect", {"server": collector.url, "key": "FPK-1", "do": "check"})
    assert "The collector answers" in answer.text
    assert collector.agents == {}


# Printers


def test_printers_are_listed_with_their_meters_and_each_has_a_page(set_up, keep):
    page = set_up.get("printers").text
    for one in PRINTERS:
        assert one.truth.serial in page
        assert f"{one.truth.total:,}" in page
    (first, *_) = keep.devices.all()
    page = set_up.get(f"printer?id={first.id}").text
    assert "Total" in page
    assert first.identity.serial in page
    assert set_up.get("printer?id=4711").status_code == 404
    assert set_up.get("printer?id=x").status_code == 404


def test_supplies_are_bars_with_words_and_a_printers_trouble_is_said(person, keep, a_read):
    supplies = (
        Supply("1.1", "Black toner", "toner", "black", 7, "low", 700, 10000, "percent"),
        Supply("1.2", "Cyan toner", "toner", "cyan", 66, "ok", 6600, 10000, "percent"),
        Supply("1.3", "<script>alert(1)</script>\u202e", "ink", "<b>", None, "some", -3, None, "other"),
        Supply("1.4", "Waste box", "wasteToner", None, 90, "ok", 10, 100, "percent"),
    )
    keep.keep_read(a_read(1, supplies=supplies, status=Status("idle", ("lowToner", "jammed", "odd"))), {})
    keep.keep_read(a_read(2, status=Status("printing")), {})
    keep.keep_read(a_read(3), {})
    page = person.get("printers").text
    said = text_of(page)
    assert "Black 7 % Cyan 66 %" in said
    assert "some left" in said
    assert "<script>alert" not in page
    assert "Waste box" not in said
    assert re.findall(r"paper jam|printing|ready|a supply is low", said) == ["paper jam", "printing", "ready"]
    said = text_of(person.get("printer?id=1").text)
    assert "Black toner Black 7 % low" in said
    assert "90 % full (a waste container)" in said


def test_all_that_a_printer_may_report_has_its_words():
    for words in languages().values():
        assert all(words.has(f"error.{error}") for error in ERRORS)
        assert all(words.has(f"supply.{state}") for state in get_args(SupplyState))


def test_a_label_shows_at_once_and_travels_with_the_next_read(set_up, keep, collector):
    (first, *_) = keep.devices.all()
    set_up.get(f"printer?id={first.id}")
    set_up.post(
        "printer/label",
        {"id": str(first.id), "name": "Front desk\u202e", "asset": "INV-77", "location": "<b>By the lift</b>"},
    )
    assert heading(set_up.page) == "Front desk"
    assert "&lt;b&gt;By the lift&lt;/b&gt;" in set_up.page
    set_up.post("read")
    set_up.running.work.wait(60)
    newest = reads_of(list(collector.stored.values())[-1][1])
    typed = {read.identity.serial: read.typed for read in newest}[first.identity.serial]
    assert (typed.name, typed.asset, typed.location) == ("Front desk", "INV-77", "<b>By the lift</b>")


def test_an_excluded_printer_gets_no_packet_any_more(set_up, keep, lab):
    (first, *_) = keep.devices.all()
    set_up.get(f"printer?id={first.id}")
    set_up.post("printer/exclude", {"id": str(first.id)})
    assert "Excluded" in set_up.page
    lab.forget()
    set_up.post("read")
    set_up.running.work.wait(60)
    assert lab.packets_to(first.address) == 0
    assert first.address in set_up.get("networks").text
    set_up.post("networks/forget", {"target": first.address})
    assert keep.choices.exclusions() == []


def test_a_printer_that_is_added_is_read_at_once(person, keep, lab):
    one = PRINTERS[0]
    person.get("printers")
    person.post("printers/add", {"targets": f"{one.address}:{lab.port}"})
    assert one.truth.serial in person.settled("printers").text


@pytest.mark.parametrize("typed", ["", "not an address!", "10.0.0.0/40", "<script>alert(1)</script>"])
def test_what_is_no_printer_is_refused_and_stays_to_be_mended(person, keep, typed):
    person.get("printers")
    answer = person.post("printers/add", {"targets": typed})
    assert answer.status_code in (200, 422)
    assert keep.choices.targets() == []
    assert "<script>alert" not in answer.text


def test_a_large_range_is_taken_when_the_person_says_so_again(person, keep):
    person.get("networks")
    answer = person.post("networks", {"targets": "10.0.0.0/8\n10.1.2.3"})
    assert answer.status_code == 422
    assert "Yes, I mean these large ranges" in answer.text
    assert keep.choices.targets() == ["10.1.2.3"]
    person.post("networks", {"targets": "10.0.0.0/8", "agree": "on"})
    assert keep.choices.targets() == ["10.1.2.3", "10.0.0.0/8"]


def test_reading_one_printer_now_leaves_the_others_alone(set_up, keep, lab):
    first, other, *_ = keep.devices.all()
    set_up.get(f"printer?id={first.id}")
    lab.forget()
    set_up.post("printer/read", {"id": str(first.id)})
    set_up.running.work.wait(60)
    assert lab.packets_to(first.address) > 0
    assert lab.packets_to(other.address) == 0


# Networks


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


# Workbook


@pytest.mark.parametrize(
    ("chosen", "setting"),
    [
        (Chosen("daily"), "daily"),
        (Chosen("daily", time="16:05"), "daily 16:05"),
        (Chosen("weekly", "thu", time="07:00"), "weekly thu 07:00"),
        (Chosen("monthly", day="31", time="09:30"), "monthly 31 09:30"),
        (Chosen("last-working-day", time="16:00"), "last-working-day 16:00"),
        (Chosen("never"), "never"),
    ],
)
def test_a_schedule_is_kept_as_it_was_chosen(chosen, setting):
    assert chosen.setting() == setting
    assert read_schedule(setting) == chosen


def test_the_last_working_day_has_an_hour_though_none_was_typed():
    assert Chosen("last-working-day").setting() == "last-working-day 07:00"


@pytest.mark.parametrize(
    "wrong", [{"how_often": "hourly"}, {"wakes_per_day": "900"}, {"how_often": "monthly", "day": "40", "time": "07:00"}]
)
def test_a_schedule_that_cannot_be_is_refused(person, keep, wrong):
    person.get("workbook")
    answer = person.post("workbook/schedule", {"how_often": "daily", "wakes_per_day": "4"} | wrong)
    assert answer.status_code == 422
    assert "This value cannot be used" in answer.text
    assert "report_every" not in keep.choices.settings() or "wakes_per_day" not in keep.choices.settings()


def test_recipients_come_and_go(person, keep):
    person.get("workbook")
    person.post("workbook/add", {"addresses": "office@example.com; billing@example.com\nboss@example.com"})
    assert len(keep.choices.recipients()) == 3
    person.post("workbook/remove", {"address": "boss@example.com"})
    assert keep.choices.recipients() == ["office@example.com", "billing@example.com"]
    answer = person.post("workbook/add", {"addresses": "nobody at nowhere"})
    assert answer.status_code == 422
    assert "nobody at nowhere" in answer.text


def test_send_now_reads_and_asks_for_the_workbook(set_up, collector):
    set_up.get("workbook")
    set_up.post("workbook/add", {"addresses": "office@example.com"})
    set_up.post("workbook/send")
    page = text_of(set_up.settled("workbook").text)
    assert collector.reports() == 1
    assert "received by your dealer" in page


def test_a_collector_that_is_away_is_said_and_the_workbook_waits(set_up, collector):
    set_up.get("workbook")
    set_up.post("workbook/add", {"addresses": "office@example.com"})
    collector.behaviours.extend([status(503, {"retry-after": "3600"})] * 3)
    set_up.post("workbook/send")
    page = text_of(set_up.settled("workbook").text)
    assert "The dealer's collector is busy" in page
    assert "waiting to be sent" in page
    assert "Reads are waiting to be sent" in text_of(set_up.get().text)


WORKBOOK = {
    "report": 7,
    "requested_at": "2026-11-22T08:00:00Z",
    "state": "sent",
    "recipients": [
        {"address": "a@example.com", "state": "accepted", "at": "2026-11-22T08:00:09Z", "answer": "250 OK"},
        {"address": "b@example.com", "state": "deferred", "at": "2026-11-22T08:01:00Z", "answer": "451 try later"},
        {"address": "c@example.com", "state": "bounced", "at": "2026-11-22T08:02:00Z", "answer": "<b>550</b> who?"},
        {"address": "d@example.com", "state": "queued", "at": None, "answer": None},
        {"address": "e@example.com", "state": "suppressed", "at": "2026-11-22T08:02:00Z", "answer": "unsubscribed"},
    ],
}


def test_each_recipient_is_shown_with_what_became_of_the_mail(set_up, keep):
    keep.handed.put_workbooks([(7, WORKBOOK)])
    page = text_of(set_up.get("workbook").text)
    for told in ("a@example.com delivered", "b@example.com delayed, tried again", "c@example.com came back"):
        assert told in page
    assert "451 try later" in page
    assert "250 OK" not in page
    assert "<b>550</b> who?" in page  # as text
    assert "d@example.com waiting" in page
    assert "e@example.com not sent" in page
    assert "unsubscribed" in page


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"requested_at": None},
        {"requested_at": "yesterday"},
        {"requested_at": 7},
        {"requested_at": "9999-99-99T00:00:00Z"},
    ],
)
def test_what_is_no_report_of_a_delivery_is_left_out(told):
    assert asked_for([], [told]) == []


def test_a_report_of_a_delivery_with_odd_parts_is_shown_as_far_as_it_goes(set_up, keep):
    odd = WORKBOOK | {
        "state": "of the future",
        "recipients": [7, {"state": ["x"]}, {"address": 5, "state": "accepted", "at": "never"}],
    }
    (one,) = asked_for([], [odd])
    assert (one.state, len(one.recipients)) == ("acknowledged", 2)
    assert asked_for([], [odd | {"recipients": "none"}]) == [Asked(one.at, "acknowledged", [])]
    keep.handed.put_workbooks([(7, odd)])
    assert set_up.get("workbook").status_code == 200


def test_what_the_dealer_settled_is_said_beside_ones_own_choice_and_can_be_forbidden(set_up, keep):
    keep.choices.set({"wakes_per_day": "6"}, ())
    keep.choices.add_recipients(["office@example.com"])
    told = {"recipients": "dealer@example.com", "wakes_per_day": "8", "report_every": "weekly fri 07:00"}
    keep.handed.put_settings(told | {"mask_name": "on", "packets_per_second": "<b>lots</b>"}, "1")
    page = text_of(set_up.get("workbook").text)
    assert "dealer@example.com added by your dealer" in page
    assert "office@example.com Remove" in page
    assert "Every week, on Friday, 07:00 set by your dealer Your own choice: Every day" in page
    assert "8 times a day set by your dealer Your own choice: 6 times a day" in page
    assert "Host names set by your dealer" in text_of(set_up.get("sent").text)
    page = text_of(set_up.get("settings").text)
    assert "<b>lots</b> asked for by your dealer, and not possible" in page
    set_up.post("settings/dealer", {"pace": "on"})
    assert keep.choices.settings()["dealer_may"] == "pace"
    page = text_of(set_up.get("workbook").text)
    assert "dealer@example.com asked for by your dealer, and forbidden here" in page
    assert "8 times a day asked for by your dealer, and forbidden here" in page
    set_up.get("settings")
    set_up.post("settings/dealer")
    assert keep.choices.settings()["dealer_may"] == "none"


def test_all_that_a_dealer_may_settle_has_its_words():
    known = languages()["en"]
    assert all(known.has(f"dealer.may_{name}") for name in GROUPS)
    assert all(known.has(f"dealer.{name}") or known.has(f"mask.{name}") for names in GROUPS.values() for name in names)


def test_the_service_is_installed_by_a_button(set_up, home, monkeypatch):
    asked = []

    class Fake:
        def install(self, command):
            asked.append(command)
            return ["made"]

    monkeypatch.setattr(manage, "here", lambda _: Fake())
    set_up.get()
    set_up.post("service")
    assert "Printers are read by themselves from now on" in set_up.page
    assert "Printers are not read by themselves yet" not in set_up.page
    assert str(home) in asked[0]


def test_in_the_assistant_the_last_step_promises_what_only_a_service_keeps_once_there_is_one(set_up, keep, monkeypatch):
    monkeypatch.setattr(manage, "here", lambda _: type("Fake", (), {"install": lambda *_: ["made"]})())
    keep.notes.put("page_setup", "done")
    assert heading(set_up.get().text) == "One click is left"
    assert "a few times a day" not in set_up.page
    set_up.post("service")
    assert heading(set_up.page) == "All set"
    assert "a few times a day" in set_up.page


def test_a_service_that_cannot_be_installed_says_what_to_do(set_up, monkeypatch):
    def refuse(_):
        raise manage.ServiceFailed("no rights")

    monkeypatch.setattr(manage, "here", refuse)
    set_up.get()
    answer = set_up.post("service")
    assert answer.status_code == 409
    assert "Start FlexPrint as an administrator" in text_of(answer.text)


def test_the_last_check_in_is_shown_in_clear(set_up, keep):
    assert set_up.get("check-in").status_code == 404
    keep.notes.put(LAST_TOLD, json.dumps({"version": "0.1.0", "health": {"printers": 3}}))
    keep.notes.put_instant(LAST_CHECK_IN, the_time())
    assert "The last check-in" in set_up.get("sent").text
    assert '"printers": 3' in unescape(set_up.get("check-in").text)


# What leaves


def test_the_log_that_left_is_shown_in_clear_also_after_later_check_ins(person, keep):
    assert person.get("log").status_code == 404
    assert "The log" not in person.get("sent").text
    keep.notes.put(LAST_LOG, json.dumps({"at": "2026-11-22T08:00:00Z", "log": "2026 <b>40</b> printers read\n"}))
    assert "The log that your dealer asked for" in person.get("sent").text
    page = person.get("log").text
    assert "&lt;b&gt;40&lt;/b&gt; printers read" in page


def test_a_batch_is_shown_and_downloaded_as_it_left(set_up, keep, collector):
    set_up.get()
    set_up.post("read")
    set_up.running.work.wait(60)
    ((hashed, stored),) = collector.stored.values()
    assert "Batch 1" in set_up.get("sent").text
    page = unescape(set_up.get("batch?number=1").text)
    assert hashed.hex() in page
    assert f'"serial": [\n   "{PRINTERS[0].truth.serial}"' in page or PRINTERS[0].truth.serial in page
    answer = set_up.get("batch.json?number=1")
    assert answer.headers["content-disposition"] == 'attachment; filename="flexprint-batch-1.json"'
    assert json.loads(answer.content)["document"] == stored
    for number in ("2", "x", "", "99999999999999999999999"):
        assert set_up.get(f"batch?number={number}").status_code == 404
        assert set_up.get(f"batch.json?number={number}").status_code == 404


def test_what_is_masked_here_is_not_in_what_arrives(set_up, collector):
    set_up.get("sent")
    set_up.post("sent", {"mask_address": "on", "mask_location": "on", "mask_contact": "on", "mask_host": "on"})
    assert "It holds from the next batch on" in set_up.page
    set_up.post("read")
    set_up.running.work.wait(60)
    document = list(collector.stored.values())[-1][1]
    assert document["agent"]["host"] == ""
    told = json.dumps(document)
    for one in PRINTERS:
        assert f'"{one.address}"' not in told
        assert one.truth.location not in told
    set_up.get("sent")
    set_up.post("sent")
    assert set_up.get("sent").text.count(" checked") == 0


def test_what_a_device_says_is_text_and_nothing_else(person, keep, a_read):
    """A printer that is called like a script is shown, downloaded and linked as what it is: a name."""
    evil = a_read()
    evil = replace(evil, identity=replace(evil.identity, model='<img src=x onerror="alert(1)">', location="\u202egnp"))
    keep.keep_read(evil, {})
    (device,) = keep.devices.all()
    for path in ("", "printers", f"printer?id={device.id}"):
        page = person.get(path).text
        assert "<img src=x" not in page
    assert "&lt;img src=x" in person.get("printers").text


# Settings, language, errors


def test_the_proxy_is_set_and_its_password_never_shown(person, keep):
    person.get("settings")
    form = {"proxy": "http://proxy.example:3128", "proxy_user": "ada", "proxy_password": "s3cret!", "ca": ""}
    person.post("settings", form)
    assert keep.choices.secrets()["proxy_password"] == "s3cret!"
    page = person.get("settings").text
    assert "s3cret!" not in page
    person.post("settings", form | {"proxy_password": "********"})
    assert keep.choices.secrets()["proxy_password"] == "s3cret!"
    # Another proxy is none of the business of that user's password.
    person.post(
        "settings", form | {"proxy": "http://other.example:3128", "proxy_user": "", "proxy_password": "********"}
    )
    assert "proxy_password" not in keep.choices.secrets()
    answer = person.post("settings", form | {"proxy": "ftp://x"})
    assert (answer.status_code, "ftp://x" in answer.text) == (422, True)


def test_the_page_speaks_german_where_the_browser_does_and_as_it_is_told(running, person):
    german = Person(running, "de-AT,de;q=0.8")
    german.enter()
    assert '<html lang="de">' in german.get("printers").text
    german.post("language", {"language": "en", "back": "printers"})
    assert '<html lang="en">' in german.page
    assert heading(german.page) == "Printers"
    german.post("language", {"language": "de", "back": "https://evil.example/"})
    assert '<html lang="de">' in german.get("printers").text
    german.post("language", {"language": "../../etc"})
    assert '<html lang="de">' in german.page
    german.close()


def test_a_fault_of_a_page_is_told_and_is_not_the_end(person, monkeypatch, capsys):
    monkeypatch.setitem(site.PAGES, ("GET", "printers"), lambda _: 1 / 0)
    answer = person.get("printers")
    assert answer.status_code == 500
    assert "Something went wrong inside the agent" in text_of(answer.text)
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert person.get("networks").status_code == 200


def test_a_home_that_cannot_be_used_says_why(person, home):
    (home / "agent.db").write_bytes(b"this is no database" * 100)
    answer = person.get("printers")
    assert answer.status_code == 500
    assert "agent.db" in answer.text


def test_nothing_is_where_nothing_is(person):
    assert person.get("nowhere").status_code == 404
    assert person.get("static/../door.py").status_code in (403, 404)
    assert person.get("static/secret").status_code == 404
    person.get("settings")
    assert person.post("printers").status_code == 404


# Work under way


@pytest.fixture
def gate():
    return threading.Event()


def test_without_scripts_a_page_comes_again_while_work_goes_on(person, gate):
    def doing(work, keep):
        work.tell(phase="reading", done=3, of=12)
        gate.wait(30)
        return {}

    assert person.running.work.start("reading", doing)
    while person.running.work.state.of is None:
        pass
    page = person.get("printers").text
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page
    assert "3 of 12" in page
    assert "3 of 12" in person.get("work").text
    assert not person.running.work.start("searching", doing)  # one piece of work at a time
    gate.set()
    person.running.work.wait()
    assert person.get("work").status_code == 204
    assert "refresh" not in person.get("printers").text


def test_work_that_another_agent_does_is_waited_for(set_up, keep):
    with keep.alone():
        set_up.get()
        set_up.post("check")
        assert "The agent is at work at the moment" in text_of(set_up.settled("").text)


def test_a_person_stops_a_search_and_what_was_found_stays(person, keep, lab, collector, gate, monkeypatch):
    from flexprint_agent.page import work as working

    original = Work.progress

    def held(self, standing):
        gate.set()
        while not self.stopped:
            pass
        original(self, standing)

    monkeypatch.setattr(Work, "progress", held)
    keep.choices.add_targets([f"127.20.10.0/24:{lab.port}"], the_time())
    person.get("printers")
    person.running.work.start("searching", working.find)
    assert gate.wait(30)
    person.get("printers")
    person.post("work/stop", {"back": "printers"})
    assert not person.running.work.running
    assert person.running.work.state.failure is None


def test_the_way_to_the_collector_is_shown_step_by_step(set_up, collector):
    set_up.get()
    set_up.post("check")
    page = text_of(set_up.settled("").text)
    assert "The collector answers, and its certificate is in order." in page
    assert "Connection in order" in page
    collector.behaviours.extend([portal] * 3)
    set_up.post("check")
    page = text_of(set_up.settled("").text)
    assert "The way to the collector ends before it." in page
    assert "trouble" in page


def test_work_that_is_stopped_anywhere_has_ended(person):
    """No page waits for ever for work that a person stopped outside of a search."""

    def stopped(work, keep):
        raise Enough

    person.running.work.start("reading", stopped)
    person.running.work.wait(20)
    assert not person.running.work.running
    assert person.running.work.state.failure is None


def test_a_fault_in_work_ends_it_and_is_told(person, capsys):
    person.running.work.start("searching", lambda *_: 1 / 0)
    page = text_of(person.settled("printers").text)
    assert "Something went wrong inside the agent" in page
    assert "ZeroDivisionError" in capsys.readouterr().err


# Every word comes from the catalogue


@pytest.fixture
def nonsense(monkeypatch):
    """A language in which every text is wrapped, so that what is not wrapped came from elsewhere."""
    english = languages()["en"]

    def wrapped(text):
        return f"⟦{text}⟧" if isinstance(text, str) else {form: f"⟦{one}⟧" for form, one in text.items()}

    words = replace(english, texts={key: wrapped(text) for key, text in english.texts.items()})
    monkeypatch.setattr(catalogue, "languages", lambda: {"en": words})
    monkeypatch.setattr(site, "languages", lambda: {"en": words})


def foreign(page):
    """What a person reads, sees or hears that is neither in the catalogue nor marked as data."""
    page = re.sub(r'<(bdi|pre|textarea|option)\b[^>]*translate="no"[^>]*>.*?</\1>', "", page, flags=re.DOTALL)
    page = re.sub(r"<title>.*?</title>", "", page)
    spoken = re.findall(r'(?:aria-label|placeholder|alt|title)="([^"]*)"', page)
    spoken = [one for one in spoken if "example.com" not in one and not one.startswith(("FPK-", "10."))]
    shown = re.sub(r"<[^>]*>", " ", page.partition("<body>")[2])
    inner = re.compile(r"⟦[^⟦⟧]*⟧")
    left = unescape(" ".join([shown, *spoken]))
    while inner.search(left):
        left = inner.sub("", left)
    return re.findall(r"[^\W\d_]{2,}", left.replace("Deutsch", "").replace("English", ""))


def test_a_word_outside_of_the_catalogue_would_be_found():
    page = '<body><p>⟦Printers ⟦3⟧⟧ found</p><bdi translate="no">HP</bdi><i aria-label="Close"></i>'
    assert foreign(page) == ["found", "Close"]


def test_no_page_says_anything_outside_of_the_catalogue(set_up, keep, nonsense, collector, gateway):
    set_up.post("workbook/add", {"addresses": "office@example.com"})
    set_up.post("workbook/send")
    set_up.running.work.wait(60)
    set_up.post("networks/learn")
    set_up.running.work.wait(60)
    (first, *_) = keep.devices.all()
    paths = [
        path
        for method, path in site.PAGES
        if method == "GET" and path not in ("batch.json", "work", "printer", "batch")
    ]
    for path in [*paths, f"printer?id={first.id}", "batch?number=1", "nowhere", "printer?id=0", "batch?number=0"]:
        page = set_up.get(path).text
        assert "⟦" in page, path
        assert foreign(page) == [], path
    for path, form in (
        ("setup/connect", {"server": "x:y"}),
        ("networks", {"targets": "!"}),
        ("workbook/add", {"addresses": "!"}),
    ):
        set_up.get("settings")
        answer = set_up.post(path, form)
        assert answer.status_code == 422, path
        assert foreign(answer.text) == [], path


def test_every_finding_is_told_in_the_persons_words(person, monkeypatch):
    """Whatever the doctor finds, its own English stands in the details only."""
    from flexprint_agent.wake.health import Finding

    found = [
        Finding(name, "a problem in English", "a step in English")
        for name in ("key-missing", "printers-silent", "of-the-future")
    ]
    monkeypatch.setattr(overview, "findings", lambda _: found)
    monkeypatch.setattr(overview, "step_due", lambda _: None)
    person.post("language", {"language": "de"})
    page = person.get().text
    assert "Einige Drucker antworten nicht" in page
    assert "lässt sich nicht öffnen" in page
    assert page.count('lang="en"') >= 3


def test_an_error_of_another_room_keeps_its_own_words_in_the_details(person, monkeypatch):
    def broken(visit):
        raise AgentError("the exact words")

    monkeypatch.setitem(site.PAGES, ("GET", "printers"), broken)
    answer = person.get("printers")
    assert answer.status_code == 409
    assert '<bdi translate="no" lang="en">the exact words</bdi>' in answer.text
