"""SNMPv3: the message around the PDU (RFC 3412), the engine and its clock, and what a Report says (RFC 3414).

    discovery              -> Report: this is my engine id, so many boots, so many seconds since the last
    request, at that clock -> Response, or a Report that names what is wrong: user, digest, decryption, clock

Keys, digests and ciphers are `usm`'s, which imports pysnmp and is imported here once a user has a password. An engine
that is known from before costs no discovery; a clock that was lost (the device restarted) costs one Report.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from flexprint_agent.snmp import ber
from flexprint_agent.snmp.ber import INTEGER, OCTET_STRING, SEQUENCE, Malformed, Message, content, integer_at, tlv

V3: Final = 3
REPORT: Final = 0xA8

AUTHENTICATED: Final = 1
ENCRYPTED: Final = 2
_REPORTABLE: Final = 4

AUTH_PROTOCOLS: Final = {
    "MD5": ("md5", 12),
    "SHA-1": ("sha1", 12),
    "SHA-224": ("sha224", 16),
    "SHA-256": ("sha256", 24),
    "SHA-384": ("sha384", 32),
    "SHA-512": ("sha512", 48),
}
"""Name -> name of the hash, octets of the digest in a message (RFC 3414, RFC 7860)."""

PRIVACY_PROTOCOLS: Final = ("DES", "AES-128", "AES-192", "AES-256", "AES-192-C", "AES-256-C")
"""RFC 3414, RFC 3826. AES-192 and AES-256 stretch a short key as Blumenthal's draft does, those with a C as Reeder's
draft for 3DES does, which Cisco and makers after it took over."""

SHORTEST_PASSWORD: Final = 8  # RFC 3414, 11.2
LONGEST_NAME: Final = 32

_USM_MODEL: Final = b"\x02\x01\x03"
_MAX_SIZE: Final = tlv(INTEGER, ber.signed(65507))
_LARGEST_ENGINE_ID: Final = 32
_LARGEST_CLOCK: Final = 2**31 - 1
_WINDOW_S: Final = 150
_AUTHORIZATION_ERROR: Final = 16
# Engine, clock, and one more in case that two of them change while they are learned.
_MOST_REPORTS: Final = 3


@dataclass(slots=True, frozen=True)
class User:
    """Who asks. `auth` and `privacy` are names of the tables above, or None for none; passwords are secrets and not
    part of the repr. ValueError says what is wrong with it, without a secret."""

    name: str
    auth: str | None = None
    auth_password: str = field(default="", repr=False)
    privacy: str | None = None
    privacy_password: str = field(default="", repr=False)
    context: str = ""

    def __post_init__(self) -> None:
        if not 0 < len(self.name.encode()) <= LONGEST_NAME or not self.name.isprintable():
            raise ValueError(f"a user name has 1 to {LONGEST_NAME} octets, all of them printable")
        if len(self.context.encode()) > 255 or not self.context.isprintable():
            raise ValueError("a context has up to 255 octets, all of them printable")
        if self.auth is not None and self.auth not in AUTH_PROTOCOLS:
            raise ValueError(f"authentication is none or one of {', '.join(AUTH_PROTOCOLS)}")
        if self.privacy is not None and self.privacy not in PRIVACY_PROTOCOLS:
            raise ValueError(f"privacy is none or one of {', '.join(PRIVACY_PROTOCOLS)}")
        if self.privacy and not self.auth:
            raise ValueError("there is no privacy without authentication (RFC 3414)")
        for protocol, password, word in (
            (self.auth, self.auth_password, "authentication"),
            (self.privacy, self.privacy_password, "privacy"),
        ):
            if protocol and not SHORTEST_PASSWORD <= len(password.encode()) <= 255:
                raise ValueError(f"the {word} password has {SHORTEST_PASSWORD} to 255 characters (RFC 3414)")

    @property
    def level(self) -> int:
        """The flags of its messages: AUTHENTICATED, ENCRYPTED."""
        return (AUTHENTICATED if self.auth else 0) | (ENCRYPTED if self.privacy else 0)


def protocol(text: str, known: Iterable[str]) -> str | None:
    """The name in `known` (of AUTH_PROTOCOLS or PRIVACY_PROTOCOLS) that a person means by `sha256` or `AES`; None for
    none. ValueError where it is neither."""
    bare = text.upper().replace("-", "").replace("_", "")
    names = {name.replace("-", ""): name for name in known}
    if bare in ("", "NONE"):
        return None
    found = names.get({"SHA": "SHA1", "AES": "AES128"}.get(bare, bare))
    if found is None:
        raise ValueError(f"{text!r} is not known; it is none or one of {', '.join(names.values())}")
    return found


class Engine(NamedTuple):
    """An authoritative engine and its clock: `time` seconds since the last of its `boots`."""

    id: bytes
    boots: int
    time: int


class Envelope(NamedTuple):
    """What stands around the PDU. `digest` is where its digest is; `data` the scoped PDU, or what encrypts to it."""

    message_id: int
    flags: int
    engine: Engine
    user: bytes
    digest: slice
    salt: bytes
    data: bytes


class Fault(NamedTuple):
    """Why a device refuses a user, and the step that mends it. `told` may name {user}, {auth}, {privacy}, {level} and
    {context} of the user."""

    name: str
    told: str
    next_step: str


_UNKNOWN_USER: Final = Fault(
    "unknown-user",
    "it does not know the user {user}",
    "create this user on the printer (the SNMPv3 page of its web interface), or enter the name that it has there; "
    "upper and lower case count",
)
_WRONG_DIGEST: Final = Fault(
    "wrong-digest",
    "it knows the user {user}, but not with this authentication password or protocol ({auth})",
    "enter the authentication password and protocol again, as they stand on the printer",
)
_CANNOT_DECRYPT: Final = Fault(
    "cannot-decrypt",
    "it accepts the authentication of {user}, but cannot decrypt its requests: privacy password or protocol "
    "({privacy}) differ",
    "enter the privacy password and protocol again, as they stand on the printer; where it says AES-192 or AES-256, "
    "try AES-192-C or AES-256-C as well, as makers make these keys in two ways",
)
_LEVEL: Final = Fault(
    "unsupported-level",
    "it does not serve the user {user} with {level}",
    "set the same on both sides: nothing, authentication, or authentication and privacy",
)
_TIME_WINDOW: Final = Fault(
    "not-in-time-window",
    "it says that its clock is another one than it told just before",
    "switch the printer off and on, then read again; if it stays so, its firmware needs an update",
)
_UNKNOWN_ENGINE: Final = Fault(
    "unknown-engine",
    "it does not recognize the engine id that it told itself",
    "switch the printer off and on, then read again; if it stays so, its firmware needs an update",
)
_CONTEXT: Final = Fault(
    "unknown-context",
    "it has no context named '{context}'",
    "leave the context out, or enter the one that the printer has; some network cards answer in Jetdirect alone",
)
_NO_ACCESS: Final = Fault(
    "no-access",
    "it knows the user {user}, but lets it read nothing with {level}",
    "give the user the right to read on the printer (its access group or view), or enter the privacy that it wants",
)
_OTHER: Final = Fault(
    "refused",
    "it refuses the request of {user} with a Report that says nothing more",
    "check the SNMPv3 settings of the printer",
)
UNANSWERED: Final = Fault(
    "unanswered",
    "it answers the question for its engine, but nothing that the user {user} asks, as printers do that cannot decrypt "
    "a request ({privacy}) or have no such context ('{context}')",
    "enter the privacy password and protocol again, as they stand on the printer, and leave the context out",
)
IMPOSSIBLE: Final = Fault(
    "impossible-here",
    "this computer cannot do {auth} with {privacy}",
    "set SHA-2 and AES on the printer; this computer may be set to forbid MD5 and DES",
)
FAULTS: Final = {
    fault.name: fault
    for fault in (
        _UNKNOWN_USER, _WRONG_DIGEST, _CANNOT_DECRYPT, _LEVEL, _TIME_WINDOW, _UNKNOWN_ENGINE, _CONTEXT, _NO_ACCESS,
        _OTHER, UNANSWERED, IMPOSSIBLE,
    )
}  # fmt: skip
"""By name."""

_REPORTS: Final = {
    ber.oid(counter): fault
    for counter, fault in (
        ("1.3.6.1.6.3.15.1.1.1.0", _LEVEL),  # usmStatsUnsupportedSecLevels, and so on (RFC 3414)
        ("1.3.6.1.6.3.15.1.1.2.0", _TIME_WINDOW),
        ("1.3.6.1.6.3.15.1.1.3.0", _UNKNOWN_USER),
        ("1.3.6.1.6.3.15.1.1.4.0", _UNKNOWN_ENGINE),
        ("1.3.6.1.6.3.15.1.1.5.0", _WRONG_DIGEST),
        ("1.3.6.1.6.3.15.1.1.6.0", _CANNOT_DECRYPT),
        ("1.3.6.1.6.3.12.1.4.0", _CONTEXT),  # snmpUnavailableContexts, snmpUnknownContexts (RFC 3413)
        ("1.3.6.1.6.3.12.1.5.0", _CONTEXT),
    )
}


class Refusal(NamedTuple):
    """A user that a device refused."""

    user: User
    fault: Fault

    def __str__(self) -> str:
        user = self.user
        level = {0: "no authentication", AUTHENTICATED: "authentication and no privacy"}
        return self.fault.told.format(
            user=user.name,
            auth=user.auth or "no authentication",
            privacy=user.privacy or "no privacy",
            level=level.get(user.level, "authentication and privacy"),
            context=user.context,
        )


def discovery() -> tuple[bytes, bytes]:
    """The question for an engine (RFC 3414, section 4), as what comes before and after its message id of four octets.

    It is answered with a Report, whoever asks.
    """
    head, rest = ber.request_pdu(ber.GET, ())
    scoped = tlv(SEQUENCE, tlv(OCTET_STRING, b"") * 2 + head + ber.FIRST_ID.to_bytes(4, "big") + rest)
    whole, _ = message(0, 0, Engine(b"", 0, 0), b"", b"", scoped)
    before = whole.index(b"\x02\x04\x00\x00\x00\x00") + 2
    return whole[:before], whole[before + 4 :]


def message(
    message_id: int, flags: int, engine: Engine, user: bytes, salt: bytes, data: bytes, digest_octets: int = 0
) -> tuple[bytes, int]:
    """A request, with zeros where its digest goes, and where that is. `data` is a whole element."""
    after = tlv(OCTET_STRING, salt)
    security = tlv(
        SEQUENCE,
        tlv(OCTET_STRING, engine.id)
        + tlv(INTEGER, ber.signed(engine.boots))
        + tlv(INTEGER, ber.signed(engine.time))
        + tlv(OCTET_STRING, user)
        + tlv(OCTET_STRING, bytes(digest_octets))
        + after,
    )
    head = b"\x02\x04" + message_id.to_bytes(4, "big") + _MAX_SIZE
    head += tlv(OCTET_STRING, bytes((flags | _REPORTABLE,))) + _USM_MODEL
    whole = tlv(SEQUENCE, b"\x02\x01\x03" + tlv(SEQUENCE, head) + tlv(OCTET_STRING, security) + data)
    return whole, len(whole) - len(data) - len(after) - digest_octets


def parse(datagram: bytes) -> Envelope:
    """The message at the start of a datagram. Malformed when there is none; nothing in it is proven yet."""
    try:
        return _parse(datagram)
    except IndexError:
        raise Malformed("the message ends early") from None


def _parse(octets: bytes) -> Envelope:
    at, end = content(octets, 0, len(octets), SEQUENCE)
    version, at = integer_at(octets, at, end)
    if version != V3:
        raise Malformed(f"version {version} is not v3")
    inner, at = content(octets, at, end, SEQUENCE)
    message_id, inner = integer_at(octets, inner, at)
    _, inner = integer_at(octets, inner, at)  # msgMaxSize: requests are far below any
    start, inner = content(octets, inner, at, OCTET_STRING)
    flags = octets[start:inner]
    model, _ = integer_at(octets, inner, at)
    if len(flags) != 1 or model != V3:
        raise Malformed("the security model is not USM")
    inner, at = content(octets, at, end, OCTET_STRING)
    inner, stop = content(octets, inner, at, SEQUENCE)
    start, inner = content(octets, inner, stop, OCTET_STRING)
    engine_id = octets[start:inner]
    boots, inner = integer_at(octets, inner, stop)
    time, inner = integer_at(octets, inner, stop)
    if len(engine_id) > _LARGEST_ENGINE_ID or not (0 <= boots <= _LARGEST_CLOCK and 0 <= time <= _LARGEST_CLOCK):
        raise Malformed("the engine id or its clock cannot be")
    start, inner = content(octets, inner, stop, OCTET_STRING)
    user = octets[start:inner]
    start, inner = content(octets, inner, stop, OCTET_STRING)
    digest = slice(start, inner)
    start, inner = content(octets, inner, stop, OCTET_STRING)
    salt = octets[start:inner]
    if flags[0] & ENCRYPTED:
        start, end = content(octets, at, end, OCTET_STRING)
        data = octets[start:end]
    else:
        _, stop = content(octets, at, end, SEQUENCE)
        data = octets[at:stop]
    return Envelope(message_id, flags[0] & 3, Engine(engine_id, boots, time), user, digest, salt, data)


def scoped(octets: bytes) -> Message:
    """The PDU in a scoped PDU in clear; what follows it (a cipher's padding) is left. Raises Malformed."""
    try:
        at, end = content(octets, 0, len(octets), SEQUENCE)
        _, at = content(octets, at, end, OCTET_STRING)
        _, at = content(octets, at, end, OCTET_STRING)
        return Message(V3, b"", *ber.pdu_at(octets, at, end))
    except IndexError:
        raise Malformed("the scoped PDU ends early") from None


class Peer:
    """The device of one dialogue, as the user's side knows it: its engine, its clock, whether it said anything.

    Instants are seconds of a clock that does not go back. What no digest covers is only believed until the device is
    asked by it: an engine id, or a clock, that was made up ends in a Report, not in a wrong answer.
    """

    __slots__ = ("_latest", "_reports", "_started", "boots", "engine_id", "heard")

    def __init__(self, engine: Engine | None, now: float) -> None:
        self.engine_id, self.boots = b"", 0
        self._started = now
        self._latest = -1  # newest time that a digest covered; -1: none yet
        self._reports = 0
        self.heard = False
        if engine is not None:
            self._learn(engine, now)

    def engine(self, now: float) -> Engine | None:
        """What is worth remembering; None where the device never said who it is."""
        return Engine(self.engine_id, self.boots, self._time(now)) if self.engine_id else None

    def _time(self, now: float) -> int:
        return min(max(0, int(now - self._started)), _LARGEST_CLOCK)

    def _learn(self, engine: Engine, now: float) -> None:
        self.engine_id, self.boots = engine.id, engine.boots
        self._started = now - engine.time
        self._latest = -1

    def datagram(self, user: User, message_id: int, pdu: bytes, now: float) -> bytes | None:
        """The request `pdu` in a message, or the question for the engine while it is unknown; None where this
        computer's cryptography does not offer what the user needs."""
        if not self.engine_id:
            before, after = discovery()
            return before + message_id.to_bytes(4, "big") + after
        engine = Engine(self.engine_id, self.boots, self._time(now))
        context = tlv(OCTET_STRING, engine.id) + tlv(OCTET_STRING, user.context.encode())
        plain = tlv(SEQUENCE, context + pdu)
        if not user.auth:
            return message(message_id, 0, engine, user.name.encode(), b"", plain)[0]
        from flexprint_agent.snmp import usm

        return usm.secure(user, engine, message_id, plain)

    def hear(self, user: User, envelope: Envelope, datagram: bytes, now: float) -> Message | Fault | None:
        """The Response; the fault that a Report names; None when a Report taught engine or clock, so that the request
        is to be sent again. Malformed for what this device did not say to this user."""
        data = envelope.data
        if envelope.flags:
            if (envelope.user, envelope.engine.id) != (user.name.encode(), self.engine_id):
                raise Malformed("the message is of another user or another engine")
            from flexprint_agent.snmp import usm

            data = usm.opened(user, envelope, datagram)
        answer = scoped(data)
        if answer.pdu == REPORT:
            return self._report(envelope, answer, now)
        if answer.pdu != ber.RESPONSE or envelope.flags != user.level or answer.request_id != envelope.message_id:
            raise Malformed("this is no response to what was asked, or not as safe as what was asked")
        if user.auth:
            self._check_clock(envelope.engine, now)
        self.heard = True
        self._reports = 0
        if answer.error == _AUTHORIZATION_ERROR:
            return _NO_ACCESS
        return answer

    def _check_clock(self, engine: Engine, now: float) -> None:
        """Follows the clock of an authenticated message; Malformed for an old one (RFC 3414, 3.2, step 7b)."""
        if self._latest >= 0 and (engine.boots, engine.time) < (self.boots, self._latest - _WINDOW_S):
            raise Malformed("the message is an old one")
        if (engine.boots, engine.time) > (self.boots, self._latest) or self._latest < 0:
            self._learn(engine, now)
            self._latest = engine.time

    def _report(self, envelope: Envelope, report: Message, now: float) -> Fault | None:
        """RFC 3414 takes a clock that went back for a replay. A Report to a message id that nobody can guess is none,
        and the boots of real devices do go back: when their memory was cleared or their board was changed."""
        if not envelope.engine.id:
            raise Malformed("a Report without an engine id")
        self.heard = True
        self._reports += 1
        fault = _REPORTS.get(report.bindings[0][0], _OTHER) if report.bindings else _OTHER
        # Whatever is said of a user at another engine than the device's own says nothing of the user.
        taught = envelope.engine.id != self.engine_id or fault is _TIME_WINDOW
        if not taught or self._reports > _MOST_REPORTS:
            return fault
        self._learn(envelope.engine, now)
        return None
