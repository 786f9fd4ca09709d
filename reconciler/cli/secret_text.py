"""Secrets in a document's text: where their ciphertexts stand, and the text with others in their place. Pure.

The text is cut at the ciphertext alone, so that comments, order, quotes and line ends stay. Afterwards it is read
again: if anything else became different, the edit is refused. A secret that is not there yet is added at the end
of ``config.secrets``, of a Container or of a ComposeProject.
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.errors import InputError, InvalidDocuments
from reconciler.spec.edit import STEP, rendered, set_values
from reconciler.spec.explain import name_of
from reconciler.spec.yaml_tree import LINE_BREAK, Node, Tree, read_trees

BYTE_ORDER_MARK: Final = "\ufeff"
PLACE: Final = ("spec", "config", "secrets")
KINDS: Final = ("Container", "ComposeProject")
_HEADER: Final = re.compile(r"\|[-+]?[ \t]*(?:#[^\r\n]*)?(?=[\r\n])")
_REST: Final = re.compile(r"[ \t]*(?=[\r\n]|$)")
_DASH: Final = re.compile(r"(?P<indent>[ \t]*)-[ \t]+(?=\S)")


@dataclass(frozen=True, slots=True)
class Sealed:
    """One secret of a document. ``text`` is its ciphertext, "" where none is written yet."""

    document: str
    name: str
    text: str
    node: Node
    column: int
    flow: bool

    @property
    def id(self) -> tuple[str, str]:
        return self.document, self.name


def find_sealed(text: str, file: str) -> tuple[Sealed, ...]:
    """The secrets of all documents of the file. Raises InvalidDocuments when it is no YAML of ours."""
    return tuple(found for tree in _trees(_bare(text), file) for found in _sealed(tree))


def choose(text: str, file: str, wanted: str) -> tuple[str, str]:
    """Document and secret that ``wanted`` names: ``SECRET``, or ``DOCUMENT/SECRET``. Raises InputError when that
    cannot be told.
    """
    document, slash, name = wanted.rpartition("/")
    names = [name_of(tree.root.value) for tree in _trees(_bare(text), file) if _can_have(tree)]
    having = [item.document for item in find_sealed(text, file) if item.name == name]
    candidates = [document] if slash else having if len(having) == 1 else names
    if len(candidates) != 1 or candidates[0] not in names:
        known = ", ".join(filter(None, names)) or "none"
        raise InputError(
            f"{file}: cannot tell which document {wanted} is meant for",
            hint=f"--name DOCUMENT/{name}; documents that can have secrets: {known}",
        )
    return candidates[0], name


def with_secret(text: str, file: str, *, document: str, name: str, sealed: str) -> str:
    """The text with this ciphertext for the document's secret, which is added if it is not there."""
    found = next((item for item in find_sealed(text, file) if item.id == (document, name)), None)
    if found is not None:
        return with_ciphertexts(text, file, {found.id: sealed})
    tree = next(tree for tree in _trees(_bare(text), file) if name_of(tree.root.value) == document)
    items = _below(tree.root, PLACE)
    if items is not None and items.children and not items.style:
        return _checked(text, _appended(text, items, name, sealed), file, {(document, name): sealed})
    there = items.value if items is not None and isinstance(items.value, list) else []
    added = set_values(text, document, {PLACE: [*there, {"name": name, "encrypted": sealed}]})
    return with_ciphertexts(added, file, {(document, name): sealed})


def with_ciphertexts(text: str, file: str, sealed: Mapping[tuple[str, str], str]) -> str:
    """The text with other ciphertexts, by document and name. Raises InputError when more would have to change, or
    when one of these is the name of two secrets: the value of one would be lost.
    """
    bare, found = _bare(text), find_sealed(text, file)
    result = bare
    counted = Counter(item.id for item in found)
    twice = next((place for place in sealed if counted[place] > 1), None)
    if twice is not None:
        raise InputError(f"{file}: {twice[0]} has more than one secret {twice[1]}", hint="rename one of them")
    for item in sorted(found, key=lambda item: item.node.start, reverse=True):
        if item.id in sealed:
            start, end, new = _cut(bare, item, sealed[item.id])
            result = result[:start] + new + result[end:]
    return _checked(text, text[: len(text) - len(bare)] + result, file, sealed)


def _cut(text: str, item: Sealed, sealed: str) -> tuple[int, int, str]:
    """What to put between which offsets."""
    node = item.node
    block = node.style in {"|", ">"}
    start, end = node.start, len(text[: node.end].rstrip()) if block else node.end
    lead = " " if node.start == node.end and text[start - 1 : start] == ":" else ""
    if item.flow or not (block or _REST.match(text, end)):
        return start, end, lead + rendered(sealed, quote='"')
    header = _HEADER.match(text, start)
    lines = _lines(sealed, " " * item.column + STEP, _newline(text))
    return start, end, lead + (header[0] if header else "|") + lines


def _lines(sealed: str, indent: str, newline: str) -> str:
    return "".join(f"{newline}{indent}{line}" for line in sealed.strip().splitlines())


def _appended(text: str, items: Node, name: str, sealed: str) -> str:
    """The text with one more item behind the last of a list in block style."""
    bare = _bare(text)
    first, last = items.children[0], items.children[-1]
    dash = _DASH.match(bare, _line_start(bare, first.start))
    if dash is None or dash.end() != first.start:
        raise InputError("config.secrets cannot be added to without touching more", hint="edit the file by hand")
    end = len(bare[: _last_end(last)].rstrip())
    found = LINE_BREAK.search(bare, end)
    at = found.start() if found else len(bare)
    indent, newline = dash["indent"], _newline(bare)
    inner = indent + " " * (dash.end() - dash.start() - len(indent))
    item = f"{newline}{indent}-{inner[len(indent) + 1 :]}name: {rendered(name)}{newline}{inner}encrypted: |"
    mark = text[: len(text) - len(bare)]
    return mark + bare[:at] + item + _lines(sealed, inner + STEP, newline) + bare[at:]


def _last_end(node: Node) -> int:
    inner = list(node.children.values() if isinstance(node.children, dict) else node.children or ())
    return _last_end(inner[-1]) if inner and not node.style else node.end


def _checked(before: str, after: str, file: str, sealed: Mapping[tuple[str, str], str]) -> str:
    """``after``, if it says the same as ``before`` but for these ciphertexts."""
    trees, problems = read_trees(_bare(after).encode(), file)
    expected = list(_plain(_trees(_bare(before), file), sealed))
    if problems or list(_plain(trees, {})) != expected:
        raise InputError(f"{file}: the secrets cannot be changed without touching more", hint="edit it by hand")
    return after


def _plain(trees: tuple[Tree, ...], sealed: Mapping[tuple[str, str], str]) -> Iterator[Any]:
    """What the documents say, with these ciphertexts, the white space around ciphertexts left out."""
    for tree in trees:
        value, left = copy.deepcopy(tree.root.value), dict(sealed)
        document = name_of(value)
        for item in _items(value):
            if isinstance(item, dict) and isinstance(item.get("name"), str) and "encrypted" in item:
                text = left.pop((document, item["name"]), item["encrypted"])
                item["encrypted"] = text.strip() if isinstance(text, str) else text
        new = [
            {"name": name, "encrypted": text.strip()} for (owner, name), text in left.items() if owner == document
        ]
        if new:
            value["spec"]["config"]["secrets"] = [*_items(value), *new]
        yield value


def _items(value: Any) -> list[Any]:
    for part in PLACE:
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, list) else []


def _trees(bare: str, file: str) -> tuple[Tree, ...]:
    trees, problems = read_trees(bare.encode(), file)
    if problems:
        raise InvalidDocuments(tuple(map(str, problems)))
    return trees


def _can_have(tree: Tree) -> bool:
    return isinstance(tree.root.value, dict) and tree.root.value.get("kind") in KINDS


def _sealed(tree: Tree) -> Iterator[Sealed]:
    items = _below(tree.root, PLACE)
    flow = _is_flow(tree.root, PLACE)
    for item in items.children if items is not None and isinstance(items.children, list) else ():
        name, node = item.child("name"), item.child("encrypted")
        if name is None or node is None or not isinstance(name.value, str):
            continue
        text = node.value if isinstance(node.value, str) else ""
        column = item.keys["encrypted"].column
        yield Sealed(name_of(tree.root.value), name.value, text, node, column, flow or bool(item.style))


def _below(node: Node | None, path: tuple[str, ...]) -> Node | None:
    for part in path:
        node = node.child(part) if node is not None else None
    return node


def _is_flow(root: Node, path: tuple[str, ...]) -> bool:
    steps = (_below(root, path[:depth]) for depth in range(len(path) + 1))
    return any(step is not None and step.style in {"{", "["} for step in steps)


def _bare(text: str) -> str:
    return text.removeprefix(BYTE_ORDER_MARK)


def _line_start(text: str, offset: int) -> int:
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1


def _newline(text: str) -> str:
    found = LINE_BREAK.search(text)
    return found[0] if found else "\n"
