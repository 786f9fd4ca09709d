"""Making a join token and the invitation that is kept of it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from reconciler.core.secret import Secret
from reconciler.orchestrator.decisions import Decision
from reconciler.orchestrator.home import Home
from reconciler.orchestrator.store import invitations
from reconciler.orchestrator.store.database import Connection
from reconciler.tls.join_token import SECRET_BYTES, JoinToken, invitation, make_token


@dataclass(frozen=True, slots=True)
class Invited:
    """``token`` is told once; ``kept`` stays here."""

    token: JoinToken
    kept: invitations.Kept

    @property
    def decision(self) -> Decision:
        """That somebody may join."""
        told = f"until {self.kept.invitation.expires:%Y-%m-%dT%H:%M:%SZ}"
        return Decision(actor=self.kept.actor, what="token-made", about=self.kept.invitation.target, detail=told)

    def keep(self, on: Connection) -> None:
        """From now on it counts."""
        invitations.add(on, self.kept)


def make_invitation(home: Home, target: str, *, labels: Mapping[str, str], life: timedelta, actor: str) -> Invited:
    """Raises InputError for a name that is none, StateDamaged."""
    now = datetime.now(UTC)
    root = home.authority.authority().fingerprint
    token = make_token(target, root, Secret(secrets.token_bytes(SECRET_BYTES)), expires=now + life)
    kept = invitations.Kept(
        id=str(uuid4()),
        invitation=invitation(token),
        labels=labels,
        created_at=now,
        used_at=None,
        actor=actor,
    )
    return Invited(token, kept)
