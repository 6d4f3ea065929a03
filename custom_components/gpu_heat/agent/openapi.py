"""The OpenAPI 3.1 document of the HTTP interface, made from the dataclasses it serves."""

from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from types import UnionType
from typing import Any, TypeAlias, get_args

from .leases import MAX_LEASE_S, MIN_LEASE_S
from .models import AgentInfo, Device, Host, Job, Snapshot
from .service import LIMIT_LEASE_S, MAX_REASON

Schema: TypeAlias = dict[str, Any]

_PARTS: dict[type, str] = {kind: kind.__name__ for kind in (Snapshot, AgentInfo, Device, Host, Job)}
_PLAIN: dict[object, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}

_ERRORS = {
    "400": "the request is malformed",
    "401": "no token, or a wrong one",
    "404": "there is no such thing",
    "409": "it cannot be done in the present state",
    "413": "the body is too large",
    "422": "a value is out of range",
    "429": "too many requests",
    "503": "a driver or engine does not answer; see Retry-After",
}


def document(version: str, *, metrics_token: bool) -> Schema:
    """Return the document for an agent of this version; /metrics may want the token."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "gpu-heat-agent",
            "version": version,
            "description": "Power and energy of a GPU server, and its flexible batch jobs. "
            "SI units, named in each field; a value that is not known is null.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "security": [{"bearer": []}],
        "paths": _paths(metrics_token),
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": {name: _object(kind) for kind, name in _PARTS.items()} | {"Error": _error()},
        },
    }


def _paths(metrics_token: bool) -> Schema:
    lease = {"type": "number", "minimum": MIN_LEASE_S, "maximum": MAX_LEASE_S}
    reason = {"type": "string", "maxLength": MAX_REASON}
    text = {"text/plain": {"schema": {"type": "string"}}}
    anything = {"application/json": {"schema": {"type": "object"}}}
    return {
        "/healthz": {"get": _open("Whether the agent answers", anything)},
        "/metrics": {
            "get": _guarded("Prometheus metrics", text, "503")
            if metrics_token
            else _open("Prometheus metrics", text, "503")
        },
        "/openapi.json": {"get": _open("This document", anything)},
        "/api/v1/snapshot": {"get": _operation("All that is known now", Snapshot, "503")},
        "/api/v1/jobs/{id}/pause": {
            "parameters": [_id("job")],
            "post": _operation(
                "Pause a job for the length of a lease, or renew the lease",
                Job,
                *("400", "404", "409", "413", "422", "503"),
                body={"lease_s": lease, "reason": reason},
            ),
        },
        "/api/v1/jobs/{id}/resume": {
            "parameters": [_id("job")],
            "post": _operation(
                "Resume a job; one that runs is left running",
                Job,
                *("400", "404", "409", "413", "503"),
            ),
        },
        "/api/v1/devices/{id}/power_limit": {
            "parameters": [_id("device")],
            "put": _operation(
                "Set a device's power limit for the length of a lease, where the config lets one",
                Device,
                *("400", "404", "409", "413", "422", "503"),
                body={"watts": {"type": "number", "exclusiveMinimum": 0}},
                optional={"lease_s": {**lease, "default": LIMIT_LEASE_S}},
            ),
        },
    }


def _open(summary: str, content: Schema, *errors: str) -> Schema:
    good = {"description": "OK", "content": content}
    responses = {"200": good, **_failures("429", *errors)}
    return {"summary": summary, "security": [], "responses": responses}


def _guarded(summary: str, content: Schema, *errors: str) -> Schema:
    good = {"description": "OK", "content": content}
    return {"summary": summary, "responses": {"200": good, **_failures("401", "429", *errors)}}


def _operation(
    summary: str,
    answer: type,
    *errors: str,
    body: Schema | None = None,
    optional: Schema | None = None,
) -> Schema:
    content = {"application/json": {"schema": _schema(answer)}}
    operation = _guarded(summary, content, *errors)
    if body is not None:
        schema = {
            "type": "object",
            "properties": body | (optional or {}),
            "required": sorted(body),
            "additionalProperties": False,
        }
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _failures(*statuses: str) -> Schema:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        status: {"description": _ERRORS[status], "content": content} for status in sorted(statuses)
    }


def _id(what: str) -> Schema:
    return {
        "name": "id",
        "in": "path",
        "required": True,
        "description": f"The {what}'s id, as the snapshot gives it",
        "schema": {"type": "string"},
    }


def _error() -> Schema:
    inner = {
        "type": "object",
        "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        "required": ["code", "message"],
    }
    return {"type": "object", "properties": {"error": inner}, "required": ["error"]}


def _object(kind: type) -> Schema:
    properties = {field.name: _schema(field.type) for field in fields(kind)}
    return {
        "type": "object",
        "description": (kind.__doc__ or "").strip(),
        "properties": properties,
        "required": sorted(properties),
    }


def _schema(kind: Any) -> Schema:
    if isinstance(kind, UnionType):  # "X | None"
        schema = _schema(get_args(kind)[0])
        return {**schema, "type": [schema["type"], "null"]}
    if kind in _PARTS:
        return {"$ref": f"#/components/schemas/{_PARTS[kind]}"}
    if kind is datetime:
        return {"type": "string", "format": "date-time"}
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {"type": "string", "enum": [member.value for member in kind]}
    if args := get_args(kind):  # "tuple[X, ...]"
        return {"type": "array", "items": _schema(args[0])}
    return {"type": _PLAIN[kind]}
