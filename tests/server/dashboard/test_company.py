"""Signing in with the company's own accounts, against a real provider with real signatures."""

import base64
import json
import re
from contextlib import closing
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from sqlalchemy import select, update

from flexprint_server.settings import read_settings
from flexprint_server.tenants.models import Customer, Invitation, OidcProvider, SecondFactor, SignInFailure, User
from services.oidc import CLIENT_ID, CLIENT_SECRET, Provider
from services.pages import ALICE, BOB, Visit, fields, serving


@pytest.fixture
def provider(clock):
    made = Provider(clock)
    yield made
    made.close()


@pytest.fixture
def url(fleet, clock, tmp_path):
    with serving(read_settings({"FLEXPRINT_INSIDE": "127.0.0.1"}, data=tmp_path), fleet, clock) as url:
        yield url


def set_up(alice, provider, **changes):
    token = fields(alice.get("/company-sign-in").text)["token"]
    form = {"issuer": provider.issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "domains": ""}
    return alice.post("/company-sign-in", {"token": token, **form, **changes})


@pytest.fixture
def link(alice, provider, fleet):
    """Where people of Alice's company begin."""
    assert set_up(alice, provider).status_code == 303
    with fleet.reading() as session:
        return f"/sign-in/with/{session.scalar(select(OidcProvider.link))}"


def sent_back(visit, link):
    """The way to the provider and back: the address that the browser comes back to."""
    there = visit.get(link)
    assert there.status_code == 303, there.text
    back = httpx.get(there.headers["location"], trust_env=False)
    parts = urlsplit(back.headers["location"])
    return f"{parts.path}?{parts.query}"


def come(visit, link):
    return visit.get(sent_back(visit, link))


def told(answer):
    assert answer.status_code == 403, answer.text
    assert "You are not signed in" in answer.text
    return answer.text


# --- The way in


def test_who_is_known_signs_in_with_the_companys_account(nobody, link, fleet):
    answer = come(nobody, f"{link}?next=/reports")
    assert (answer.status_code, answer.headers["location"]) == (303, "/reports")
    assert "Northwind Copiers" in nobody.get("/reports").text
    with fleet.reading() as session:
        assert session.scalar(select(User.oidc_subject).where(User.email == ALICE)) == f"sub of {ALICE}"
        assert session.scalars(select(SignInFailure)).all() == []


def test_the_browser_finds_the_button_from_then_on(nobody, link):
    assert link not in nobody.get("/sign-in").text
    come(nobody, link)
    nobody.post("/sign-out", fields(nobody.get("/").text))
    assert f'href="{link}?next=/"' in nobody.get("/sign-in").text


def test_a_provider_that_wants_the_secret_in_the_form_gets_it_there(nobody, provider, link):
    provider.basic = False
    assert come(nobody, link).status_code == 303


def test_an_address_that_only_userinfo_tells_counts(nobody, provider, link):
    provider.claims = {"email": None, "email_verified": None}
    provider.userinfo = {"sub": f"sub of {ALICE}", "email": ALICE, "email_verified": True}
    assert come(nobody, link).status_code == 303
    with closing(Visit(str(nobody.client.base_url))) as other:
        provider.userinfo["sub"] = "somebody else"
        assert "did not tell your mail address" in told(come(other, link))


def test_a_second_factor_is_asked_for_all_the_same(nobody, link, fleet, clock):
    with fleet.transaction() as session:
        user = session.scalar(select(User.id).where(User.email == ALICE))
        session.add(SecondFactor(user_id=user, secret=b"", last_step=0, created_at=clock.now))
    answer = come(nobody, link)
    assert answer.headers["location"] == "/sign-in/code?next=/"
    assert nobody.get("/").status_code == 303


def test_who_was_invited_joins_with_the_role_that_was_given(nobody, provider, alice, link, fleet, clock):
    with fleet.transaction() as session:
        dealer = session.scalar(select(OidcProvider.dealer_id))
        customer = session.scalar(select(Customer.id))
        session.add(
            Invitation(dealer_id=dealer, email="new@northwind.example", role="customer", customer_id=customer, only_sites=[1],
                       token_hash=bytes(32), created_at=clock.now, expires_at=clock.now + timedelta(days=1))
        )  # fmt: skip
    provider.email = "New@Northwind.example"
    assert come(nobody, link).status_code == 303
    with fleet.reading() as session:
        joined = session.scalars(select(User).where(User.email == "new@northwind.example")).one()
        assert (joined.role, joined.customer_id, joined.only_sites) == ("customer", customer, [1])
        assert session.scalars(select(Invitation)).all() == []
    assert nobody.sign_in("new@northwind.example", "").status_code == 403, "there is no password"
    assert "Took up an invitation" in alice.get("/audit").text


# --- Who does not come in


@pytest.mark.parametrize("email", ["stranger@northwind.example", BOB])
def test_who_was_not_invited_does_not_come_in(nobody, provider, link, email):
    """A user of another dealer is a stranger here, whatever the provider says."""
    provider.email = email
    assert "was not invited here" in told(come(nobody, link))
    assert nobody.get("/").status_code == 303


def test_an_address_is_verified_or_of_a_domain_that_the_provider_is_trusted_with(alice, nobody, provider, link):
    provider.claims = {"email_verified": None}
    assert "has not verified your mail address" in told(come(nobody, link))
    provider.claims = {"email_verified": False}
    assert "has not verified your mail address" in told(come(nobody, link))
    set_up(alice, provider, domains="@Northwind.example, other.example", client_secret="")
    assert come(nobody, link).status_code == 303


def test_an_address_that_was_given_to_somebody_else_there_does_not_come_in(nobody, provider, link):
    come(nobody, link)
    provider.claims = {"sub": "the successor"}
    assert "another account" in told(come(nobody, link))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "http://127.0.0.1:1"},
        {"aud": "another program"},
        {"aud": [CLIENT_ID, "another program"]},
        {"aud": [CLIENT_ID, "another program"], "azp": "another program"},
        {"azp": "another program"},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"nonce": "of another attempt"},
        {"nonce": None},
        {"sub": None},
    ],
)
def test_what_the_provider_signed_has_to_be_for_this_very_attempt(nobody, provider, link, claims):
    provider.claims = claims
    assert "does not hold" in told(come(nobody, link))


def unsigned(claims):
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "none"}, claims)
    )
    return f"{head}.{body}."


def under_the_secret(claims):
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET))


@pytest.mark.parametrize("forged", [unsigned, under_the_secret, "", "a.b.c", "\u00e9.x.y", "W10.e30.x"])
def test_a_token_that_the_provider_did_not_sign_is_none(nobody, provider, link, forged):
    provider.sign = forged if callable(forged) else lambda _: forged
    assert "does not hold" in told(come(nobody, link))


def test_a_token_under_a_key_that_is_not_the_providers_is_none(nobody, provider, link):
    stranger = provider.new_key()
    provider.sign = lambda claims: provider.signed(claims, stranger)
    assert "does not hold" in told(come(nobody, link))


def test_a_key_that_the_provider_has_changed_is_asked_for(nobody, provider, link, clock):
    come(nobody, link)
    clock.now += timedelta(minutes=1)
    provider.key = provider.new_key()
    assert come(nobody, link).status_code == 303
    assert provider.asked.count("/keys") == 2


def test_unknown_keys_do_not_make_us_ask_without_end(nobody, provider, link):
    stranger = provider.new_key()
    provider.sign = lambda claims: provider.signed(claims, stranger)
    for _ in range(3):
        come(nobody, link)
    assert provider.asked.count("/keys") <= 2
    assert provider.asked.count("/.well-known/openid-configuration") == 1


# --- The way back


def test_only_the_browser_that_went_comes_back(nobody, link, url):
    """Nobody is signed in to an account of somebody who sent them the way back (login CSRF)."""
    back = sent_back(nobody, link)
    with closing(Visit(url)) as other:
        assert "in another browser" in told(other.get(back))
        sent_back(other, link)
        assert "in another browser" in told(other.get(back))
    assert nobody.get(back).status_code == 303


def test_a_way_back_counts_once(nobody, link):
    back = sent_back(nobody, link)
    nobody.get(back)
    assert "in another browser" in told(nobody.get(back))


def test_who_takes_too_long_begins_again(nobody, link, clock):
    back = sent_back(nobody, link)
    clock.now += timedelta(minutes=11)
    assert "took too long" in told(nobody.get(back))


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://evil.example"},
        {"state": "x"},
        {"code": "x"},
        {"error": "access_denied", "error_description": "<b>No"},
    ],
)
def test_an_answer_that_is_not_the_providers_lets_nobody_in(nobody, link, change):
    back = urlsplit(sent_back(nobody, link))
    query = {name: values[0] for name, values in parse_qs(back.query).items()} | change
    page = told(nobody.get(back.path, params=query))
    assert "<b>No" not in page
    assert "flexprint=" not in str(nobody.client.cookies)


def test_a_provider_that_says_who_answers_has_to_say_so(nobody, provider, link):
    """RFC 9207, section 2.4: an answer without it is somebody else's."""
    provider.document = {"authorization_response_iss_parameter_supported": True}
    assert come(nobody, link).status_code == 303
    nobody.post("/sign-out", fields(nobody.get("/").text))
    back = urlsplit(sent_back(nobody, link))
    query = {name: values[0] for name, values in parse_qs(back.query).items() if name != "iss"}
    assert "Another provider answered" in told(nobody.get(back.path, params=query))


@pytest.mark.parametrize("kept", ["", "x", "\u00e9", "AAAA" * 20])
def test_a_cookie_that_is_not_ours_is_none(nobody, kept):
    answer = nobody.client.get(
        "/sign-in/company/return?state=x&code=y", headers={"cookie": f"flexprint-attempt={kept}".encode()}
    )
    assert "in another browser" in told(answer)


def test_who_comes_back_wrongly_again_and_again_is_slowed_down(nobody, provider, link):
    provider.claims = {"nonce": "wrong"}
    answers = [come(nobody, link).status_code for _ in range(21)]
    assert answers == [403] * 20 + [429]


# --- Set up


def test_an_owner_sets_it_up_tries_it_and_takes_it_away(alice, provider, link, fleet):
    page = alice.get("/company-sign-in").text
    assert "http://127.0.0.1:8000/sign-in/company/return" in page
    assert link in page
    assert CLIENT_SECRET not in page
    token = {"token": fields(page)["token"]}
    assert "The provider answers: people sign in at" in alice.post("/company-sign-in/try", token).text
    with fleet.reading() as session:
        row = session.scalars(select(OidcProvider)).one()
        assert CLIENT_SECRET.encode() not in row.client_secret
    alice.post("/company-sign-in/remove", token)
    assert alice.get(link).status_code == 404
    said = alice.get("/audit").text
    assert "own sign-in up" in said
    assert "own sign-in away" in said
    assert CLIENT_SECRET not in said


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"issuer": "login.example.com"}, "The issuer is the provider"),
        ({"issuer": "https://x.example/?a=b"}, "The issuer is the provider"),
        ({"client_id": ""}, "The client ID is empty"),
        ({"client_secret": ""}, "The client secret is empty"),
        ({"domains": "example"}, "domains such as example.com"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(alice, provider, changes, problem):
    answer = set_up(alice, provider, **changes)
    assert answer.status_code == 422
    assert problem in answer.text


def test_a_secret_is_never_sent_to_another_issuer_than_it_was_typed_for(alice, provider, link):
    assert set_up(alice, provider, issuer="https://elsewhere.example", client_secret="").status_code == 422


def test_another_provider_knows_nobody_yet(alice, nobody, provider, link, fleet):
    come(nobody, link)
    set_up(alice, provider, issuer="https://elsewhere.example")
    with fleet.reading() as session:
        assert session.scalar(select(User.oidc_subject).where(User.email == ALICE)) is None


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"issuer": "https://evil.example"}, "calls itself"),
        ({"token_endpoint": None}, "has no token_endpoint"),
        ({"token_endpoint": "http://10.0.0.1/token"}, "https://"),
        ({"jwks_uri": "http://169.254.169.254/latest/meta-data"}, "https://"),
        ({"jwks_uri": "file:///etc/passwd"}, "no web address"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "no web address"),
    ],
)
def test_a_provider_that_cannot_be_is_told_by_the_try(alice, nobody, provider, link, document, problem):
    provider.document = document
    token = {"token": fields(alice.get("/company-sign-in").text)["token"]}
    answer = alice.post("/company-sign-in/try", token)
    assert answer.status_code == 422
    assert problem in answer.text
    assert nobody.get(link).status_code == 503


def test_a_provider_that_is_down_is_a_page_that_says_so(alice, nobody, provider, link, fleet):
    with fleet.transaction() as session:
        session.execute(update(OidcProvider).values(issuer="http://127.0.0.1:9"))
    answer = nobody.get(link)
    assert answer.status_code == 503
    assert re.search("does not work just now", answer.text)
