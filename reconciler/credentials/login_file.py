"""What the file of registry logins says, once it is opened. Pure.

    registries:
      registry.example.com:       {username: ci, password: …}
      registry.example.com/team:  {username: team, password: …}     # the longest prefix wins
      azure.example.com:          {token: …}                        # an identity token
      123.dkr.ecr.example.com:    {helper: ecr-login}               # asks docker-credential-ecr-login

A prefix is a registry's host, and as much of a repository's path as is wanted. Read strictly: a key that is not
known, a prefix without a host or one written twice is an error, so that no login silently does not count.

Invariant: an error names a line or a prefix that is one, never a value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from reconciler.core.login import Login
from reconciler.core.repository import full_name, matches
from reconciler.core.secret import Secret
from reconciler.spec.problem import Wrong
from reconciler.spec.yaml_tree import Node, read_trees

_PREFIX: Final = re.compile(
    r"(?P<host>localhost|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|\[[0-9A-Fa-f:]+\]|[A-Za-z0-9-]+(?=:))(:[0-9]{1,5})?"
    r"(/[a-z0-9]+([._-]+[a-z0-9]+)*)*/?"
)
_HELPER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FORMS: Final = ({"username", "password"}, {"token"}, {"helper"})
_ALLOWED: Final = "username and password, or token, or helper"


@dataclass(frozen=True, slots=True)
class Entry:
    """One prefix: its login, or the name of the helper that knows it."""

    prefix: str
    login: Login
    helper: str = ""


def read_entries(content: bytes) -> tuple[Entry, ...]:
    """All entries of the file. Raises Wrong."""
    trees, problems = read_trees(content, "")
    if problems:
        first = problems[0]  # its message quotes what is no secret in a document, and may be one here
        raise Wrong(f"line {first.line}: {first.message.partition(' (')[0]}")
    root = trees[0].root if len(trees) == 1 else None
    if root is None or not isinstance(root.value, dict) or set(root.value) != {"registries"}:
        raise Wrong('must have one key, "registries"')
    below = root.children["registries"]
    if not isinstance(below.value, dict):
        raise Wrong('"registries" must be a mapping of prefixes')
    entries = tuple(_entry(prefix, node) for prefix, node in below.children.items())
    names = [_parts(entry.prefix) for entry in entries]
    for entry, name in zip(entries, names, strict=True):
        if names.count(name) > 1:
            raise Wrong(f"{entry.prefix} is given twice")
    return entries


def find_entry(entries: tuple[Entry, ...], repository: str) -> Entry | None:
    """The entry with the longest prefix of the repository, counted in whole parts of its name."""
    fitting = [entry for entry in entries if matches(repository, entry.prefix)]
    return max(fitting, key=lambda entry: len(_parts(entry.prefix)), default=None)


def registry_of(repository: str) -> str:
    """The host that a repository lies on, as image names mean it."""
    return full_name(repository)[0]


def _parts(prefix: str) -> tuple[str, ...]:
    head, *rest = prefix.rstrip("/").split("/")
    return (head.lower(), *rest)


def _entry(prefix: str, node: Node) -> Entry:
    if not _PREFIX.fullmatch(prefix):
        line = node.mark.line + 1
        raise Wrong(f"line {line}: the prefix must begin with the registry's host, as in docker.io/shop")
    if not isinstance(node.value, dict):
        raise Wrong(f"{prefix}: must be a mapping with {_ALLOWED}")
    if set(node.value) not in _FORMS:
        raise Wrong(f"{prefix}: must have {_ALLOWED}, and nothing else")
    values = {key: _value(prefix, key, value) for key, value in node.value.items()}
    if "helper" in values:
        if not _HELPER.fullmatch(values["helper"]):
            raise Wrong(f"{prefix}: helper is what follows docker-credential- in a program's name")
        return Entry(prefix, Login(), values["helper"])
    if "token" in values:
        return Entry(prefix, Login(identity_token=Secret(values["token"].encode())))
    return Entry(prefix, Login(username=values["username"], password=Secret(values["password"].encode())))


def _value(prefix: str, key: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise Wrong(f"{prefix}: {key} must be a text that is not empty; put it in quotes")
    return value
