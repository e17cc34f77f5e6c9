"""Alice's dealer has a seeded fleet and keys, Bob's has a key and nothing else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from flexprint_server import app as whole
from flexprint_server.alerts.models import Alert
from flexprint_server.api.routes import router
from flexprint_server.database import Database
from flexprint_server.fleet.models import Device
from flexprint_server.migrations import upgrade
from flexprint_server.reports.models import WorkbookPart
from flexprint_server.settings import read_settings
from flexprint_server.tenants.api_keys import SCOPES, make_for
from services.pages import BOB, NOW, Clock, running
from services.postgres import Postgres
from services.seeded import bare_dealer, fill

HERS, HIS = "Northwind Copiers", "Elsewhere Office"


@dataclass(frozen=True)
class Api:
    """The collector, and keys of two dealers: `key` opens everything of Alice's dealer, `theirs` of Bob's."""

    database: Database
    client: httpx.Client
    clock: Clock
    key: str
    theirs: str
    numbers: dict[str, int]

    def get(self, path: str, key: str | None = None, **headers: str) -> httpx.Response:
        """A second after the call before: none of these is too many."""
        self.clock.now += timedelta(seconds=1)
        bearer = {"Authorization": f"Bearer {self.key if key is None else key}"}
        return self.client.get(f"/api/v1{path}", headers={**bearer, **headers})

    def all(self, path: str, limit: int) -> list[dict]:
        """Every item of a list, page by page."""
        found, more, cursor = [], "&" if "?" in path else "?", ""
        while True:
            page = self.get(f"{path}{more}limit={limit}{cursor}").json()
            assert len(page["items"]) <= limit
            found += page["items"]
            if page["next"] is None:
                return found
            cursor = f"&cursor={page['next']}"


@pytest.fixture(scope="module")
def api(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    url = postgres.create(template=postgres.template("flexprint_template", upgrade))
    settings = read_settings({"FLEXPRINT_DATABASE_URL": url}, data=tmp_path_factory.mktemp("data"))
    database = Database(url)
    with database.transaction() as session:
        fill(session, NOW)
        bare_dealer(session, NOW, HIS, BOB)
        key, theirs = (make_for(session, dealer, "all", SCOPES, timedelta(days=1), NOW)[0] for dealer in (HERS, HIS))
        for number, device in enumerate(session.scalars(select(Device).order_by(Device.id).limit(5))):
            at = {"dealer_id": device.dealer_id, "site_id": device.site_id, "device_id": device.id}
            over = NOW if number == 0 else None
            alert = Alert(kind="supply_low", about=f"device:{device.id}", facts={}, opened_at=NOW, closed_at=over, **at)
            session.add(alert)
        numbers = {
            "device_id": session.scalar(select(func.min(Device.id))),
            "report_id": session.scalar(select(func.min(WorkbookPart.report_id))),
        }
    clock, app = Clock(NOW), FastAPI(openapi_url=None)
    app.include_router(router(settings, database, clock))
    app.add_exception_handler(whole.HTTPException, whole._went_wrong)
    with running(app) as url, httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        yield Api(database, client, clock, key, theirs, numbers)
    database.close()
    postgres.drop(url)


@pytest.fixture
def make_key(api: Api) -> Callable[..., str]:
    """A key of Alice's dealer."""

    def make(*scopes: str, days: float = 1) -> str:
        with api.database.transaction() as session:
            return make_for(session, HERS, "some", scopes, timedelta(days=days), api.clock.now)[0]

    return make
