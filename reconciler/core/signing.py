"""Signing: which images the host wants signed, and by whose keys. Pure values; nothing here checks a signature.

The policy's rules are by prefix of the repository, and the one that says most about a repository holds for it
alone: a rule for ``registry.example.com/shop`` adds nothing to one for ``registry.example.com``, it replaces it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from reconciler.core.repository import matches, pattern_parts


@dataclass(frozen=True, slots=True, order=True)
class PublicKey:
    """A public key in a file of the host. ``fingerprint``: SHA-256 (hex) over its DER form; "" until the file was
    read.
    """

    path: str
    fingerprint: str = ""
    pem: bytes = field(default=b"", compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.path} (SHA256:{self.fingerprint[:12]})" if self.fingerprint else self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureRule:
    """Images whose repository begins with ``prefix`` need a signature by one of ``keys``. ``offline`` is a folder
    of the host in which signatures may lie beside those of the registry ("" for none).
    """

    prefix: str
    keys: tuple[PublicKey, ...]
    offline: str = ""

    def __str__(self) -> str:
        offline = f", offline {self.offline}" if self.offline else ""
        return f"{self.prefix} by {' or '.join(map(str, self.keys))}{offline}"


def rule_for(repository: str, rules: Iterable[SignatureRule]) -> SignatureRule | None:
    """The rule that holds for a repository: the longest prefix, and of equally long ones the one that names more
    parts. None where none is required.
    """
    fitting = [rule for rule in rules if matches(repository, rule.prefix)]
    return max(fitting, key=_weight, default=None)


def _weight(rule: SignatureRule) -> tuple[int, int]:
    parts = pattern_parts(rule.prefix)
    return len(parts), sum(part != "*" for part in parts)
