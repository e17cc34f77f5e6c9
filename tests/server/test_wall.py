"""Nobody sees another dealer's rows: every table, through the models and, on PostgreSQL, round them."""

import ast
import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Table, delete, func, insert, select, text, update
from sqlalchemy.exc import DatabaseError, ProgrammingError

import flexprint_server
from flexprint_server.alerts.models import Alert
from flexprint_server.cli import main
from flexprint_server.database import TENANT_ROLE, Database, Model, OutOfScope, Scope, holes
from flexprint_server.fleet.models import Device, DeviceChange, DeviceEvent, DeviceKey, Doubt, MeterEpoch
from flexprint_server.ingest.models import CarriedFile
from flexprint_server.leaving import SECRETS, erase, export
from flexprint_server.mail.outbox import Content, Outbox
from flexprint_server.mail.suppressions import suppress
from flexprint_server.migrations import upgrade
from flexprint_server.tenants import sign_in
from flexprint_server.tenants.models import (
    Agent,
    AgentCommand,
    AgentLog,
    AgentState,
    ApiKey,
    AuditEntry,
    Customer,
    Dealer,
    InstallKey,
    Invitation,
    OidcProvider,
    PasswordReset,
    RecoveryCode,
    SecondFactor,
    SettingValue,
    SignInFailure,
    Site,
    User,
)
from flexprint_server.tenants.service import NoSuchDealer
from services.pages import NOW
from services.postgres import Postgres
from services.seeded import PASSWORD, bare_dealer, fill

# What a scoped session has no business with, whoever it is for.
CLOSED = {"collector_key", "sign_in_failure"}
# The models of all rooms, which the migrations' own entry imports as well.
MODELS = {mapper.class_.__tablename__: mapper.class_ for mapper in Model.registry.mappers}


Two = tuple[Database, Scope, Scope]


@pytest.fixture(scope="module")
def sqlite_two(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    path = tmp_path_factory.mktemp("wall") / "flexprint.db"
    shutil.copyfile(migrated_sqlite, path)
    yield from filled(f"sqlite:///{path}")


@pytest.fixture(scope="module")
def postgres_two(postgres: Postgres) -> Iterator[Two]:
    url = postgres.create(template=postgres.template("flexprint_template", upgrade))
    yield from filled(url)
    postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def two(request: pytest.FixtureRequest) -> Two:
    return request.getfixturevalue("sqlite_two" if request.param == "sqlite" else "postgres_two")


def filled(url: str) -> Iterator[Two]:
    """Alice's dealer has a whole fleet, Bob's has nothing but Bob. Nothing here is changed by a test."""
    database = Database(url)
    with database.transaction() as session:
        fill(session, NOW)
        bob = bare_dealer(session, NOW, "Elsewhere Office", "bob@elsewhere.example").id
        alice = session.scalar(select(Dealer.id).where(Dealer.id != bob))
        email = session.scalar(select(User.email).where(User.dealer_id == alice))
        site = session.scalar(select(Site.id).where(Site.dealer_id == alice))
        session.add(AuditEntry(dealer_id=alice, at=NOW, who=email, what="a deed", target="a thing"))
        words = {"name": "ERP", "begins": "fpa_", "scopes": ["fleet"], "made_by": email}
        session.add(ApiKey(dealer_id=alice, key_hash=bytes(32), created_at=NOW, expires_at=NOW, **words))
        at = {"link": "x", "issuer": "https://x.example", "client_id": "x", "client_secret": b"", "domains": []}
        session.add(OidcProvider(dealer_id=alice, created_at=NOW, **at))
        session.add(InstallKey(dealer_id=alice, site_id=site, key_hash=bytes(32), created_at=NOW, expires_at=NOW))
        agent = session.scalar(select(Agent.id).where(Agent.dealer_id == alice))
        of_agent = {"dealer_id": alice, "agent_id": agent}
        session.add(AgentLog(**of_agent, received_at=NOW, content=""))
        session.add(AgentCommand(**of_agent, name="read", asked_at=NOW, asked_by="x", state="waiting"))
        told = {"health": {}, "settings": {}, "allows": [], "unfit": {}}
        session.add(AgentState(**of_agent, counter=1, checked_in_at=NOW, clock_offset_s=0, **told))
        file = {"name": "x", "brought_by": email, "acknowledgement": b"", "batches": [], "reports": []}
        session.add(CarriedFile(dealer_id=alice, taken_at=NOW, **file))
        customer = session.scalar(select(Customer.id).where(Customer.dealer_id == alice))
        for column, row in (("customer_id", customer), ("site_id", site), ("agent_id", agent)):
            where = {"place": f"{column}:{row}", column: row}
            session.add(SettingValue(dealer_id=alice, name="language", value="de", set_at=NOW, **where))
        mail = Outbox("ab" * 32, "example.com").put(
            session, "invitation", "x@example.com", Content("", ""), dealer_id=alice, now=NOW
        )
        suppress(session, alice, email, "bounced", NOW)
        invited = {"email": "x@example.com", "role": "viewer", "token_hash": bytes(32), "mail_id": mail.id}
        session.add(Invitation(dealer_id=alice, **invited, created_at=NOW, expires_at=NOW))
        hers = session.scalar(select(User.id).where(User.dealer_id == alice))
        session.add(SecondFactor(user_id=hers, secret=b"", last_step=0, created_at=NOW))
        session.flush()
        session.add(RecoveryCode(user_id=hers, code_hash=bytes(32)))
        session.add(PasswordReset(user_id=hers, token_hash=bytes(32), created_at=NOW, expires_at=NOW))
        for device in session.scalars(select(Device).where(Device.serial.is_not(None))):
            session.add(DeviceKey(dealer_id=alice, key=f"serial:{device.id}", device_id=device.id))
            add_who_it_is(session, alice, device.id)
            about = {"site_id": device.site_id, "kind": "supply_low", "about": f"device:{device.id}", "facts": {}}
            session.add(Alert(dealer_id=alice, device_id=device.id, opened_at=NOW, **about))
    sign_in.sign_in(database, email=email, password=PASSWORD, address="", browser=None, now=NOW)
    yield database, Scope(alice), Scope(bob)
    database.close()


def add_who_it_is(session, dealer, device):
    """A row of every table that tells what became of a device."""
    of_device = {"dealer_id": dealer, "device_id": device}
    session.add(DeviceChange(**of_device, other_id=device, kind="merge", at=NOW, who="x", before={}))
    session.add(Doubt(**of_device, other_id=device, key="mac:1", reason="card", seen_at=NOW))
    session.add(DeviceEvent(**of_device, at=NOW, what="card_swapped"))
    figures = {"value_before": 2, "value_after": 1, "guess": "unknown"}
    session.add(MeterEpoch(**of_device, meter="total", before_at=NOW, at=NOW, **figures))


def counted(database: Database, scope: Scope | None) -> dict[str, int]:
    """The rows of every table that a scope sees, or of all tables without one."""
    with database.reading(scope) as session:
        return {
            name: session.scalar(select(func.count()).select_from(model))
            for name, model in MODELS.items()
            if scope is None or name not in CLOSED
        }


def test_every_model_is_walked_as_another_dealer(two):
    """Of everything that Alice's dealer has, Bob sees nothing; Alice sees all of it."""
    database, alice, bob = two
    everything, hers, his = counted(database, None), counted(database, alice), counted(database, bob)
    assert {name: count for name, count in his.items() if count} == {"dealer": 1, "user_account": 1}
    empty = {name for name, count in everything.items() if not count}
    assert empty <= CLOSED, f"nothing is known of {empty}: the seeded fleet has no such row"
    assert hers == {name: count - his[name] for name, count in everything.items() if name not in CLOSED}


def test_what_is_the_collectors_own_is_closed_to_every_dealer(sqlite_two):
    """Its private keys and the diary of failed sign-ins; PostgreSQL refuses even the question (below)."""
    database, alice, _ = sqlite_two
    with database.transaction() as session:
        session.add(SignInFailure(key=bytes(32), failed_at=NOW))
    with database.reading(alice) as session:
        assert all(not session.scalars(select(MODELS[name])).all() for name in CLOSED)


def test_a_customers_user_sees_that_customer_alone(two):
    """Two customers of one dealer know nothing of each other, whatever the table."""
    database, alice, _ = two
    with database.reading(alice) as session:
        customers = list(session.scalars(select(Customer.id)))
    assert len(customers) > 1
    whole = counted(database, alice)
    each = [counted(database, Scope(alice.dealer_id, customer)) for customer in customers]
    of_all, of_none = (
        {"dealer", "layout"},
        {
            "api_key",
            "oidc_provider",
            "user_account",
            "sign_in",
            "audit_entry",
            "carried_file",
            "invitation",
            "outgoing_mail",
            "password_reset",
            "recovery_code",
            "schedule",
            "suppression",
            "second_factor",
        },
    )
    for name, count in whole.items():
        expected = count * len(each) if name in of_all else 0 if name in of_none else count
        assert sum(one[name] for one in each) == expected, name
    assert all(one["customer"] == 1 and one["device"] < whole["device"] for one in each)


def test_a_customers_user_of_chosen_sites_sees_what_is_at_these(two):
    """However the sites of a customer are dealt out, each printer, agent and report is seen at one of them alone."""
    database, alice, _ = two
    with database.reading(alice) as session:
        customer = session.scalar(select(Customer.id).where(Customer.name == "Maple Grove Schools"))
        sites = session.scalars(select(Site.id).where(Site.customer_id == customer)).all()
    assert len(sites) == 3
    whole = counted(database, Scope(alice.dealer_id, customer))
    parts = [
        counted(database, Scope(alice.dealer_id, customer, chosen)) for chosen in (tuple(sites[:1]), tuple(sites[1:]))
    ]
    for name in ("site", "agent", "device", "device_key", "read", "batch", "report", "workbook_part", "delivery"):
        assert all(part[name] for part in parts), name
        assert sum(part[name] for part in parts) == whole[name], name
    nothing = counted(database, Scope(alice.dealer_id, customer, ()))
    assert not nothing["site"]
    assert not nothing["device"]
    elsewhere = select(Site.id).where(Site.customer_id != customer)
    with database.reading(alice) as session:
        foreign = session.scalar(elsewhere)
    assert not counted(database, Scope(alice.dealer_id, customer, (foreign,)))["site"]


def test_postgresql_holds_the_wall_where_a_statement_goes_round_the_models(postgres_two):
    """Row-level security: plain SQL gets no further than the models do, in any table."""
    database, alice, bob = postgres_two
    whole, hers = counted(database, None), counted(database, alice)
    for table in Model.metadata.tables:
        theirs = hers.get(table, 0)
        nobody = Scope(alice.dealer_id, 1, ())
        seen = counted(database, nobody).get(table, 0)
        for scope, expected in ((alice, theirs), (bob, whole[table] - theirs), (nobody, seen)):
            asked = text(f"SELECT count(*) FROM {table}")
            with database.reading(scope) as session:
                if table in CLOSED:
                    with pytest.raises(ProgrammingError, match="permission denied"):
                        session.connection().execute(asked)
                else:
                    assert session.connection().execute(asked).scalar() == expected, table


def test_the_role_of_a_scoped_session_cannot_pass_the_wall(postgres_two):
    """It is no superuser, may not bypass row-level security, owns no table, and every table has its policy."""
    database, alice, _ = postgres_two
    with database.reading(alice) as session:
        assert session.scalar(text("SELECT current_user")) == TENANT_ROLE
        role = session.execute(
            text("SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user")
        ).one()
        assert tuple(role) == (False, False, False)
    with database.reading() as session:
        guarded = session.execute(
            text(
                "SELECT c.relname FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid "
                "WHERE c.relrowsecurity AND pg_get_userbyid(c.relowner) <> :role"
            ),
            {"role": TENANT_ROLE},
        )
        assert set(guarded.scalars()) == set(Model.metadata.tables) - CLOSED


@pytest.mark.parametrize(
    ("hole", "told"),
    [
        (f"ALTER ROLE {TENANT_ROLE} BYPASSRLS", "passes row-level security"),
        (f"ALTER ROLE {TENANT_ROLE} SUPERUSER", "passes row-level security"),
        (f"ALTER TABLE device OWNER TO {TENANT_ROLE}", "owns table device"),
        ("ALTER TABLE device DISABLE ROW LEVEL SECURITY", "table device has no row-level security"),
        (f"GRANT SELECT ON collector_key TO {TENANT_ROLE}", "table collector_key has no row-level security"),
        ("SELECT 1", ""),
    ],
)
def test_every_hole_in_the_wall_is_seen(postgres_two, hole, told):
    with postgres_two[0].engine.connect() as connection:  # never committed
        connection.execute(text(hole))
        assert told in (holes(connection) or [""])[0]
        assert bool(told) == bool(holes(connection))


def test_nothing_is_served_while_the_wall_has_a_hole(postgres, tmp_path, monkeypatch, capsys):
    url = postgres.create(template=postgres.template("flexprint_template", upgrade))
    database = Database(url)
    with database.transaction() as session:
        session.execute(text("ALTER TABLE device DISABLE ROW LEVEL SECURITY"))
    database.close()
    given = {
        "FLEXPRINT_DATABASE_URL": url,
        "FLEXPRINT_REDIS_URL": "redis://127.0.0.1:1/0",
        "FLEXPRINT_DATA": str(tmp_path),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    for command in ("api", "worker", "scheduler"):
        assert main([command]) == 1
        assert "table device has no row-level security. Take that back" in capsys.readouterr().err
    postgres.drop(url)


def test_the_role_ends_with_its_transaction(postgres_two):
    """A pooled connection does not carry one visitor's scope to the next."""
    database, _, bob = postgres_two
    with database.reading(bob) as session:
        assert session.scalar(text("SELECT count(*) FROM device")) == 0
    with database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM device")) > 0


def test_nor_does_a_transaction_that_failed_leave_it_behind(postgres_two):
    """Whether a statement of ours failed, or the page that asked; the very same connection is taken again."""
    database = Database(postgres_two[0].engine.url.render_as_string(hide_password=False), pool_size=1)
    bob, who = postgres_two[2], text("SELECT pg_backend_pid(), current_user, current_setting('flexprint.dealer', true)")
    for failing in ("SELECT 1/0", "SELECT * FROM collector_key", "SELECT 1"):
        with pytest.raises((DatabaseError, ZeroDivisionError)), database.transaction(bob) as session:
            backend, role, _ = session.connection().execute(who).one()
            session.connection().execute(text(failing))
            raise ZeroDivisionError
        with database.reading() as session:
            assert session.connection().execute(who).one() == (backend, "flexprint", "")
        assert role == TENANT_ROLE
    database.close()


def test_a_row_of_another_dealer_is_never_written(two):
    database, alice, bob = two
    with pytest.raises(OutOfScope), database.transaction(bob) as session:
        session.add(Customer(dealer_id=alice.dealer_id, name="Smuggled", created_at=NOW))
    with database.transaction(bob) as session:
        changed = session.execute(update(Device).values(asset="stolen"))
        assert changed.rowcount == 0
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Device).where(Device.asset == "stolen")) == 0


def test_postgresql_refuses_to_write_a_row_of_another_dealer(postgres_two):
    database, alice, bob = postgres_two
    smuggled = insert(table_of(Customer)).values(dealer_id=alice.dealer_id, name="Smuggled", created_at=NOW)
    with pytest.raises(ProgrammingError, match="row-level security"), database.transaction(bob) as session:
        session.connection().execute(smuggled)


@pytest.mark.parametrize("deed", ["TRUNCATE", "DELETE FROM", "UPDATE audit_entry SET who = 'x' --"])
def test_postgresql_lets_the_audit_log_grow_and_nothing_else(postgres_two, deed):
    """Neither to a dealer's own session nor to the collector's database user, in plain SQL."""
    database, alice, _ = postgres_two
    for scope, why in ((alice, "permission denied"), (None, "only added to")):
        with pytest.raises(DatabaseError, match=why), database.transaction(scope) as session:
            session.connection().execute(text(f"{deed} audit_entry"))


def test_a_customers_user_reads_what_the_dealer_settled_and_never_writes_it(postgres_two):
    """Plain SQL gets no further than the models do."""
    database, alice, _ = postgres_two
    row = {"dealer_id": alice.dealer_id, "place": "dealer", "name": "language", "value": "de", "set_at": NOW}
    theirs = Scope(alice.dealer_id, customer_id=1)
    table = table_of(SettingValue)
    with pytest.raises(ProgrammingError, match="row-level security"), database.transaction(theirs) as session:
        session.connection().execute(insert(table).values(row))
    with database.transaction() as session:
        session.execute(insert(table).values(row))
    with database.transaction(theirs) as session:
        of_dealer = table.c.place == "dealer"
        assert session.connection().execute(select(table.c.value).where(of_dealer)).scalars().all() == ["de"]
        assert session.connection().execute(update(table).where(of_dealer).values(value="en")).rowcount == 0
        assert session.connection().execute(delete(table).where(of_dealer)).rowcount == 0
    with database.transaction() as session:
        session.execute(delete(table).where(table.c.place == "dealer"))


def table_of(model: type[Model]) -> Table:
    return Model.metadata.tables[model.__tablename__]


# --- A dealer who leaves


def test_an_export_holds_every_table_of_the_dealer_and_no_secret(two, tmp_path):
    database, alice, _ = two
    hers, path = counted(database, alice), tmp_path / "northwind.zip"
    counts = export(database, "Northwind Copiers", path, NOW)
    assert counts == hers
    with zipfile.ZipFile(path) as archive:
        about = json.loads(archive.read("manifest.json"))
        rows = {name: [json.loads(line) for line in archive.read(f"{name}.jsonl").splitlines()] for name in counts}
    assert {name: len(found) for name, found in rows.items()} == about["rows"] == hers
    for name, found in rows.items():
        model = MODELS[name]
        assert all(
            set(row) == {column.name for column in model.__table__.c} - SECRETS.get(name, set()) for row in found
        ), name
    assert all(row.get("dealer_id", alice.dealer_id) == alice.dealer_id for found in rows.values() for row in found)
    assert "Kyocera" in json.dumps(rows["device"])
    assert "argon2" not in json.dumps(rows)
    assert path.stat().st_mode & 0o077 == 0
    assert [one.name for one in tmp_path.iterdir()] == ["northwind.zip"]


def test_every_column_that_opens_a_door_stays_here():
    """Hashes of passwords, keys and tokens, and what lies encrypted; a new one fails here until it is listed."""
    doors = re.compile("password|secret|token|key_hash|code_hash")
    for name, model in MODELS.items():
        if name not in CLOSED:
            found = {
                column.name for column in model.__table__.c if doors.search(column.name) and column.name not in OPEN
            }
            assert found <= SECRETS.get(name, set()), name


OPEN = {"wants_second_factor"}


@pytest.fixture(params=["sqlite", "postgresql"])
def leaving(request: pytest.FixtureRequest, tmp_path: Path, migrated_sqlite: Path) -> Iterator[Two]:
    """A database of this test's own."""
    if request.param == "sqlite":
        shutil.copyfile(migrated_sqlite, tmp_path / "flexprint.db")
        yield from filled(f"sqlite:///{tmp_path / 'flexprint.db'}")
        return
    postgres = request.getfixturevalue("postgres")
    url = postgres.create(template=postgres.template("flexprint_template", upgrade))
    yield from filled(url)
    postgres.drop(url)


def test_nothing_is_left_of_a_dealer_who_was_erased_and_all_of_the_others(leaving, tmp_path):
    database, alice, bob = leaving
    whole, his = counted(database, None), counted(database, bob)
    removed = erase(database, "Northwind Copiers")
    assert removed == {name: whole[name] - his[name] for name in removed}
    left = counted(database, None)
    assert {name: count for name, count in left.items() if name not in CLOSED and count} == {
        "dealer": 1,
        "user_account": 1,
    }
    assert counted(database, bob) == his
    with pytest.raises(NoSuchDealer):
        erase(database, "Northwind Copiers")
    for name, model in MODELS.items():
        for column in model.__table__.c:
            if "dealer_id" in column.name:
                with database.reading() as session:
                    assert (
                        session.scalar(select(func.count()).select_from(model).where(column == alice.dealer_id)) == 0
                    ), name
    with pytest.raises(DatabaseError, match="only added to"), database.transaction() as session:
        session.add(AuditEntry(dealer_id=bob.dealer_id, at=NOW, who="x", what="a deed", target="a thing"))
        session.flush()
        session.execute(delete(AuditEntry))
    if database.is_sqlite:
        kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert b"Harbour Dental" not in kept, "what was removed is overwritten"


# Sessions before anybody is known: who signs in, whose token it is.
BEFORE_SOMEBODY_IS_KNOWN = {"dashboard/door.py", "api/door.py"}


def test_whatever_is_done_for_somebody_from_outside_is_done_in_their_scope():
    """Pages and API open no session without a scope."""
    root = Path(flexprint_server.__file__).parent
    for room in ("dashboard", "api"):
        for path in (root / room).rglob("*.py"):
            if str(path.relative_to(root)) in BEFORE_SOMEBODY_IS_KNOWN:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    opens = node.func.attr in ("reading", "transaction")
                    assert not opens or node.args, f"{path.name}, line {node.lineno}: name the scope"
