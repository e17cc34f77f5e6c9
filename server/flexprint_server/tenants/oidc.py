"""Signing in with the dealer's own accounts (OpenID Connect, Authorization Code with PKCE).

The provider takes the password's place and nothing else's: who may come in is still who was invited, with the role
that was given here, and a second factor that is turned on is still asked for.
"""

import base64
import hmac
import json
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote, urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flexprint_server.at_rest import Locked, lock, unlock
from flexprint_server.database import Database, Scope
from flexprint_server.outbound import CannotReach, Outbound
from flexprint_server.tenants import audit, people, sign_in
from flexprint_server.tenants.guessing import forgive, note_attempt, of_network
from flexprint_server.tenants.models import Invitation, OidcProvider, SecondFactor, User
from flexprint_server.tenants.passwords import NONE_YET
from flexprint_server.tenants.service import TenantsError
from flexprint_server.tenants.sign_in import Origin, Visitor, account_name
from flexprint_shared.text import clean

RETURN_PATH: Final = "/sign-in/company/return"
"""Where providers send people back to; registered with them as the redirect URI."""

TAKES: Final = timedelta(minutes=10)
"""How long somebody may take at the provider."""

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""Signatures that are believed: never none, never one under the client's secret."""

_KEPT: Final = timedelta(minutes=10)
_KEYS_ASKED_EVERY: Final = timedelta(seconds=30)
_CLOCKS: Final = 60
"""Seconds that the provider's clock may differ."""

_MOST_DOMAINS: Final = 20
_LONGEST: Final = 500


class UnfitProvider(TenantsError):
    """What was typed about a provider cannot be so."""


class NoProvider(TenantsError):
    """No dealer has set that way of signing in up."""


class NotSignedIn(TenantsError):
    """The provider, or what it says, lets nobody in. The message is for the person who came."""


@dataclass(slots=True, frozen=True)
class Attempt:
    """Where to send a browser, and what it keeps until it comes back."""

    url: str
    kept: str


@dataclass(slots=True, frozen=True)
class SignedIn:
    """A new session of `email`, which `waits_for_code` where the account has a second factor, and where the person
    wanted to go."""

    email: str
    token: str
    waits_for_code: bool
    target: str


@dataclass(slots=True, frozen=True)
class Found:
    """What a provider says of itself, for the owner who sets it up."""

    issuer: str
    sign_in_at: str
    keys: int


# ---------------------------------------------------------------- what the owner sets up


def provider(dealer_id: int, session: Session) -> OidcProvider | None:
    return session.scalar(select(OidcProvider).where(OidcProvider.dealer_id == dealer_id))


def set_up(
    session: Session,
    visitor: Visitor,
    secret_key: str,
    *,
    issuer: str,
    client_id: str,
    client_secret: str,
    domains: str,
    now: datetime,
) -> None:
    """An empty secret keeps the one before, as long as the issuer stays. Raises UnfitProvider."""
    issuer, client_id = clean(issuer, _LONGEST), clean(client_id, _LONGEST)
    if not issuer.startswith(("https://", "http://")) or "?" in issuer or "#" in issuer:
        raise UnfitProvider("The issuer is the provider's address as it writes it, such as https://login.example.com.")
    if not client_id:
        raise UnfitProvider("The client ID is empty. The provider shows it where this collector was registered.")
    found = provider(visitor.dealer_id, session)
    same = found is not None and found.issuer == issuer
    if not client_secret and not same:
        raise UnfitProvider("The client secret is empty. The provider shows it where this collector was registered.")
    row = found or OidcProvider(dealer_id=visitor.dealer_id, link=secrets.token_urlsafe(9), created_at=now)
    before = {"issuer": found.issuer, "client": found.client_id, "domains": ", ".join(found.domains)} if found else None
    row.issuer, row.client_id, row.domains = issuer, client_id, _domains(domains)
    if client_secret:
        row.client_secret = lock(client_secret.encode(), secret_key, _place(visitor.dealer_id))
    if not same:  # whoever somebody was at the provider before says nothing here
        session.execute(update(User).where(User.dealer_id == visitor.dealer_id).values(oidc_subject=None))
    session.add(row)
    after = {"issuer": issuer, "client": client_id, "domains": ", ".join(row.domains)}
    audit.note(session, visitor, "oidc.set_up", issuer[:200], now, before=before, after=after)


def take_down(session: Session, visitor: Visitor, now: datetime) -> None:
    """Nobody signs in that way any more; sessions that are open stay."""
    gone = session.scalar(
        delete(OidcProvider).where(OidcProvider.dealer_id == visitor.dealer_id).returning(OidcProvider.issuer)
    )
    if gone:
        session.execute(update(User).where(User.dealer_id == visitor.dealer_id).values(oidc_subject=None))
        audit.note(session, visitor, "oidc.taken_down", gone[:200], now)


def _domains(text: str) -> list[str]:
    words = list(dict.fromkeys(word.lower().lstrip("@") for word in text.replace(",", " ").split()))
    wrong = [word for word in words if "." not in word or not word.replace("-", "").replace(".", "").isalnum()]
    if wrong or len(words) > _MOST_DOMAINS:
        raise UnfitProvider(
            f"{', '.join(wrong) or 'That many'}: write up to {_MOST_DOMAINS} domains such as example.com."
        )
    return words


def _place(dealer_id: int) -> bytes:
    return b"oidc/%d" % dealer_id


# ---------------------------------------------------------------- a provider on the network


@dataclass(slots=True)
class _Kept:
    document: dict[str, Any]
    keys: KeySet
    at: datetime
    keys_at: datetime


class Providers:
    """What providers say of themselves, kept for a while; their keys are asked for again when one is not among them."""

    def __init__(self, outbound: Outbound) -> None:
        self.outbound = outbound
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def forget(self, issuer: str) -> None:
        with self._lock:
            self._kept.pop(issuer, None)

    def document(self, issuer: str, now: datetime) -> dict[str, Any]:
        """The provider's configuration. Raises CannotReach."""
        return self._known(issuer, now).document

    def keys(self, issuer: str, now: datetime, *, without: str | None = None) -> KeySet:
        """Its keys; asked for anew where the key `without` is not among them. Raises CannotReach."""
        known = self._known(issuer, now)
        missing = without is not None and without not in {key.kid for key in known.keys.keys}
        if missing and now - known.keys_at >= _KEYS_ASKED_EVERY:
            known.keys, known.keys_at = self._fetch_keys(known.document), now
        return known.keys

    def _known(self, issuer: str, now: datetime) -> _Kept:
        with self._lock:
            known = self._kept.get(issuer)
        if known is None or not timedelta(0) <= now - known.at < _KEPT:
            document = self._discover(issuer)
            known = _Kept(document, self._fetch_keys(document), now, now)
            with self._lock:
                self._kept[issuer] = known
        return known

    def _discover(self, issuer: str) -> dict[str, Any]:
        document = self.outbound.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if document.get("issuer") != issuer:
            raise CannotReach(
                f"The provider calls itself {clean(str(document.get('issuer')), 200)!r}: write the issuer exactly so."
            )
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not isinstance(document.get(name), str):
                raise CannotReach(f"The provider's configuration has no {name}.")
            self.outbound.check(document[name])
        return document

    def _fetch_keys(self, document: Mapping[str, Any]) -> KeySet:
        offered = self.outbound.get(document["jwks_uri"]).get("keys")
        usable = [
            key
            for key in (offered if isinstance(offered, list) else ())
            if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"
        ]
        try:
            return KeySet.import_key_set({"keys": usable})
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise CannotReach("The provider's keys cannot be read.") from error


def look(providers: Providers, issuer: str, now: datetime) -> Found:
    """What the provider says of itself at this moment. Raises CannotReach."""
    providers.forget(issuer)
    document = providers.document(issuer, now)
    keys = len(providers.keys(issuer, now).keys)
    if not keys:
        raise CannotReach("The provider offers no key to check its signatures with.")
    return Found(issuer, document["authorization_endpoint"], keys)


# ---------------------------------------------------------------- going there


def begin(
    database: Database, providers: Providers, secret_key: str, *, link: str, target: str, public_url: str, now: datetime
) -> Attempt:
    """Sends somebody to the provider of the dealer whose page has the `link`. Raises NoProvider, CannotReach."""
    with database.reading() as session:
        found = session.scalar(select(OidcProvider).where(OidcProvider.link == link))
    if found is None:
        raise NoProvider("No company signs in here. Ask an owner of your company for the address.")
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    document = providers.document(found.issuer, now)
    asked = {
        "response_type": "code",
        "client_id": found.client_id,
        "redirect_uri": public_url + RETURN_PATH,
        "scope": "openid email",
        "state": state,
        "nonce": nonce,
        "code_challenge": base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    endpoint = document["authorization_endpoint"]
    kept = {
        "dealer": found.dealer_id, "issuer": found.issuer, "state": state, "nonce": nonce, "verifier": verifier,
        "target": target, "until": (now + TAKES).timestamp(),
    }  # fmt: skip
    sealed = lock(json.dumps(kept).encode(), secret_key, b"oidc-attempt")
    return Attempt(
        f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}", base64.urlsafe_b64encode(sealed).decode()
    )


# ---------------------------------------------------------------- coming back


def finish(
    database: Database,
    providers: Providers,
    secret_key: str,
    *,
    kept: str,
    answer: Mapping[str, str],
    origin: Origin,
    public_url: str,
    now: datetime,
) -> SignedIn:
    """The session of whoever comes back with the provider's `answer`, in the browser that `kept` what begin() gave it.
    Raises NotSignedIn, CannotReach, guessing.TooManyAttempts."""
    attempt = _opened(kept, secret_key, now)
    if attempt is None or not hmac.compare_digest(attempt["state"].encode(), answer.get("state", "").encode()):
        raise NotSignedIn("That took too long, or began in another browser. Try again.")
    if "error" in answer:
        words = clean(answer.get("error_description") or answer["error"], 200)
        raise NotSignedIn(f"Your company's sign-in says: {words}")
    with database.transaction() as session:
        noted = note_attempt(session, [of_network(b"company", origin.address)], now)
    with database.reading() as session:
        found = session.scalar(select(OidcProvider).where(OidcProvider.dealer_id == attempt["dealer"]))
    if found is None or found.issuer != attempt["issuer"]:
        raise NotSignedIn("Your company's sign-in was changed meanwhile. Try again.")
    says_who = providers.document(found.issuer, now).get("authorization_response_iss_parameter_supported") is True
    if answer.get("iss", None if says_who else found.issuer) != found.issuer:  # RFC 9207: an answer of another provider
        raise NotSignedIn("Another provider answered. Try again.")
    claims = _claims(providers, found, _secret(found, secret_key), attempt, answer, public_url, now)
    address = _address(claims, found.domains)
    signed_in = _let_in(database, found.dealer_id, address, str(claims["sub"]), origin, attempt["target"], now)
    with database.transaction() as session:
        forgive(session, noted)
    return signed_in


def _opened(kept: str, secret_key: str, now: datetime) -> dict[str, Any] | None:
    try:
        attempt: dict[str, Any] = json.loads(
            unlock(base64.urlsafe_b64decode(kept.encode()), secret_key, b"oidc-attempt")
        )
    except (Locked, ValueError):
        return None
    return attempt if now.timestamp() < attempt["until"] else None


def _secret(found: OidcProvider, secret_key: str) -> str:
    try:
        return unlock(found.client_secret, secret_key, _place(found.dealer_id)).decode()
    except Locked as error:
        raise NotSignedIn("Your company's sign-in has to be set up anew: an owner types the client secret.") from error


def _claims(
    providers: Providers,
    found: OidcProvider,
    secret: str,
    attempt: Mapping[str, Any],
    answer: Mapping[str, str],
    public_url: str,
    now: datetime,
) -> dict[str, Any]:
    """What the provider signed about the person, checked (OpenID Connect Core 1.0, section 3.1.3.7)."""
    document = providers.document(found.issuer, now)
    form = {
        "grant_type": "authorization_code",
        "code": answer.get("code", ""),
        "redirect_uri": public_url + RETURN_PATH,
        "code_verifier": attempt["verifier"],
    }
    headers = {}
    methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    if "client_secret_basic" in methods:
        pair = f"{quote(found.client_id, safe='')}:{quote(secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form |= {"client_id": found.client_id, "client_secret": secret}
    tokens = providers.outbound.post(document["token_endpoint"], urlencode(form).encode(), headers)
    claims = checked(providers, found.issuer, found.client_id, str(tokens.get("id_token", "")), attempt["nonce"], now)
    if "email" not in claims and isinstance(document.get("userinfo_endpoint"), str):
        bearer = {"Authorization": f"Bearer {clean(str(tokens.get('access_token', '')), 4000)}"}
        more = providers.outbound.get(document["userinfo_endpoint"], bearer)
        if more.get("sub") == claims["sub"]:
            claims |= {name: more[name] for name in ("email", "email_verified") if name in more}
    return claims


def checked(
    providers: Providers, issuer: str, client_id: str, id_token: str, nonce: str, now: datetime
) -> dict[str, Any]:
    """The claims of an ID token that holds. Raises NotSignedIn, CannotReach."""
    refused = "Your company's sign-in gave an answer that does not hold"
    try:
        keys = providers.keys(issuer, now, without=_key_of(id_token))
        token = jwt.decode(id_token, keys, algorithms=list(ALGORITHMS))
        registry = jwt.JWTClaimsRegistry(
            now=lambda: int(now.timestamp()),
            leeway=_CLOCKS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        registry.validate(token.claims)
    except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotSignedIn(f"{refused} ({type(error).__name__}). Tell an owner of your company.") from error
    claims = token.claims
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if (len(audience) > 1 or "azp" in claims) and claims.get("azp") != client_id:
        raise NotSignedIn(f"{refused} (it is for another program). Tell an owner of your company.")
    return claims


def _key_of(id_token: str) -> str | None:
    head = id_token.partition(".")[0]
    named = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))).get("kid")
    return None if named is None else str(named)


def _address(claims: Mapping[str, Any], domains: Sequence[str]) -> str:
    """The mail address of the person: one that the provider has verified, or of a domain that the dealer trusts it
    with."""
    address = account_name(str(claims.get("email", "")))
    if "@" not in address:
        raise NotSignedIn("Your company's sign-in did not tell your mail address. An owner can allow it there.")
    is_verified = claims.get("email_verified") in (True, "true")
    if not is_verified and address.rpartition("@")[2] not in domains:
        raise NotSignedIn("Your company's sign-in has not verified your mail address.")
    return address


def _let_in(
    database: Database, dealer_id: int, address: str, subject: str, origin: Origin, target: str, now: datetime
) -> SignedIn:
    try:
        with database.transaction(Scope(dealer_id)) as session:
            user = session.scalar(select(User).where(User.dealer_id == dealer_id, User.email == address))
            user = user or _join(session, dealer_id, address, now)
            if user is None:
                raise NotSignedIn(f"{address} was not invited here. Ask an owner of your company for an invitation.")
            if user.oidc_subject not in (None, subject):
                raise NotSignedIn(f"{address} is another account at your company's sign-in now. Tell an owner.")
            user.oidc_subject = subject
            session.flush()
            waits = session.get(SecondFactor, user.id) is not None
            user_id = user.id
    except IntegrityError as error:
        raise NotSignedIn(f"Somebody signs in as {address} at another company.") from error
    email, token = sign_in.open_session(database, user_id, origin, now, waits=waits)
    return SignedIn(email, token, waits, target)


def _join(session: Session, dealer_id: int, address: str, now: datetime) -> User | None:
    """Takes up the invitation of that address, if one waits. There is no password until one is set by mail."""
    of_address = Invitation.dealer_id == dealer_id, Invitation.email == address, Invitation.expires_at > now
    made = session.scalar(select(Invitation).where(*of_address))
    return None if made is None else people.join(session, made, NONE_YET, now)
