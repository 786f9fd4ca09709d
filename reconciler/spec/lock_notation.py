"""The notations of Compose files: commands, pairs, sizes, durations, ports. Text in, core values out.

The rules are those of the Compose specification as Docker Compose v2 reads it (compose-spec/compose-go ``types``
and ``format``, docker/go-units), where they differ from those of documents. All raise ``Wrong``.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from reconciler.core.container import PortBinding, RestartName, RestartPolicy
from reconciler.core.image import ImageReference
from reconciler.spec import notation
from reconciler.spec.problem import Wrong

_SIZE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s?(?P<unit>[kmgt]?)i?b?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_LARGEST = 2**63 - 1
"""Bytes: the engine counts with 64 bits and a sign, beyond which Compose's number is another one."""
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(h|ms|m|s|us)")
_NANOSECONDS = {"h": 3_600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3}
_LONGEST_NS = 366 * 24 * 3_600 * 10**9
_CONDITIONS: Mapping[str, RestartName] = {"none": "no", "on-failure": "on-failure", "any": "always"}


def locked_image(value: str) -> ImageReference:
    """``REPOSITORY@sha256:…``, without a tag."""
    repository, at, digest = value.partition("@")
    if not at:
        raise Wrong(f'"{value[:200]}" has no digest; allowed: REPOSITORY@sha256:… ("reconciler lock" writes it)')
    tag = repository.rpartition("/")[2].partition(":")[2]
    if tag:
        raise Wrong(f'must be without the tag "{tag}": the digest alone says which image it is')
    return ImageReference(repository, notation.digest(digest))


def texts(value: str | Sequence[str]) -> tuple[str, ...]:
    """One text, or a list of them."""
    return (value,) if isinstance(value, str) else tuple(value)


def command(value: str | Sequence[str]) -> tuple[str, ...]:
    """A list as it is; a line as a shell splits it."""
    if not isinstance(value, str):
        return tuple(value)
    try:
        return tuple(shlex.split(value))
    except ValueError:
        raise Wrong("a quote is not closed; write the command as a list") from None


def pairs(value: Mapping[str, str | int] | Sequence[str]) -> dict[str, str]:
    """Values by name. A name alone would take its value from the environment of whoever runs Compose."""
    if isinstance(value, Mapping):
        return {key: str(item) for key, item in value.items()}
    found: dict[str, str] = {}
    for item in value:
        name, equals, text = item.partition("=")
        if not equals:
            raise Wrong(f'"{name}" has no value, and none is taken from outside; write {name}=VALUE')
        found[name] = text
    return found


def marks(value: Mapping[str, str | int] | Sequence[str]) -> dict[str, str]:
    """Pairs in which a name alone has the empty value, as with labels."""
    return pairs(value if isinstance(value, Mapping) else [item if "=" in item else f"{item}=" for item in value])


def size(value: str | int) -> int:
    """``256m`` as bytes: units are powers of 1024, however they are written. -1 is unlimited."""
    if value in {-1, "-1"}:
        return -1
    match = _SIZE.fullmatch(str(value))
    if match is None:
        raise Wrong(f'"{value}" is not a size; allowed: a number of bytes, or with k, m, g or t, such as 256m')
    found = int(Decimal(match["number"]) * 1024 ** _POWERS[match["unit"].lower()])
    if found > _LARGEST:
        raise Wrong(f'"{value}" is more than any host has')
    return found


def duration(value: str) -> int:
    """``1m30s``, ``2.5s`` as whole milliseconds."""
    return _nanoseconds(value) // 10**6


def seconds(value: str) -> int:
    """A duration as whole seconds; Compose drops the rest."""
    return _nanoseconds(value) // 10**9


def _nanoseconds(value: str) -> int:
    parts = _DURATION.findall(value)
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise Wrong(f'"{value}" is not a length of time; allowed: numbers with h, m, s, ms or us, such as 1m30s')
    total = sum(int(Decimal(number) * _NANOSECONDS[unit]) for number, unit in parts)
    if total > _LONGEST_NS:
        raise Wrong(f'"{value}" is longer than a year')
    return total


def port(value: str | int | Mapping[str, Any]) -> PortBinding:
    """A published port in short or long syntax."""
    if not isinstance(value, Mapping):
        return notation.port(str(value))
    host, ip = str(value.get("published", "")), value.get("host_ip", "")
    address = f"[{ip}]:" if ":" in ip else f"{ip}:" if ip else ""
    middle = f"{host}:" if host or address else ""
    return notation.port(f"{address}{middle}{value['target']}/{value.get('protocol', 'tcp')}")


def hosts(value: Mapping[str, str | Sequence[str]] | Sequence[str]) -> tuple[str, ...]:
    """Further lines of /etc/hosts as ``NAME:ADDRESS``, sorted."""
    lines = _host_lines(value) if isinstance(value, Mapping) else (_colon(item) for item in value)
    return tuple(sorted({notation.extra_host(line) for line in lines}))


def _host_lines(value: Mapping[str, str | Sequence[str]]) -> Iterator[str]:
    for name, addresses in value.items():
        yield from (f"{name}:{address}" for address in texts(addresses))


def _colon(line: str) -> str:
    name, equals, address = line.partition("=")
    return f"{name}:{address}" if equals else line


def probe_test(value: str | Sequence[str]) -> tuple[str, ...]:
    """The engine's form of a health check's command."""
    if isinstance(value, str):
        return ("CMD-SHELL", value)
    if not value or value[0] not in {"CMD", "CMD-SHELL", "NONE"}:
        raise Wrong("a list must begin with CMD, CMD-SHELL or NONE")
    if (value[0] == "NONE") != (len(value) == 1):
        raise Wrong("NONE takes no command, CMD and CMD-SHELL need one")
    return tuple(value)


def deploy_restart(value: Mapping[str, Any]) -> RestartPolicy:
    """``deploy.restart_policy``, which Compose prefers to ``restart``."""
    name = _CONDITIONS[value.get("condition", "any")]
    return RestartPolicy(name, value.get("max_attempts", 0))


def restart(value: str) -> RestartPolicy:
    """``no``, ``always``, ``unless-stopped``, ``on-failure`` or ``on-failure:N``."""
    name, _, count = value.partition(":")
    return RestartPolicy(cast("RestartName", name), int(count or 0))
