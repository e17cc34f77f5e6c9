"""The workbook's page: its schedule, whom it goes to, what became of it, the service that sees to it."""

import json
from html import unescape

import pytest

from flexprint_agent.keep.notes import LAST_CHECK_IN, LAST_TOLD
from flexprint_agent.page.catalogue import languages
from flexprint_agent.page.deliveries import Asked, asked_for
from flexprint_agent.page.workbook_words import Chosen, read_schedule
from flexprint_agent.service import manage
from flexprint_agent.settings import GROUPS
from services.collector import status
from services.local_page import heading, text_of, the_time


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
