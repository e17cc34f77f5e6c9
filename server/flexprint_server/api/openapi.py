"""The API described for programs (OpenAPI 3.1), made from the table of calls."""

import re
from collections.abc import Mapping
from importlib import metadata
from typing import Any, Final

from flexprint_server.api.calls import CALLS, Call
from flexprint_server.api.shapes import SHAPES
from flexprint_server.problems import MEDIA_TYPE

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_PROBLEMS: Final = {
    "400": "A parameter cannot be understood.",
    "401": "A key is missing or does not hold.",
    "403": "The key has not the scope that the call needs.",
    "404": "Nothing here.",
    "429": "Too many calls; Retry-After says when to go on.",
    "503": "Not now; Retry-After says when to try again.",
}


def document(server: str) -> dict[str, Any]:
    """`server` is where the API is, such as https://meters.example.com/api/v1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "FlexPrint Tracker",
            "version": metadata.version("flexprint-server"),
            "description": "A dealer's fleet for billing systems. Times are RFC 3339 in UTC. Lists come in pages: "
            "ask again with `cursor` set to `next` until it is null. Each answer has an ETag; with If-None-Match an "
            "answer that is still the same is 304 and empty.",
        },
        "servers": [{"url": server}],
        "security": [{"key": []}],
        "paths": {call.path: {"get": _call(call)} for call in CALLS},
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {**{shape.name: shape.schema() for shape in SHAPES}, "Problem": _PROBLEM},
        },
    }


_PROBLEM: Final = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
}


def _call(call: Call) -> Mapping[str, Any]:
    number = {"type": "integer", "minimum": 1}
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": number} for name in re.findall(r"\{(\w+)\}", call.path)
    ]
    in_query = [{"name": one.name, "in": "query", "schema": one.schema, "description": one.about} for one in call.takes]
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        "summary": call.about,
        "description": f"Needs the scope `{call.scope}`.",
        "operationId": re.sub(r"\W+", "_", call.path).strip("_"),
        "parameters": [*in_path, *in_query],
        "responses": {
            "200": {"description": call.about, "content": _content(call)},
            "304": {"description": "Still the same."},
            **{status: {"description": words, "content": problem} for status, words in _PROBLEMS.items()},
        },
    }


def _content(call: Call) -> Mapping[str, Any]:
    if call.shape is None:
        return {XLSX: {"schema": {"type": "string", "format": "binary"}}}
    if not call.is_list:
        return {"application/json": {"schema": call.shape.reference}}
    page = {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": call.shape.reference},
            "next": {"type": ["string", "null"]},
        },
        "required": ["items", "next"],
    }
    return {"application/json": {"schema": page}}
