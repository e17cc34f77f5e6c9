"""Six weeks of a dealer's fleet on PostgreSQL: what agents bring, beside what pages, files, API and workbook say of it."""

import csv
import re
from datetime import timedelta
from html import unescape
from io import StringIO

import pytest
from sqlalchemy import select, update

from flexprint_server.alerts.watch import look
from flexprint_server.database import Database
from flexprint_server.reports import fleet_rows
from flexprint_server.reports.wanted import Covers
from flexprint_server.settings import read_settings
from flexprint_server.tenants.models import SignIn, User
from services import agents
from services.pages import Clock, Visit, fields, serving
from services.reads import NOON, a_read, later
from services.seeded import password_hash
from services.world import World

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CARDS = [(f"00:17:c8:00:00:{number:02x}",) for number in range(1, 9)]


def printer(name, card, total, **more):
    return a_read(f"{name}0001", total, macs=CARDS[card], name=name, address=f"10.1.2.{card + 1}", **more)


class Dealership(World):
    """A world with a dashboard; `day` is what the clock says."""

    def __init__(self, database, visit, clock):
        super().__init__(database)
        self.visit, self.clock = visit, clock
        self.other = agents.an_agent(database, "Sato Logistics", "Depot")
        self.day = 0

    def send(self, *reads, agent=None):
        at = NOON + self.day * DAY
        self.bring(*[later(read, read.meter("total"), at) for read in reads], agent=agent, arrived=at + HOUR)
        self.clock.now = at + 2 * HOUR
        self.look()

    def wait(self, days):
        self.day += days
        self.clock.now = NOON + self.day * DAY + 2 * HOUR

    def look(self):
        """As the scheduler does every minute."""
        with self.database.transaction() as session:
            look(session, self.clock.now, NOON - 400 * DAY)

    def listed(self, query=""):
        """(name, marks) of each device in the file of a list."""
        rows = list(csv.DictReader(StringIO(self.visit.get(f"/devices.csv{query}").content.decode("utf-8-sig"))))
        return [(row["Name"], row["Marked"]) for row in rows]

    def history(self, name):
        page = unescape(self.visit.get(f"/devices/{self.number(name)}/identity").text)
        return re.findall(r'<li><span class="main">([^<]*)</span>', page)

    def number(self, name):
        return next(device.id for device in self.devices() if device.name == name)

    def in_workbook(self):
        with self.database.reading() as session:
            rows = fleet_rows.device_rows(session, self.devices()[0].dealer_id, Covers("all"), self.clock.now)
            return [row.name for row in rows]

    def missing(self):
        rows = csv.DictReader(StringIO(self.visit.get("/missing.csv").content.decode("utf-8-sig")))
        return {row["Serial"]: row["Reason"] for row in rows}

    def post(self, path, page, **form):
        token = fields(self.visit.get(page).text)["token"]
        return self.visit.post(path, {"token": token, **form})


@pytest.fixture
def dealership(postgres_url, tmp_path):
    database, clock = Database(postgres_url), Clock(NOON + 2 * HOUR)
    with serving(read_settings({"FLEXPRINT_SECRET_KEY": agents.SECRET_KEY}, data=tmp_path), database, clock) as url:
        visit = Visit(url)
        made = Dealership(database, visit, clock)
        with database.transaction() as session:
            user = session.scalars(select(User)).first()
            user.password_hash, email = password_hash(), user.email
        visit.sign_in(email)
        with database.transaction() as session:
            session.execute(update(SignIn).values(expires_at=NOON + 400 * DAY))
        yield made
        visit.close()
    database.close()


def test_six_weeks(dealership):
    d = dealership
    alpha, beta, gamma = printer("ALPHA", 0, 5000), printer("BETA", 1, 6000), printer("GAMMA", 2, 7000)
    d.send(alpha, beta)
    d.send(gamma, agent=d.other)
    assert d.listed() == [("ALPHA", "new"), ("BETA", "new"), ("GAMMA", "new")]
    d.post(f"/devices/{d.number('ALPHA')}/labels", f"/devices/{d.number('ALPHA')}", asset="A-1", note="by the door")

    # Another network card here, another main board there: the same three devices.
    d.wait(1)
    d.send(printer("ALPHA", 3, 5010, asset="HOSTILE"), beta)
    swapped = a_read("GAMMA0002", 7020, macs=CARDS[2], name="GAMMA", address="10.1.2.3")
    d.send(swapped, agent=d.other)
    assert len(d.devices()) == 3
    assert "Another network card" in d.history("ALPHA")
    assert d.history("GAMMA") == ["Another main board: the serial changed, the card and the counter did not"]

    # BETA is off from now on. Each boundary is passed by the wait from one day to the next.
    for days, mark, reason, in_workbook in (
        (1, "new", None, True),
        (1, "new", "Device silent", True),
        (4, "new", "Device silent", True),
        (1, "stale, new", "Device silent", True),
        (22, "stale, new", "Device silent", True),
        (1, "stale", "Device silent", True),
        (1, "stale", "Gone?", False),
    ):
        d.wait(days)
        d.send(printer("ALPHA", 3, 5010 + d.day))
        d.send(later(swapped, 7020 + d.day, NOON), agent=d.other)
        assert (dict(d.listed())["BETA"], d.missing().get("BETA0001")) == (mark, reason), d.day
        assert ("BETA" in d.in_workbook()) == in_workbook, d.day
    assert "A-1" in d.visit.get(f"/devices/{d.number('ALPHA')}").text
    assert d.visit.get("/devices.csv?q=hostile").text.count("ALPHA") == 0

    # It was retired, and is found at the other customer.
    d.post(f"/devices/{d.number('BETA')}/retire", f"/devices/{d.number('BETA')}", retired="yes")
    assert "BETA" not in dict(d.listed())
    d.wait(1)
    d.send(printer("ALPHA", 3, 5050))
    d.send(later(swapped, 7060, NOON), printer("BETA", 1, 6100), agent=d.other)
    assert dict(d.listed())["BETA"] == ""
    assert sorted(d.history("BETA")[:2]) == ["Brought back", "Moved to another site"]
    assert "BETA" in d.in_workbook()

    # Merged by mistake across customers, and undone.
    before = d.listed(), d.in_workbook()
    merged = f"/devices/{d.number('ALPHA')}"
    d.post(f"{merged}/merge", f"{merged}/identity", other="BETA0001")
    assert len(d.listed()) == 2
    d.post(f"{merged}/changes/1/undo", f"{merged}/identity")
    assert (d.listed(), d.in_workbook()) == before

    # The first customer's agent is removed: silent after its longest habits, and retired then.
    d.wait(6)
    d.send(later(swapped, 7100, NOON), printer("BETA", 1, 6200), agent=d.other)
    assert d.missing() == {"ALPHA0001": "Agent silent"}
    assert "likely to be off" in unescape(d.visit.get("/alerts?kind=agent_silent").text)
    agent = f"/agents/{d.agent.id}"
    d.post(f"{agent}/retire", agent, retired="yes")
    d.look()
    assert d.missing() == {"ALPHA0001": "Agent gone"}
    assert "Agent on" not in d.visit.get("/alerts?kind=agent_silent").text
