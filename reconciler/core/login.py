"""Login: what a registry is told to let somebody in. Pure; its secrets never print."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Either ``username`` and ``password``, or ``identity_token``: what a registry's token server takes in their
    place (the refresh token of OAuth 2.0, RFC 6749 section 6). ``origin`` says where it was found, for people,
    and ``remedy`` how another one gets there.
    """

    username: str = ""
    password: Secret | None = None
    identity_token: Secret | None = None
    origin: str = ""
    remedy: str = ""

    @property
    def after_refusal(self) -> str:
        """What to do when a registry has refused it."""
        anew = self.remedy or "mend it there"
        return f"{anew}; then `reconciler apply` tries again at once"
