import json

import pytest

from flexprint_agent.send.answers import FOR_GOOD, Answer, acknowledgement, problem
from flexprint_agent.send.errors import NotAccepted, NotTheCollector, Overloaded, ProxyRefused, Refused

HASH = bytes(range(32))


def answer(status, document, media_type="application/json", **headers):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Answer(status, {"content-type": media_type} | headers, body)


def problem_answer(status, slug, **more):
    return answer(status, {"type": f"urn:flexprint:problem:{slug}", **more}, "application/problem+json")


def test_only_the_hash_of_the_batch_acknowledges_it():
    assert acknowledgement(answer(200, {"batch": HASH.hex(), "sequence": 3, "reads": 40}), HASH) == 40


@pytest.mark.parametrize(
    "received",
    [
        answer(200, {"batch": "00" * 32, "reads": 40}),
        answer(200, {"batch": None}),
        answer(200, {}),
        answer(200, ["batch"]),
        answer(200, b"<html>Welcome to Hotel WLAN</html>", "text/html"),
        answer(200, b""),
        answer(200, b"[" * 60_000),
        answer(200, b"\xff\xfe"),
        answer(204, b""),
        answer(302, b"", location="https://login.example.net/"),
        answer(404, b"not here", "text/plain"),
        answer(413, b"<html>nginx</html>", "text/html"),
        # Somebody else's problem documents do not speak for the collector.
        answer(400, {"type": "about:blank"}, "application/problem+json"),
        answer(422, {"type": "urn:flexprint:problem:broken-seal"}, "application/json"),
        answer(422, b"not json", "application/problem+json"),
    ],
)
def test_whatever_else_answers_is_not_the_collector_and_the_batch_waits(received):
    with pytest.raises(NotTheCollector):
        acknowledgement(received, HASH)


@pytest.mark.parametrize("slug", sorted(FOR_GOOD))
def test_the_collector_alone_refuses_for_good(slug):
    refusal = problem(problem_answer(403 if slug == "wrong-signature" else 422, slug, detail="The reason."))
    assert isinstance(refusal, Refused)
    assert "The reason." in str(refusal)


@pytest.mark.parametrize(
    ("received", "kind"),
    [
        (problem_answer(401, "unknown-agent"), NotAccepted),
        (problem_answer(403, "key-spent"), NotAccepted),
        (problem_answer(400, "something-new"), NotAccepted),
        (problem_answer(503, "busy"), Overloaded),
        # A broken server may say anything in a 500: nothing is refused for good by one.
        (problem_answer(500, "broken-seal"), Overloaded),
        (answer(408, b""), Overloaded),
        (answer(429, b""), Overloaded),
        (answer(500, b"oops", "text/plain"), Overloaded),
        (answer(502, b"<html>", "text/html"), Overloaded),
        (answer(407, b""), ProxyRefused),
    ],
)
def test_everything_else_leaves_the_batch_waiting(received, kind):
    assert type(problem(received)) is kind


def test_an_unknown_agent_is_told_to_enrol_again():
    assert "flexprint-agent enroll" in str(problem(problem_answer(401, "unknown-agent")))


@pytest.mark.parametrize(
    ("more", "newest"),
    [
        ({"last_sequence": 7, "last_hash": HASH.hex()}, (7, HASH)),
        ({"last_sequence": 0, "last_hash": "00" * 32}, (0, bytes(32))),
        ({"last_sequence": -1, "last_hash": HASH.hex()}, None),
        ({"last_sequence": True, "last_hash": HASH.hex()}, None),
        ({"last_sequence": 1 << 63, "last_hash": HASH.hex()}, None),
        ({"last_sequence": 7, "last_hash": "abc"}, None),
        ({"last_sequence": 7, "last_hash": 7}, None),
        ({}, None),
    ],
)
def test_a_stale_sequence_says_where_the_chain_goes_on(more, newest):
    assert problem(problem_answer(409, "stale-sequence", **more)).newest == newest


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 7.0), ("0", 0.0), ("-1", None), ("1e9", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)]
)
def test_retry_after_is_read_in_seconds(text, seconds):
    assert problem(answer(503, b"", **{"retry-after": text})).retry_after == seconds
