"""The HTTP side of a fleet as OpenAPI 3.1, and as a page: made from the routes and the schemas of the protocol."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from reconciler.protocol.routes import (
    BYTES,
    GROUPS,
    HEADERS,
    PATHS,
    PEM,
    QUERY,
    STATUS,
    STREAM,
    WEBSOCKET_CLOSE,
    Route,
)
from reconciler.protocol.wire.rules import FILES, definitions

TITLE = "Fleet API"
ROLES = {
    "agent": "the agent itself",
    "admin": "admins",
    "viewer": "viewers",
    "anybody": "anybody",
    "token": "who has a join token",
}

INTRODUCTION = f"""\
# Fleet API

This page is made from the program (`python -m tools.reference`), as is the same in OpenAPI 3.1:
[openapi.json](openapi.json). It is the contract between orchestrator, agents and the tools of operators; the
messages are described [on a page of their own](fleet-protocol.md).

Everything is JSON over HTTPS with TLS 1.3. Who asks is known by the certificate: `stella://agent/NAME`,
`stella://admin/NAME` or `stella://viewer/NAME`. An agent may ask only below its own name; anything else is 403.
Before there is a certificate there are two requests only: for the roots, and to join with a token.

What is refused is answered with a `Problem`; what ends an agent's session with a `Close` message instead. Lists
come in pages: `next`, where it is there, is the `cursor` of the next page.

A WebSocket's last frame is a `Close` message; its close code is then {WEBSOCKET_CLOSE}.
"""


def openapi() -> dict[str, Any]:
    """The whole description."""
    paths: dict[str, dict[str, Any]] = {}
    for group, routes in GROUPS.items():
        for route in routes:
            paths.setdefault(route.path, {})[route.method] = _operation(route, group)
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": TITLE,
            "version": "1",
            "summary": "What an orchestrator answers to agents and operators.",
        },
        "servers": [{"url": "https://orchestrator:8443", "description": "The default port."}],
        "security": [{"certificate": []}],
        "tags": [{"name": group} for group in GROUPS],
        "paths": paths,
        "components": {
            "schemas": {_component(name): _local(rules) for name, rules in definitions().items() if name != "api"},
            "securitySchemes": {"certificate": {"type": "mutualTLS", "description": "A member's certificate."}},
        },
    }


def openapi_text() -> str:
    """As it is written into a file."""
    return json.dumps(openapi(), indent=1, ensure_ascii=False) + "\n"


def api_page() -> str:
    """The page for people."""
    return "\n".join([INTRODUCTION, *_groups(), *_statuses()])


def _groups() -> Iterator[str]:
    for group, routes in GROUPS.items():
        yield f"## {group}\n"
        yield "| request | by | body | answer | what it is |"
        yield "| --- | --- | --- | --- | --- |"
        for route in routes:
            query = f"?{'&'.join(route.query)}" if route.query else ""
            roles = ", ".join(ROLES[role] for role in route.roles)
            answer = f"{route.status} {_linked(route.answer)}".strip()
            request = f"`{route.method.upper()} {route.path}{query}`"
            yield f"| {request} | {roles} | {_linked(route.body)} | {answer} | {route.tells} |"
        yield ""
    yield "Parameters of a query:\n"
    yield from (f"- `{name}`: {tells}" for name, (_, tells) in QUERY.items())
    yield "\nHeaders:\n"
    yield from (f"- `{name}`: {tells}" for name, tells in HEADERS.items())
    yield ""


def _statuses() -> Iterator[str]:
    yield "## Close, as an answer\n"
    yield "| reason | status |"
    yield "| --- | --- |"
    yield from (f"| `{reason}` | {status} {HTTPStatus(status).phrase} |" for reason, status in STATUS.items())
    yield "\nWhere the message has `retryAfterSeconds`, `Retry-After` says the same.\n"


def _linked(name: str) -> str:
    if name in FILES:
        return f"[{name}](fleet-protocol.md#{name.lower()})"
    return f"`{name.removeprefix('api.')}`" if name.startswith("api.") else name


def _operation(route: Route, group: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": route.name,
        "tags": [group],
        "summary": route.tells,
        "description": f"By {', '.join(ROLES[role] for role in route.roles)}.",
        "x-roles": list(route.roles),
        "parameters": list(_parameters(route)),
        "responses": dict(sorted(_responses(route, group))),
    }
    if route.body:
        made["requestBody"] = {"required": True, "content": _content(route.body)}
    if set(route.roles) <= {"anybody", "token"}:
        made["security"] = []
    return made


def _parameters(route: Route) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", route.path):
        rules, tells = PATHS[name]
        yield {"name": name, "in": "path", "required": True, "description": tells, "schema": _reference(rules)}
    for name in route.query:
        kind, tells = QUERY[name]
        yield {"name": name, "in": "query", "required": False, "description": tells, "schema": {"type": kind}}
    for name in route.headers:
        tells = HEADERS[name]
        yield {"name": name, "in": "header", "required": False, "description": tells, "schema": {"type": "string"}}


def _responses(route: Route, group: str) -> Iterator[tuple[str, dict[str, Any]]]:
    good: dict[str, Any] = {"description": HTTPStatus(route.status).phrase}
    if route.answer and route.answer != STREAM:
        good["content"] = _content(route.answer)
    yield str(route.status), good
    ends_session = {name for name, status in STATUS.items() if status in route.refusals}
    for status in sorted({400, 403, *((404,) if "{" in route.path else ()), *route.refusals}):
        body = "Close" if group == "Agents" and ends_session and status not in {403, 404} else "api.Problem"
        yield str(status), {"description": HTTPStatus(status).phrase, "content": _content(body)}


def _content(name: str) -> dict[str, Any]:
    if name == BYTES:
        return {"application/octet-stream": {}}
    if name == PEM:
        return {"application/x-pem-file": {"schema": {"type": "string"}}}
    if name == "openapi":
        return {"application/json": {"schema": {"type": "object"}}}
    media = "application/problem+json" if name == "api.Problem" else "application/json"
    return {media: {"schema": _reference(FILES.get(name, name))}}


def _reference(name: str) -> Mapping[str, Any]:
    return {"$ref": f"#/components/schemas/{_component(name)}"}


def _component(name: str) -> str:
    """``heartbeat`` is Heartbeat; parts of a file have its name before theirs, but for the two shared files."""
    kinds = {part: kind for kind, part in FILES.items()}
    file, _, part = name.partition(".")
    if not part:
        return kinds.get(file, file)
    return part if file in {"common", "api"} else f"{kinds[file]}.{part}"


def _local(rules: Any) -> Any:
    if isinstance(rules, list):
        return [_local(item) for item in rules]
    if not isinstance(rules, Mapping):
        return rules
    return {
        key: f"#/components/schemas/{_component(item.removeprefix('#/$defs/'))}" if key == "$ref" else _local(item)
        for key, item in rules.items()
        if key != "patternErrorMessage"
    }
