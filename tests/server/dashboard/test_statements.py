"""However many rows a list has, it asks the database the same number of questions."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

from bench import fleet
from bench.pages import facts_of, questions
from fastapi import FastAPI
from sqlalchemy import event

from flexprint_server.api import routes as api
from flexprint_server.dashboard import routes as dashboard
from flexprint_server.database import Database
from flexprint_server.migrations import upgrade
from flexprint_server.settings import read_settings
from flexprint_server.tenants import api_keys
from services.pages import Visit, running

FEW = fleet.Size(devices=40, days=10, sites=8, customers=8, few=8)
TEN_TIMES = fleet.Size(devices=400, days=10, sites=60, customers=30, few=80)


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    sent: list[str] = []

    def note(_connection, _cursor, statement, *_more):
        sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield sent
    event.remove(database.engine, "before_cursor_execute", note)


def statements(url: str, size: fleet.Size, folder) -> dict[str, int]:
    """How many each page, file and call takes, by its path; as an owner, a customer's user and a program."""
    fleet.fill(url, datetime.now(UTC), size)
    database, found = Database(url), {}
    app, settings = FastAPI(openapi_url=None), read_settings({"FLEXPRINT_SECRET_KEY": fleet.SECRET_KEY}, data=folder)
    app.include_router(dashboard.router(settings, database))
    app.include_router(api.router(settings, database))
    with database.transaction() as session:
        key, _ = api_keys.make_for(session, fleet.DEALER, "x", api_keys.SCOPES, timedelta(1), datetime.now(UTC))
    with (
        running(app) as address,
        closing(database),
        closing(Visit(address)) as owner,
        closing(Visit(address)) as reader,
    ):
        owner.sign_in(fleet.OWNER, fleet.PASSWORD)
        reader.sign_in(fleet.READER, fleet.PASSWORD)
        program = {"authorization": f"Bearer {key}"}
        lists = [(asked, path) for asked, path in questions(facts_of(url)) if "?" not in asked and ".xlsx" not in asked]
        for asked, path in lists:
            for visit, headers in ((owner, program), (reader, {})):
                if visit is reader and path.startswith(api.PREFIX):
                    continue
                with counted(database) as sent:
                    answer = visit.get(path, headers=headers)
                assert answer.status_code == 200 or visit is reader, path
                found[f"{'owner' if visit is owner else 'reader'} {asked}"] = len(sent)
    return found


def test_a_page_takes_as_many_statements_for_ten_times_the_fleet(postgres, tmp_path):
    template = postgres.template("flexprint_template", upgrade)
    few, many = (statements(postgres.create(template), size, tmp_path) for size in (FEW, TEN_TIMES))
    assert {asked: (count, many[asked]) for asked, count in few.items() if many[asked] > count} == {}
