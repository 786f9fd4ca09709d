"""A policy file's text as a Policy, or what is wrong in it, at its place. Pure; who reads the file is elsewhere.

The file is held to the same strict YAML as documents: unknown keys, aliases and tags are refused.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from reconciler.core.policy_paths import normal
from reconciler.core.policy_powers import security_option
from reconciler.core.policy_values import NAMESPACES, DeviceRoot, HostRoot, Maximum, Policy, PortRange
from reconciler.core.signing import PublicKey, SignatureRule
from reconciler.spec import notation, quantities
from reconciler.spec.problem import Path, Problem, Wrong, as_list, choices
from reconciler.spec.strict_file import StrictFile
from reconciler.spec.yaml_tree import read_trees

VERSION: Final = 1
T = TypeVar("T")

_PORTS = re.compile(r"(?:(?P<address>\[[^]]+]|[^:\[\]]+):)?(?P<first>[0-9]{1,5})(?:-(?P<last>[0-9]{1,5}))?")
_REPOSITORY = re.compile(r"(?:\*|[a-zA-Z0-9._-]+(?::[0-9]{1,5})?)(?:/(?:\*|[a-z0-9._-]+))*/?")
_WORD = re.compile(r"[A-Za-z0-9_.-]+")
_OPTION = re.compile(r"[a-z-]+(?:[=:]\S+)?")


def read_policy(content: bytes, file: str) -> tuple[Policy | None, tuple[Problem, ...]]:
    """The policy, or None and all that is wrong. Never raises; ``file`` is what problems and refusals name."""
    trees, problems = read_trees(content, file)
    if problems:
        return None, problems
    if len(trees) != 1:
        return None, (Problem(file, 1, 1, "", "a policy file holds one YAML document"),)
    return _Reader(trees[0], file).policy()


class _Reader(StrictFile):
    def policy(self) -> tuple[Policy | None, tuple[Problem, ...]]:
        values = self.known((), self.tree.root.value, ("version", *KEYS))
        if values is not None and str(values.get("version")) != str(VERSION):
            self.note(("version",), f"must be {VERSION}, which is the only version there is")
        found = {
            attribute: self._value((key,), value, reader)
            for key, value in (values or {}).items()
            if key in KEYS
            for attribute, reader in (KEYS[key],)
        }
        if self.problems:
            return None, tuple(sorted(self.problems))
        return Policy(**found, source=self._file), ()

    def _value(self, path: Path, value: Any, reader: Any) -> Any:
        if isinstance(reader, Mapping):
            values = self.known(path, value, tuple(reader)) or {}
            read = {
                attribute: self.read((*path, key), item, one)
                for key, item in values.items()
                if key in reader
                for attribute, one in (reader[key],)
            }
            return Maximum(**read)
        if reader is _switch:
            return self.read(path, value, _switch)
        if not isinstance(value, list):
            return self.note(path, f"must be a list{as_list(value)}")
        if reader is SIGNATURE:
            rules = (self._signature((*path, index), item) for index, item in enumerate(value))
            return tuple(rule for rule in rules if rule is not None)
        items = tuple(self.read((*path, index), item, _text(reader)) for index, item in enumerate(value))
        return frozenset(items) if path[0] in SETS else items

    def _signature(self, path: Path, value: Any) -> SignatureRule | None:
        values = self.known(path, value, SIGNATURE)
        if values is None:
            return None
        for key in ("prefix", "keys"):
            if key not in values:
                self.note(path, f"{key} is missing")
        prefix = self.read((*path, "prefix"), values.get("prefix", "*"), _text(_registry))
        keys = values.get("keys", ["/"])
        if not isinstance(keys, list) or not keys:
            self.note((*path, "keys"), "must be a list of files, at least one")
            keys = []
        files = [self.read((*path, "keys", index), item, _text(_path)) for index, item in enumerate(keys)]
        offline = self.read((*path, "offline"), values["offline"], _text(_path)) if "offline" in values else ""
        return SignatureRule(
            prefix=prefix or "", keys=tuple(PublicKey(file or "") for file in files), offline=offline or ""
        )


def _text(reader: Callable[[str], T]) -> Callable[[Any], T]:
    def read(value: Any) -> T:
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            raise Wrong("must be a text that is not empty")
        return reader(str(value))

    return read


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong("must be true or false")
    return value


def _registry(text: str) -> str:
    if not _REPOSITORY.fullmatch(text):
        raise Wrong(
            f'"{text}" is not a beginning of a repository; allowed: such as registry.example.com/shop, without a '
            f"tag, with * for one whole part"
        )
    return text


def _path(text: str) -> str:
    if any(char in text for char in "*?[\0"):
        raise Wrong(f'"{text}" is a pattern; a path allows all below it, write the folder')
    return normal(notation.absolute_path(text, "a path of the host"))


def _host_root(text: str) -> HostRoot:
    path, separator, mode = text.rpartition(":")
    if separator and mode not in {"ro", "rw"}:
        raise Wrong(f'"{mode}" is not a mode{choices(mode, ("ro", "rw"))}')
    return HostRoot(_path(path if separator else text), mode == "ro")


def _device(text: str) -> DeviceRoot:
    path, separator, rights = text.rpartition(":")
    if separator and (not rights or set(rights) - set("rwm")):
        raise Wrong(f'"{text}" is not a device; allowed: /DEV/HOST[:rwm]')
    return DeviceRoot(_path(path), rights) if separator else DeviceRoot(_path(text))


def _namespace(text: str) -> str:
    if text not in NAMESPACES:
        raise Wrong(f'"{text}" is not a namespace{choices(text, NAMESPACES)}')
    return text


def _ports(text: str) -> PortRange:
    match = _PORTS.fullmatch(text)
    if match is None:
        raise Wrong(f'"{text}" is not a range of ports; allowed: [ADDRESS:]FIRST[-LAST], such as 1024-65535')
    first, last = int(match["first"]), int(match["last"] or match["first"])
    if not 1 <= first <= last <= 65535:
        raise Wrong(f'"{text}" is not a range of ports; allowed: 1 to 65535, the lower one first')
    address = (match["address"] or "").strip("[]")
    try:
        return PortRange(first, last, str(ipaddress.ip_address(address)) if address else "")
    except ValueError:
        raise Wrong(f'"{address}" is not an IP address') from None


def _security_option(text: str) -> str:
    if not _OPTION.fullmatch(text):
        raise Wrong(f'"{text}" is not a security option; allowed: such as apparmor=unconfined')
    return security_option(text)


def _word(text: str) -> str:
    if not _WORD.fullmatch(text):
        raise Wrong(f'"{text}" is not a name; allowed: letters, digits, dots, hyphens and underscores')
    return text


def _memory(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise Wrong("must be a size, such as 512Mi")
    return quantities.memory(value)


def _cpus(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise Wrong("must be a number of CPUs, such as 1.5")
    return quantities.nano_cpus(value)


def _pids(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise Wrong("must be a whole number, at least 1")
    return value


MAXIMUM: Final[Mapping[str, tuple[str, Callable[[Any], int]]]] = {
    "memory": ("memory_bytes", _memory),
    "cpus": ("nano_cpus", _cpus),
    "pids": ("pids", _pids),
}
SIGNATURE: Final = ("prefix", "keys", "offline")
KEYS: Final[Mapping[str, tuple[str, Any]]] = {
    "registries": ("registries", _registry),
    "privileged": ("privileged", _switch),
    "engineSocket": ("engine_socket", _switch),
    "capabilities": ("capabilities", notation.capability),
    "hostNamespaces": ("host_namespaces", _namespace),
    "hostPaths": ("host_paths", _host_root),
    "deploymentPaths": ("deployment_paths", _path),
    "devices": ("devices", _device),
    "securityOptions": ("security_options", _security_option),
    "sysctls": ("sysctls", _word),
    "ports": ("ports", _ports),
    "maximum": ("maximum", MAXIMUM),
    "hookNetworks": ("hook_networks", _word),
    "composeKeys": ("compose_keys", _word),
    "signatures": ("signatures", SIGNATURE),
}
"""Each key of the file: the Policy's field, and what reads one item of it."""

SETS: Final = frozenset(
    {"capabilities", "hostNamespaces", "securityOptions", "sysctls", "hookNetworks", "composeKeys"}
)
