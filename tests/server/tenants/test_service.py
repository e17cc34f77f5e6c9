"""Dealers, their sites, and the keys to them."""

import pytest
from sqlalchemy import select

from flexprint_server.tenants.install_keys import key_hash, new_key
from flexprint_server.tenants.keys import KeysLocked, open_keyring
from flexprint_server.tenants.models import CollectorKey, Customer, InstallKey, Site, User
from flexprint_server.tenants.passwords import PasswordUnfit, verify
from flexprint_server.tenants.service import AlreadyThere, NoSuchDealer, UnfitName, add_dealer, install_key
from services import agents
from services.reads import NOON


def add(database, name="Northwind", email="Alice@Northwind.example", password="correct horse battery"):
    with database.transaction() as session:
        return add_dealer(session, name, email, password, NOON).id


def test_a_dealer_comes_with_its_first_user(database):
    add(database)
    with database.reading() as session:
        user = session.scalars(select(User)).one()
        assert (user.email, user.role, user.dealer.name) == ("alice@northwind.example", "owner", "Northwind")
        assert verify(user.password_hash, "correct horse battery")


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"name": "Northwind", "email": "b@example.com"}, AlreadyThere),
        ({"name": "Other", "email": "ALICE@northwind.example"}, AlreadyThere),
        ({"name": " \0 ", "email": "b@example.com"}, UnfitName),
        ({"name": "Other", "email": "nobody"}, UnfitName),
        ({"name": "Other", "email": "a b@example.com"}, UnfitName),
        ({"name": "Other", "email": "a@b@example.com"}, UnfitName),
        ({"name": "Other", "email": "b@example.com", "password": "short"}, PasswordUnfit),
    ],
)
def test_what_cannot_be_a_dealer_is_refused_in_words(database, given, error):
    add(database)
    with pytest.raises(error, match=r"\w"):
        add(database, **given)


def test_an_install_key_makes_the_places_that_are_missing_once(database):
    add(database)
    with database.transaction() as session:
        keys = {install_key(session, "Northwind", "Harbour Dental", site, NOON) for site in ("A", "A", "B")}
    assert len(keys) == 3
    with database.reading() as session:
        assert [customer.name for customer in session.scalars(select(Customer))] == ["Harbour Dental"]
        assert sorted(site.name for site in session.scalars(select(Site))) == ["A", "B"]
        hashes = [key.key_hash for key in session.scalars(select(InstallKey))]
    assert {key_hash(key) for key in keys} == set(hashes)


def test_a_key_for_a_dealer_that_is_not_there_says_how_to_make_one(database):
    with database.transaction() as session, pytest.raises(NoSuchDealer, match="dealer add"):
        install_key(session, "Nobody", "C", "S", NOON)


def test_keys_are_for_people(database):
    """Read over the telephone and typed with typos that mean the same."""
    key = new_key()
    assert key_hash(key) == key_hash(key.lower().replace("-", " ")) == key_hash(f"  {key}\n")
    assert key_hash("FPK-0000-1111-0000-1111-0000") == key_hash("fpk OOOO-IIll-oooo-1lI1-0000")
    assert key_hash("FPK-UUUU-1111-0000-1111-0000") is None
    assert len({new_key() for _ in range(200)}) == 200


def test_a_stolen_database_opens_no_batch(database):
    """Private halves lie there encrypted; another secret key does not open them, and says what to do."""
    ring = open_keyring(database, agents.SECRET_KEY, NOON)
    with database.reading() as session:
        rows = session.scalars(select(CollectorKey)).all()
    for row in rows:
        assert ring.identity.private_bytes_raw() not in row.private_key
        assert ring.current.private_bytes_raw() not in row.private_key
    with pytest.raises(KeysLocked, match="FLEXPRINT_SECRET_KEY"):
        open_keyring(database, "00" * 32, NOON)


def test_keys_cannot_change_places_in_the_database(database):
    """Each private half is bound to its own row."""
    open_keyring(database, agents.SECRET_KEY, NOON)
    with database.transaction() as session:
        one, two = session.scalars(select(CollectorKey)).all()
        one.private_key, two.private_key = two.private_key, one.private_key
    with pytest.raises(KeysLocked):
        open_keyring(database, agents.SECRET_KEY, NOON)
