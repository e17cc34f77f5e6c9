"""The page of agents, the keys that let them in, and the log of who made them."""

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import func, select, update

from flexprint_server.alerts.watch import look
from flexprint_server.tenants.models import Agent, Customer, InstallKey
from flexprint_server.tenants.service import enrol
from services.pages import NOW, fields


def make_key(visit, customer="Harbour Dental", site="New wing"):
    form = fields(visit.get("/agents").text)
    return visit.post("/agents/keys", {"token": form["token"], "customer": customer, "site": site})


def test_every_agent_is_listed_with_its_site_and_computer(alice, fleet):
    with fleet.reading() as session:
        hosts = set(session.scalars(select(Agent.host)))
    page = unescape(alice.get("/agents").text)
    assert hosts
    assert all(host in page for host in hosts)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("q=maple+high", ["High School"]),
        ("q=quayside", ["Quayside"]),
        ("q=nobody", []),
        ("show=silent", []),
        ("sort=place&q=harbour", ["Main Street", "Quayside"]),
        ("sort=-place&q=harbour", ["Quayside", "Main Street"]),
    ],
)
def test_agents_are_found_and_put_in_order_and_their_file_follows(alice, line, expected):
    page = unescape(alice.get(f"/agents?{line}").text)
    assert re.findall(r'<td role="cell" class="where">.*?class="sub"><bdi>(.*?)</bdi>', page) == expected
    assert f"/agents.csv?{'&'.join(sorted(line.split('&')))}" in page or not expected
    assert [row.split(",")[1].strip('"') for row in alice.get(f"/agents.csv?{line}").text.splitlines()[1:]] == expected


@pytest.mark.parametrize("sort", ["heard", "host", "version", "enrolled", "wake", "nonsense", "-heard", "-wake"])
def test_any_order_of_agents_holds_all_of_them(alice, fleet, sort):
    with fleet.reading() as session:
        known = session.scalar(select(func.count(Agent.id)))
    assert alice.get(f"/agents?sort={sort}").text.count('class="where"') == known


def test_a_silent_agent_comes_first_and_every_page_and_file_calls_it_so(alice, fleet):
    """What was found when alerts were looked for is what is shown, with what is likely to be the reason."""
    with fleet.transaction() as session:
        session.execute(update(Agent).values(last_seen_at=NOW))
        silent = session.scalars(select(Agent)).first()
        silent.host, silent.last_seen_at = "QUIET-PC", NOW - timedelta(days=5)
        look(session, NOW, NOW - timedelta(days=9))
        at = f"/agents/{silent.id}", f"/sites/{silent.site_id}"
    page = alice.get("/agents").text
    assert page.count(">Silent<") == 1
    first_row = page.split("<tbody", 1)[1].split("</tr>", 1)[0]
    assert "QUIET-PC" in first_row
    assert ">Silent<" in first_row
    assert "likely to be off" in first_row
    assert all(alice.get(path).text.count(">Silent<") == 1 for path in at)
    in_file = [line for line in alice.get("/agents.csv").text.splitlines() if "QUIET-PC" in line]
    assert f"{NOW:%Y-%m-%d %H:%M}:00" in in_file[0]
    assert "QUIET-PC" in alice.get("/").text.split('id="silent"', 1)[1].split("</section>", 1)[0]


def test_a_key_made_on_the_page_lets_one_agent_in(alice, fleet):
    """The command shown is the whole of it; the key stands on that one page and nowhere else."""
    answer = make_key(alice)
    key = re.search(r"flexprint-agent enroll --server \S+ --key (FPK-[0-9A-Z-]+)", answer.text)[1]
    with fleet.transaction() as session:
        agent = enrol(session, key, bytes(32), "NEW-PC", "Linux", "0.1.0", NOW)
        assert (agent.site.customer.name, agent.site.name) == ("Harbour Dental", "New wing")
    assert key not in alice.get("/agents").text


@pytest.mark.parametrize(("customer", "site"), [("", "Main"), ("Harbour Dental", " "), ("\u202e", "Main")])
def test_a_key_needs_a_customer_and_a_site(alice, fleet, customer, site):
    answer = make_key(alice, customer, site)
    assert answer.status_code == 422
    assert "name is empty" in answer.text
    with fleet.reading() as session:
        assert session.scalars(select(InstallKey)).all() == []


def test_the_name_of_a_new_customer_is_shown_and_not_run(alice):
    page = make_key(alice, "<script>alert(1)</script>").text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_key_that_waits_is_listed_and_can_be_withdrawn(alice, fleet):
    make_key(alice)
    page = alice.get("/agents").text
    assert "New wing" in page.split("Keys that wait", 1)[1]
    withdraw = re.search(r'action="(/agents/keys/\d+/withdraw)"', page)[1]
    assert alice.post(withdraw, {"token": fields(page)["token"]}).status_code == 303
    assert "Keys that wait" not in alice.get("/agents").text
    with fleet.reading() as session:
        assert session.scalars(select(InstallKey.expires_at)).one() == NOW
    assert alice.post(withdraw, {"token": fields(page)["token"]}).status_code == 404


def test_another_dealers_key_cannot_be_withdrawn(alice, bob, fleet):
    make_key(alice)
    with fleet.reading() as session:
        key = session.scalars(select(InstallKey.id)).one()
    token = fields(bob.get("/agents").text)["token"]
    assert bob.post(f"/agents/keys/{key}/withdraw", {"token": token}).status_code == 404
    with fleet.reading() as session:
        assert session.scalars(select(InstallKey.expires_at)).one() > NOW


def test_a_customer_of_the_same_name_at_another_dealer_is_another_customer(alice, bob, fleet):
    make_key(alice)
    make_key(bob)
    with fleet.reading() as session:
        named = session.scalars(select(Customer.dealer_id).where(Customer.name == "Harbour Dental")).all()
    assert len(set(named)) == len(named) == 2


def test_who_made_and_withdrew_a_key_stands_in_the_audit_log(alice, bob):
    make_key(alice)
    page = alice.get("/agents").text
    withdraw = re.search(r'action="(/agents/keys/\d+/withdraw)"', page)[1]
    alice.post(withdraw, {"token": fields(page)["token"]})
    log = unescape(alice.get("/audit").text)
    assert log.index("Withdrew an install key") < log.index("Made an install key")
    assert "Harbour Dental, New wing" in log
    assert "Harbour Dental" not in bob.get("/audit").text
