"""The schema that migrations make is the schema that the models describe."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from flexprint_server.database import Database, Model
from flexprint_server.migrations import upgrade


def test_models_and_migrations_agree(database: Database) -> None:
    """A freshly migrated database differs in nothing from what the models say, on SQLite and PostgreSQL."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        assert compare_metadata(context, Model.metadata) == []


def test_migrating_twice_changes_nothing(database_url: str) -> None:
    """`migrate` can stand in every start script."""
    upgrade(database_url)
    upgrade(database_url)
