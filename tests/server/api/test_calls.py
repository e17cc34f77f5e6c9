"""The API as billing systems use it: every call as its dealer, as another, as nobody and with too small a key."""

import re
from datetime import timedelta
from io import BytesIO

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select, update

from flexprint_server.api.calls import CALLS
from flexprint_server.api.openapi import document
from flexprint_server.api.questions import next_cursor
from flexprint_server.api.routes import router
from flexprint_server.api.shapes import SHAPES
from flexprint_server.database import Database
from flexprint_server.fleet.models import Device, Layout, Read
from flexprint_server.reports import parts
from flexprint_server.reports.models import Report
from flexprint_server.settings import read_settings
from flexprint_server.tenants.api_keys import SCOPES
from flexprint_server.tenants.models import Agent, Customer, Site, User
from flexprint_server.tenants.sign_in import sign_in
from services.pages import ALICE
from services.seeded import PASSWORD

# Every route, the scope it needs, and what another dealer's key gets for the things of Alice's dealer. A new route
# fails the test below until it stands here.
EVERY_ROUTE = {
    "/customers": ("fleet", 200),
    "/sites": ("fleet", 200),
    "/agents": ("fleet", 200),
    "/devices": ("fleet", 200),
    "/devices/{device_id}": ("fleet", 404),
    "/devices/{device_id}/reads": ("reads", 404),
    "/supplies": ("supplies", 200),
    "/alerts": ("alerts", 200),
    "/reports": ("reports", 200),
    "/reports/{report_id}.xlsx": ("reports", 404),
}
OPEN_TO_ALL = {"/openapi.json"}


def test_no_route_is_left_out_here(tmp_path):
    routes = router(read_settings({}, data=tmp_path), Database("sqlite://")).routes
    assert {route.path.removeprefix("/api/v1") for route in routes} == set(EVERY_ROUTE) | OPEN_TO_ALL
    assert all(route.methods <= {"GET", "HEAD"} for route in routes)


@pytest.mark.parametrize("path", EVERY_ROUTE)
def test_every_call_answers_its_own_dealer(api, path):
    assert api.get(path.format(**api.numbers)).status_code == 200


@pytest.mark.parametrize("path", EVERY_ROUTE)
def test_another_dealer_learns_nothing(api, path):
    answer = api.get(path.format(**api.numbers), key=api.theirs)
    assert answer.status_code == EVERY_ROUTE[path][1]
    if answer.status_code == 200:
        assert answer.json() == {"items": [], "next": None}


@pytest.mark.parametrize("path", EVERY_ROUTE)
@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer wrong", "Bearer fpa_wrong", "Basic eDp4", "Bearer é"]
)
def test_nobody_gets_in_without_a_key(api, path, authorization):
    api.clock.now += timedelta(seconds=1)
    headers = {} if authorization is None else {"Authorization": authorization.encode()}
    answer = api.client.get(f"/api/v1{path.format(**api.numbers)}", headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:flexprint:problem:no-key"


@pytest.mark.parametrize("path", EVERY_ROUTE)
def test_a_key_opens_its_scopes_and_nothing_else(api, make_key, path):
    scope = EVERY_ROUTE[path][0]
    assert api.get(path.format(**api.numbers), key=make_key(scope)).status_code == 200
    answer = api.get(path.format(**api.numbers), key=make_key(*(set(SCOPES) - {scope})))
    assert (answer.status_code, answer.json()["scope"]) == (403, scope)


@pytest.mark.parametrize("role", ["owner", "viewer", "customer"])
def test_a_person_who_is_signed_in_is_nobody_here(api, role):
    """A browser's cookie opens no call: no page of another site can make one in somebody's name."""
    with api.database.transaction() as session:
        customer = session.scalar(select(func.min(Customer.id))) if role == "customer" else None
        session.execute(update(User).where(User.email == ALICE).values(role=role, customer_id=customer))
    token = sign_in(api.database, email=ALICE, password=PASSWORD, address="", browser=None, now=api.clock.now)
    for path in EVERY_ROUTE:
        api.clock.now += timedelta(seconds=1)
        answer = api.client.get(f"/api/v1{path.format(**api.numbers)}", headers={"Cookie": f"flexprint={token}"})
        assert answer.status_code == 401


# --- Lists


@pytest.mark.parametrize(
    "path", [path for path in EVERY_ROUTE if path not in ("/devices/{device_id}", "/reports/{report_id}.xlsx")]
)
@pytest.mark.parametrize("limit", [1, 7, 500])
def test_a_list_has_the_same_items_whatever_its_pages(api, path, limit):
    if limit == 1 and path in ("/supplies", "/devices/{device_id}/reads"):
        limit = 3
    path = path.format(**api.numbers)
    whole = api.all(path, 500)
    assert len(whole) > 3
    assert api.all(path, limit) == whole


def test_lists_hold_the_whole_fleet(api):
    with api.database.reading() as session:
        for path, model in (("/customers", Customer), ("/sites", Site), ("/agents", Agent), ("/devices", Device)):
            assert len(api.all(path, 100)) == session.scalar(select(func.count()).select_from(model)), path
        reads = select(func.count()).where(Read.device_id == api.numbers["device_id"])
        assert len(api.all(f"/devices/{api.numbers['device_id']}/reads", 20)) == session.scalar(reads)
        devices = session.scalars(select(Device).order_by(Device.id)).all()
        supplies = [(device.id, supply["index"]) for device in devices for supply in device.supplies]
    assert [(one["device_id"], one["supply"]["index"]) for one in api.all("/supplies", 11)] == supplies


def test_what_is_merged_or_retired_is_in_no_list_and_still_to_be_read(api):
    device = api.all("/devices", 100)[-1]["id"]
    with api.database.transaction() as session:
        session.get(Device, device).in_fleet = False
    assert device not in [one["id"] for one in api.all("/devices", 100)]
    assert device not in [one["device_id"] for one in api.all("/supplies", 100)]
    assert api.get(f"/devices/{device}").json()["in_fleet"] is False
    with api.database.transaction() as session:
        session.get(Device, device).in_fleet = True


def test_devices_are_found_by_what_billing_knows_of_them(api):
    devices = api.all("/devices", 100)
    one = next(device for device in devices if device["asset"])
    assert [found["id"] for found in api.all(f"/devices?serial={one['serial']}", 100)] == [one["id"]]
    assert [found["id"] for found in api.all(f"/devices?asset={one['asset']}", 100)] == [one["id"]]
    for name in ("customer", "site"):
        found = api.all(f"/devices?{name}={one[name + '_id']}", 100)
        assert found == [device for device in devices if device[f"{name}_id"] == one[f"{name}_id"]]
    for mark in ("stale", "new"):
        yes, no = ([one["id"] for one in api.all(f"/devices?{mark}={word}", 100)] for word in ("true", "false"))
        assert yes
        assert sorted(yes + no) == [device["id"] for device in devices]
        assert yes == [device["id"] for device in devices if device[mark]]


def test_a_number_that_a_person_typed_wins_over_what_the_device_says(api):
    number = api.numbers["device_id"]
    with api.database.transaction() as session:
        session.get(Device, number).typed_asset = "TYPED-1"
    assert [one["id"] for one in api.all("/devices?asset=TYPED-1", 100)] == [number]
    assert api.get(f"/devices/{number}").json()["asset"] == "TYPED-1"


def test_reads_are_those_between_two_instants(api):
    path = f"/devices/{api.numbers['device_id']}/reads"
    whole = api.all(path, 100)
    times = [one["read_at"] for one in whole]
    assert times == sorted(times)
    begin, end = times[10], times[20]
    assert [one["read_at"] for one in api.all(f"{path}?from={begin}&to={end}", 4)] == times[10:20]


def test_figures_come_with_their_unit_and_where_they_are_from(api):
    device = api.get(f"/devices/{api.numbers['device_id']}").json()
    total = next(meter for meter in device["meters"] if meter["name"] == "total")
    with api.database.reading() as session:
        assert total["value"] == session.get(Device, device["id"]).total
    assert total["unit"] == "impressions"
    assert total["source"] in ("vendor", "standard")
    assert re.fullmatch(r"[\d.]+", total["oid"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", device["last_read_at"])


def test_a_workbook_is_the_file_that_was_mailed(api):
    answer = api.get(f"/reports/{api.numbers['report_id']}.xlsx")
    assert load_workbook(BytesIO(answer.content)).active["A1"].value == "Printers"
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    assert answer.headers["content-length"] == str(len(answer.content))


def test_a_large_workbook_comes_a_part_at_a_time_and_once(api, monkeypatch):
    path, content = f"/reports/{api.numbers['report_id']}.xlsx", bytes(range(256)) * 10
    before = api.get(path).content
    monkeypatch.setattr(parts, "PART", 1000)
    try:
        with api.database.transaction() as session:
            parts.keep(session, api.numbers["report_id"], BytesIO(content))
        answer = api.get(path)
        assert answer.content == content
        assert answer.headers["content-length"] == str(len(content))
        again = api.get(path, **{"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    finally:
        with api.database.transaction() as session:
            parts.keep(session, api.numbers["report_id"], BytesIO(before))


def test_alerts_say_what_is_the_matter_and_what_to_do(api):
    is_open, is_over = api.all("/alerts?open=true", 2), api.all("/alerts?open=false", 2)
    assert len(is_open) == 4
    assert len(is_over) == 1
    assert is_over[0]["closed_at"]
    assert all(one["kind"] == "supply_low" and one["what"] and one["do"] for one in is_open)


def test_a_workbook_of_a_schedule_is_of_no_site(api):
    now = api.clock.now
    with api.database.transaction() as session:
        dealer = session.scalar(select(Customer.dealer_id).limit(1))
        due = Report(dealer_id=dealer, state="due", requested_at=now, created_at=now)
        session.add(due)
        session.flush()
        number = due.id
    found = api.all("/reports", 500)[-1]
    assert (found["id"], found["customer_id"], found["site_id"]) == (number, None, None)
    assert api.get(f"/reports/{number}.xlsx").status_code == 404


# --- Manners


@pytest.mark.parametrize("path", EVERY_ROUTE)
def test_what_is_still_the_same_is_not_sent_again(api, path):
    first = api.get(path.format(**api.numbers))
    again = api.get(path.format(**api.numbers), **{"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    changed = api.get(path.format(**api.numbers), **{"If-None-Match": '"other"'})
    assert (changed.status_code, changed.content) == (200, first.content)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("limit=0", "limit takes a whole number from 1 to 500"),
        ("limit=501", "limit takes"),
        ("limit=1e2", "limit takes"),
        ("cursor=x", "cursor takes"),
        ("cursor=WyJhIl0", "cursor takes"),  # ["a"]
        ("cursor=WzEsMl0", "cursor takes"),  # [1,2]
        ("cursor=Wy0xXQ", "cursor takes"),  # [-1]
        ("cursor=W1tbW1tb", "cursor takes"),
        ("cursor=%C3%A9", "cursor takes"),
        ("customer=0", "customer takes a number from 1"),
        ("customer=" + "9" * 30, "customer takes"),
        ("stale=yes", "stale takes true or false"),
        ("serial=", "serial takes a text"),
        ("colour=red", "There is no parameter 'colour'. This call takes customer"),
    ],
)
def test_a_question_that_cannot_be_understood_is_told_with_what_it_takes(api, query, says):
    answer = api.get(f"/devices?{query}")
    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:flexprint:problem:bad-parameter"
    assert says in answer.json()["detail"]


@pytest.mark.parametrize("query", ["from=yesterday", "to=2026-11-22", "from=2026-11-22T08:00:00", "cursor=WyJ4IiwxXQ"])
def test_a_time_that_is_none_is_told(api, query):
    assert api.get(f"/devices/{api.numbers['device_id']}/reads?{query}").status_code == 400


@pytest.mark.parametrize(
    "path", ["/devices/0", "/devices/x", f"/devices/{2**63}", "/devices/1e3", "/reports/x.xlsx", "/nothing"]
)
def test_what_is_not_there_is_a_problem_document(api, path):
    answer = api.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_nothing_is_written_through_it(api):
    for method in ("post", "put", "patch", "delete"):
        answer = getattr(api.client, method)("/api/v1/devices", headers={"Authorization": f"Bearer {api.key}"})
        assert answer.status_code == 405
        assert answer.headers["content-type"] == "application/problem+json"


# --- Described


def test_every_answer_is_what_the_description_says(api):
    schemas = {shape.name: shape.schema() for shape in SHAPES}
    for call in CALLS:
        if call.shape is None:
            continue
        answer = api.get(call.path.format(**api.numbers)).json()
        for one in answer["items"] if call.is_list else [answer]:
            check(one, {"$ref": f"#/components/schemas/{call.shape.name}"}, schemas, call.path)


def check(value, schema, schemas, where):
    """The part of JSON Schema that the description uses."""
    schema = schema["allOf"][0] if "allOf" in schema else schema
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rsplit("/", 1)[1]]
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", type(None): "null"}
    assert names[type(value)] in kinds, where
    if isinstance(value, dict):
        assert set(value) == set(schema["properties"]) == set(schema["required"]), where
        for name, inner in value.items():
            check(inner, schema["properties"][name], schemas, f"{where} {name}")
    elif isinstance(value, list):
        for inner in value:
            check(inner, schema["items"], schemas, where)


def test_the_description_is_there_for_everybody_and_names_every_call(api):
    answer = api.client.get("/api/v1/openapi.json")
    described = answer.json()
    assert described == document("http://127.0.0.1:8000/api/v1")
    assert set(described["paths"]) == set(EVERY_ROUTE)
    assert api.client.get("/api/v1/openapi.json", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    references = set(re.findall(r'"#/components/schemas/(\w+)"', answer.text))
    assert references == set(described["components"]["schemas"])


def test_supplies_of_devices_that_have_none_or_few_are_listed_once(api):
    """A page of devices without supplies is short, and says where the next one begins."""
    with api.database.transaction() as session:
        devices = session.scalars(select(Device).order_by(Device.id)).all()
        every = {device.id for device in devices}
        bare = Layout(dealer_id=devices[0].dealer_id, hash=bytes(32), content={"meters": [], "supplies": []})
        session.add(bare)
        session.flush()
        for device in devices[:20]:
            device.layout_id, device.meter_values, device.levels, device.percents, device.states = (
                bare.id,
                [],
                [],
                [],
                "",
            )
    whole = api.all("/supplies", 500)
    assert {one["device_id"] for one in whole} == every - {device.id for device in devices[:20]}
    for limit in (2, 3, 7, 19, 21):
        assert api.all("/supplies", limit) == whole, limit
    assert api.get("/supplies?cursor=" + next_cursor(1, 2**63 - 1)).status_code == 200
