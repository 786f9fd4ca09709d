"""The HTTP side: what is described is whole, and what the programs will offer."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest

from reconciler.errors import MessageRefused
from reconciler.protocol.message.kinds import ITEMS, KINDS, OF_AGENTS
from reconciler.protocol.message.session import CloseReason
from reconciler.protocol.routes import GROUPS, PATHS, QUERY, ROUTES, SPEAKING, STATUS, Route
from reconciler.protocol.wire.rules import check, definitions

OPENAPI: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "docs" / "reference" / "openapi.json").read_text(encoding="utf-8")
)
OPERATIONS = [
    (path, method, operation)
    for path, methods in OPENAPI["paths"].items()
    for method, operation in methods.items()
]


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for below in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(below)


def test_every_reference_of_the_description_leads_to_a_schema_and_every_schema_is_one() -> None:
    schemas = OPENAPI["components"]["schemas"]
    wanted = {item["$ref"] for item in objects(OPENAPI) if isinstance(item.get("$ref"), str)}
    assert wanted
    assert wanted <= {f"#/components/schemas/{name}" for name in schemas}
    for name, rules in schemas.items():
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name), "as OpenAPI wants names to be"
        jsonschema.Draft202012Validator.check_schema(rules)
    assert schemas.keys() >= KINDS.keys() | {"Problem", "TaskView", "Token"}


def test_a_schema_of_the_description_says_what_that_of_the_program_says() -> None:
    root = {"components": OPENAPI["components"]}
    validator = jsonschema.Draft202012Validator({**root, "$ref": "#/components/schemas/Ping"})
    good = {
        "apiVersion": "fleet/v1",
        "kind": "Ping",
        "session": "0" * 8 + "-0000-0000-0000-" + "0" * 12,
        "number": 1,
    }
    assert validator.is_valid(good)
    assert not validator.is_valid({**good, "number": -1})
    check("ping", good)


def test_every_operation_has_a_name_of_its_own_and_declares_what_is_in_its_path() -> None:
    names = Counter(operation["operationId"] for _, _, operation in OPERATIONS)
    assert set(names.values()) == {1}
    for path, method, operation in OPERATIONS:
        declared = {item["name"] for item in operation["parameters"] if item["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path))
        assert all(item["required"] == (item["in"] == "path") for item in operation["parameters"])
        assert any(status < "300" for status in operation["responses"]), path
        assert ("requestBody" in operation) <= (method in {"post", "put", "patch"})
        for response in operation["responses"].values():
            assert response["description"]


def test_all_that_agents_and_operators_need_is_described() -> None:
    paths = set(OPENAPI["paths"])
    assert paths >= {
        "/v1/enroll",
        "/v1/agents/{id}/certificate",
        "/v1/agents/{id}/session",
        "/v1/agents/{id}/heartbeat",
        "/v1/agents/{id}/stream",
        "/v1/agents/{id}/results",
        "/v1/agents/{id}/logs",
        "/v1/documents",
        "/v1/tasks",
        "/v1/agents",
        "/v1/tokens",
    }
    said = {route.body for route in SPEAKING} & KINDS.keys()
    alone = {kind.KIND for kind in OF_AGENTS} - {"Ping", "Pong", "Close"}
    assert said == alone, "whatever an agent says over a WebSocket can be said over HTTP"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_route_says_who_may_ask_and_what_is_answered(route: Route) -> None:
    assert route.roles
    assert set(route.query) <= QUERY.keys()
    assert set(re.findall(r"{(\w+)}", route.path)) <= PATHS.keys()
    for name in (route.body, route.answer):
        assert name in {"", "bytes", "pem", "stream", "openapi"} | KINDS.keys() | definitions().keys()
        assert name not in {item.KIND for item in ITEMS}
    if "agent" in route.roles and route.name != "describe":
        assert route.path.startswith("/v1/agents/{id}/"), "an agent asks below its own name only"
        assert route.roles == ("agent",)
    if route.method != "get" and route in GROUPS["Operators"]:
        assert route.roles == ("admin",), "viewers change nothing"


def test_every_reason_to_close_has_a_status() -> None:
    assert set(STATUS) == set(get_args(CloseReason))
    assert all(400 <= status < 600 for status in STATUS.values())


def test_bodies_of_the_api_are_checked_like_messages() -> None:
    check("api.TokenRequest", {"agent": "host-a", "ttlSeconds": 3600})
    with pytest.raises(MessageRefused, match="ttlSeconds must be 60 at least") as caught:
        check("api.TokenRequest", {"agent": "host-a", "ttlSeconds": 1})
    assert caught.value.where == "ttlSeconds"
    with pytest.raises(MessageRefused, match="type must be one of"):
        check("api.TaskRequest", {"type": "format", "targets": {}, "payload": {}, "idempotencyKey": "k"})
