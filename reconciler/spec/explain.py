"""Broken schema rules as Problems, in the words of people who write documents, not of validators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reconciler.core.display import without_credentials
from reconciler.spec import lock_notation, notation, quantities
from reconciler.spec.lock_notation import locked_image
from reconciler.spec.problem import Path, Problem, Wrong, as_list, choices, dotted, is_private, suggestion
from reconciler.spec.refused_keys import instead
from reconciler.spec.schema import Violation, known_keys, titled, violations, wants_number
from reconciler.spec.yaml_tree import MAX_PROBLEMS, Tree

TYPE_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
RENAMED = {
    "restart": "restartPolicy",
    "env": "environment",
    "mem_limit": "memoryLimit",
    "memory": "memoryLimit",
    "cpus": "cpuLimit",
    "cpu": "cpuLimit",
    "cap_add": "capAdd",
    "cap_drop": "capDrop",
    "read_only": "readOnlyRootFilesystem",
    "stop_grace_period": "stopTimeout",
    "working_dir": "workingDir",
    "mounts": "volumes",
    "depends_on": "dependsOn",
    "test_timeout": "probeTimeout",
}
"""Words of other tools for keys of ours that spelling alone does not lead to."""

READERS: Mapping[str, Callable[[Any], object]] = {
    "Size": quantities.size,
    "Duration": quantities.duration,
    "Port": notation.port,
    "Volume or bind": notation.volume,
    "Tmpfs": notation.tmpfs,
    "Device": notation.device,
    "Extra host": notation.extra_host,
    "Image repository": notation.repository,
    "Digest": notation.digest,
    "CPUs": quantities.nano_cpus,
    "Address": notation.address,
    "Capability": notation.capability,
    "Until": quantities.timestamp,
    "Locked image": locked_image,
    "Length of time": lock_notation.duration,
    "Bytes": lock_notation.size,
}
"""Readers that say more precisely than a pattern what is wrong, by the title of the value's schema."""

NOT_SUPPORTED = {"privileged": "is not supported; give what is needed with capAdd and devices"}
"""Keys of other tools that there is deliberately nothing for."""

MANY_KEYS = 50

_SENTENCES = {
    "minimum": "must be at least {rule}",
    "exclusiveMinimum": "must be more than {rule}",
    "maximum": "must be at most {rule}",
    "minItems": "must not be empty",
    "maxItems": "must have at most {rule} items",
    "minLength": "must not be empty",
    "maxLength": "is longer than {rule} characters",
    "falseSchema": "cannot have a default; each document has its own",
}
_FIRST = ("type", "enum", "const", "required", "pattern")


def explain(kind: str, tree: Tree, file: str) -> tuple[Problem, ...]:
    """Everything in which a document breaks the rules of its kind; one Problem per place.

    Values that a reader finds wrong are told along with the rest; alone they are told when the document is built.
    """
    found: dict[Path, Problem] = {}
    ranked = sorted(violations(kind, tree.root.value), key=_rank)
    for violation in ranked:
        for path, message, key in _messages(violation, tree):
            found.setdefault(path, _problem(tree, file, path, message=message, key=key))
    if found:
        for path, title, value in titled(kind, tree.root.value):
            message = _misread(title, value)
            if message and path not in found:
                found[path] = _problem(tree, file, path, message=message)
    for path, _ in tree.fractions():
        if path not in found and not wants_number(kind, path) and not _below_any(path, found):
            message = _quote_it(_value(tree, path), private=is_private(path))
            found[path] = _problem(tree, file, path, message=message)
    return tuple(sorted(found.values())[:MAX_PROBLEMS])


def _rank(violation: Violation) -> int:
    return _FIRST.index(violation.keyword) if violation.keyword in _FIRST else len(_FIRST)


def _below_any(path: Path, found: Mapping[Path, Problem]) -> bool:
    return any(path[:length] in found for length in range(1, len(path)))


def _problem(tree: Tree, file: str, path: Path, *, message: str, key: bool = False) -> Problem:
    place = tree.place(path, key=key)
    name = name_of(tree.root.value)
    return Problem(file, place.line, place.column, dotted(path), message, document=name, text=place.text)


def name_of(value: Any) -> str:
    """The name that a document gives itself, "" where it has none that can be read."""
    metadata = value.get("metadata") if isinstance(value, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else ""


def _value(tree: Tree, path: Path) -> Any:
    value = tree.root.value
    for part in path:
        value = value[part]
    return value


def _messages(violation: Violation, tree: Tree) -> Iterator[tuple[Path, str, bool]]:
    """Path, message, and whether the place is the key rather than the value."""
    path, rule = violation.path, violation.rule
    if violation.keyword == "additionalProperties":
        for key in rule:
            yield (*path, key), _unknown_key(key, violation.schema), True
    elif violation.keyword == "required":
        meaning = known_keys(violation.schema).get(rule, {})
        yield (*path, rule), f"is missing{_allowed(meaning)}", True
    else:
        yield path, _message(violation, tree), violation.schema is False or _is_key(violation)


def _is_key(violation: Violation) -> bool:
    return bool(violation.path) and violation.path[-1] is violation.found


def _message(violation: Violation, tree: Tree) -> str:
    found, rule, keyword = violation.found, violation.rule, violation.keyword
    private = is_private(violation.path)
    if keyword in _SENTENCES:
        return _SENTENCES[keyword].format(rule=rule)
    if keyword == "type":
        return _wrong_type(violation, tree, private=private)
    if keyword == "pattern":
        return _wrong_text(found, violation.schema, private=private)
    known = rule if keyword == "enum" else [rule]
    return f"{_shown(found, private=private)} is not allowed{choices(str(found), known)}"


def _wrong_type(violation: Violation, tree: Tree, *, private: bool) -> str:
    wanted = [violation.rule] if isinstance(violation.rule, str) else sorted(violation.rule, reverse=True)
    words = " or ".join(TYPE_WORDS[name] for name in wanted)
    found = violation.found
    if found is None:
        return f"has no value; must be {words}, or be left out"
    if "string" in wanted and isinstance(found, bool | int):
        if misread := _misread(violation.schema.get("title", ""), str(found)):
            return misread
        return _quote_it(str(found).lower() if isinstance(found, bool) else found, private=private)
    if isinstance(found, str) and any(path == violation.path for path, _ in tree.fractions()):
        return f"must be {words}, not {found}"
    told = f"must be {words}, not {_shown(found, private=private)}"
    if wanted != ["array"] or private or (isinstance(found, str) and without_credentials(found) != found):
        return told
    return told + as_list(found)


def _quote_it(value: Any, *, private: bool) -> str:
    return "must be a text; put quotes around it" + ("" if private else f': "{value}"')


def _shown(value: Any, *, private: bool) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        text = without_credentials(value)
        return "this text" if private else f'"{text[:60]}{"…" if len(text) > 60 else ""}"'
    return "this value" if private else str(value).lower()


def _wrong_text(value: Any, rules: Mapping[str, Any], *, private: bool) -> str:
    misread = _misread(rules.get("title", ""), value)
    return misread or f"{_shown(value, private=private)} is not allowed here{_allowed(rules)}"


def _misread(title: str, value: Any) -> str:
    reader = READERS.get(title)
    try:
        if reader is not None and isinstance(value, str):
            reader(value)
    except Wrong as wrong:
        return str(wrong)
    return ""


def _allowed(rules: Mapping[str, Any]) -> str:
    hint = rules.get("patternErrorMessage") or ", ".join(rules.get("enum", ())) or rules.get("const", "")
    return f"; allowed: {hint}" if hint else ""


def _unknown_key(key: str, rules: Mapping[str, Any]) -> str:
    known = known_keys(rules)
    if message := instead(rules.get("title", ""), key):
        return message
    if key in NOT_SUPPORTED:
        return NOT_SUPPORTED[key]
    if key in RENAMED and RENAMED[key] in known:
        return f'unknown key; did you mean "{RENAMED[key]}"?'
    deeper = {f"{name}.{inner}": inner for name, below in known.items() for inner in known_keys(below)}
    homes = [path for path, inner in deeper.items() if inner in {key, RENAMED.get(key)}]
    if homes and not suggestion(key, known):
        return f'unknown key; did you mean "{homes[0]}"?'
    return f"unknown key{choices(key, tuple(known))}" if len(known) < MANY_KEYS else _one_of_many(key, known)


def _one_of_many(key: str, known: Mapping[str, Any]) -> str:
    """Too many to list: what was meant, or where they are."""
    meant = suggestion(key, known)
    return "unknown key" + (
        f'; did you mean "{meant}"?' if meant else "; it is not on the list of what is allowed"
    )
