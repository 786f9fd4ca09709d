"""The HTTP side of the protocol: what is asked where, by whom, and what is answered.

A table, so that the description for others (OpenAPI), the server and its clients have one origin. Every message of
an agent has a path of its own over HTTP; over the WebSocket the same messages travel as text frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from reconciler.protocol.message.session import CloseReason

Role = Literal["agent", "admin", "viewer", "anybody", "token"]
Method = Literal["get", "post", "put", "patch", "delete"]

BYTES: Final = "bytes"
PEM: Final = "pem"
STREAM: Final = "stream"
"""What is no JSON: content as it is, certificates, a WebSocket."""

STATUS: Final[Mapping[CloseReason, int]] = {
    "bad-message": 400,
    "not-understood": 400,
    "no-common-version": 400,
    "forbidden": 403,
    "revoked": 403,
    "session-unknown": 409,
    "superseded": 409,
    "silent": 409,
    "too-large": 413,
    "too-many-sessions": 429,
    "overloaded": 503,
    "shutdown": 503,
}
"""The status of a Close that answers a request; ``Retry-After`` says what its ``retryAfterSeconds`` does."""

WEBSOCKET_CLOSE: Final = 4000
"""The close code of a WebSocket whose last frame was a Close message (RFC 6455, 7.4.2: for applications)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """``body`` and ``answer`` are kinds of messages, or parts of the ``api`` schema; "" is nothing. ``roles``:
    whose certificate may ask; an agent only below its own ``{id}``. ``query``: parameters of ``QUERY``;
    ``headers``: of ``HEADERS``.
    """

    name: str
    method: Method
    path: str
    roles: tuple[Role, ...]
    tells: str
    body: str = ""
    answer: str = ""
    status: int = 200
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    refusals: tuple[int, ...] = ()


QUERY: Final[Mapping[str, tuple[str, str]]] = {
    "limit": ("integer", "How many items a page has, 1 to 1000; 100 where it is not said."),
    "cursor": ("string", "Where the page begins: `next` of the page before."),
    "target": ("string", "Only what is for this target."),
    "document": ("string", "Only what is about this document."),
    "state": ("string", "Only tasks in this state."),
    "presence": ("string", "Only agents that are online, degraded, offline or stale."),
    "from": ("integer", "Number of the piece to begin with; 0 where it is not said."),
}
HEADERS: Final[Mapping[str, str]] = {
    "If-Match": 'The revision that is to be changed, as `ETag` told it: `"3"`; `*` is whichever is there.',
}
PATHS: Final[Mapping[str, tuple[str, str]]] = {
    "id": ("common.AgentName", "Name of the agent."),
    "name": ("common.DocumentName", "Name of the document."),
    "task": ("common.Id", "Id of the task."),
    "token": ("common.Id", "Id of the token."),
    "digest": ("common.Digest", "Digest of the content."),
}
_ADMIN: Final = ("admin",)
_PEOPLE: Final = ("admin", "viewer")
_PAGE: Final = ("limit", "cursor")

JOINING: Final = (
    Route(
        name="roots", method="get", path="/v1/roots", roles=("anybody",), answer=PEM,
        tells="The authority's roots. Nothing of it is to be believed but what a join token's fingerprint names.",
    ),
    Route(
        name="enroll", method="post", path="/v1/enroll", roles=("token",), body="api.EnrollRequest",
        answer="api.Certificate", status=201, refusals=(409, 429),
        tells="A host joins with a token. The same request again is answered again; another key is refused.",
    ),
    Route(
        name="renew", method="post", path="/v1/agents/{id}/certificate", roles=("agent",), body="api.RenewRequest",
        answer="api.Certificate", status=201,
        tells="A new certificate in place of the one that the connection was made with.",
    ),
)  # fmt: skip
SPEAKING: Final = (
    Route(
        name="session", method="post", path="/v1/agents/{id}/session", roles=("agent",), body="Hello",
        answer="Welcome", refusals=(409, 429, 503),
        tells="An agent begins a session. A session that it had is superseded.",
    ),
    Route(
        name="heartbeat", method="post", path="/v1/agents/{id}/heartbeat", roles=("agent",), body="Heartbeat",
        answer="HeartbeatAnswer", refusals=(409, 413, 503),
        tells="An agent is alive, and hears what is assigned.",
    ),
    Route(
        name="result", method="post", path="/v1/agents/{id}/results", roles=("agent",), body="TaskResult",
        answer="Acknowledgement", refusals=(409, 413, 503),
        tells="What came of a task. Answered once it is stored.",
    ),
    Route(
        name="log", method="post", path="/v1/agents/{id}/logs", roles=("agent",), body="LogChunk",
        answer="Acknowledgement", refusals=(409, 413, 503),
        tells="A piece of what a task said. Answered with the number that is wanted next.",
    ),
    Route(
        name="stream", method="get", path="/v1/agents/{id}/stream", roles=("agent",), answer=STREAM, status=101,
        refusals=(409, 429, 503),
        tells="A WebSocket: the same messages as text frames in both directions, the agent's Hello first.",
    ),
    Route(
        name="fetch-artifact", method="get", path="/v1/agents/{id}/artifacts/{digest}", roles=("agent",),
        answer=BYTES,
        tells="The content of a file that a document or task of this agent names.",
    ),
    Route(
        name="keep-artifact", method="put", path="/v1/agents/{id}/artifacts/{digest}", roles=("agent",),
        body=BYTES, status=204, refusals=(413,),
        tells="The content of a file that a result of this agent names. What has another digest is refused.",
    ),
)  # fmt: skip
OPERATING: Final = (
    Route(
        name="list-documents", method="get", path="/v1/documents", roles=_PEOPLE, answer="api.DocumentList",
        query=(*_PAGE, "target"), tells="Documents of the folder and of the API, and where they stand.",
    ),
    Route(
        name="show-document", method="get", path="/v1/documents/{name}", roles=_PEOPLE, answer="api.DocumentView",
        tells="One document with its text: as it was put, or as it goes to hosts. `ETag` is the revision of one "
        "that came over the API.",
    ),
    Route(
        name="put-document", method="put", path="/v1/documents/{name}", roles=_ADMIN, body="api.DocumentRequest",
        answer="api.DocumentView", headers=("If-Match",), refusals=(409, 412, 413),
        tells="Make a document, or with `If-Match` change it. One of the orchestrator's own folder is changed "
        "there instead (409). A revision that is not there any more is 412.",
    ),
    Route(
        name="delete-document", method="delete", path="/v1/documents/{name}", roles=_ADMIN, status=204,
        headers=("If-Match",), refusals=(409, 412),
        tells="A document of the API is no longer assigned. Its containers stay until each host prunes them.",
    ),
    Route(
        name="change-rollout", method="post", path="/v1/documents/{name}/rollout", roles=_ADMIN,
        body="api.RolloutRequest", answer="api.RolloutView", refusals=(409,),
        tells="Stop the rollout of a document, go on past what has failed, or bring its former version back.",
    ),
    Route(
        name="put-artifact", method="put", path="/v1/artifacts/{digest}", roles=_ADMIN, body=BYTES, status=204,
        refusals=(413,), tells="The content of a file, before a document or task names it.",
    ),
    Route(
        name="list-tasks", method="get", path="/v1/tasks", roles=_PEOPLE, answer="api.TaskList",
        query=(*_PAGE, "target", "document", "state"), tells="Tasks, the newest first.",
    ),
    Route(
        name="create-tasks", method="post", path="/v1/tasks", roles=_ADMIN, body="api.TaskRequest",
        answer="api.TaskList", status=201, refusals=(409, 413),
        tells="Ask for a task on each target that the selector fits. The same key with the same request gives the "
        "tasks that there are, with another request it is refused (409).",
    ),
    Route(
        name="show-task", method="get", path="/v1/tasks/{task}", roles=_PEOPLE, answer="api.TaskView",
        tells="One task with its result.",
    ),
    Route(
        name="cancel-task", method="post", path="/v1/tasks/{task}/cancel", roles=_ADMIN, answer="api.TaskView",
        status=202, refusals=(409,),
        tells="The task is not wanted any more. After its point of no return it is too late.",
    ),
    Route(
        name="read-log", method="get", path="/v1/tasks/{task}/log", roles=_PEOPLE, answer="api.TaskLog",
        query=("from",), tells="What a task said, from a piece on.",
    ),
    Route(
        name="list-agents", method="get", path="/v1/agents", roles=_PEOPLE, answer="api.AgentList",
        query=(*_PAGE, "presence"), tells="Agents, and whether they are there.",
    ),
    Route(
        name="show-agent", method="get", path="/v1/agents/{id}", roles=_PEOPLE, answer="api.AgentView",
        tells="One agent with what it holds.",
    ),
    Route(
        name="change-agent", method="patch", path="/v1/agents/{id}", roles=_ADMIN, body="api.AgentPatch",
        answer="api.AgentView", tells="Drain an agent, or label it.",
    ),
    Route(
        name="revoke-agent", method="post", path="/v1/agents/{id}/revoke", roles=_ADMIN, answer="api.AgentView",
        tells="All of an agent's certificates are refused from now on, open connections within a minute.",
    ),
    Route(
        name="list-tokens", method="get", path="/v1/tokens", roles=_ADMIN, answer="api.TokenList", query=_PAGE,
        tells="Join tokens, without their secrets.",
    ),
    Route(
        name="create-token", method="post", path="/v1/tokens", roles=_ADMIN, body="api.TokenRequest",
        answer="api.Token", status=201, tells="A token by which one host may join. It is told once.",
    ),
    Route(
        name="delete-token", method="delete", path="/v1/tokens/{token}", roles=_ADMIN, status=204,
        tells="The token is not good any more.",
    ),
    Route(
        name="describe", method="get", path="/v1/openapi.json", roles=("admin", "viewer", "agent"),
        answer="openapi", tells="This description.",
    ),
)  # fmt: skip
GROUPS: Final[Mapping[str, tuple[Route, ...]]] = {
    "Joining": JOINING,
    "Agents": SPEAKING,
    "Operators": OPERATING,
}
ROUTES: Final = (*JOINING, *SPEAKING, *OPERATING)
