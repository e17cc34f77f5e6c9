"""As whom printers are asked, on the page: against printers that take one user of SNMPv3 and nothing else."""

import pytest

from flexprint_agent.keep import Keep
from flexprint_agent.keep.errors import Busy
from flexprint_agent.page.catalogue import languages
from flexprint_agent.snmp.v3 import FAULTS
from lab.office import office
from lab.secured import Account, Safe, Secured
from lab.site import BEYOND_LOOPBACK

AUTH, PRIVACY = "a good password", "another password"
PRINTER = "127.31.0.1"
USER = {"kind": "user", "user": "meter", "auth": "SHA-256", "auth_password": AUTH, "privacy": "AES-128"}
USER |= {"privacy_password": PRIVACY}


@pytest.fixture(scope="module")
def printer():
    machine = next(one for one in office() if one.truth and one.truth.total and not one.quirks.as_json())
    with Secured([Safe(PRINTER, machine.rows, (Account("meter", "SHA-256", AUTH, "AES-128", PRIVACY),))]) as running:
        yield f"{PRINTER}:{running.port}"


@pytest.fixture
def keep(home):
    with Keep(home) as opened:
        quick = {"snmp_timeout": "0.4", "snmp_retries": "0"}
        opened.choices.set(dict.fromkeys(BEYOND_LOOPBACK, "off") | quick, ())
        yield opened


@pytest.fixture
def at_home(person, keep):
    person.get("credentials")
    return person


def kept(keep):
    return [(one.scope, one.facts.get("user") or one.facts["community"]) for one in keep.credentials.all()]


def test_a_user_is_tried_with_a_printer_and_kept_when_it_works_without_being_typed_again(at_home, keep, printer):
    wrong = at_home.post("credentials/add", USER | {"auth_password": "not the one", "printer": printer, "do": "try"})
    assert "The authentication password or its method differs" in wrong.text
    assert kept(keep) == []
    right = at_home.post("credentials/add", USER | {"printer": printer, "scope": "127.31.0.0/24", "do": "try"})
    assert "It works: " in right.text
    assert kept(keep) == []
    saved = at_home.post("credentials/keep")
    assert "Saved." in saved.text
    assert kept(keep) == [("127.31.0.0/24", "meter")]
    assert "It works: " not in at_home.get("credentials").text
    for page in (wrong.text, right.text, saved.text):
        assert not any(secret in page for secret in (AUTH, PRIVACY, "not the one"))
    again = at_home.post("credentials/try", {"number": "1", "printer": printer})
    assert "It works: " in again.text
    assert "Keep it" not in again.text


def test_what_is_added_is_what_the_command_line_has_and_secrets_are_never_shown(at_home, keep):
    at_home.post("credentials/add", {"kind": "community", "community": "s3cr3t", "do": "add"})
    at_home.post("credentials/add", {"kind": "community", "community": "0th3r", "do": "add"})
    page = at_home.post("credentials/add", USER | {"scope": "10.1.2.3", "do": "add"}).text
    assert kept(keep) == [("", "s3cr3t"), ("", "0th3r"), ("10.1.2.3", "meter")]
    assert "meter" in page
    assert not any(secret in page for secret in ("s3cr3t", "0th3r", AUTH, PRIVACY))
    at_home.post("credentials/sooner", {"number": "2"})
    at_home.post("credentials/sooner", {"number": "3"})
    assert kept(keep) == [("", "0th3r"), ("", "s3cr3t"), ("10.1.2.3", "meter")]
    at_home.post("credentials/add", {"kind": "community", "community": "third", "do": "add"})
    assert kept(keep)[-1] == ("", "third")
    at_home.post("credentials/remove", {"number": "2"})
    assert ("", "0th3r") not in kept(keep)


@pytest.mark.parametrize(
    ("form", "says"),
    [
        (USER | {"auth_password": "short"}, "This user cannot be"),
        (USER | {"user": ""}, "This user cannot be"),
        (USER | {"auth": ""}, "This user cannot be"),
        (USER | {"auth": "ROT13"}, "This user cannot be"),
        (USER | {"scope": "10.0.0.0/40"}, "This is no address"),
        ({"kind": "community", "community": ""}, "This value cannot be used"),
        ({"kind": "community", "community": "s3cr3t,more"}, "cannot be used"),
        (USER | {"do": "try", "printer": ""}, "This is no address"),
        (USER | {"do": "try", "printer": "127.31.0.0/24"}, "Name one printer"),
        (USER | {"do": "try", "printer": "127.31.0.9"}, "Name one printer"),
    ],
)
def test_what_cannot_be_is_said_and_repeats_no_secret(at_home, keep, form, says):
    keep.choices.add_targets(["127.31.0.9"], at_home.running.work.now(), excluded=True)
    answer = at_home.post("credentials/add", {"do": "add"} | form)
    assert answer.status_code == 422
    assert says in answer.text
    assert not any(secret in answer.text for secret in (AUTH, PRIVACY, "s3cr3t"))
    assert kept(keep) == []


def test_nothing_is_kept_that_was_not_tried_and_numbers_are_numbers(at_home, keep):
    at_home.post("credentials/add", {"kind": "community", "community": "one", "do": "add"})
    for path in ("keep", "remove", "sooner", "try"):
        for number in ("", "-1", "1e3", "9" * 30, "\u0661"):
            at_home.get("credentials")
            assert at_home.post(f"credentials/{path}", {"number": number}).status_code == 200
    assert kept(keep) == [("", "one")]


def test_while_other_work_goes_on_nothing_is_tried(at_home, keep, monkeypatch):
    monkeypatch.setattr(at_home.running.work, "start", lambda *_: False)
    answer = at_home.post("credentials/add", USER | {"printer": "127.31.0.1", "do": "try"})
    assert languages()["en"](f"failure.{Busy.__name__}") in answer.text


def test_every_reason_to_refuse_a_user_has_its_words():
    for words in languages().values():
        assert all(words.has(f"fault.{name.replace('-', '_')}") for name in FAULTS)
