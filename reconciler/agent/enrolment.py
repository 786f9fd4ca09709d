"""Enrolment: a host becomes an agent of an orchestrator, once, with a join token that a person brings.

The root whose fingerprint the token carries is the only thing trusted; the token goes over a connection that is
made with it. The key is made here and stays here. Asked again with the same token, the same key is used, so an
answer that was lost does no harm; a host that is enrolled anew keeps its name and all that runs on it.
"""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime
from typing import Any

from reconciler.agent import paths
from reconciler.agent.http import client, post
from reconciler.agent.place import AgentPlace, Enrolment, TaskKey
from reconciler.core.member import Member, Role
from reconciler.core.secret import Secret
from reconciler.errors import AccessRefused
from reconciler.protocol.wire.codec import from_json
from reconciler.sealing.agent_keys import AgentKeys
from reconciler.sealing.data_keys import data_key_file
from reconciler.tls.contexts import enrolment_context
from reconciler.tls.join_token import expired, read_token
from reconciler.tls.passport_folder import PassportFolder
from reconciler.tls.pinning import fetch_roots, pinned_root
from reconciler.tls.standing import clock_difference

DATA_KEY = "agent-data.key"


def sealing_keys(place: AgentPlace) -> AgentKeys:
    """The keys that open what is sealed to this agent. Raises StateDamaged, StateUnwritable."""
    return AgentKeys(place.sealing_keys, data_key_file(place.path, DATA_KEY, os.environ).keys())


async def enroll(place: AgentPlace, text: Secret, *, server: str, enroll_at: str = "") -> Enrolment:
    """Be enrolled. ``server``: where agents are heard; ``enroll_at``: where they enroll, if that is another URL.

    Raises InputError for a token that is none, AccessRefused, TemporaryError, StateError.
    """
    token, now = read_token(text), datetime.now(UTC)
    desk = (enroll_at or server).rstrip("/")
    bundle, told = await fetch_roots(desk + paths.ROOTS)
    if expired(token, now):
        hint = clock_difference(now, told) or "make a new one with 'reconciler orchestrator token'"
        raise AccessRefused(f"the join token expired at {token.expires:%Y-%m-%dT%H:%M:%SZ}", hint=hint)
    context = enrolment_context(pinned_root(bundle, token.root, now=now))
    place.make()
    folder = PassportFolder(place.passport, Member(Role.AGENT, token.target))
    asked = {
        "token": text.text().strip(),
        "agent": token.target,
        "certificateRequest": folder.request().decode(),
        "sealingKey": base64.b64encode(sealing_keys(place).public()).decode(),
    }
    async with client(context) as session:
        answer = await post(session, desk + paths.ENROLL, asked, answer="api.Certificate")
    folder.receive(answer["certificate"].encode(), answer["authorities"].encode())
    enrolment = Enrolment(server=server.rstrip("/"), agent=token.target, task_keys=task_keys(answer))
    place.enrolled(enrolment)
    return enrolment


def task_keys(answer: Any) -> tuple[TaskKey, ...]:
    """Those that an answer of the schema ``api.Certificate`` tells."""
    return tuple(from_json(TaskKey, item) for item in answer["taskKeys"])
