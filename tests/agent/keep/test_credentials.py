from datetime import UTC, datetime, timedelta

import pytest

from flexprint_agent.keep.credentials import REFUSALS_KEPT
from flexprint_agent.keep.errors import KeyMissing

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
USER = {"user": "meter", "auth": "SHA-256", "auth_password": "a good password"}


def test_credentials_are_kept_in_order_and_opened_again(keep):
    first = keep.credentials.add("10.1.2.0/24", USER)
    second = keep.credentials.add("", {"community": "s3cr3t"})
    assert [(one.number, one.scope, dict(one.facts)) for one in keep.credentials.all()] == [
        (first, "10.1.2.0/24", USER),
        (second, "", {"community": "s3cr3t"}),
    ]


def test_no_secret_is_in_the_database_or_in_a_repr(keep):
    keep.credentials.add("", USER)
    assert "password" not in repr(keep.credentials.all())
    keep.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"password" not in (keep.home / "agent.db").read_bytes()


def test_a_credential_moved_to_another_scope_does_not_open(keep):
    """Who can write to the database alone cannot have a password sent to a computer of theirs."""
    keep.credentials.add("10.1.2.0/24", USER)
    keep.database.write("UPDATE credentials SET scope = '10.6.6.6'")
    with pytest.raises(KeyMissing, match=r"10\.6\.6\.6"):
        keep.credentials.all()


def test_a_number_is_never_given_twice(keep):
    """Devices remember the number of what worked."""
    first = keep.credentials.add("", USER)
    assert keep.credentials.remove(first)
    assert not keep.credentials.remove(first)
    assert keep.credentials.add("", USER) != first


def test_a_refusal_goes_with_its_credential_with_a_read_and_with_time(keep, a_read):
    numbers = [keep.credentials.add("", USER | {"user": name}) for name in ("a", "b")]
    keep.credentials.keep_refusals("127.5.0.1", 161, dict.fromkeys(numbers, "unknown-user"), NOON)
    keep.credentials.keep_refusals("127.5.0.2", 161, {numbers[0]: "wrong-digest", 999: "unknown-user"}, NOON)
    keep.credentials.keep_refusals("127.5.0.2", 161, {numbers[0]: "cannot-decrypt"}, NOON + timedelta(days=1))
    told = [(one.address, one.credential, one.fault) for one in keep.credentials.refusals()]
    assert told == [
        ("127.5.0.1", numbers[0], "unknown-user"),
        ("127.5.0.1", numbers[1], "unknown-user"),
        ("127.5.0.2", numbers[0], "cannot-decrypt"),
    ]
    keep.credentials.remove(numbers[1])
    assert len(keep.credentials.refusals()) == 2
    keep.keep_read(a_read(1), None)
    assert [one.address for one in keep.credentials.refusals()] == ["127.5.0.2"]
    keep.credentials.forget_old_refusals(NOON + REFUSALS_KEPT + timedelta(hours=23))
    assert keep.credentials.refusals()
    keep.credentials.forget_old_refusals(NOON + REFUSALS_KEPT + timedelta(hours=25))
    assert not keep.credentials.refusals()
