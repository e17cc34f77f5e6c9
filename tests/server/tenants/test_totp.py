"""One-time codes, against the examples of the RFCs."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from flexprint_server.tenants import totp

SECRET = b"12345678901234567890"
NOW = datetime(2026, 11, 22, 15, 30, 10, tzinfo=UTC)
STEP = totp.step_at(NOW)


@pytest.mark.parametrize(
    ("step", "expected"),
    list(enumerate(["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"])),
)  # fmt: skip
def test_the_codes_of_rfc_4226_appendix_d(step, expected):
    assert totp.code(SECRET, step) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037"), (20000000000, "353130")],
)  # fmt: skip
def test_the_codes_of_rfc_6238_appendix_b(seconds, expected):
    """Its last six digits of eight."""
    at = datetime.fromtimestamp(seconds, UTC)
    assert totp.code(SECRET, totp.step_at(at)) == expected
    assert totp.matching_step(SECRET, expected, at, after=0) == totp.step_at(at)


@pytest.mark.parametrize("drift", [-1, 0, 1])
def test_a_clock_may_be_a_step_ahead_or_behind(drift):
    typed = totp.code(SECRET, STEP + drift)
    assert totp.matching_step(SECRET, f" {typed[:3]} {typed[3:]} ", NOW, after=0) == STEP + drift


@pytest.mark.parametrize("typed", ["", "0", "abcdef", "１２３４５６", "\ud800", "1" * 5000, totp.code(SECRET, STEP - 2), totp.code(SECRET, STEP + 2)])  # fmt: skip
def test_anything_else_is_no_code_of_now(typed):
    assert totp.matching_step(SECRET, typed, NOW, after=0) is None


def test_a_code_counts_once_and_none_before_it_counts_any_more():
    assert totp.matching_step(SECRET, totp.code(SECRET, STEP), NOW, after=STEP) is None
    assert totp.matching_step(SECRET, totp.code(SECRET, STEP - 1), NOW, after=STEP) is None
    later = NOW + timedelta(seconds=30)
    assert totp.matching_step(SECRET, totp.code(SECRET, STEP + 1), later, after=STEP) == STEP + 1


def test_a_secret_is_written_and_read_again():
    assert totp.read(totp.written(SECRET)) == SECRET
    assert totp.in_groups(SECRET) == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"
    for text in ("", "GEZD", "x", "é" * 32, "\ud800", totp.written(SECRET) * 2, "1" * 32):
        assert totp.read(text) is None


def test_the_address_for_the_app_names_issuer_account_and_secret():
    parts = urlsplit(totp.uri(SECRET, "FlexPrint Tracker", "a&b@example.com"))
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert parts.path == "/FlexPrint%20Tracker:a%26b@example.com"
    assert parse_qs(parts.query) == {"secret": [totp.written(SECRET)], "issuer": ["FlexPrint Tracker"]}
