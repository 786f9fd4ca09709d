"""YAML, but only what a desired-state file needs, as a tree that remembers where everything is written.

Read event by event from libyaml, which keeps no recursion of its own on this level: depth, number of nodes and
size are bounded before anything is built (libyaml's own composer dies on deep nesting). Refused: aliases,
anchors, merge keys, tags, ``%TAG``, duplicate and non-text keys, NUL, anything but UTF-8. A UTF-8 byte order
mark, which some editors write, is accepted and skipped.

Plain scalars resolve to null (also empty), true, false and whole decimal numbers without leading zeros;
everything else stays the text as written: ``no``, ``22:22``, ``010``, dates, ``1.10``. Decimal fractions stay
texts too and are marked (``Node.fraction``), so that they are exact where a number is wanted, and can be
refused where a text is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.reader import ReaderError

from reconciler.spec.problem import Path, Place, Problem, dotted, is_private, source_line, without_value
from reconciler.spec.yaml_words import MERGE_CONFLICT, plain_words

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 20
MAX_NODES = 20_000
MAX_PROBLEMS = 25

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_FRACTION = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")
_CONFLICT = re.compile(r"^<{7} ", re.MULTILINE)
_NUMERIC = frozenset("-0123456789")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}

_NO_KEYS: dict[str, Any] = {}
"""Of a node that is no mapping: most are none, and the collector would look through each dict of its own."""


class Node:
    """One value, as plain JSON, and where it is written.

    ``keys`` has the marks of a mapping's keys, ``children`` its values by key or a list's by index.
    ``start`` and ``end`` are offsets in the text. ``style`` is how it begins: a quote, "|" or ">" of a text, the
    bracket of a flow collection, or "".
    """

    __slots__ = ("children", "end_mark", "fraction", "keys", "mark", "style", "value")

    def __init__(self, event: Any, value: Any, style: str = "", *, fraction: bool = False) -> None:
        self.value = value
        self.mark = event.start_mark
        self.end_mark = event.end_mark
        self.style = style
        self.fraction = fraction
        self.keys = _NO_KEYS
        self.children: Any = None

    @property
    def start(self) -> int:
        return int(self.mark.index)

    @property
    def end(self) -> int:
        return int(self.end_mark.index)

    def child(self, part: str | int) -> Node | None:
        """The node of a key or an index, or None."""
        if isinstance(self.children, dict):
            return self.children.get(part)
        if isinstance(self.children, list) and isinstance(part, int) and part < len(self.children):
            item: Node = self.children[part]
            return item
        return None


@dataclass(frozen=True, slots=True)
class Tree:
    """One YAML document of a file. ``sound`` is False when it has problems of its own."""

    root: Node
    lines: tuple[str, ...]
    sound: bool

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Where ``path`` is written, or as much of it as is there; ``key``: at its key, not its value."""
        node, mark = self.root, self.root.mark
        for part in path:
            below = node.child(part)
            if below is None:
                break
            mark = node.keys[str(part)] if key and part in node.keys else below.mark
            node = below
        return Place(mark.line + 1, mark.column + 1, source_line(path, self.lines[mark.line]))

    def fractions(self) -> Iterator[tuple[Path, Node]]:
        """Every plain decimal fraction with its path."""
        return _fractions(self.root, ())


def _fractions(node: Node, path: Path) -> Iterator[tuple[Path, Node]]:
    if node.fraction:
        yield path, node
    pairs = node.children.items() if isinstance(node.children, dict) else enumerate(node.children or ())
    for part, child in pairs:
        if child.fraction or child.children:  # of most values there is nothing to say, and no walk begun
            yield from _fractions(child, (*path, part))


def read_trees(content: bytes, file: str) -> tuple[tuple[Tree, ...], tuple[Problem, ...]]:
    """The YAML documents of a file and what is wrong with them as YAML. Never raises.

    After an error of syntax no document of the file is returned.
    """
    text, problem = _decoded(content, file)
    if problem is not None:
        return (), (problem,)
    reader = _Reader(text, file)
    try:
        trees = tuple(reader.trees())
    except _Stop:
        trees = ()
    except yaml.YAMLError as error:
        reader.problems.append(_syntax(error, file, text))
        trees = ()
    return trees, tuple(reader.problems[:MAX_PROBLEMS])


class _Stop(Exception):
    """The rest of the file is not read; the problem has been noted."""


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.lines = tuple(LINE_BREAK.split(text))
        self.problems: list[Problem] = []
        self._next: Callable[[], Any] = yaml.CSafeLoader(text).get_event
        self._nodes = 0

    def trees(self) -> Iterator[Tree]:
        event = self._next()
        while not isinstance(event, yaml.StreamEndEvent):
            if isinstance(event, yaml.DocumentStartEvent):
                before = len(self.problems)
                if event.tags:
                    self._note(event, (), "%TAG is not allowed")
                root = self._node(self._next(), (), 0)
                if root.value is not None or root.end > root.start:
                    yield Tree(root, self.lines, sound=len(self.problems) == before)
            event = self._next()

    def _node(self, event: Any, path: Path, depth: int) -> Node:
        kind = type(event)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._stop(event, path, f"the file has more than {MAX_NODES} values")
        if kind is yaml.AliasEvent:
            self._note(
                event, path, f"aliases are not allowed{_quoted(path, f'*{event.anchor}')}; write the value out"
            )
            return Node(event, None)
        if event.anchor is not None:
            self._note(
                event, path, f"anchors are not allowed{_quoted(path, f'&{event.anchor}')}; write the value out"
            )
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._note(event, path, f"tags are not allowed{_quoted(path, tag)}; quote the value if it is a text")
        if kind is yaml.ScalarEvent:
            return _scalar(event)
        if depth == MAX_DEPTH:
            self._stop(event, path, f"nested deeper than {MAX_DEPTH} levels")
        return (
            self._mapping(event, path, depth) if kind is yaml.MappingStartEvent else self._list(event, path, depth)
        )

    def _list(self, start: Any, path: Path, depth: int) -> Node:
        node = Node(start, [], "[" if start.flow_style else "")
        node.children = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            child = self._node(event, (*path, len(node.children)), depth + 1)
            node.children.append(child)
            node.value.append(child.value)
        node.end_mark = event.end_mark
        return node

    def _mapping(self, start: Any, path: Path, depth: int) -> Node:
        node = Node(start, {}, "{" if start.flow_style else "")
        node.keys, node.children = {}, {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, path, node, depth)
            child = self._node(self._next(), (*path, key), depth + 1)
            if key not in node.children:
                node.keys[key] = event.start_mark
                node.children[key] = child
                node.value[key] = child.value
        node.end_mark = event.end_mark
        return node

    def _key(self, event: Any, path: Path, mapping: Node, depth: int) -> str:
        node = self._node(event, path, depth + 1)
        if not isinstance(event, yaml.ScalarEvent):
            self._note(event, path, 'a key must be a text; if "{" or "[" begins a text here, quote it')
            return f"<{len(mapping.children)}>"
        key: str = event.value
        if key == "<<" and not node.style:
            self._note(event, (*path, key), "merge keys are not allowed; write the values out")
        elif key in mapping.keys:
            first = mapping.keys[key].line + 1
            self._note(event, (*path, key), f"is given twice; the first is in line {first}")
        return key

    def _note(self, event: Any, path: Path, message: str) -> None:
        mark = event.start_mark
        text = source_line(path, self.lines[mark.line])
        self.problems.append(Problem(self.file, mark.line + 1, mark.column + 1, dotted(path), message, text=text))
        if len(self.problems) >= MAX_PROBLEMS:
            raise _Stop

    def _stop(self, event: Any, path: Path, message: str) -> None:
        self._note(event, path[:3], message)
        raise _Stop


def _quoted(path: Path, text: str) -> str:
    """`` ("text")`` for a message; "" where the text may be a secret that was not quoted: ``*hunter2``."""
    return "" if is_private(path) else f' ("{text}")'


def _scalar(event: Any) -> Node:
    text: str = event.value
    if event.style or event.tag is not None:
        return Node(event, text, event.style)
    if text in _WORDS:
        return Node(event, _WORDS[text])
    if text[0] not in _NUMERIC:
        return Node(event, text)
    if _INTEGER.fullmatch(text):
        return Node(event, int(text))
    return Node(event, text, fraction=_FRACTION.fullmatch(text) is not None)


def _decoded(content: bytes, file: str) -> tuple[str, Problem | None]:
    if len(content) > MAX_BYTES:
        return "", Problem(file, 1, 1, "", f"the file is larger than {MAX_BYTES // 1024} KiB")
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line, column = _position(content[: error.start].decode("utf-8"))
        return "", Problem(file, line, column, "", "the file is not UTF-8; save it as UTF-8 text")
    if not text.strip():
        return "", Problem(file, 1, 1, "", "the file is empty; remove it if its documents are to go")
    return text, None


def _position(before: str) -> tuple[int, int]:
    lines = LINE_BREAK.split(before)
    return len(lines), len(lines[-1]) + 1


def _syntax(error: yaml.YAMLError, file: str, text: str) -> Problem:
    """What libyaml complains about, in plain words, with the line but for its values: they may be secret."""
    if isinstance(error, ReaderError):
        line, column = _position(text.encode()[: error.position].decode("utf-8", errors="ignore"))
        return Problem(file, line, column, "", f"the control character U+{error.character:04X} is not allowed")
    if conflict := _CONFLICT.search(text):
        return Problem(file, _position(text[: conflict.start()])[0], 1, "", MERGE_CONFLICT)
    mark = getattr(error, "problem_mark", None)
    line, column, index = (mark.line + 1, mark.column + 1, mark.index) if mark else (1, 1, 0)
    message = plain_words(str(getattr(error, "problem", "")), text[index : index + 1])
    written = LINE_BREAK.split(text)
    shown = without_value(written[line - 1]) if line <= len(written) else ""
    return Problem(file, line, column, "", message, text=shown)
