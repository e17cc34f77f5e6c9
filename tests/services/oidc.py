"""A small OpenID provider on loopback, with real signatures: it lets `email` in without asking."""

import base64
import json
import secrets
import threading
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "flexprint-collector", "a secret / with : odd + letters"


class Provider:
    """`claims` are added to each ID token, or taken out of it where they are None; `userinfo` is what that endpoint
    says; `sign` makes the ID token of its claims, `document` adds to the configuration. `asked` has the path of every
    request."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._codes: dict[str, dict[str, str]] = {}
        self.key = self.new_key()
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.claims: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.document: dict[str, Any] = {}
        self.basic = True
        self.email = "alice@northwind.example"
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @staticmethod
    def new_key() -> RSAKey:
        return RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"}, private=True)

    def signed(self, claims: dict[str, Any], key: RSAKey | None = None) -> str:
        key = key or self.key
        return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # ------------------------------------------------------------ what it answers

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=1",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "token_endpoint_auth_methods_supported": ["client_secret_basic" if self.basic else "client_secret_post"],
            **self.document,
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent with a code."""
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert query["client_id"] == CLIENT_ID
        code = secrets.token_hex(8)
        self._codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state'], 'iss': self.issuer})}"

    def token(self, authorization: str | None, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        asked = self._codes.pop(form["code"], None)
        if asked is None:
            return 400, {"error": "invalid_grant"}
        if self.basic:
            pair = base64.b64decode((authorization or "").removeprefix("Basic ")).decode()
            client, _, secret = (parse_qs(f"x={part}")["x"][0] if part != ":" else part for part in pair.partition(":"))
        else:
            client, secret = form["client_id"], form["client_secret"]
        challenge = base64.urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        if (client, secret) != (CLIENT_ID, CLIENT_SECRET) or challenge != asked["code_challenge"]:
            return 401, {"error": "invalid_client"}
        if form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(self._clock().timestamp())
        claims = {
            "iss": self.issuer, "aud": CLIENT_ID, "sub": f"sub of {self.email}", "iat": now, "exp": now + 300,
            "nonce": asked["nonce"], "email": self.email, "email_verified": True, **self.claims,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        return 200, {"access_token": "access", "token_type": "Bearer", "id_token": self.sign(claims)}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                provider.asked.append(parts.path)
                if parts.path == "/authorize":
                    self.send_response(302)
                    self.send_header("Location", provider.authorize(dict(parse_qsl(parts.query))))
                    self.end_headers()
                    return
                documents: dict[str, dict[str, Any]] = {
                    "/.well-known/openid-configuration": provider.configuration(),
                    "/keys": {"keys": [provider.key.as_dict(private=False)]},
                    "/userinfo": provider.userinfo,
                }
                self._send(200, documents[parts.path]) if parts.path in documents else self._send(404, {})

            def do_POST(self) -> None:
                provider.asked.append(self.path)
                form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                self._send(*provider.token(self.headers.get("Authorization"), form))

            def _send(self, status: int, document: dict[str, Any]) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
