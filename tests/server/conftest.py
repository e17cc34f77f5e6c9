"""What all tests of the collector share."""

from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from flexprint_server.tenants import passwords


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Hashing is dear on purpose. What it costs, and that it does, is test_passwords' affair alone."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", quick)
        patch.setattr(passwords, "_NOBODY", quick.hash(b"nobody"))
        yield
