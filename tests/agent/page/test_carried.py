"""The agent's page where no way leads to the collector: a file out, its acknowledgement back."""

import io
import re
import uuid
from html import unescape

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from flexprint_agent.keep import Keep
from flexprint_agent.keep.enrolment import Enrolment
from flexprint_agent.page.multipart import MOST_PARTS, parts_of
from flexprint_agent.page.server import LARGEST_UPLOAD
from flexprint_shared.offline import Acknowledged, acknowledgement, batches_of
from flexprint_shared.sealing import batch_hash
from services.reads import NOON, a_read

IDENTITY = Ed25519PrivateKey.generate()


@pytest.fixture
def keep(home):
    """An enrolled home with two reads, which has never reached its collector since."""
    with Keep(home) as keep:
        enrolment = Enrolment(
            server="https://collector.invalid", insecure_loopback=False, agent=uuid.UUID(int=7), dealer="Northwind",
            customer="Harbour Dental", site="Main Street", enrolled_at=NOON,
            identity_key=IDENTITY.public_key().public_bytes_raw(),
            sealing_key=X25519PrivateKey.generate().public_key().public_bytes_raw(),
        )  # fmt: skip
        keep.enrolments.put(enrolment, Ed25519PrivateKey.generate().private_bytes_raw())
        for number in (1, 2):
            keep.keep_read(a_read(f"VD{number:08}"), {})
        yield keep


@pytest.fixture
def carrier(person, keep):
    person.get("sent")
    return person


def save(person, **form):
    """The batches of the file that the browser keeps."""
    answer = person.client.post(f"{person.root}/sent/export", data=csrf(person) | form)
    assert re.fullmatch(r'attachment; filename="flexprint-[\d-]+\.fpx"', answer.headers["content-disposition"])
    return list(batches_of(io.BytesIO(answer.content)))


def take(person, octets, name="batches.fpx.ack"):
    person.get("sent")
    answer = person.client.post(f"{person.root}/sent/import", data=csrf(person), files={"file": (name, octets)})
    return answer.status_code, " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.text)).split())


def csrf(person):
    return {"csrf": unescape(re.search(r'name="csrf" value="([^"]*)"', person.page)[1])}


def answer(taken, refused=None, by=IDENTITY):
    return acknowledgement(Acknowledged([batch_hash(one) for one in taken], refused or {}), NOON, by)


def test_a_file_goes_out_and_its_answer_lets_go_of_what_arrived(carrier, keep):
    assert "2 reads wait." in carrier.page
    batches = save(carrier)
    assert (len(batches), keep.spool.count("waiting"), keep.spool.unsettled()) == (1, 1, 2)
    assert "in a file since" in carrier.get("sent").text
    status, text = take(carrier, answer(batches))
    assert status == 200
    assert "1 batch has arrived at your dealer. Nothing waits any more." in text
    assert "carried in a file" in text
    assert keep.spool.count("waiting") == 0
    assert "carried in a file" in carrier.get("batch?number=1").text


def test_what_was_read_since_the_file_waits_on(carrier, keep):
    batches = save(carrier)
    keep.keep_read(a_read("VD00000003"), {})
    save(carrier)
    _, text = take(carrier, answer(batches))
    assert "1 batch has arrived at your dealer. 1 waits on." in text


def test_the_workbook_is_asked_for_with_the_file(carrier, keep):
    keep.choices.add_recipients(["office@example.com"])
    assert "Ask for the workbook, too" in carrier.get("sent").text
    save(carrier, report="on")
    assert keep.spool.document(1)["report"]


def test_where_nothing_waits_no_file_is_made(carrier):
    take(carrier, answer(save(carrier)))
    answered = carrier.post("sent/export")
    assert "Nothing waits: there is nothing to carry." in answered.text


def test_what_the_collector_refused_stays_and_says_why(carrier, keep):
    (one,) = save(carrier)
    _, text = take(carrier, answer([], {batch_hash(one).hex(): "It is <b>damaged</b>."}))
    assert "did not take 1; it stays here: It is <b>damaged</b>." in text
    assert keep.spool.count("waiting") == 1


@pytest.mark.parametrize(
    "octets",
    [b"", b"FPA1", b"\0" * 5000, answer([b"x"])[:-1], answer([b"x"], by=Ed25519PrivateKey.generate())],
    ids=["nothing", "begun", "zeros", "cut", "another's"],
)
def test_what_is_no_answer_of_this_dealer_changes_nothing(carrier, keep, octets):
    save(carrier)
    status, text = take(carrier, octets)
    assert status == 422
    assert "This is not the answer of your dealer" in text
    assert keep.spool.count("waiting") == 1


def test_while_the_agent_is_at_work_neither_is_done(carrier, keep):
    with keep.alone():
        assert "The agent is at work" in carrier.post("sent/export").text
        carrier.get("sent")
        assert "The agent is at work" in take(carrier, answer([b"x"]))[1]
    assert keep.spool.count("waiting") == 0


@pytest.mark.parametrize("form", [{"report": "on"}, {"csrf": "x"}])
def test_a_form_without_the_pages_word_does_nothing(carrier, keep, form):
    for path, more in (("export", {}), ("import", {"files": {"file": ("a", answer([]))}})):
        assert carrier.client.post(f"{carrier.root}/sent/{path}", data=form, **more).status_code == 403
    assert keep.spool.count("waiting") == 0


def test_a_file_beyond_the_largest_is_refused(carrier):
    status, _ = take(carrier, bytes(LARGEST_UPLOAD))
    assert status == 413


def test_who_belongs_to_no_dealer_is_offered_no_file(person):
    assert "Save the file" not in person.get("sent").text


# Forms with a file


def part(name, content, more=""):
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"


OCTETS = bytes(range(256)) + b"\r\n\r\n--\r\n--c\n\r\r\n"


def test_a_file_comes_as_it_was():
    body = part("csrf", "wörd".encode()) + part("file", OCTETS, '; filename="a.ack"') + b"--b--\r\n"
    assert parts_of(body, "b") == ({"csrf": ["wörd"]}, {"file": OCTETS})


def test_a_file_that_was_not_chosen_is_none():
    assert parts_of(part("file", b"", '; filename=""') + b"--b--", "b") == ({}, {})


@pytest.mark.parametrize(
    ("body", "boundary"),
    [
        (b"", "b"),
        (b"x", "b"),
        (b"--b", "b"),
        (b"--b\r\n", "b"),
        (part("a", b"1"), "b"),
        (part("a", b"1") + b"--b", "b"),
        (b"x" + part("a", b"1") + b"--b--", "b"),
        (b"--b\r\n\r\nx\r\n--b--", "b"),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", "b"),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n--b--', "b"),
        (b'--bContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--b--', "b"),
        (part("a", b"1") * (MOST_PARTS + 1) + b"--b--", "b"),
        (part("a", b"1") + b"--b--", ""),
        (part("a", b"1") + b"--b--", "\xe9"),
    ],
)
def test_what_no_browser_sends_is_no_form(body, boundary):
    with pytest.raises(ValueError, match="form"):
        parts_of(body, boundary)
