"""Every other page, as a browser without scripts sees it: settings, languages, errors, work under way, the catalogue."""

import re
import threading
from dataclasses import replace
from html import unescape

import pytest

from flexprint_agent.errors import AgentError
from flexprint_agent.page import catalogue, overview, site
from flexprint_agent.page.catalogue import languages
from flexprint_agent.page.work import Enough, Work
from services.collector import portal
from services.local_page import Person, heading, text_of, the_time

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
