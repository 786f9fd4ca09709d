"""Where agents, operators and hosts that enroll reach the orchestrator: sockets with TLS."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from reconciler.tls.contexts import ServerContext
from reconciler.web.server import Server, ServerOptions

OPTIONS: Final = ServerOptions(
    finish_within_s=1.0, keep_alive_s=75.0, longest_line=8190, advice="choose another address"
)
"""Agents that poll keep their connection for longer than a minute between two messages."""


def listener(app: web.Application, address: str, context: ServerContext) -> Server:
    """A server for ``address``, HOST:PORT."""
    host, _, port = address.rpartition(":")
    return Server(app, (host.strip("[]"), int(port)), encryption=context.context, options=OPTIONS)
