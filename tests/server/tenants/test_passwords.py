"""Passwords are kept as argon2id hashes and checked at one speed."""

import argon2
import pytest

from flexprint_server.tenants import passwords

PASSWORD = "correct horse battery"
AS_SHIPPED = passwords._hasher, passwords._NOBODY


@pytest.fixture(scope="module", autouse=True)
def dear_passwords(quick_passwords):
    """As they are kept in earnest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", AS_SHIPPED[0])
        patch.setattr(passwords, "_NOBODY", AS_SHIPPED[1])
        yield


@pytest.fixture(scope="module")
def kept():
    return passwords.hash_password(PASSWORD)


def test_a_password_is_known_again_and_another_is_not(kept):
    assert passwords.verify(kept, PASSWORD)
    assert not passwords.verify(kept, PASSWORD + "!")


def test_a_hash_is_argon2id_with_the_parameters_of_rfc_9106(kept):
    parameters = argon2.extract_parameters(kept)
    assert (parameters.type, parameters.time_cost, parameters.memory_cost) == (argon2.Type.ID, 3, 65536)
    assert PASSWORD not in kept
    assert kept != passwords.hash_password(PASSWORD)


def test_an_unknown_account_costs_the_same_work_as_a_known_one(kept):
    """Nobody's hash has today's parameters: checking it takes as long as checking a real one."""
    assert argon2.extract_parameters(passwords._NOBODY) == argon2.extract_parameters(kept)
    assert not passwords.verify(None, PASSWORD)


@pytest.mark.parametrize("password", ["", "short", "x" * 9, "x" * 257])
def test_a_password_too_short_or_too_long_is_refused_with_the_bounds(password):
    with pytest.raises(passwords.PasswordUnfit, match="10 to 256 characters"):
        passwords.hash_password(password)


def test_the_same_characters_count_however_a_keyboard_composes_them(kept):
    composed = passwords.hash_password("caf\u00e9 caf\u00e9 caf\u00e9")
    assert passwords.verify(composed, "cafe\u0301 cafe\u0301 cafe\u0301")


@pytest.mark.parametrize("password", ["", "\ud800" * 12, "\0" * 12, "x" * 100_000])
def test_no_password_whatever_breaks_the_check(kept, password):
    assert not passwords.verify(kept, password)


@pytest.mark.parametrize("broken", ["", "no hash", "$argon2id$v=19$m=65536,t=3,p=4$x"])
def test_a_damaged_hash_lets_nobody_in(broken):
    assert not passwords.verify(broken, PASSWORD)


def test_a_hash_of_older_parameters_is_made_anew(kept):
    older = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    better = passwords.rehash(older, PASSWORD)
    assert better is not None
    assert passwords.verify(better, PASSWORD)
    assert passwords.rehash(kept, PASSWORD) is None
