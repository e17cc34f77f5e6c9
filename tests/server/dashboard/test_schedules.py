"""Schedules of workbooks, made and changed by people; a report, sent again."""

import re
from html import unescape

import pytest
from sqlalchemy import func, select, update

from flexprint_server.mail.suppressions import suppress, suppressed
from flexprint_server.mail.unsubscribe import Subscription, token_for
from flexprint_server.reports.models import Delivery, Report, Schedule
from flexprint_server.tenants.models import AuditEntry, Customer, Dealer, Site
from services.pages import NOW, fields

TYPED = {
    "name": "Weekly for Harbour", "kind": "weekly", "weekday": "fri", "day": "1", "at": "16:30", "zone": "Europe/Berlin",
    "covers": "sites", "lines": "Harbour Dental / Main Street", "recipients": "a@example.com\nb@example.com",
    "period": "week", "subject": "Meters {from} to {to}", "file_name": "", "sheet-import": "on", "column-asset": "on",
}  # fmt: skip


def new(alice, **given):
    page = alice.get("/reports/schedules/new").text
    return alice.post("/reports/schedules", {**fields(page), **TYPED, **given})


def kept(fleet, name=TYPED["name"]):
    with fleet.reading() as session:
        return session.scalar(select(Schedule).where(Schedule.name == name))


def deeds(fleet):
    with fleet.reading() as session:
        return list(
            session.scalars(select(AuditEntry.what).where(AuditEntry.what.like("schedule.%")).order_by(AuditEntry.id))
        )


def act(alice, schedule, deed, **more):
    return alice.post(
        f"/reports/schedules/{schedule.id}/{deed}", {**fields(alice.get("/reports/schedules").text), **more}
    )


def test_nobody_has_unsubscribed_from_a_schedule_that_gets_the_number_of_one_that_was_removed(alice, fleet):
    new(alice)
    gone = kept(fleet)
    with fleet.transaction() as session:
        suppress(session, gone.dealer_id, "a@example.com", "unsubscribed", NOW, of=f"schedule:{gone.id}")
    act(alice, gone, "remove")
    new(alice)
    assert kept(fleet).id == gone.id, "SQLite gives numbers again"
    with fleet.reading() as session:
        assert suppressed(session, gone.dealer_id, ["a@example.com"], f"schedule:{gone.id}") == {}


def test_a_schedule_is_made_and_stands_in_the_list(alice, fleet):
    assert new(alice).headers["location"] == "/reports/schedules"
    schedule = kept(fleet)
    assert (schedule.recurrence, schedule.zone, schedule.period) == ("weekly fri 16:30", "Europe/Berlin", "week")
    assert schedule.recipients == ["a@example.com", "b@example.com"]
    assert (schedule.sheets, schedule.columns) == (["volume", "import"], ["asset"])
    with fleet.reading() as session:
        main_street = session.scalar(
            select(Site.id).join(Customer).where(Customer.name == "Harbour Dental", Site.name == "Main Street")
        )
    assert schedule.covers == {"kind": "sites", "ids": [main_street], "names": []}
    page = unescape(alice.get("/reports/schedules").text)
    assert "Every Friday at 16:30, Europe/Berlin" in page
    assert "Fri 27 Nov 2026, 16:30" in page
    assert deeds(fleet) == ["schedule.made"]


def test_the_form_comes_back_as_it_was_kept(alice, fleet):
    new(alice)
    page = alice.get(f"/reports/schedules/{kept(fleet).id}").text
    assert 'value="weekly" checked' in page
    assert 'value="fri" selected' in page
    assert "Harbour Dental / Main Street" in page
    assert 'name="column-asset" value="on" checked' in page
    assert 'name="sheet-supplies" value="on">' in page


def test_a_preview_says_what_it_will_do_and_saves_nothing(alice, fleet):
    """By the clock of its zone, with its own words filled in."""
    page = unescape(new(alice, preview="yes").text)
    assert kept(fleet) is None
    assert "Fri 27 Nov 2026, 16:30" in page
    assert "Fri 11 Dec 2026, 16:30" in page
    assert "Meters 2026-11-09 to 2026-11-15" in page
    assert "Printers Weekly for Harbour 2026-11-22 1630.xlsx" in page
    assert re.search(r"Main Street</bdi>: \d+ devices", page)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lines": "Harbour Dental / Nowhere"}, "Harbour Dental / Nowhere names none of your sites"),
        ({"covers": "devices", "lines": "=1+1"}, "=1+1 names none of your devices"),
        ({"covers": "customers", "lines": ""}, "Name at least one of the customers"),
        ({"recipients": "nobody"}, "Nobody is no mail address"),
        ({"zone": "<script>"}, "'<script>' is no time zone"),
        ({"subject": "{nmae}"}, "{nmae} is unknown; what may stand in braces is {name}"),
        ({"at": "25:00"}, "is no schedule"),
        ({"kind": "monthly", "day": "32"}, "is no schedule"),
        ({"name": "All meters"}, "There is a schedule of this name already"),
    ],
)
def test_what_does_not_fit_is_said_where_it_stands(alice, fleet, given, said):
    """Everything that was typed stays there; nothing is kept."""
    answer = new(alice, **given)
    assert answer.status_code == 422
    assert said in unescape(answer.text)
    assert "<script>" not in answer.text
    assert "16:30" in answer.text or "at" in given
    assert kept(fleet) is None


def test_a_line_that_names_two_sites_has_to_say_whose(alice, fleet):
    with fleet.transaction() as session:
        for customer in session.scalars(select(Customer).order_by(Customer.id).limit(2)):
            session.add(Site(dealer_id=customer.dealer_id, customer_id=customer.id, name="Annexe", created_at=NOW))
    assert "Annexe names more than one of your sites" in unescape(new(alice, lines="Annexe").text)


def test_a_group_is_covered_by_the_name_that_was_settled_for_a_site(alice, bob, fleet):
    """A name that is none of the groups is said, with those that there are; another dealer's are not among them."""
    with fleet.reading() as session:
        site = session.scalar(select(Site.id).join(Customer).where(Customer.name == "Harbour Dental"))
    page = alice.get(f"/sites/{site}/settings").text
    alice.post(f"/sites/{site}/settings", {**fields(page), "groups": "North route,  Schools, north route"})
    problem = unescape(new(alice, covers="groups", lines="South").text)
    assert "South names none of your groups; there are Schools, north route." in problem
    assert new(alice, covers="groups", lines="NORTH ROUTE").headers["location"] == "/reports/schedules"
    assert kept(fleet).covers == {"kind": "groups", "ids": [], "names": ["north route"]}
    assert "Group north route, 1 site" in unescape(alice.get("/reports/schedules").text)
    again = unescape(alice.get(f"/reports/schedules/{kept(fleet).id}").text)
    assert ">north route</textarea>" in again
    assert "settle groups for customers and sites first" in unescape(new(bob, covers="groups", lines="Schools").text)


def test_lines_beyond_the_most_are_not_quietly_left_out(alice):
    lines = "\n".join(f"Site {number}" for number in range(1001))
    assert "1,001 lines; 1,000 is the most." in unescape(new(alice, lines=lines).text)


def test_another_dealers_customers_cannot_be_named(bob):
    assert "names none of your sites" in unescape(new(bob).text)


def test_it_is_changed_paused_run_and_removed(alice, fleet):
    new(alice)
    schedule = kept(fleet)
    page = alice.get(f"/reports/schedules/{schedule.id}").text
    changed = {**TYPED, "kind": "daily", "lines": "", "covers": "all"}
    assert alice.post(f"/reports/schedules/{schedule.id}", {**fields(page), **changed}).status_code == 303
    assert kept(fleet).recurrence == "daily 16:30"

    act(alice, schedule, "pause")
    assert kept(fleet).next_at is None
    assert "Paused" in alice.get("/reports/schedules").text
    act(alice, schedule, "pause", go_on="yes")
    assert kept(fleet).next_at > NOW

    answer = act(alice, schedule, "run")
    report = int(answer.headers["location"].rpartition("/")[2])
    with fleet.reading() as session:
        row = session.get_one(Report, report)
        assert (row.schedule_id, row.scheduled_for, row.state) == (schedule.id, None, "due")
    assert "a@example.com" in alice.get(f"/reports/{report}").text

    act(alice, schedule, "remove")
    assert kept(fleet) is None
    assert alice.get(f"/reports/{report}").status_code == 200, "its reports stay"
    assert deeds(fleet) == [f"schedule.{what}" for what in ("made", "changed", "paused", "resumed", "run", "removed")]


def test_people_cannot_make_it_a_cannon_of_mails(alice, fleet, monkeypatch):
    monkeypatch.setattr("flexprint_server.reports.schedules.MOST_BY_HAND", 2)
    new(alice)
    targets = [act(alice, kept(fleet), "run").headers["location"] for _ in range(3)]
    assert targets[2] == "/reports/schedules?wait=1"
    assert "Try again later" in alice.get(targets[2]).text


def a_report(fleet):
    with fleet.reading() as session:
        return session.scalar(
            select(func.min(Delivery.report_id))
            .join(Report)
            .where(Report.state == "sent", Report.built_at.is_not(None))
        )


def test_a_report_is_sent_again_to_one_or_to_all(alice, fleet):
    """As another mail: a mailbox that keeps the first one shows the second one, too."""
    report = a_report(fleet)
    with fleet.reading() as session:
        before = {
            one.id: one.message_id for one in session.scalars(select(Delivery).where(Delivery.report_id == report))
        }
    page = alice.get(f"/reports/{report}").text
    answer = alice.post(f"/reports/{report}/resend", {**fields(page), "delivery": str(min(before))})
    assert answer.headers["location"] == f"/reports/{report}"
    with fleet.reading() as session:
        row = session.get_one(Report, report)
        assert (row.state, row.next_attempt_at, row.attempts) == ("built", NOW, 0)
        one = session.get_one(Delivery, min(before))
        assert (one.state, one.answer, one.changed_at) == ("queued", None, NOW)
        assert one.message_id != before[one.id]
        assert row.deliveries[-1].state == "accepted" or len(before) == 1


def test_a_report_in_hand_is_not_sent_again_meanwhile(alice, fleet):
    report = a_report(fleet)
    page = alice.get(f"/reports/{report}").text
    with fleet.transaction() as session:
        session.execute(update(Report).where(Report.id == report).values(claimed_by="somebody"))
    answer = alice.post(f"/reports/{report}/resend", fields(page))
    assert answer.status_code == 409
    assert "being sent at this moment" in answer.text


def test_every_dealer_has_names_of_its_own(alice, bob, fleet):
    new(alice)
    new(bob, covers="all", lines="")
    with fleet.reading() as session:
        of = select(Schedule.dealer_id).where(Schedule.name == TYPED["name"])
        assert len(set(session.scalars(of))) == session.scalar(select(func.count(Dealer.id))) == 2


def link(fleet, data, address="office@customer.example"):
    with fleet.reading() as session:
        site = session.scalar(select(Site).order_by(Site.id))
        subscription = Subscription(site.dealer_id, f"site:{site.id}", address)
        return f"/unsubscribe/{token_for(subscription, (data / 'secret.key').read_text())}", site.name


def test_a_reader_without_an_account_unsubscribes_in_one_step(alice, nobody, fleet, tmp_path):
    """Looking changes nothing, for mail servers look too; posting needs neither cookie nor form (RFC 8058)."""
    path, site = link(fleet, tmp_path)
    page = nobody.get(path)
    assert site in unescape(page.text)
    assert "Every recipient is written to" in alice.get("/reports/addresses").text
    answer = nobody.client.post(path, files={"List-Unsubscribe": (None, "One-Click")})
    assert (answer.status_code, "You are unsubscribed" in answer.text) == (200, True)
    nobody.client.post(path, data={"List-Unsubscribe": "One-Click"})
    shown = alice.get("/reports/addresses").text
    assert shown.count("<bdi>office@customer.example</bdi>") == 1
    assert "Unsubscribed" in shown


def test_only_the_dealer_lifts_it(alice, bob, nobody, fleet, tmp_path):
    path, _ = link(fleet, tmp_path)
    nobody.client.post(path)
    (number,) = re.findall(r"/reports/addresses/(\d+)/lift", alice.get("/reports/addresses").text)
    assert bob.post(f"/reports/addresses/{number}/lift", fields(bob.get("/reports/schedules").text)).status_code == 404
    assert (
        alice.post(f"/reports/addresses/{number}/lift", fields(alice.get("/reports/addresses").text)).status_code == 303
    )
    assert "Every recipient is written to" in alice.get("/reports/addresses").text


@pytest.mark.parametrize("token", ["x", "WzEsIiIsImEiXQ.AAAA", "%00", "a" * 900])
def test_a_link_that_is_none_does_nothing(nobody, token):
    assert nobody.get(f"/unsubscribe/{token}").status_code == 404
    assert nobody.client.post(f"/unsubscribe/{token}").status_code == 404
