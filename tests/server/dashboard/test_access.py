"""Who may see what: every page as nobody and as another dealer, and the door itself."""

import re
import zipfile
from contextlib import closing
from datetime import timedelta
from html import unescape
from io import BytesIO

import httpx
import pytest
from sqlalchemy import func, select, text, update

from flexprint_server.dashboard.routes import router
from flexprint_server.database import Database
from flexprint_server.fleet.models import Device, Read
from flexprint_server.reports.models import Schedule, WorkbookPart
from flexprint_server.settings import read_settings
from flexprint_server.tenants import sign_in
from flexprint_server.tenants.models import Agent, Customer, Site, User
from services.pages import ALICE, BOB, Visit, fields, serving
from services.seeded import PASSWORD

# Every route: what nobody gets, and what Bob gets for the things of Alice's dealer. A new route fails the test
# below until it stands here.
EVERY_ROUTE = {
    ("GET", "/"): ("/sign-in", 200),
    ("GET", "/account"): ("/sign-in?next=/account", 200),
    ("GET", "/account/second-factor"): ("/sign-in?next=/account/second-factor", 200),
    ("POST", "/account/second-factor"): ("/sign-in", 403),
    ("POST", "/account/second-factor/off"): ("/sign-in", 403),
    ("POST", "/account/password"): ("/sign-in", 403),
    ("POST", "/account/sessions/{sign_in_id}/end"): ("/sign-in", 403),
    ("POST", "/account/sign-out-everywhere"): ("/sign-in", 403),
    ("GET", "/agents"): ("/sign-in?next=/agents", 200),
    ("GET", "/agents/carried"): ("/sign-in?next=/agents/carried", 200),
    ("POST", "/agents/carried"): ("/sign-in", 400),
    ("GET", "/agents/carried/{file_id}"): ("/sign-in?next=/agents/carried/{file_id}", 404),
    ("GET", "/agents/carried/{file_id}/acknowledgement"): (
        "/sign-in?next=/agents/carried/{file_id}/acknowledgement",
        404,
    ),
    ("POST", "/agents/keys"): ("/sign-in", 403),
    ("POST", "/agents/keys/{key_id}/withdraw"): ("/sign-in", 403),
    ("GET", "/agents/{agent_id}"): ("/sign-in?next=/agents/{agent_id}", 404),
    ("POST", "/agents/{agent_id}/commands"): ("/sign-in", 403),
    ("GET", "/agents/{agent_id}/log"): ("/sign-in?next=/agents/{agent_id}/log", 404),
    ("POST", "/agents/{agent_id}/retire"): ("/sign-in", 403),
    ("GET", "/agents/{agent_id}/settings"): ("/sign-in?next=/agents/{agent_id}/settings", 404),
    ("POST", "/agents/{agent_id}/settings"): ("/sign-in", 403),
    ("GET", "/alerts"): ("/sign-in?next=/alerts", 200),
    ("POST", "/alerts/{alert_id}/acknowledge"): ("/sign-in", 403),
    ("GET", "/missing"): ("/sign-in?next=/missing", 200),
    ("GET", "/devices/{device_id}/identity"): ("/sign-in?next=/devices/{device_id}/identity", 404),
    ("POST", "/devices/{device_id}/labels"): ("/sign-in", 403),
    ("POST", "/devices/{device_id}/retire"): ("/sign-in", 403),
    ("POST", "/devices/{device_id}/merge"): ("/sign-in", 403),
    ("POST", "/devices/{device_id}/split"): ("/sign-in", 403),
    ("POST", "/devices/{device_id}/changes/{change_id}/undo"): ("/sign-in", 403),
    ("POST", "/devices/{device_id}/doubts/{doubt_id}"): ("/sign-in", 403),
    ("POST", "/devices/{device_id}/epochs/{epoch_id}"): ("/sign-in", 403),
    ("GET", "/audit"): ("/sign-in?next=/audit", 200),
    ("GET", "/company-sign-in"): ("/sign-in?next=/company-sign-in", 200),
    ("POST", "/company-sign-in"): ("/sign-in", 403),
    ("POST", "/company-sign-in/remove"): ("/sign-in", 403),
    ("POST", "/company-sign-in/try"): ("/sign-in", 403),
    ("GET", "/billing"): ("/sign-in?next=/billing", 200),
    ("GET", "/customers"): ("/sign-in?next=/customers", 200),
    ("POST", "/customers"): ("/sign-in", 403),
    ("GET", "/customers/{customer_id}"): ("/sign-in?next=/customers/{customer_id}", 404),
    ("POST", "/customers/{customer_id}/invitations"): ("/sign-in", 403),
    ("POST", "/customers/{customer_id}/remove"): ("/sign-in", 403),
    ("POST", "/customers/{customer_id}/rename"): ("/sign-in", 403),
    ("POST", "/customers/{customer_id}/sites"): ("/sign-in", 403),
    ("POST", "/customers/{customer_id}/users/{user_id}/sites"): ("/sign-in", 403),
    ("GET", "/customers/{customer_id}/settings"): ("/sign-in?next=/customers/{customer_id}/settings", 404),
    ("POST", "/customers/{customer_id}/settings"): ("/sign-in", 403),
    ("GET", "/devices"): ("/sign-in?next=/devices", 200),
    ("GET", "/devices/{device_id}"): ("/sign-in?next=/devices/{device_id}", 404),
    ("GET", "/devices/{device_id}/reads/{read_id}"): ("/sign-in?next=/devices/{device_id}/reads/{read_id}", 404),
    ("GET", "/forgot"): (200, 200),
    ("POST", "/forgot"): (403, 403),
    ("GET", "/invitations/{token}"): (404, 404),
    ("POST", "/invitations/{token}"): (403, 403),
    ("GET", "/keys"): ("/sign-in?next=/keys", 200),
    ("POST", "/keys"): ("/sign-in", 403),
    ("POST", "/keys/{key_id}/withdraw"): ("/sign-in", 403),
    ("GET", "/people"): ("/sign-in?next=/people", 200),
    ("POST", "/people/invitations"): ("/sign-in", 403),
    ("POST", "/people/invitations/{invitation_id}/withdraw"): ("/sign-in", 403),
    ("POST", "/people/{user_id}/remove"): ("/sign-in", 403),
    ("POST", "/people/second-factor"): ("/sign-in", 403),
    ("POST", "/people/{user_id}/second-factor/off"): ("/sign-in", 403),
    ("POST", "/people/{user_id}/role"): ("/sign-in", 403),
    ("GET", "/reports"): ("/sign-in?next=/reports", 200),
    ("GET", "/reports/{report_id}"): ("/sign-in?next=/reports/{report_id}", 404),
    ("GET", "/reports/{report_id}.xlsx"): ("/sign-in?next=/reports/{report_id}.xlsx", 404),
    ("POST", "/reports/{report_id}/resend"): ("/sign-in", 403),
    ("GET", "/reports/addresses"): ("/sign-in?next=/reports/addresses", 200),
    ("POST", "/reports/addresses/{suppression_id}/lift"): ("/sign-in", 403),
    ("POST", "/reports/{report_id}/links/{delivery_id}/end"): ("/sign-in", 403),
    ("GET", "/workbooks/{token}"): (404, 404),
    ("POST", "/workbooks/{token}"): (404, 404),
    ("GET", "/unsubscribe/{token}"): (404, 404),
    ("POST", "/unsubscribe/{token}"): (404, 404),
    ("GET", "/reports/schedules"): ("/sign-in?next=/reports/schedules", 200),
    ("POST", "/reports/schedules"): ("/sign-in", 403),
    ("GET", "/reports/schedules/new"): ("/sign-in?next=/reports/schedules/new", 200),
    ("GET", "/reports/schedules/{schedule_id}"): ("/sign-in?next=/reports/schedules/{schedule_id}", 404),
    ("POST", "/reports/schedules/{schedule_id}"): ("/sign-in", 403),
    ("POST", "/reports/schedules/{schedule_id}/pause"): ("/sign-in", 403),
    ("POST", "/reports/schedules/{schedule_id}/remove"): ("/sign-in", 403),
    ("POST", "/reports/schedules/{schedule_id}/run"): ("/sign-in", 403),
    ("GET", "/resets/{token}"): (404, 404),
    ("POST", "/resets/{token}"): (403, 403),
    ("GET", "/settings"): ("/sign-in?next=/settings", 200),
    ("POST", "/settings"): ("/sign-in", 403),
    ("GET", "/sites/{site_id}"): ("/sign-in?next=/sites/{site_id}", 404),
    ("POST", "/sites/{site_id}/keys"): ("/sign-in", 403),
    ("POST", "/sites/{site_id}/move"): ("/sign-in", 403),
    ("POST", "/sites/{site_id}/remove"): ("/sign-in", 403),
    ("POST", "/sites/{site_id}/rename"): ("/sign-in", 403),
    ("GET", "/sites/{site_id}/settings"): ("/sign-in?next=/sites/{site_id}/settings", 404),
    ("POST", "/sites/{site_id}/settings"): ("/sign-in", 403),
    ("GET", "/sign-in"): (200, 303),
    ("POST", "/sign-in"): (403, 403),
    ("GET", "/sign-in/company/return"): (403, 403),
    ("GET", "/sign-in/with/{link}"): (404, 404),
    ("GET", "/sign-in/code"): ("/sign-in", 303),
    ("POST", "/sign-in/code"): (403, 403),
    ("POST", "/sign-out"): ("/sign-in", 403),
    ("GET", "/static/{name}"): (404, 404),
}
# Lists that are files, too: the same answers for both kinds.
EXPORTS = (
    "/agents", "/alerts", "/audit", "/billing", "/customers", "/devices", "/keys", "/missing", "/people", "/reports",
    "/reports/addresses", "/reports/schedules", "/sites",
)  # fmt: skip
EVERY_ROUTE |= {
    ("GET", f"{path}.{kind}"): (f"/sign-in?next={path}.{kind}", 200) for path in EXPORTS for kind in ("csv", "xlsx")
}


@pytest.fixture
def theirs(fleet):
    """The ids of things that belong to Alice's dealer."""
    with fleet.reading() as session:
        return {
            "device_id": session.scalar(select(func.min(Device.id))),
            "suppression_id": 1,
            "delivery_id": 1,
            "schedule_id": session.scalar(select(func.min(Schedule.id))),
            "read_id": session.scalar(select(func.min(Read.id))),
            "report_id": session.scalar(select(func.min(WorkbookPart.report_id))),
            "key_id": 1,
            "file_id": 1,
            "invitation_id": 1,
            "alert_id": 1,
            "change_id": 1,
            "doubt_id": 1,
            "epoch_id": 1,
            "user_id": session.scalar(select(User.id).where(User.email == ALICE)),
            "sign_in_id": 1,
            "customer_id": session.scalar(select(func.min(Customer.id))),
            "site_id": session.scalar(select(func.min(Site.id))),
            "agent_id": session.scalar(select(Agent.id).order_by(Agent.enrolled_at).limit(1)),
            "token": "none",
            "link": "none",
            "name": "none",
        }


def test_no_route_is_left_out_here(tmp_path):
    pages = router(read_settings({}, data=tmp_path), Database("sqlite://"))
    assert {(method, route.path) for route in pages.routes for method in route.methods} == set(EVERY_ROUTE)


@pytest.mark.parametrize(("method", "path"), EVERY_ROUTE)
def test_nobody_is_sent_to_sign_in(nobody, theirs, method, path):
    expected = EVERY_ROUTE[method, path][0]
    answer = nobody.client.request(method, path.format(**theirs), headers=FORM, content=b"")
    if isinstance(expected, str):
        assert (answer.status_code, answer.headers["location"]) == (303, expected.format(**theirs))
    else:
        assert answer.status_code == expected
    assert "Harbour" not in answer.text


@pytest.mark.parametrize(("method", "path"), EVERY_ROUTE)
def test_another_dealer_learns_nothing(bob, theirs, method, path):
    answer = bob.client.request(method, path.format(**theirs), headers=FORM, content=b"")
    assert answer.status_code == EVERY_ROUTE[method, path][1]
    for word in ("Harbour", "Kyocera", "Northwind", "alice"):
        assert word not in everything_in(answer)


def everything_in(answer):
    """What an answer says, be it a page or a workbook."""
    if not answer.content.startswith(b"PK"):
        return answer.text
    with zipfile.ZipFile(BytesIO(answer.content)) as book:
        return "".join(book.read(name).decode(errors="replace") for name in book.namelist())


# Pages and forms that a role may not use, of all routes above; what is not named here everybody may.
USERS = {
    ("POST", "/customers/{customer_id}/invitations"),
    ("POST", "/customers/{customer_id}/users/{user_id}/sites"),
}
OWNERS = {
    route for route in EVERY_ROUTE if route[1].startswith(("/people", "/audit", "/settings", "/keys", "/company"))
} | USERS
SETTLING = {route for route in EVERY_ROUTE if route[1].endswith("}/settings")}
AT_PLACES = {
    route for route in EVERY_ROUTE if route[0] == "POST" and route[1].startswith(("/customers", "/sites", "/agents"))
}
REPORTERS = {route for route in EVERY_ROUTE if route[1].startswith(("/reports/schedules", "/reports/addresses"))} | {
    ("POST", "/reports/{report_id}/resend"),
    ("POST", "/reports/{report_id}/links/{delivery_id}/end"),
}
CARRYING = {route for route in EVERY_ROUTE if route[1].startswith("/agents/carried")}
INSTALLERS = (AT_PLACES | SETTLING | CARRYING | {("GET", "/agents/{agent_id}/log")}) - USERS
LABELLERS = {
    route for route in EVERY_ROUTE if route[0] == "POST" and route[1].startswith(("/devices/{device_id}/", "/alerts/"))
}
BILLERS = {route for route in EVERY_ROUTE if route[1].startswith("/billing")}
NOT_FOR = {
    "viewer": INSTALLERS | OWNERS | REPORTERS | LABELLERS | BILLERS,
    "technician": OWNERS | BILLERS,
    "billing": INSTALLERS | OWNERS,
    "customer": INSTALLERS | OWNERS | REPORTERS | LABELLERS | BILLERS,
    "owner": set(),
}


@pytest.mark.parametrize("role", NOT_FOR)
def test_a_role_is_kept_from_what_is_not_for_it(alice, fleet, theirs, role):
    """Every route, as somebody of Alice's dealer with each role; signing out comes last."""
    with fleet.transaction() as session:
        customer = session.scalar(select(func.min(Customer.id)))
        changed = update(User).where(User.email == ALICE)
        session.execute(changed.values(role=role, customer_id=customer if role == "customer" else None))
    for method, path in sorted(EVERY_ROUTE, key=lambda route: route == ("POST", "/sign-out")):
        answer = alice.client.request(method, path.format(**theirs), headers=FORM, content=b"")
        kept_out = "<h1>Not for this account</h1>" in answer.text
        assert kept_out == ((method, path) in NOT_FOR[role]), (method, path)
        assert answer.status_code == 403 or not kept_out


def test_a_customers_user_sees_that_customer_and_no_other(alice, fleet):
    with fleet.transaction() as session:
        (one, name), (_, other) = session.execute(select(Customer.id, Customer.name).order_by(Customer.id).limit(2))
        session.execute(update(User).where(User.email == ALICE).values(role="customer", customer_id=one))
        foreign = session.scalar(select(Device.id).join(Site).where(Site.customer_id != one).limit(1))
    page = alice.get("/devices").text + alice.get("/").text
    assert name in unescape(page)
    assert other not in unescape(page)
    assert alice.get(f"/devices/{foreign}").status_code == 404
    assert other not in unescape(alice.get("/agents").text + alice.get("/reports").text)


def test_a_customers_user_of_chosen_sites_sees_these_and_no_other(alice, fleet):
    with fleet.transaction() as session:
        sites = session.scalars(
            select(Site).join(Customer).where(Customer.name == "Maple Grove Schools").order_by(Site.id)
        ).all()
        one, *others = sites
        role = {"role": "customer", "customer_id": one.customer_id, "only_sites": [one.id]}
        session.execute(update(User).where(User.email == ALICE).values(**role))
        foreign = session.scalar(select(Device.id).where(Device.site_id == others[0].id).limit(1))
        own = session.scalar(select(Device.id).where(Device.site_id == one.id).limit(1))
    for path in ("/", "/agents", "/reports", "/customers", f"/customers/{one.customer_id}"):
        page = unescape(alice.get(path).text)
        assert all(other.name not in page for other in others), path
    assert one.name in alice.get("/").text
    assert alice.get(f"/devices/{own}").status_code == 200
    assert alice.get(f"/devices/{foreign}").status_code == 404
    assert alice.get(f"/sites/{others[0].id}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/devices",
        "/devices?customer=1",
        "/devices?site=1",
        "/devices?q=kyocera",
        "/devices?customer=1&site=1&show=stale",
        "/reports?before=99999",
    ],
)
def test_another_dealer_finds_nothing_by_asking_for_it(bob, path):
    page = bob.get(path).text
    assert "Harbour" not in page
    assert "Kyocera" not in page


FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("path", ["/devices/0", "/devices/-1", "/devices/x", f"/devices/{2**63}", f"/devices/{10**40}", "/devices/1e3", "/reports/0.xlsx", f"/reports/{2**63}.xlsx", "/reports/x.xlsx"])  # fmt: skip
def test_an_id_that_is_none_is_a_page_not_found(alice, path):
    answer = alice.get(path)
    assert answer.status_code == 404
    assert "<h1>Nothing here</h1>" in answer.text


# --- The door


def test_signing_in_leads_where_one_wanted_to_go(nobody):
    sent = nobody.get("/devices/3?before=x")
    form = fields(nobody.get(sent.headers["location"]).text)
    answer = nobody.post("/sign-in", {**form, "email": ALICE, "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/devices/3?before=x")
    assert nobody.get("/devices/3").status_code == 200


@pytest.mark.parametrize("target", ["//evil.example", "/\\evil.example", "https://evil.example/", "%09//evil.example"])
def test_signing_in_never_leads_elsewhere(nobody, target):
    assert nobody.sign_in(ALICE, target=target).headers["location"] == "/"


def test_an_unknown_account_and_a_wrong_password_look_the_same(nobody):
    def shown(email):
        answer = nobody.sign_in(email, "not the password")
        return answer.status_code, re.sub(r'value="[^"]*"', "", answer.text)

    assert shown(ALICE) == shown("nobody@northwind.example")
    assert shown(ALICE)[0] == 403


def test_too_many_attempts_are_told_when_to_try_again(nobody, clock):
    for _ in range(5):
        assert nobody.sign_in(ALICE, "guess").status_code == 403
    answer = nobody.sign_in(ALICE)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert "Try again in 1 second." in answer.text
    clock.now += timedelta(seconds=1)
    assert nobody.sign_in(ALICE).status_code == 303


def test_a_browser_that_signed_in_before_gets_in_while_others_guess(nobody, url):
    nobody.sign_in(ALICE)
    nobody.post("/sign-out", fields(nobody.get("/").text))
    with closing(Visit(url)) as stranger:
        for _ in range(5):
            stranger.sign_in(ALICE, "guess")
        assert stranger.sign_in(ALICE).status_code == 429
    assert nobody.sign_in(ALICE).status_code == 303


def test_signing_out_ends_the_session_for_good(alice, url, seeded):
    assert alice.post("/sign-out", fields(alice.get("/").text)).headers["location"] == "/sign-in"
    assert "flexprint" not in alice.client.cookies
    with closing(Visit(url, seeded.tokens[ALICE])) as thief:
        assert thief.get("/").status_code == 303


def test_signing_in_again_ends_the_session_before(alice, url, seeded):
    page = httpx.get(f"{url}/sign-in", trust_env=False)
    alice.client.cookies.set("flexprint-form", page.cookies["flexprint-form"], domain="127.0.0.1")
    alice.post("/sign-in", {**fields(page.text), "email": BOB, "password": PASSWORD})
    assert "Elsewhere Office" in alice.get("/").text
    with closing(Visit(url, seeded.tokens[ALICE])) as before:
        assert before.get("/").status_code == 303


def test_a_session_in_use_lives_on_and_one_unused_ends(alice, clock):
    for _ in range(3):
        clock.now += sign_in.IDLE * 0.7
        assert alice.get("/").status_code == 200
    clock.now += sign_in.IDLE * 1.1
    assert alice.get("/").status_code == 303


@pytest.mark.parametrize("token", ["", "wrong", "é", "x" * 5000])
def test_a_form_without_its_token_does_nothing(alice, token):
    assert alice.post("/sign-out", {"token": token}).status_code == 403
    assert alice.get("/").status_code == 200


def test_the_token_of_another_session_does_not_count(alice, bob):
    assert alice.post("/sign-out", fields(bob.get("/").text)).status_code == 403


@pytest.mark.parametrize("given", [{"token": "x"}, {}, {"token": ""}])
def test_the_sign_in_form_counts_only_with_the_token_of_its_own_browser(nobody, given):
    """Nobody can sign another one's browser in to an account of their own (login CSRF)."""
    nobody.get("/sign-in")
    answer = nobody.post("/sign-in", {**given, "email": ALICE, "password": PASSWORD})
    assert answer.status_code == 403
    assert "flexprint" not in nobody.client.cookies


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_form_sent_from_another_site_does_nothing(alice, site):
    form = fields(alice.get("/").text)
    assert alice.post("/sign-out", form, headers={"sec-fetch-site": site}).status_code == 403


@pytest.mark.parametrize(
    ("content", "kind", "expected"),
    [
        (b"a" * 17_000, "application/x-www-form-urlencoded", 413),
        (b"&".join([b"a=b"] * 150), "application/x-www-form-urlencoded", 400),
        (b'{"email": "a"}', "application/json", 400),
        (b"\xff\xfe=%ff%ed%a0%80", "application/x-www-form-urlencoded", 403),
        (b"token=%00&email=%00&password=%ed%a0%80", "application/x-www-form-urlencoded", 403),
    ],
)
def test_a_form_of_any_shape_gets_a_page(nobody, content, kind, expected):
    answer = nobody.client.post("/sign-in", content=content, headers={"content-type": kind})
    assert answer.status_code == expected
    assert "<h1>" in answer.text


def test_hostile_text_in_the_sign_in_form_comes_back_as_text(nobody):
    answer = nobody.sign_in('"><script>alert(1)</script>', "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"))
    assert answer.status_code == 403
    assert "<script" not in answer.text


# --- Cookies and headers


def set_cookies(answer):
    return {line.partition("=")[0]: line for line in answer.headers.get_list("set-cookie")}


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(nobody):
    cookies = set_cookies(nobody.get("/sign-in")) | set_cookies(nobody.sign_in(ALICE))
    assert set(cookies) == {"flexprint", "flexprint-form", "flexprint-browser"}
    for line in cookies.values():
        assert "HttpOnly" in line
        assert "SameSite=lax" in line
        assert "Path=/" in line
        assert "Domain" not in line


def test_over_https_cookies_are_secure_and_of_this_host_alone(fleet, clock, tmp_path):
    settings = read_settings({"FLEXPRINT_PUBLIC_URL": "https://collector.example"}, data=tmp_path)
    with serving(settings, fleet, clock) as url:
        page = httpx.get(f"{url}/sign-in", trust_env=False)
        sent = {"__Host-flexprint-form": page.headers["set-cookie"].split("=")[1].split(";")[0]}
        form = {**fields(page.text), "email": ALICE, "password": PASSWORD}
        cookie = "; ".join(f"{name}={value}" for name, value in sent.items())
        answer = httpx.post(f"{url}/sign-in", data=form, headers={"cookie": cookie}, trust_env=False)
    assert answer.status_code == 303
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    for name, line in (set_cookies(page) | set_cookies(answer)).items():
        assert name.startswith("__Host-")
        assert "Secure" in line


@pytest.mark.parametrize(
    "path", ["/", "/devices", "/devices/1", "/devices/999999", "/reports", "/sign-in", "/static/none"]
)
def test_every_page_carries_the_strict_headers(alice, path):
    headers = alice.get(path).headers
    policy = headers["content-security-policy"]
    assert policy == (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/devices", "/devices/5", "/reports", "/sign-in", "/devices/999999"])
def test_pages_need_no_script_and_no_style_of_their_own(alice, path):
    """The policy would refuse both; and nothing comes from anywhere else."""
    page = alice.get(path).text
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=", page)
    assert not re.findall(r'(?:src|href|action)="(?!/|#)[^"]*"', page)


def test_the_style_sheet_may_be_kept_because_its_address_changes_with_it(nobody):
    page = nobody.get("/sign-in").text
    found = re.findall(r'(?:href|src)="(/static/[^"]*)"', page)
    assert found
    for address in found:
        answer = nobody.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("name", ["../routes.py", "..%2froutes.py", "%2e%2e/pages.py", "flexprint.css%00"])
def test_static_files_are_a_few_known_names_and_no_path(nobody, name):
    assert nobody.get(f"/static/{name}").status_code in (404, 303)


def test_a_database_that_is_gone_is_a_page_that_says_so(alice, fleet):
    with fleet.transaction() as session:
        session.execute(text("ALTER TABLE device RENAME TO elsewhere"))
    answer = alice.get("/")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert "Try again in a minute" in answer.text
    assert "elsewhere" not in answer.text
