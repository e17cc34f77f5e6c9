"""Is it alive, is it ready, what has it done: for probes and for Prometheus."""

import logging
from collections.abc import Callable, Iterable
from typing import Final

import redis
from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from flexprint_server.database import Database
from flexprint_server.reports.models import Report
from flexprint_server.settings import Settings

_log = logging.getLogger(__name__)

# Every state of a report, so that a graph shows zero and not nothing.
_STATES: Final = ("due", "building", "built", "sending", "sent", "failed")


def router(settings: Settings, database: Database, registry: CollectorRegistry) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    registry.register(_Reports(database))

    @routes.get("/healthz")
    async def alive() -> Response:
        return PlainTextResponse("alive\n")

    @routes.get("/readyz")
    def ready() -> Response:
        parts = {"database": _works(lambda: _ask(database)), "queue": _works(lambda: _ping(settings))}
        return JSONResponse(
            {part: "ready" if works else "not ready" for part, works in parts.items()},
            200 if all(parts.values()) else 503,
        )

    @routes.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return routes


def _works(asking: Callable[[], None]) -> bool:
    try:
        asking()
    except (SQLAlchemyError, redis.RedisError, ValueError):
        return False
    return True


def _ask(database: Database) -> None:
    # A table of ours and not just 1: a database that was never migrated is not ready either.
    with database.reading() as session:
        session.execute(text("SELECT id FROM dealer LIMIT 1"))


def _ping(settings: Settings) -> None:
    if settings.redis_url is None:
        raise ValueError("no queue is configured")
    # Towards rediss:// this client checks certificates unless told not to.
    with redis.Redis.from_url(settings.redis_url, socket_timeout=2, socket_connect_timeout=2) as client:
        client.ping()


class _Reports(Collector):
    """Reports by state, counted when asked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def describe(self) -> Iterable[Metric]:
        return [self._family()]

    def collect(self) -> Iterable[Metric]:
        family = self._family()
        try:
            with self._database.reading() as session:
                asked = select(Report.state, func.count()).group_by(Report.state)
                counts = {row[0]: row[1] for row in session.execute(asked)}
        except SQLAlchemyError:
            _log.warning("Reports could not be counted for /metrics: the database does not answer.")
            return []
        for state in _STATES:
            family.add_metric([state], counts.get(state, 0))
        return [family]

    def _family(self) -> GaugeMetricFamily:
        return GaugeMetricFamily("flexprint_reports", "Reports by state", labels=["state"])
