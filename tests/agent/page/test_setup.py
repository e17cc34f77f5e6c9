"""The assistant, as a browser without scripts sees it: the first five minutes."""

import pytest

from flexprint_agent.keep.home import SLEEPER
from flexprint_agent.lock import Lock
from services.collector import problem
from services.local_page import PRINTERS, heading, text_of


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
