"""Changing a few values of one document inside a file's text, and nothing besides.

The text is cut at the places where libyaml says that values begin and end; it is not dumped anew, so that
comments, order, quotes, other documents and line ends stay as they are (a round trip through a YAML writer
does not keep all of these). Afterwards the text is read again: if it does not say exactly what was asked for,
and everything else as before, the edit is refused.
"""

from __future__ import annotations

import copy
import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from reconciler.errors import InputError, UnknownDocument
from reconciler.spec.explain import name_of
from reconciler.spec.problem import dotted
from reconciler.spec.yaml_tree import LINE_BREAK, Node, Tree, read_trees

Keys = tuple[str, ...]

STEP = "  "
FLOW_ENTRIES = 4
FLOW_WIDTH = 80
"""A new mapping of plain values is written on one line up to this size and width."""

_PLAIN = re.compile(r"[A-Za-z0-9/]([A-Za-z0-9._/@+ -]|:(?! |$))*(?<![ :])")
_UNPRINTED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")
_TEXT_TAG = "tag:yaml.org,2002:str"


@dataclass(frozen=True, slots=True)
class _Cut:
    """``text`` is to stand where ``start`` to ``end`` is now."""

    start: int
    end: int
    text: str


def set_values(text: str, name: str, values: Mapping[Keys, Any]) -> str:
    """The file's text with these values set in the document called ``name``.

    A value may be a text, number, boolean, list or mapping (which then holds nothing else); None takes the key
    out; a key that is not there is added, with the mappings above it. Raises UnknownDocument, and InputError
    when the text cannot be read or not be edited without touching more.
    """
    mark, body = ("\ufeff", text[1:]) if text.startswith("\ufeff") else ("", text)
    trees = _trees(body)
    index = next((place for place, tree in enumerate(trees) if name_of(tree.root.value) == name), None)
    if index is None:
        raise UnknownDocument(f'the file has no document called "{name}"')
    wanted = copy.deepcopy(trees[index].root.value)
    for keys, value in values.items():
        _assign(wanted, keys, value)
    result = body
    # From the end of the text to its beginning. Of cuts at one place the inner mapping's comes first in the text.
    cuts = list(_Editor(body).cuts(trees[index].root, wanted))[::-1]
    for cut in sorted(cuts, key=lambda cut: (cut.start, cut.end), reverse=True):
        result = result[: cut.start] + cut.text + result[cut.end :]
    expected = [wanted if place == index else tree.root.value for place, tree in enumerate(trees)]
    if [tree.root.value for tree in read_trees(result.encode(), "file")[0]] != expected:
        paths = ", ".join(map(dotted, values))
        raise InputError(f"{paths} cannot be changed without touching more", hint="edit the file by hand")
    return mark + result


def _trees(text: str) -> tuple[Tree, ...]:
    trees, problems = read_trees(text.encode(), "file")
    if problems:
        raise InputError(f"the file cannot be edited while it is wrong: {problems[0]}")
    return trees


def _assign(document: dict[str, Any], keys: Keys, value: Any) -> None:
    *above, last = keys
    for depth, key in enumerate(above):
        document = document.setdefault(key, {})
        if not isinstance(document, dict):
            raise InputError(f"{dotted(keys[: depth + 1])} is not a mapping", hint="edit the file by hand")
    if value is None:
        document.pop(last, None)
    else:
        document[last] = value


class _Editor:
    """Finds the least cuts that make a mapping say what is wanted."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(found.end() for found in LINE_BREAK.finditer(text))]
        found = LINE_BREAK.search(text)
        self._newline = found[0] if found else "\n"

    def cuts(self, node: Node, wanted: Mapping[str, Any]) -> Iterator[_Cut]:
        """``node`` is a mapping that shares at least one key with ``wanted``."""
        for key, below in node.children.items():
            if key not in wanted:
                yield self._removed(node, key)
            elif below.value != wanted[key]:
                yield from self._changed(node, key, wanted[key])
        added = {key: value for key, value in wanted.items() if key not in node.children}
        if added:
            yield self._added(node, added)

    def _changed(self, parent: Node, key: str, value: Any) -> Iterator[_Cut]:
        node = parent.children[key]
        if isinstance(value, Mapping) and _can_grow(node, value):
            yield from self.cuts(node, value)
        elif node.children is None and node.style not in {"|", ">"} and not isinstance(value, Mapping | list):
            lead = " " if node.start == node.end else ""
            yield _Cut(node.start, node.end, lead + rendered(value, quote=node.style))
        else:
            start = int(parent.keys[key].index)
            yield _Cut(start, self._end(node), self._entry(parent, key, value))

    def _added(self, parent: Node, values: Mapping[str, Any]) -> _Cut:
        """Behind the last key of the mapping, in its style."""
        last = list(parent.children.values())[-1]
        entries = [self._entry(parent, key, value) for key, value in values.items()]
        if parent.style:
            return _Cut(last.end, last.end, "".join(f", {entry}" for entry in entries))
        indent = " " * next(iter(parent.keys.values())).column
        line = self._line(self._end(last)) + 1
        if line < len(self._starts):
            at = self._starts[line]
            return _Cut(at, at, "".join(f"{indent}{entry}{self._newline}" for entry in entries))
        at = len(self._text)
        return _Cut(at, at, "".join(f"{self._newline}{indent}{entry}" for entry in entries))

    def _removed(self, parent: Node, key: str) -> _Cut:
        """The whole lines of a key in block style."""
        line = self._line(self._end(parent.children[key])) + 1
        end = self._starts[line] if line < len(self._starts) else len(self._text)
        return _Cut(self._starts[parent.keys[key].line], end, "")

    def _entry(self, parent: Node, key: str, value: Any) -> str:
        if parent.style or _is_small(value):
            return f"{key}: {rendered(value)}"
        indent = " " * next(iter(parent.keys.values())).column
        return f"{key}:" + "".join(self._block(value, indent + STEP))

    def _block(self, value: Mapping[str, Any] | list[Any], indent: str) -> Iterator[str]:
        """Each key, or each item of a list, on lines of its own."""
        if isinstance(value, list):
            for item in value:
                if _is_small(item):
                    yield f"{self._newline}{indent}- {rendered(item)}"
                else:
                    first, *rest = self._block(item, indent + STEP)
                    yield f"{self._newline}{indent}- {first.strip()}"
                    yield from rest
            return
        for key, inner in value.items():
            if _is_small(inner):
                yield f"{self._newline}{indent}{rendered(key)}: {rendered(inner)}"
            else:
                yield f"{self._newline}{indent}{rendered(key)}:"
                yield from self._block(inner, indent + STEP)

    def _end(self, node: Node) -> int:
        """Where the last thing of the node is written; comments and empty lines below are not its own."""
        if node.children and not node.style:
            inner = node.children.values() if isinstance(node.children, dict) else node.children
            return self._end(list(inner)[-1])
        return len(self._text[: node.end].rstrip()) if node.style in {"|", ">"} else node.end

    def _line(self, offset: int) -> int:
        return bisect_right(self._starts, offset) - 1


def _can_grow(node: Node, value: Mapping[str, Any]) -> bool:
    """Whether a mapping can be edited key by key: something of it stays, and none is taken out of braces."""
    if not isinstance(node.children, dict) or not node.children.keys() & value.keys():
        return False
    return not node.style or node.children.keys() <= value.keys()


def _is_small(value: Any) -> bool:
    """Whether a value is written on one line: a plain one, a list of plain ones, a small mapping of them."""
    if isinstance(value, list):
        return not any(isinstance(item, Mapping | list) for item in value)
    if not isinstance(value, Mapping):
        return True
    plain = not any(isinstance(item, Mapping | list) for item in value.values())
    return plain and len(value) <= FLOW_ENTRIES and len(rendered(value)) <= FLOW_WIDTH


def rendered(value: Any, *, quote: str = "") -> str:
    """A value on one line. A text keeps ``quote`` where it can; it is plain only where no reader errs about it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{rendered(key)}: {rendered(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(rendered, value)) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    if quote == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if not quote and _PLAIN.fullmatch(value) and _is_text(value):
        return value
    return _UNPRINTED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def _is_text(value: str) -> bool:
    """Also to readers of YAML 1.1, which take ``no``, ``1.10`` and ``22:22`` for something else."""
    if value[0].isdigit() and ":" in value:
        return False
    resolver: Any = yaml.SafeLoader("")
    return bool(resolver.resolve(yaml.ScalarNode, value, (True, False)) == _TEXT_TAG)
