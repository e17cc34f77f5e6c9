"""Who may do what."""

import pytest

from flexprint_server.tenants.roles import ROLES, may


@pytest.mark.parametrize(
    ("role", "permissions"),
    [
        ("owner", "see label agents reports billing people"),
        ("billing", "see label reports billing"),
        ("technician", "see label agents reports"),
        ("viewer", "see"),
        ("customer", "see"),
        ("nobody knows this one", ""),
    ],
)
def test_a_role_may_do_this_and_nothing_else(role, permissions):
    every = ROLES["owner"]
    assert {permission for permission in every if may(role, permission)} == set(permissions.split())
