"""Changing a few values of one document inside a file's text, and not a character besides.

The text is cut at the places where libyaml says that a value begins and ends; nothing is dumped anew, so that
comments, order, quotes, other documents and line ends stay as they are (a round trip through a YAML writer
does not keep all of these). Afterwards the text is read again: if it does not say exactly what was asked for,
and everything else as before, the edit is refused.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from reconciler.errors import InputError, UnknownDocument
from reconciler.spec.explain import name_of
from reconciler.spec.problem import dotted
from reconciler.spec.yaml_tree import LINE_BREAK, Node, Tree, read_trees

Value = str | int | bool | None
Keys = tuple[str, ...]

_PLAIN = re.compile(r"[A-Za-z0-9/]([A-Za-z0-9._/@+ -]|:(?! |$))*(?<![ :])")
_UNPRINTED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")
_TEXT_TAG = "tag:yaml.org,2002:str"


@dataclass(frozen=True, slots=True)
class _Cut:
    """``text`` is to stand where ``start`` to ``end`` is now."""

    start: int
    end: int
    text: str


def set_values(text: str, name: str, values: Mapping[Keys, Value]) -> str:
    """The file's text with these values set in the document called ``name``.

    A value of None takes the key out; a key that is not there is added, with the mappings above it. Raises
    UnknownDocument, and InputError when the text cannot be read or not be edited without touching more.
    """
    mark, body = ("\ufeff", text[1:]) if text.startswith("\ufeff") else ("", text)
    trees = _trees(body)
    index = next((place for place, tree in enumerate(trees) if name_of(tree.root.value) == name), None)
    if index is None:
        raise UnknownDocument(f'the file has no document called "{name}"')
    result = body
    for cut in sorted(_cuts(trees[index], body, values), key=lambda cut: cut.start, reverse=True):
        result = result[: cut.start] + cut.text + result[cut.end :]
    _verify(trees, index, values, result)
    return mark + result


def _trees(text: str) -> tuple[Tree, ...]:
    trees, problems = read_trees(text.encode(), "file")
    if problems:
        raise InputError(f"the file cannot be edited while it is wrong: {problems[0]}")
    return trees


def _verify(before: tuple[Tree, ...], index: int, values: Mapping[Keys, Value], result: str) -> None:
    expected = [copy.deepcopy(tree.root.value) for tree in before]
    for keys, value in values.items():
        _assign(expected[index], keys, value)
    trees, _ = read_trees(result.encode(), "file")
    if [tree.root.value for tree in trees] != expected:
        paths = ", ".join(dotted(keys) for keys in values)
        raise InputError(f"{paths} cannot be changed without touching other lines", hint="edit the file by hand")


def _assign(document: dict[str, Any], keys: Keys, value: Value) -> None:
    *above, last = keys
    for key in above:
        document = document.setdefault(key, {})
    if value is None:
        document.pop(last, None)
    else:
        document[last] = value


def _cuts(tree: Tree, text: str, values: Mapping[Keys, Value]) -> Iterator[_Cut]:
    added: dict[str, Any] = {}
    for keys, value in values.items():
        node, depth = _reach(tree.root, keys)
        if depth == len(keys) and value is None:
            yield _taken_out(_reach(tree.root, keys[:-1])[0], keys[-1], text)
        elif depth == len(keys):
            yield _replaced(node, value)
        elif value is not None:
            if not isinstance(node.children, dict):
                raise InputError(f"{dotted(keys[:depth])} is not a mapping", hint="edit the file by hand")
            _assign(added, keys, value)
    for keys, value in _additions(tree.root, added, ()):
        yield _added(_reach(tree.root, keys[:-1])[0], keys[-1], value, text=text)


def _reach(node: Node, keys: Keys) -> tuple[Node, int]:
    """The node at ``keys``, or the last one on the way, and how many keys led to it."""
    for depth, key in enumerate(keys):
        below = node.child(key)
        if below is None:
            return node, depth
        node = below
    return node, len(keys)


def _additions(node: Node, added: Mapping[str, Any], keys: Keys) -> Iterator[tuple[Keys, Any]]:
    """The topmost keys that are not there, each with all that is to be below it."""
    for key, value in added.items():
        below = node.child(key)
        if below is None:
            yield (*keys, key), value
        else:
            yield from _additions(below, value, (*keys, key))


def _replaced(node: Node, value: Value) -> _Cut:
    if node.children is not None or node.style in {"|", ">"}:
        raise InputError("only values on one line can be changed", hint="edit the file by hand")
    lead = " " if node.start == node.end else ""
    return _Cut(node.start, node.end, lead + rendered(value, quote=node.style or ""))


def _added(parent: Node, key: str, value: Any, *, text: str) -> _Cut:
    """Behind the last key of the mapping, in the style of the mapping."""
    entry = f"{key}: {rendered(value)}"
    last = next(reversed(parent.children.values()), None)
    if last is None or parent.style:
        at = last.end if last is not None else parent.start + 1
        return _Cut(at, at, f", {entry}" if last is not None else entry)
    breaks = [0, *(found.end() for found in LINE_BREAK.finditer(text))]
    line = _last_line(last) + 1
    indent = " " * next(iter(parent.keys.values())).column
    found = LINE_BREAK.search(text)
    newline = found[0] if found else "\n"
    if line < len(breaks):
        return _Cut(breaks[line], breaks[line], f"{indent}{entry}{newline}")
    return _Cut(len(text), len(text), f"{newline}{indent}{entry}")


def _taken_out(parent: Node, key: str, text: str) -> _Cut:
    """The whole lines of a key in block style, or its part of a flow mapping."""
    names = list(parent.keys)
    place, value = names.index(key), parent.children[key]
    start, end = int(parent.keys[key].index), value.end
    if parent.style:
        follows = place + 1 < len(names)
        before = parent.children[names[place - 1]].end if place else start
        return _Cut(start, int(parent.keys[names[place + 1]].index), "") if follows else _Cut(before, end, "")
    breaks = [0, *(found.end() for found in LINE_BREAK.finditer(text)), len(text)]
    return _Cut(breaks[parent.keys[key].line], breaks[_last_line(value) + 1], "")


def _last_line(node: Node) -> int:
    """The last line (from 0) on which something of the node is written; comments below are not its own."""
    if node.children and not node.style:
        inner = node.children.values() if isinstance(node.children, dict) else node.children
        return _last_line(list(inner)[-1])
    ended = node.style in {"|", ">"} and node.end_mark.column == 0
    return int(node.end_mark.line) - ended


def rendered(value: Any, *, quote: str = "") -> str:
    """A value on one line. A text keeps ``quote`` where it can; it is plain only where no reader errs about it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {rendered(item)}" for key, item in value.items()) + "}"
    if not isinstance(value, str):
        return json.dumps(value)
    if quote == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if not quote and _PLAIN.fullmatch(value) and _is_text(value):
        return value
    return _UNPRINTED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def _is_text(value: str) -> bool:
    """Also to readers of YAML 1.1, which take ``no``, ``1.10`` and ``22:22`` for something else."""
    resolver: Any = yaml.SafeLoader("")
    return bool(resolver.resolve(yaml.ScalarNode, value, (True, False)) == _TEXT_TAG)
