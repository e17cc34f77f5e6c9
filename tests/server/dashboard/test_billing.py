"""The page Billing: pages of each device and meter between two dates."""

import csv
import io
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import select

from flexprint_server.dashboard.billing_pages import between
from flexprint_server.fleet.models import Device, Read
from flexprint_server.reports.fleet_rows import device_rows
from flexprint_server.reports.wanted import Covers
from services.pages import NOW

OCTOBER = ("2026-10-01", "2026-10-31")
SINCE = NOW - timedelta(days=60)


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ({}, OCTOBER),
        ({"from": "2026-09-01", "to": "2026-09-01"}, ("2026-09-01", "2026-09-01")),
        ({"from": "2026-09-02", "to": "2026-09-01"}, OCTOBER),
        ({"from": "2020-01-01", "to": "2026-09-01"}, OCTOBER),
        ({"from": "9999-12-31", "to": "9999-12-31"}, OCTOBER),
        ({"from": "yesterday", "to": "<script>"}, OCTOBER),
    ],
)
def test_days_that_make_no_sense_are_the_last_month(query, days):
    since, until = between(query, NOW)
    assert (str(since.date()), str(until.date())[:8]) == (days[0], str(until.date())[:8])
    assert (until - since).days == (31 if days == OCTOBER else 1)


def test_the_pages_are_those_of_the_stored_reads(alice, fleet):
    """Each device's totals, as the reads around either end say."""
    answer = alice.get("/billing.csv?from=2026-11-01&to=2026-11-20")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    actual = [
        row
        for row in rows
        if row["Meter"] == "total" and row["From quality"] == row["To quality"] == "actual" and not row["Note"]
    ]
    assert actual
    with fleet.reading() as session:
        for row in actual[:10]:
            of_device = (
                select(Read.total).join(Device, Device.id == Read.device_id).where(Device.serial == row["Serial"])
            )
            before = of_device.order_by(Read.read_at.desc())
            ends = [
                session.scalar(before.where(Read.read_at <= end).limit(1))
                for end in (NOW.replace(day=1, hour=0, minute=0), NOW.replace(day=21, hour=0, minute=0))
            ]
            assert (int(row["From value"]), int(row["To value"])) == tuple(ends)
            assert int(row["Pages"]) == ends[1] - ends[0]
    page = alice.get("/billing?from=2026-11-01&to=2026-11-20").text
    assert f"{int(actual[0]['Pages']):,}" in page or actual[0]["Serial"] not in page


@pytest.mark.parametrize("size", [1, 7, 50])
def test_the_pages_of_the_list_put_together_are_the_list(fleet, size):
    """New devices of all sites, then the others: a page may end in the midst of a site, or hold several."""

    def devices_of(at=None):
        with (
            fleet.reading() as session,
            closing(device_rows(session, 1, Covers("all"), NOW, read_since=SINCE, at=at)) as rows,
        ):
            return [row.device_id for row in rows]

    every = devices_of()
    pages = [devices_of((before, size)) for before in range(0, len(every) + size, size)]
    assert [device for page in pages for device in page] == every
    assert pages[-1] == []
