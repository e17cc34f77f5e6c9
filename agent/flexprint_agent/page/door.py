"""Who may come in. Nothing here opens a socket or a file.

A page on loopback has three kinds of visitors it must not have: other people's pages in the person's own browser
(cross-site requests, a name that was made to lead here), other users of this computer, and programs that guess.

- The address that the person is given holds a token that is good once. It buys a session: a cookie that scripts cannot
  read and that no other site's page makes the browser send.
- Cookies know no ports: another user's server on this computer would be sent ours, could it talk the browser into
  visiting it at the same path. So everything lies below a path that nobody can guess.
- A request must name us as its host, and one that changes something must come from our own page, and say a word that
  only our page knows.
"""

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

COOKIE: Final = "flexprint"
TOKEN_SECONDS: Final = 1800.0
MOST_SESSIONS: Final = 8

Refusal = str
"""Why somebody is not let in: a key of the catalogue, below `door`."""


@dataclass(slots=True, frozen=True)
class Session:
    cookie: str = field(repr=False)
    csrf: str = field(repr=False)


@dataclass(slots=True)
class Door:
    """`clock` gives seconds that only grow."""

    port: int
    clock: Callable[[], float]
    root: str = field(default_factory=lambda: f"/{secrets.token_urlsafe(12)}", repr=False)
    control: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    """What another command of the same person says to be given a token."""
    _tokens: dict[str, float] = field(default_factory=dict, repr=False)
    _sessions: dict[str, Session] = field(default_factory=dict, repr=False)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    def address(self) -> str:
        """An address that lets one browser in, once."""
        token = secrets.token_urlsafe(24)
        self._tokens[token] = self.clock() + TOKEN_SECONDS
        return f"{self.origin}/enter?token={token}"

    def enter(self, token: str, headers: Mapping[str, str]) -> Session | Refusal:
        """The session that a token buys. Browsers that fetch ahead of a click do not spend it."""
        if "prefetch" in headers.get("sec-purpose", "") or "prefetch" in headers.get("purpose", ""):
            return "too_early"
        until = self._tokens.pop(_known(token, self._tokens), None)
        if until is None or until < self.clock():
            return "used"
        session = Session(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
        while len(self._sessions) >= MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        self._sessions[session.cookie] = session
        return session

    def cookie_of(self, session: Session) -> str:
        """The value of Set-Cookie. It is not `Secure`, as this is plain HTTP that never leaves the computer."""
        return f"{COOKIE}={session.cookie}; Path={self.root}/; HttpOnly; SameSite=Strict"

    def session_of(self, headers: Mapping[str, str]) -> Session | None:
        given = _cookies(headers.get("cookie", "")).get(COOKIE, "")
        return self._sessions.get(_known(given, self._sessions))

    def is_ours(self, headers: Mapping[str, str]) -> bool:
        """Whether a request means this host. A name that somebody made lead to 127.0.0.1 is another one."""
        return headers.get("host", "").lower() == self.host

    def comes_from_us(self, headers: Mapping[str, str]) -> bool:
        """Whether our own page, or the person's own typing, caused a request. Older browsers say neither."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        return origin in (None, self.origin) and site in (None, "same-origin", "none")

    def is_control(self, headers: Mapping[str, str]) -> bool:
        return hmac.compare_digest(headers.get("authorization", "").encode(), f"Bearer {self.control}".encode())


def says_the_word(session: Session, form: Mapping[str, list[str]]) -> bool:
    """Whether a form is one that we gave to this session."""
    return hmac.compare_digest(form.get("csrf", [""])[0].encode(), session.csrf.encode())


def _known(given: str, among: Mapping[str, object]) -> str:
    """The key that is `given`, found in a time that tells nothing of how much of it was right; else an empty text."""
    found = ""
    for key in among:
        if hmac.compare_digest(key.encode(), given.encode()):
            found = key
    return found


def _cookies(header: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return {name: value for name, sign, value in pairs if sign}
