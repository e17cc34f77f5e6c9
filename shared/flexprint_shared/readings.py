"""A read: what one device said at one instant.

The field names are those of `flexprint-agent probe --json`. A value the device did not give is None (or
an empty tuple), never a made-up zero.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal

from flexprint_shared.meters import Source
from flexprint_shared.times import rfc3339

SupplyState = Literal["ok", "low", "empty", "some", "unknown", "unlimited"]
DeviceState = Literal["idle", "printing", "warmup", "other", "unknown"]

LARGEST_NUMBER: Final = 2**63 - 1
"""What both databases can hold. A Counter64 may be larger: no device has counted that far."""

SMALLEST_NUMBER: Final = -(2**63)

LONGEST_TEXT: Final = 65535
"""Characters of a text at most: as many as SNMP's largest octet string has octets (RFC 3416)."""


@dataclass(slots=True, frozen=True)
class Meter:
    """One counter. `value` is the integer as the device gave it; `oid` is where (None when derived; the name of
    the attribute or command where the device was not asked by SNMP) and `type` the name of the SNMP type it came in
    (None where that was not kept)."""

    name: str
    value: int
    unit: str
    oid: str | None
    source: Source
    type: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "oid": self.oid,
            "source": self.source,
            "type": self.type,
        }


@dataclass(slots=True, frozen=True)
class Supply:
    """One row of prtMarkerSuppliesTable (RFC 3805). `level` and `capacity` are in `unit`, as given, so
    special values (-1 no limit, -2 unknown, -3 some left) stay what they are; `percent` is 0 to 100 and
    only set where it means something. For a kind that fills_up() it is how full it is. `part` and `serial` are the part
    number and the cartridge's own serial number, where the device tells them."""

    index: str
    name: str
    kind: str
    color: str | None
    percent: int | None
    state: SupplyState
    level: int | None
    capacity: int | None
    unit: str
    part: str | None = None
    serial: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "name": self.name,
            "kind": self.kind,
            "color": self.color,
            "percent": self.percent,
            "state": self.state,
            "level": self.level,
            "capacity": self.capacity,
            "unit": self.unit,
            "part": self.part,
            "serial": self.serial,
        }


def fills_up(kind: str) -> bool:
    """True for a waste container, of which `percent` says how full it is; of all else it says what is left. Nothing
    but the kind decides that: it is what travels and what people see beside the figure."""
    return kind.lower().startswith("waste")


@dataclass(slots=True, frozen=True)
class Alert:
    """One row of prtAlertTable. `severity` is a word of prtAlertSeverityLevel, `code` a number of prtAlertCode, and
    `training` a word of prtAlertTrainingLevel: who can deal with it (None where the device does not say)."""

    severity: str
    code: int | None
    description: str
    training: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "severity": self.severity,
            "code": self.code,
            "description": self.description,
            "training": self.training,
        }


@dataclass(slots=True, frozen=True)
class Status:
    """hrPrinterStatus as a word, the set bits of hrPrinterDetectedErrorState, the console's lines."""

    state: DeviceState = "unknown"
    errors: tuple[str, ...] = ()
    console: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"state": self.state, "errors": list(self.errors), "console": list(self.console)}


@dataclass(slots=True, frozen=True)
class Identity:
    """Who the device says it is. `macs` are lower case with colons; `asset` is what the device holds. `label` is the
    serial as it stands on the machine's label, where the device says it with something added. `engine` is its SNMP
    engine id (RFC 3411) in hexadecimal digits."""

    manufacturer: str | None = None
    model: str | None = None
    serial: str | None = None
    macs: tuple[str, ...] = ()
    name: str | None = None
    location: str | None = None
    contact: str | None = None
    asset: str | None = None
    firmware: str | None = None
    sys_object_id: str | None = None
    description: str | None = None
    label: str | None = None
    engine: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "manufacturer": self.manufacturer,
            "model": self.model,
            "serial": self.serial,
            "macs": list(self.macs),
            "name": self.name,
            "location": self.location,
            "contact": self.contact,
            "asset": self.asset,
            "firmware": self.firmware,
            "sys_object_id": self.sys_object_id,
            "description": self.description,
            "label": self.label,
            "engine": self.engine,
        }


@dataclass(slots=True, frozen=True)
class Typed:
    """What a person at the site typed of a device, beside what it says itself: what they call it, its asset number,
    where it stands."""

    name: str | None = None
    asset: str | None = None
    location: str | None = None


@dataclass(slots=True, frozen=True)
class Evidence:
    """What the device answered where a value is not simply that of the object it came from: a packed blob, a number
    sent as text, the parts of a sum, a serial that was cleaned. `type` is the name of the SNMP type, `value` the
    octets in hex."""

    oid: str
    type: str
    value: str

    def as_json(self) -> dict[str, Any]:
        return {"oid": self.oid, "type": self.type, "value": self.value}


@dataclass(slots=True, frozen=True)
class Read:
    """What a device said, and what was `typed` of it. `uptime_s` is sysUpTime in seconds, `engine_boots` is
    snmpEngineBoots (RFC 3411); None when not answered. `seconds` and `packets` are what the reading took."""

    address: str
    port: int
    read_at: datetime
    identity: Identity
    uptime_s: int | None = None
    color: bool | None = None
    meters: tuple[Meter, ...] = ()
    supplies: tuple[Supply, ...] = ()
    status: Status = field(default_factory=Status)
    alerts: tuple[Alert, ...] = ()
    warnings: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    engine_boots: int | None = None
    typed: Typed | None = None
    seconds: float = 0.0
    packets: int = 0

    def meter(self, name: str) -> int | None:
        """The value of the meter called `name`, or None."""
        return next((meter.value for meter in self.meters if meter.name == name), None)

    def without_conversation(self) -> "Read":
        """The read as it travels and is compared: what the reading took is the agent's own affair."""
        return replace(self, seconds=0.0, packets=0)

    def as_json(self) -> dict[str, Any]:
        """The facts part of the contract's probe object (it lacks target, answered, printer and error)."""
        return {
            "address": self.address,
            "port": self.port,
            "read_at": rfc3339(self.read_at),
            "uptime_s": self.uptime_s,
            "engine_boots": self.engine_boots,
            "seconds": round(self.seconds, 3),
            "packets": self.packets,
            "identity": self.identity.as_json(),
            "color": self.color,
            "meters": [meter.as_json() for meter in self.meters],
            "supplies": [supply.as_json() for supply in self.supplies],
            "status": self.status.as_json(),
            "alerts": [alert.as_json() for alert in self.alerts],
            "warnings": list(self.warnings),
            "evidence": [item.as_json() for item in self.evidence],
        }
