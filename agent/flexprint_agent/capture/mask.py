"""A capture without what says whose printer it is: serials, names, places, people, addresses. Pure.

What is masked keeps its length, and letters stay letters and digits digits, so that every table still applies; the
same text has the same mask wherever it stands: in an object of its own, in sysDescr, in a 1284 id, behind a PML prefix,
in UTF-16, in an OID. A MAC address keeps its maker's half. What a text is masked as hangs on a key.
"""

import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from flexprint_agent.capture.recording import in_order
from flexprint_agent.read import objects as at
from flexprint_agent.read import tables
from flexprint_agent.read.identity import Speaker, parse_1284
from flexprint_agent.read.text import decode, pml_text
from flexprint_agent.snmp import ber
from flexprint_agent.snmp.ber import Value
from flexprint_shared.identity import is_placeholder

_NUMBERS: Final = frozenset({ber.INTEGER, ber.COUNTER32, ber.GAUGE32, ber.COUNTER64})
_PML_PREFIXES: Final = (b"\x01\x15", b"\xfd\xe8")

# Columns that hold nothing but a serial, and nothing but what a person wrote or a network was told (RFC 3805).
_SERIALS: Final = (at.GENERAL_SERIAL, ber.oid("1.3.6.1.2.1.43.8.2.1.17"), ber.oid("1.3.6.1.2.1.43.9.2.1.11"))
_WRITTEN: Final = (
    at.SYS_CONTACT,
    at.SYS_NAME,
    at.SYS_LOCATION,
    at.GENERAL_NAME,
    ber.oid("1.3.6.1.2.1.43.5.1.1.4"),  # prtGeneralCurrentOperator
    ber.oid("1.3.6.1.2.1.43.5.1.1.5"),  # prtGeneralServicePerson
)
_CHANNEL_INFORMATION: Final = ber.oid("1.3.6.1.2.1.43.14.1.1.9")
_ENGINE_ID: Final = ber.oid("1.3.6.1.6.3.10.2.1.1.0")
_WRITTEN_FIELDS: Final = ("name", "location", "contact", "asset")

_WORD: Final = re.compile(r"[^\W_]+")
_SERIAL_INSIDE: Final = re.compile(
    r"\b(?:S/N|SN|SER(?:IAL)?(?:[ _]?(?:NO|NUMBER|NR))?)\b[.:;#=\s]*([0-9A-Z][0-9A-Z-]{4,})", re.IGNORECASE
)
_MAIL: Final = re.compile(rb"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_MAC_TEXT: Final = re.compile(
    rb"(?<![0-9A-Fa-f])[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}(?![0-9A-Fa-f])"
)
_PRIVATE_ADDRESS: Final = re.compile(
    rb"(?<![0-9.])(?:10\.[0-9]{1,3}|172\.(?:1[6-9]|2[0-9]|3[01])|192\.168|169\.254)\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.])"
)
_ADDRESS6: Final = re.compile(rb"(?<![0-9A-Fa-f:])(?:[0-9A-Fa-f]{1,4}:{1,2}){3,7}[0-9A-Fa-f]{1,4}(?![0-9A-Fa-f:])")
# 192.168/16 (RFC 1918) and 169.254/16 (RFC 3927).
_PRIVATE_TWO: Final = (b"\xc0\xa8", b"\xa9\xfe")
_LEAST_ARCS: Final = 7  # before an index can begin
_SHORTEST_SERIAL: Final = 5
_SHORTEST_WRITTEN: Final = 6


def mask(values: Mapping[bytes, Value], key: bytes) -> dict[bytes, Value]:
    """The values of a capture with everything masked, in the order of OIDs."""
    masks = _Masks(values, key)
    return in_order({masks.name(name): masks.value(name, value) for name, value in values.items()})


class _Masks:
    """What is secret in one capture, and what stands in its place."""

    def __init__(self, values: Mapping[bytes, Value], key: bytes) -> None:
        self.values = values
        self.key = key
        speaker = Speaker(at.Answers(dict(values)))
        identity = speaker.identity
        self.model = identity.model
        self.serial_objects = (*_SERIALS, *tables.objects_of("serial"))
        self.written = (*_WRITTEN, *tables.objects_of(*_WRITTEN_FIELDS))
        serials = {token for text in self._serials(speaker) for token in _tokens(text, identity.model)}
        self.serials = {token for token in serials if not is_placeholder(token, identity.model)}
        # Words of the model are no secret, even where the device was named after it.
        said = " ".join(filter(None, (identity.manufacturer, identity.model, *speaker.ieee1284.values())))
        self.known = {word.casefold() for word in _WORD.findall(said)} - {one.casefold() for one in self.serials}
        self.macs = self._macs()
        self.addresses = self._addresses()
        self.arcs = {tuple(mac): tuple(self._mac(mac)) for mac in self.macs}
        self.arcs |= {tuple(address): tuple(self._address(address)) for address in self.addresses}
        self.masked_macs = {self._mac(mac) for mac in self.macs}
        self.masked_addresses = {self._address(address) for address in self.addresses}
        self.replacements = self._replacements()
        self.pattern = _any_of(self.replacements)

    # What is secret

    def _texts(self) -> Iterator[tuple[bytes, str]]:
        for name, (tag, content) in self.values.items():
            if tag == ber.OCTET_STRING and content:
                yield name, pml_text(content) if content[:2] in _PML_PREFIXES else decode(content)

    def _serials(self, speaker: Speaker) -> Iterator[str]:
        for name, text in self._texts():
            if name.startswith(self.serial_objects):
                yield text
            if "SN" in text.upper() or "S/N" in text.upper() or "SER" in text.upper():
                yield parse_1284(text).get("serial", "")
                yield from _SERIAL_INSIDE.findall(text)
        yield speaker.identity.serial or ""
        yield from speaker.from_patterns("serial")

    def _written_texts(self) -> Iterator[str]:
        """What people wrote into the device, and the first part of it where that is a host's name."""
        for name, text in self._texts():
            if name.startswith(self.written):
                yield text.strip().strip("\0")
                yield text.strip().partition(".")[0]
            elif name.startswith(_CHANNEL_INFORMATION) and text.startswith("Name="):
                yield text.removeprefix("Name=").strip()

    def _macs(self) -> set[bytes]:
        found = {content for tag, content in at.Answers(dict(self.values)).column(at.IF_PHYS_ADDRESS).values()}
        return {mac for mac in found if len(mac) == 6 and any(mac) and mac != b"\xff" * 6}

    def _addresses(self) -> set[bytes]:
        found = {content for tag, content in self.values.values() if tag == ber.IP_ADDRESS and len(content) == 4}
        return {address for address in found if _is_someones(address)}

    # What stands in its place

    def _replacements(self) -> dict[bytes, bytes]:
        """Octets -> octets, for every way in which a secret may be written."""
        found: dict[bytes, bytes] = {}
        for mac in self.macs:
            found.update(zip(_spellings(mac), _spellings(self._mac(mac)), strict=True))
        for address in self.addresses:
            found[_dotted(address)] = _dotted(self._address(address))
        for token in self.serials:
            _spell(token, self._word(token), found)
        for text in self._written_texts():
            if _is_distinctive(text) and not self._is_known(text):
                _spell(text, self._words(text), found)
        return found

    def _is_known(self, text: str) -> bool:
        return all(word.casefold() in self.known for word in _WORD.findall(text))

    def _words(self, text: str) -> str:
        return _WORD.sub(lambda found: self._word(found[0]), text)

    def _word(self, word: str) -> str:
        """The mask of a word: as long, letters for letters of the same case, digits for digits."""
        folded = word.casefold()
        return word if folded in self.known else "".join(map(_like, word, self._noise(folded, len(word))))

    def _noise(self, text: str, length: int) -> bytes:
        return _noise(self.key, text, length)

    def _mac(self, mac: bytes) -> bytes:
        return mac[:3] + self._noise(mac.hex(), 3)

    def _address(self, address: bytes) -> bytes:
        """The octets with as many digits as before; those that say which kind of address it is are kept."""
        if not _is_someones(address):
            return address
        kept = 2 if address[:2] in _PRIVATE_TWO or (address[0] == 172 and 16 <= address[1] < 32) else 1
        noise = self._noise(_dotted(address).decode(), 4)
        return address[:kept] + bytes(map(_octet_like, address[kept:], noise))

    # Values and names

    def value(self, name: bytes, value: Value) -> Value:
        tag, content = value
        if tag == ber.OCTET_STRING:
            return tag, self._octets(name, content)
        if tag == ber.IP_ADDRESS and len(content) == 4:
            return tag, self._address(content)
        if tag == ber.OBJECT_ID:
            return tag, self.name(content)
        if tag in _NUMBERS and str(ber.integer(value)) in self.serials:
            return tag, ber.signed(int(self._word(str(ber.integer(value)))))
        return value

    def _octets(self, name: bytes, content: bytes) -> bytes:
        if name == _ENGINE_ID:
            # The enterprise and the kind of the rest stay (RFC 3411, SnmpEngineID); the rest is an address or a text.
            return content[:5] + self._noise(content.hex(), max(0, len(content) - 5))
        if len(content) == 4 and content in self.addresses:
            return self._address(content)
        if name.startswith(self.written) or (name.startswith(self.serial_objects) and self._is_odd_serial(content)):
            return self._masked_text(content)
        if self.pattern is not None:
            content = self.pattern.sub(lambda found: self.replacements[found[0]], content)
        content = _MAIL.sub(lambda found: self._words(found[0].decode("latin-1")).encode("latin-1"), content)
        content = _MAC_TEXT.sub(lambda found: self._mac_text(found[0]), content)
        content = _PRIVATE_ADDRESS.sub(lambda found: self._address_text(found[0]), content)
        return _ADDRESS6.sub(lambda found: self._address6(found[0]), content)

    def _is_odd_serial(self, content: bytes) -> bool:
        """Whether a serial has no part that could be looked for elsewhere, and is none that identifies nothing."""
        text = decode(content)
        return not is_placeholder(text, self.model) and self.serials.isdisjoint(_WORD.findall(text))

    def _masked_text(self, content: bytes) -> bytes:
        """All words of a text that people wrote, in the encoding it has."""
        prefix = content[:2] if content[:2] in _PML_PREFIXES else b""
        text, codec = _decoded(content[len(prefix) :])
        return prefix + self._words(text).encode(codec, "surrogatepass")

    def _mac_text(self, text: bytes) -> bytes:
        mac = bytes.fromhex(re.sub(rb"[:-]", b"", text).decode())
        if mac in self.masked_macs or not any(mac):
            return text
        masked = self._mac(mac).hex(text[2:3].decode())
        return (masked if text.islower() else masked.upper()).encode()

    def _address_text(self, text: bytes) -> bytes:
        parts = text.split(b".")
        if any(int(part) > 255 for part in parts):
            return text
        address = bytes(map(int, parts))
        return text if address in self.masked_addresses else _dotted(self._address(address))

    def _address6(self, text: bytes) -> bytes:
        """An IPv6 address as text: the hexadecimal digits behind its first group."""
        if b"::" not in text and text.count(b":") != 7:
            return text  # a MAC address, or a time
        first, colon, rest = text.partition(b":")
        noise = iter(self._noise(text.decode().lower(), len(rest)))
        return first + colon + bytes(_hex_like(octet, next(noise)) for octet in rest)

    def name(self, name: bytes) -> bytes:
        """An OID in whose index an address, a serial or a name stands."""
        if self.pattern is not None:
            # An index made of letters has one octet an arc, so that the text stands in the OID as it is.
            name = self.pattern.sub(lambda found: self._in_name(found[0]), name)
        before = ber.arcs(name)
        arcs = list(before)
        at = _LEAST_ARCS
        while at < len(arcs):
            for length in (6, 4):
                masked = self.arcs.get(tuple(arcs[at : at + length]))
                if masked is not None and (length == 6 or _ends_an_index(arcs, at, name)):
                    arcs[at : at + length] = masked
                    at += length - 1
                    break
            at += 1
        return ber.oid("0.0." + ".".join(map(str, arcs)))[1:] if arcs != list(before) else name

    def _in_name(self, octets: bytes) -> bytes:
        masked = self.replacements[octets]
        return masked if octets.isascii() and masked.isascii() and len(octets) >= _SHORTEST_SERIAL else octets


@lru_cache(4096)
def _noise(key: bytes, text: str, length: int) -> bytes:
    found = b""
    while len(found) < length:
        found += hmac.digest(key, len(found).to_bytes(4, "big") + text.encode("utf-8", "surrogatepass"), "sha256")
    return found[:length]


def _like(character: str, noise: int) -> str:
    """Another character of the same kind that takes as many octets."""
    if character.isascii():
        if character.isdigit():
            return str(noise % 10)
        letter = chr(ord("a") + noise % 26)
        return letter.upper() if character.isupper() else letter
    octets = len(character.encode("utf-8", "surrogatepass"))
    return {2: "\u00e9", 3: "\u5b57"}.get(octets, "\U00020000")


def _octet_like(octet: int, noise: int) -> int:
    if octet < 10:
        return 1 + noise % 9
    return 10 + noise % 90 if octet < 100 else 100 + noise % 155


def _hex_like(octet: int, noise: int) -> int:
    if octet == ord(":"):
        return octet
    digit = f"{noise % 16:x}"
    return ord(digit.upper() if chr(octet).isupper() else digit)


def _tokens(text: str, model: str | None) -> Iterator[str]:
    """The parts of a serial that tell one device from another: "74636C6601F5N-130-0" has one."""
    in_model = {word.casefold() for word in _WORD.findall(model or "")} if len((model or "").split()) == 1 else set()
    for token in _WORD.findall(text):
        if len(token) >= _SHORTEST_SERIAL and any(map(str.isdigit, token)) and token.casefold() not in in_model:
            yield token


def _is_distinctive(text: str) -> bool:
    """Whether a text that people wrote can be looked for elsewhere: "Hall" and "Office" stand in other texts too."""
    if len(text) < _SHORTEST_WRITTEN:
        return False
    return len(text.split()) > 1 or any(not character.isalpha() for character in text) or len(text) >= 10


def _is_someones(address: bytes) -> bool:
    """Whether an IPv4 address is a host's or a network's own: no mask, no loopback, no multicast, not nothing."""
    return any(address) and address[0] not in (0, 127) and address[0] < 224


def _dotted(address: bytes) -> bytes:
    return b".".join(str(octet).encode() for octet in address)


def _spellings(mac: bytes) -> list[bytes]:
    """A MAC address as octets and in every way that texts spell it; last its end, of which host names are made."""
    whole, end = mac.hex(), mac.hex()[6:]
    spelled = [whole, mac.hex(":"), mac.hex("-"), f"{whole[:4]}.{whole[4:8]}.{whole[8:]}", end]
    return [mac, *(one.encode() for text in spelled for one in (text, text.upper()))]


def _spell(text: str, masked: str, into: dict[bytes, bytes]) -> None:
    """A text and its mask, in both cases and in UTF-16 too."""
    for codec in ("utf-8", "utf-16-le", "utf-16-be"):
        for one, other in ((text, masked), (text.upper(), masked.upper()), (text.lower(), masked.lower())):
            if len(one) == len(other):
                into.setdefault(one.encode(codec, "surrogatepass"), other.encode(codec, "surrogatepass"))


def _any_of(replacements: Iterable[bytes]) -> re.Pattern[bytes] | None:
    """One expression for all of them, the longest first. A short one counts only as a whole word."""
    known = sorted((one for one in replacements if one), key=lambda one: (-len(one), one))
    if not known:
        return None
    return re.compile(b"|".join(map(_expression, known)), re.DOTALL)


def _expression(octets: bytes) -> bytes:
    whole = re.escape(octets)
    if len(octets) <= _SHORTEST_SERIAL or (octets[:1].isdigit() and b"." in octets):
        return rb"(?<![0-9A-Za-z.])" + whole + rb"(?![0-9A-Za-z.])"
    return whole


def _ends_an_index(arcs: list[int], start: int, name: bytes) -> bool:
    """Whether four arcs are an address: in the tables of IP, or at the very end of an OID where it is no small
    number."""
    in_ip = name.startswith(ber.oid("1.3.6.1.2.1.4"))
    address = arcs[start : start + 4]
    return in_ip or (start + 4 == len(arcs) and address[0] >= 10 and max(address[1:]) > 31)


def _decoded(content: bytes) -> tuple[str, str]:
    """A text and the codec that gives the same octets again."""
    if len(content) >= 4 and len(content) % 2 == 0:
        half = len(content) // 2
        for codec, zeros in (("utf-16-be", content[0::2].count(0)), ("utf-16-le", content[1::2].count(0))):
            if zeros * 2 > half:
                return content.decode(codec, "surrogatepass"), codec
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return content.decode("latin-1"), "latin-1"
