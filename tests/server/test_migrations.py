"""The schema that migrations make is the schema that the models describe."""

import random

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text

from flexprint_server.database import Database, Model, Scope
from flexprint_server.fleet.models import Device, DeviceKey, Read
from flexprint_server.migrations import configuration, upgrade
from flexprint_server.reports.parts import PART, every_part, find


def test_models_and_migrations_agree(database: Database) -> None:
    """A freshly migrated database differs in nothing from what the models say, on SQLite and PostgreSQL."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        assert compare_metadata(context, Model.metadata) == []


def test_migrating_twice_changes_nothing(database_url: str) -> None:
    """`migrate` can stand in every start script."""
    upgrade(database_url)
    upgrade(database_url)


def test_a_device_keeps_its_figures_when_they_move_to_its_layout(tmp_path, postgres):
    """Step 4: what a device showed it shows still, its keys are all there, and reads have states of their own."""
    for url in (f"sqlite:///{tmp_path / 'old.db'}", postgres.create()):
        command.upgrade(configuration(url), "0003")
        database = Database(url)
        with database.transaction() as session:
            for statement in BEFORE.strip().split(";\n"):
                session.execute(text(statement))
        upgrade(url)
        with database.reading() as session:
            device = session.scalars(select(Device)).one()
            assert device.meters == {"total": [7342, "impressions"], "scan": [46, "scans"]}
            assert [(supply["name"], supply["percent"], supply["state"]) for supply in device.supplies] == [
                ("TK-1170", 42, "ok"),
                ("Waste", None, "some"),
            ]
            assert session.scalars(select(Read.states).order_by(Read.id)).all() == ["uu", "os"]
            assert session.scalars(select(DeviceKey.key)).all() == ["serial:kyocera:VD1"]
        database.close()


def test_a_workbook_is_whole_after_it_was_cut_into_parts(tmp_path, postgres):
    """Step 23: large, small, and of exactly one part."""
    whole = {1: random.Random(1).randbytes(2 * PART + 5), 2: b"PK", 3: bytes(PART)}
    for url in (f"sqlite:///{tmp_path / 'old.db'}", postgres.create()):
        command.upgrade(configuration(url), "0022")
        database = Database(url)
        with database.transaction() as session:
            session.execute(text("INSERT INTO dealer (id, name, created_at) VALUES (1, 'D', '2026-11-01 00:00:00')"))
            for number, content in whole.items():
                session.execute(text(REPORT), {"id": number})
                session.execute(text("INSERT INTO workbook VALUES (:id, :content)"), {"id": number, "content": content})
        upgrade(url)
        with database.reading() as session:
            moved = {number: find(1, session, number) for number in whole}
        assert [one.parts for one in moved.values()] == [3, 1, 1]
        assert {number: b"".join(every_part(database, Scope(1), one)) for number, one in moved.items()} == whole
        database.close()


REPORT = """INSERT INTO report (id, dealer_id, state, requested_at, created_at, attempts)
VALUES (:id, 1, 'sent', '2026-11-01 00:00:00', '2026-11-01 00:00:00', 0)"""
BEFORE = """
INSERT INTO dealer (id, name, created_at) VALUES (1, 'D', '2026-11-01 00:00:00.000000');
INSERT INTO customer (id, dealer_id, name, created_at) VALUES (1, 1, 'C', '2026-11-01 00:00:00.000000');
INSERT INTO site (id, dealer_id, customer_id, name, created_at) VALUES (1, 1, 1, 'S', '2026-11-01 00:00:00.000000');
INSERT INTO agent (id, dealer_id, site_id, public_key, host, platform, version, enrolled_at, last_sequence, last_hash, recipients)
VALUES ('00000000000000000000000000000001', 1, 1, '', '', '', '', '2026-11-01 00:00:00.000000', 0, '', '[]');
INSERT INTO layout (id, dealer_id, hash, content) VALUES (5, 1, '', '{"meters":
[["total","impressions",null,"vendor"],["scan","scans",null,"vendor"]], "supplies":
[["1","TK-1170","toner","black",100,"percent"],["2","Waste","wasteToner",null,-2,"percent"]]}');
INSERT INTO device (id, dealer_id, site_id, agent_id, said, macs, address, search_text, supply_low, state, errors, console, alerts,
warnings, meters, supplies, first_seen_at, last_read_at, owner_read_at)
VALUES (9, 1, 1, '00000000000000000000000000000001', '', '[]', '10.1.2.3', '', false, 'idle', '[]', '[]', '[]', '[]',
'{"total":[7342,"impressions"],"scan":[46,"scans"]}', '[["1","TK-1170","toner","black",42,"ok",42,100,"percent"],
["2","Waste","wasteToner",null,null,"some",-3,-2,"percent"]]', '2026-11-01 00:00:00.000000', '2026-11-03 00:00:00.000000',
'2026-11-03 00:00:00.000000');
INSERT INTO device_key (dealer_id, key, device_id) VALUES (1, 'serial:kyocera:VD1', 9);
INSERT INTO read (dealer_id, device_id, batch_id, "row", layout_id, read_at, meters, levels, percents)
VALUES (1, 9, 1, 0, 5, '2026-11-02 00:00:00.000000', '[7000,40]', '[50,-3]', '[50,null]');
INSERT INTO read (dealer_id, device_id, batch_id, "row", layout_id, read_at, meters, levels, percents)
VALUES (1, 9, 2, 0, 5, '2026-11-03 00:00:00.000000', '[7342,46]', '[42,-3]', '[42,null]')
"""
