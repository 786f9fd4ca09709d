"""Routing: handlers to the places that the protocol's table gives them. What is in no table is nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from reconciler.core.member import Role
from reconciler.protocol.routes import ROUTES, Route
from reconciler.tls.guard import Endpoint, for_roles

BY_NAME: Final[Mapping[str, Route]] = {route.name: route for route in ROUTES}
_EVERYBODY: Final = frozenset({"anybody", "token"})

Handlers = Mapping[str, Endpoint]
"""By the name of their route."""


def add_routes(router: web.UrlDispatcher, handlers: Handlers) -> None:
    """Make handlers known, each for the roles of its route."""
    for name, handler in handlers.items():
        route = BY_NAME[name]
        router.add_route(route.method.upper(), route.path, for_roles(handler, *_roles(route)))


def _roles(route: Route) -> tuple[Role, ...]:
    if _EVERYBODY & set(route.roles):
        return tuple(Role)
    return tuple(Role(name) for name in route.roles)


def status_of(name: str) -> int:
    """What a route answers when all is well."""
    return BY_NAME[name].status
