"""What agents call. Bodies are read here, bounded in size and time; everything else happens in threads."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry, Counter
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect

from flexprint_server import problems
from flexprint_server.database import Database
from flexprint_server.ingest import enrolment, refusals
from flexprint_server.ingest.checkin import Desk
from flexprint_server.ingest.service import Inbox, Receipt
from flexprint_server.reports.queue import QueueAway
from flexprint_server.settings import Settings
from flexprint_shared import checkin
from flexprint_shared.batch import LARGEST_SEALED

_log = logging.getLogger(__name__)

SLOWEST: Final = 120
"""Seconds in which a body has to be here. Two megabytes take 40 s over a tired DSL line."""

RETRY_AFTER: Final = 15
"""Seconds after which an agent may try a collector that was busy."""

_THREADS: Final = 16
"""As many calls are answered at a time as there are connections to the database; more would wait for one."""

Wake = Callable[[int], object]
_Endpoint = Callable[[Request], Awaitable[Response]]


class Counts:
    """What became of the calls, for /metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.batches = Counter("flexprint_batches_stored", "Batches stored", registry=registry)
        self.reads = Counter("flexprint_reads_stored", "Reads stored", registry=registry)
        self.repeated = Counter("flexprint_batches_repeated", "Batches that were stored before", registry=registry)
        self.refused = Counter("flexprint_refusals", "Calls refused", ["problem"], registry=registry)
        self.enrolled = Counter("flexprint_agents_enrolled", "Agents enrolled", registry=registry)
        self.checked_in = Counter("flexprint_check_ins", "Check-ins answered", registry=registry)
        self.unwoken = Counter(
            "flexprint_queue_wake_failures", "Reports the queue could not be told of", registry=registry
        )

    def stored(self, receipt: Receipt) -> None:
        if receipt.new:
            self.batches.inc()
            self.reads.inc(receipt.reads)
        else:
            self.repeated.inc()


def router(settings: Settings, database: Database, wake: Wake, registry: CollectorRegistry) -> APIRouter:
    """The routes under /agent/v1. `wake(report)` tells the queue of a report; it is called after the answer."""
    counts = Counts(registry)
    inbox = Inbox.of(settings, database)
    desk = Desk(database, inbox.keyring, inbox.public_key, inbox.sealing_key)
    threads = ThreadPoolExecutor(_THREADS, "ingest")

    async def batches(request: Request) -> JSONResponse:
        sealed = await _body(request, LARGEST_SEALED)
        running = asyncio.get_running_loop()
        receipt = await running.run_in_executor(threads, inbox.receive, sealed, datetime.now(UTC))
        counts.stored(receipt)
        task = None if receipt.report is None else BackgroundTask(_wake, wake, receipt.report, counts)
        return JSONResponse(receipt.answer(), background=task)

    async def enroll(request: Request) -> JSONResponse:
        body = await _body(request, enrolment.LARGEST)
        address = request.client.host if request.client else ""
        running = asyncio.get_running_loop()
        answer = await running.run_in_executor(
            threads, enrolment.enrol, database, inbox.keyring, body, address, datetime.now(UTC)
        )
        counts.enrolled.inc()
        return JSONResponse(answer, 201)

    async def check_in(request: Request) -> Response:
        sealed = await _body(request, checkin.LARGEST_SEALED)
        running = asyncio.get_running_loop()
        answer = await running.run_in_executor(threads, desk.receive, sealed, datetime.now(UTC))
        counts.checked_in.inc()
        return Response(answer, media_type=checkin.MEDIA_TYPE, headers={"Cache-Control": "no-store"})

    # Plain routes: FastAPI's would work out for every call what it depends on, which is nothing.
    routes = APIRouter()
    routes.add_route("/agent/v1/batches", _answering(batches, counts), methods=["POST"])
    routes.add_route("/agent/v1/checkin", _answering(check_in, counts), methods=["POST"])
    routes.add_route("/agent/v1/enroll", _answering(enroll, counts), methods=["POST"])
    return routes


async def _body(request: Request, most: int) -> bytes:
    """The body, of `most` octets at most. Raises TooLarge as soon as that is certain, and TooSlow."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit() or int(declared[:20]) > most:
        raise _too_large(most)
    octets = bytearray()
    try:
        async with asyncio.timeout(SLOWEST):
            async for chunk in request.stream():
                octets += chunk
                if len(octets) > most:
                    raise _too_large(most)
    except TimeoutError as error:
        raise refusals.TooSlow(
            f"The body was not here within {SLOWEST} s. Try again.", headers={"Connection": "close"}
        ) from error
    return bytes(octets)


def _too_large(most: int) -> refusals.TooLarge:
    return refusals.TooLarge(
        f"The body is larger than {most} octets. Send fewer reads in one batch.", headers={"Connection": "close"}
    )


def _wake(wake: Wake, report: int, counts: Counts) -> None:
    """A queue that is down costs nothing but this line: the scheduler finds the report in the database."""
    try:
        wake(report)
    except QueueAway as error:
        counts.unwoken.inc()
        _log.warning("The queue could not be told of report %d (%s); the scheduler will find it.", report, error)


def _answering(endpoint: _Endpoint, counts: Counts) -> _Endpoint:
    """The endpoint as programs see it: a problem document for whatever goes wrong, and every one counted."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except refusals.Refusal as refusal:
            return _refused(request, refusal, counts)
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            _log.error("The database did not answer: %s.", type(error.__cause__ or error).__name__)
            busy = refusals.Busy(
                f"The collector's database does not answer at the moment. Try again in {RETRY_AFTER} s; "
                "nothing is lost.",
                headers={"Retry-After": str(RETRY_AFTER)},
            )
            return _refused(request, busy, counts)

    return answer


def _refused(request: Request, refusal: refusals.Refusal, counts: Counts) -> JSONResponse:
    counts.refused.labels(refusal.slug).inc()
    _log.info("A call to %s was refused: %s.", request.url.path, refusal.slug)
    return problems.answer(refusal)
