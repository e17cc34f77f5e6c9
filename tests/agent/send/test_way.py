"""The walk to the collector: where it ends, and what is said there."""

import socket
from datetime import UTC, datetime, timedelta

import proxy
import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from flexprint_agent.send import certificate
from flexprint_agent.send.answers import Answer
from flexprint_agent.send.certificate import Certificate
from flexprint_agent.send.client import Route
from flexprint_agent.send.way import clock_step, collector_step, covers, explained, walk

pytestmark = pytest.mark.usefixtures("no_proxy")

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def ended(steps):
    """(name, told, next step) of the trouble; everything before it is ok, everything behind it skipped."""
    states = [one.state for one in steps]
    assert [one.name for one in steps] == [
        "proxy",
        "name",
        "connection",
        "password",
        "certificate",
        "collector",
        "clock",
    ]
    at = states.index("trouble")
    assert states == ["ok"] * at + ["trouble"] + ["skipped"] * (len(states) - at - 1)
    return steps[at].name, steps[at].told, steps[at].next_step


def now():
    return datetime.now(UTC)


def test_where_all_is_well_every_step_says_so(secure, ca_file):
    steps = walk(Route(secure.url, ca=ca_file), now())
    assert {one.state for one in steps} == {"ok"}
    assert all(one.next_step is None for one in steps)


def test_an_unknown_name_ends_it(ca_file):
    name, told, step = ended(walk(Route("https://nobody.invalid", ca=ca_file), now()))
    assert (name, "nobody.invalid" in told) == ("name", True)
    assert "online" in step


def test_a_closed_port_ends_it():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        name, _, step = ended(walk(Route(f"https://127.0.0.1:{unused.getsockname()[1]}"), now()))
    assert name == "connection"
    assert "ask your IT to let this computer reach 127.0.0.1 by HTTPS" in step


def test_an_authority_that_is_not_trusted_is_named_with_what_to_add(secure):
    name, told, step = ended(walk(Route(secure.url), now()))
    assert name == "certificate"
    assert "Northwind Authority" in told
    assert "Northwind Authority" in step
    assert "flexprint-agent settings ca FILE" in step
    assert secure.requests == []


@pytest.fixture(scope="module")
def inspecting(tmp_path_factory, ca_file):
    """A real proxy that opens HTTPS with a private authority of its own, and that authority's file."""
    folder = tmp_path_factory.mktemp("inspection")
    own = trustme.CA(organization_name="Harbour Web Filter")
    own.cert_pem.write_to_path(folder / "ca.pem")
    own.private_key_pem.write_to_path(folder / "ca.key")
    signing = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    (folder / "signing.key").write_bytes(signing)
    (folder / "certificates").mkdir()
    flags = ["--hostname", "127.0.0.1", "--port", "0", "--num-workers", "1", "--num-acceptors", "1"]
    flags += ["--log-level", "CRITICAL", "--ca-cert-dir", str(folder / "certificates"), "--ca-file", ca_file]
    flags += ["--ca-cert-file", str(folder / "ca.pem"), "--ca-key-file", str(folder / "ca.key")]
    flags += ["--ca-signing-key-file", str(folder / "signing.key")]
    with proxy.Proxy(flags) as running:
        yield f"http://127.0.0.1:{running.flags.port}", str(folder / "ca.pem")


def test_a_proxy_that_looks_into_https_is_found_out_and_can_be_allowed(secure, inspecting):
    url, its_authority = inspecting
    server = secure.url.replace("127.0.0.1", "localhost")
    name, told, step = ended(walk(Route(server, proxy=url), now()))
    assert name == "certificate"
    assert "Harbour Web Filter" in told
    assert "PEM" in step
    assert {one.state for one in walk(Route(server, proxy=url, ca=its_authority), now())} == {"ok"}


def test_a_proxy_that_wants_a_password_is_told_by_name(secure, ca_file, web_proxy):
    name, told, step = ended(walk(Route(secure.url, ca=ca_file, proxy=web_proxy), now()))
    assert name == "password"
    assert "407" in told
    assert "proxy_password" in step
    right = Route(secure.url, ca=ca_file, proxy=web_proxy, proxy_user="office", proxy_password="p@ss:word")
    steps = walk(right, now())
    assert {one.state for one in steps} == {"ok"}
    assert "p@ss" not in str(steps)


def test_a_certificate_is_seen_through_a_proxy_with_a_password(secure, web_proxy):
    shown = certificate.shown_by(secure.url, proxy_with(web_proxy, "p@ss:word"))
    assert shown.issuer.endswith("Northwind Authority")
    assert set(shown.names) == {"127.0.0.1", "localhost"}
    assert certificate.shown_by(secure.url, proxy_with(web_proxy, "wrong")) is None
    assert secure.requests == []


def proxy_with(url, password):
    from flexprint_agent.send.proxies import Proxy

    return Proxy(url, "settings", "office", password)


def shown(**facts):
    usual = {
        "subject": "collector.example.com",
        "issuer": "Some Authority",
        "names": ("collector.example.com",),
        "not_before": NOW - timedelta(days=30),
        "not_after": NOW + timedelta(days=30),
        "fingerprint": "5a" * 32,
    }
    return Certificate(**(usual | facts))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "ask your IT for the certificate of Some Authority"),
        ({"not_after": NOW - timedelta(days=1)}, "if that clock is wrong, correct it"),
        ({"not_before": NOW + timedelta(days=1)}, "if that clock is wrong, correct it"),
        ({"names": ("login.hotel.example",)}, "sign in"),
        ({"issuer": "collector.example.com"}, "ask your dealer whether this is the collector's own"),
    ],
)
def test_a_certificate_that_is_not_trusted_explains_itself(facts, words):
    step = explained(shown(**facts), "collector.example.com", NOW)
    assert step.state == "trouble"
    assert words in step.next_step


@pytest.mark.parametrize(
    ("name", "host", "for_it"),
    [
        ("a.example.com", "A.example.com", True),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "b.a.example.com", False),
        ("*.example.com", "example.com", False),
        ("*.", "a", False),
    ],
)
def test_a_star_stands_for_one_label(name, host, for_it):
    assert covers(name, host) is for_it


def answer(status=200, body=b"alive\n", **headers):
    return Answer(status, {"content-type": "text/plain"} | headers, body)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (answer(401), "without a sign-in"),
        (answer(403), "without a sign-in"),
        (answer(407), "proxy_user"),
        (answer(502), "the reads wait"),
        (answer(200, b"<html>Welcome! Please sign in</html>"), "sign in"),
        (answer(404), "collector's address"),
    ],
)
def test_whatever_answers_in_the_collectors_place_is_told_apart(said, words):
    step = collector_step(said)
    assert step.state == "trouble"
    assert words in step.next_step


@pytest.mark.parametrize(
    ("date", "state", "told"),
    [
        ("Mon, 23 Nov 2026 08:00:30 GMT", "ok", "2026-11-23 08:00 UTC"),
        ("Mon, 23 Nov 2026 07:00:00 GMT", "trouble", "60 minutes ahead of"),
        ("Mon, 23 Nov 2026 09:30:00 GMT", "trouble", "90 minutes behind"),
        ("yesterday", "skipped", "does not say"),
        ("", "skipped", "does not say"),
    ],
)
def test_this_computers_clock_is_held_beside_the_collectors(date, state, told):
    step = clock_step(answer(date=date), NOW)
    assert (step.state, told in step.told) == (state, True)
    assert (step.next_step is None) == (state != "trouble")
