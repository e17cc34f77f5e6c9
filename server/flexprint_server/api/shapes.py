"""The documents that the API gives: one table for each, which both makes the document and describes it. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter as at
from typing import Any, Final

from flexprint_shared.times import rfc3339

JsonSchema = Mapping[str, Any]

TEXT: Final[JsonSchema] = {"type": "string"}
WHOLE: Final[JsonSchema] = {"type": "integer"}
YES_NO: Final[JsonSchema] = {"type": "boolean"}
TIME: Final[JsonSchema] = {"type": "string", "format": "date-time"}
UUID: Final[JsonSchema] = {"type": "string", "format": "uuid"}


def maybe(schema: JsonSchema) -> JsonSchema:
    """That, or null."""
    return {**schema, "type": [schema["type"], "null"]}


def several(schema: JsonSchema) -> JsonSchema:
    return {"type": "array", "items": schema}


@dataclass(slots=True, frozen=True)
class Field:
    """`of` takes the value out of a row."""

    name: str
    schema: JsonSchema
    about: str
    of: Callable[[Any], Any]


@dataclass(slots=True, frozen=True)
class Shape:
    name: str
    fields: Sequence[Field]

    def of(self, row: Any) -> dict[str, Any]:
        """The document of a row."""
        return {field.name: field.of(row) for field in self.fields}

    @property
    def reference(self) -> JsonSchema:
        return {"$ref": f"#/components/schemas/{self.name}"}

    def schema(self) -> JsonSchema:
        properties = {field.name: _described(field) for field in self.fields}
        return {"type": "object", "properties": properties, "required": list(properties)}


def _described(field: Field) -> JsonSchema:
    if "$ref" in field.schema:
        return {"allOf": [field.schema], "description": field.about}
    return {**field.schema, "description": field.about}


def instant(value: datetime | None) -> str | None:
    return None if value is None else rfc3339(value)


CUSTOMER: Final = Shape(
    "Customer",
    (
        Field("id", WHOLE, "The customer's number; it never changes.", at("id")),
        Field("name", TEXT, "The customer's name.", at("name")),
        Field("created_at", TIME, "When it was made.", lambda row: instant(row.created_at)),
    ),
)

SITE: Final = Shape(
    "Site",
    (
        Field("id", WHOLE, "The site's number; it never changes.", at("id")),
        Field("customer_id", WHOLE, "Whose site it is now.", at("customer_id")),
        Field("name", TEXT, "The site's name.", at("name")),
        Field("created_at", TIME, "When it was made.", lambda row: instant(row.created_at)),
    ),
)

AGENT: Final = Shape(
    "Agent",
    (
        Field("id", UUID, "The agent's number.", lambda row: str(row.agent.id)),
        Field("customer_id", WHOLE, "The customer of its site.", at("agent.site.customer_id")),
        Field("site_id", WHOLE, "Where it is.", at("agent.site_id")),
        Field("host", TEXT, "The name of its computer.", at("agent.host")),
        Field("platform", TEXT, "The operating system there.", at("agent.platform")),
        Field("version", TEXT, "The agent's version.", at("agent.version")),
        Field("enrolled_at", TIME, "When it was let in.", lambda row: instant(row.agent.enrolled_at)),
        Field("last_seen_at", maybe(TIME), "When it was last heard of.", lambda row: instant(row.agent.last_seen_at)),
        Field("retired", YES_NO, "It is gone, as somebody said, and not heard of since.", at("agent.is_retired")),
        Field(
            "silent_since",
            maybe(TIME),
            "Since when it should have been heard of; null for one that is not overdue.",
            lambda row: instant(row.silent_since),
        ),
    ),
)

METER: Final = Shape(
    "Meter",
    (
        Field("name", TEXT, "Such as total, total.mono, print.color.", lambda row: row[0]),
        Field("value", WHOLE, "As the device gave it.", lambda row: row[4]),
        Field("unit", TEXT, "Such as impressions or sheets.", lambda row: row[1]),
        Field("oid", maybe(TEXT), "The object that was answered.", lambda row: row[2]),
        Field("source", TEXT, "vendor, standard, derived or spooler.", lambda row: row[3]),
    ),
)

SUPPLY: Final = Shape(
    "Supply",
    (
        Field("index", TEXT, "Its place in the device's table.", lambda row: row["index"]),
        Field("name", maybe(TEXT), "As the device calls it.", lambda row: row["name"]),
        Field("kind", TEXT, "toner, ink, opc, wasteToner and so on (RFC 3805).", lambda row: row["kind"]),
        Field("color", maybe(TEXT), "Of the colorant, where there is one.", lambda row: row["color"]),
        Field("percent", maybe(WHOLE), "What is left; of waste, how full it is.", lambda row: row["percent"]),
        Field("state", TEXT, "ok, low, empty, some, unknown or unlimited.", lambda row: row["state"]),
        Field("level", maybe(WHOLE), "As the device gave it; -3 some left, -2 unknown.", lambda row: row["level"]),
        Field("capacity", maybe(WHOLE), "What is full, in the unit.", lambda row: row["capacity"]),
        Field("unit", maybe(TEXT), "Of level and capacity.", lambda row: row["unit"]),
    ),
)

DEVICE: Final = Shape(
    "Device",
    (
        Field("id", WHOLE, "The device's number; it never changes.", at("device.id")),
        Field("customer_id", WHOLE, "The customer of its site.", at("device.site.customer_id")),
        Field("site_id", WHOLE, "Where it is.", at("device.site_id")),
        Field("agent_id", UUID, "The agent that reads it.", lambda row: str(row.device.agent_id)),
        Field("manufacturer", maybe(TEXT), "As the device says.", at("device.manufacturer")),
        Field("model", maybe(TEXT), "As the device says.", at("device.model")),
        Field("serial", maybe(TEXT), "As the device says.", at("device.serial")),
        Field("asset", maybe(TEXT), "As a person typed it, else as the device says.", at("asset")),
        Field("name", maybe(TEXT), "As a person typed it, else as the device says.", at("name")),
        Field(
            "location", maybe(TEXT), "As a person typed it, else as the device says.", at("location")
        ),
        Field("firmware", maybe(TEXT), "As the device says.", at("device.firmware")),
        Field("macs", several(TEXT), "Its network cards.", at("device.macs")),
        Field("address", TEXT, "Where it last answered.", at("device.address")),
        Field("color", maybe(YES_NO), "Whether it prints in colour.", at("device.color")),
        Field("state", TEXT, "idle, printing, warmup, other or unknown.", at("device.state")),
        Field("errors", several(TEXT), "Bits of hrPrinterDetectedErrorState.", at("device.errors")),
        Field(
            "meters", several(METER.reference), "Of the newest read.",
            lambda row: _meters(row.device.layout.content, row.device.meter_values),
        ),
        Field("first_seen_at", TIME, "When it was first read.", lambda row: instant(row.device.first_seen_at)),
        Field("last_read_at", TIME, "When it last answered.", lambda row: instant(row.device.last_read_at)),
        Field("stale", YES_NO, "Not read for longer than it should be.", at("is_stale")),
        Field("new", YES_NO, "First read not long ago.", at("is_new")),
        Field("in_fleet", YES_NO, "False once a person retired or merged it.", at("device.in_fleet")),
        Field("merged_into_id", maybe(WHOLE), "The device that it is.", at("device.merged_into_id")),
    ),
)  # fmt: skip

READ: Final = Shape(
    "Read",
    (
        Field("id", WHOLE, "The read's number.", at("id")),
        Field("device_id", WHOLE, "Whose read it is.", at("device_id")),
        Field("read_at", TIME, "When the device answered.", lambda row: instant(row.read_at)),
        Field("received_at", TIME, "When the collector stored it.", lambda row: instant(row.received_at)),
        Field("uptime_s", maybe(WHOLE), "Seconds since the device started.", at("uptime_s")),
        Field("batch", WHOLE, "The number of the agent's batch that brought it.", at("sequence")),
        Field("row", WHOLE, "Its row in that batch.", at("row")),
        Field("after_gap", YES_NO, "Batches before that one never arrived.", at("gap")),
        Field(
            "meters", several(METER.reference), "As the device gave them.",
            lambda row: _meters(row.layout, row.meters),
        ),
        Field(
            "supplies", several(SUPPLY.reference), "As the device gave them.",
            lambda row: [SUPPLY.of(supply) for supply in row.supplies()],
        ),
    ),
)  # fmt: skip

LISTED_SUPPLY: Final = Shape(
    "DeviceSupply",
    (
        Field("device_id", WHOLE, "Whose supply it is.", lambda row: row[0].id),
        Field("customer_id", WHOLE, "The customer of the device's site.", lambda row: row[0].site.customer_id),
        Field("site_id", WHOLE, "Where the device is.", lambda row: row[0].site_id),
        Field("serial", maybe(TEXT), "The device's serial number.", lambda row: row[0].serial),
        Field("read_at", TIME, "When the device said so.", lambda row: instant(row[0].last_read_at)),
        Field("supply", SUPPLY.reference, "What it said.", lambda row: SUPPLY.of(row[1])),
    ),
)

DELIVERY: Final = Shape(
    "Delivery",
    (
        Field("recipient", TEXT, "The mail address.", at("recipient")),
        Field("state", TEXT, "queued, accepted, deferred, refused, bounced or suppressed.", at("state")),
        Field("answer", maybe(TEXT), "The mail server's words.", at("answer")),
        Field("accepted_at", maybe(TIME), "When the mail server took it.", lambda row: instant(row.accepted_at)),
    ),
)

REPORT: Final = Shape(
    "Report",
    (
        Field("id", WHOLE, "The report's number.", at("id")),
        Field("title", maybe(TEXT), "What people call it, once it is built.", at("title")),
        Field("schedule_id", maybe(WHOLE), "The schedule that asked for it.", at("schedule_id")),
        Field(
            "customer_id", maybe(WHOLE), "The customer of its site.",
            lambda row: row.site.customer_id if row.site else None,
        ),
        Field("site_id", maybe(WHOLE), "Whose devices are in it, where an agent asked for it.", at("site_id")),
        Field("state", TEXT, "due, building, built, sending, sent or failed.", at("state")),
        Field("error", maybe(TEXT), "Why it failed.", at("error")),
        Field("requested_at", TIME, "When it was asked for.", lambda row: instant(row.requested_at)),
        Field("built_at", maybe(TIME), "When the workbook was there.", lambda row: instant(row.built_at)),
        Field("sent_at", maybe(TIME), "When every mail was handed over.", lambda row: instant(row.sent_at)),
        Field("file_name", maybe(TEXT), "Of the workbook.", at("file_name")),
        Field("devices", maybe(WHOLE), "Devices in the workbook.", at("devices")),
        Field(
            "deliveries", several(DELIVERY.reference), "One for each recipient.",
            lambda row: [DELIVERY.of(delivery) for delivery in row.deliveries],
        ),
    ),
)  # fmt: skip

ALERT: Final = Shape(
    "Alert",
    (
        Field("id", WHOLE, "The alert's number.", at("alert.id")),
        Field("kind", TEXT, "agent_silent, meter_epoch, device_stale, supply_low or device_new.", at("alert.kind")),
        Field("about", TEXT, "What it is about, in words.", at("title")),
        Field("what", TEXT, "What is the matter.", at("what")),
        Field("do", TEXT, "The one thing to do.", at("do")),
        Field("customer_id", WHOLE, "The customer of its site.", at("customer_id")),
        Field("site_id", WHOLE, "Where it is.", at("alert.site_id")),
        Field("device_id", maybe(WHOLE), "The device, where it is about one.", at("alert.device_id")),
        Field(
            "agent_id", maybe(UUID), "The agent, where it is about one.",
            lambda row: str(row.alert.agent_id) if row.alert.agent_id else None,
        ),
        Field("opened_at", TIME, "When it began.", lambda row: instant(row.alert.opened_at)),
        Field("closed_at", maybe(TIME), "When it was over.", lambda row: instant(row.alert.closed_at)),
        Field("acknowledged_at", maybe(TIME), "When somebody cared.", lambda row: instant(row.alert.acknowledged_at)),
        Field("acknowledged_by", maybe(TEXT), "Who did.", at("alert.acknowledged_by")),
        Field("note", maybe(TEXT), "What they wrote.", at("alert.note")),
    ),
)  # fmt: skip

SHAPES: Final = (CUSTOMER, SITE, AGENT, METER, SUPPLY, DEVICE, READ, LISTED_SUPPLY, DELIVERY, REPORT, ALERT)


def _meters(layout: Mapping[str, Any], values: Sequence[int]) -> list[dict[str, Any]]:
    return [METER.of((*meter[:4], value)) for meter, value in zip(layout["meters"], values, strict=False)]
