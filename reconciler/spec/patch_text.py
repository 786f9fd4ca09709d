"""What changes from one text of YAML to another, as a unified diff with secrets masked.

What changes is told by the true texts, so that a secret that changes is seen to change; what is shown are the
same lines with everything below a secret-looking key masked. Of a text that cannot be read as YAML nothing is
shown. A patch is for people to read: with a secret in it, it cannot be applied. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final

from reconciler.core.display import MASK, looks_secret, without_credentials
from reconciler.spec.yaml_tree import Node, read_trees

BYTE_ORDER_MARK: Final = "\ufeff"
CONTEXT: Final = 3
_WORDS: Final = re.compile(r"\S(?:.*\S)?")
_COMMENT: Final = re.compile(r"(?<!\S)#(?P<said>.*\S)")


def unified(before: str, after: str, name: str) -> str:
    """What changes, in the form of ``diff -u``; "" when nothing does."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    shown_old, shown_new = _shown_lines(before), _shown_lines(after)
    lines: list[str] = []
    for group in SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(CONTEXT):
        (_, old_from, _, new_from, _), (_, _, old_to, _, new_to) = group[0], group[-1]
        lines.append(f"@@ -{_range(old_from, old_to)} +{_range(new_from, new_to)} @@\n")
        for kind, i1, i2, j1, j2 in group:
            if kind == "equal":
                lines += [f" {line}" for line in shown_old[i1:i2]]
            else:
                lines += [f"-{line}" for line in shown_old[i1:i2]] + [f"+{line}" for line in shown_new[j1:j2]]
    head = [f"--- a/{name}\n", f"+++ b/{name}\n"] if lines else []
    return "".join(map(_ended, head + lines))


def _range(start: int, stop: int) -> str:
    """Lines as POSIX diff writes them: first and number; of an empty range the line before it."""
    length = stop - start
    return str(start + 1) if length == 1 else f"{start + bool(length)},{length}"


def _ended(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _shown_lines(text: str) -> list[str]:
    """The lines of ``text``, as many as it has, each with its secrets masked."""
    bare = text.removeprefix(BYTE_ORDER_MARK)
    pieces, done = [text[: len(text) - len(bare)]], 0
    for start, end in _secret_spans(bare):
        secret = bare[start:end].splitlines(keepends=True)
        pieces += [bare[done:start], *(_WORDS.sub(MASK, line) for line in secret)]
        done = end
    lines = "".join((*pieces, bare[done:])).splitlines(keepends=True)
    return [_COMMENT.sub(_comment, without_credentials(line)) for line in lines]


def _comment(found: re.Match[str]) -> str:
    return f"# {MASK}" if looks_secret(found["said"]) or MASK in found.string[: found.start()] else found[0]


def _secret_spans(text: str) -> list[tuple[int, int]]:
    trees, problems = read_trees(text.encode(), "")
    if problems:
        return [(0, len(text))]
    return [(node.start, node.end) for tree in trees for node in _secrets(tree.root)]


def _secrets(node: Node) -> Iterator[Node]:
    """The outermost values below secret-looking keys, in the order of the text."""
    if isinstance(node.children, dict):
        for key, child in node.children.items():
            yield from (child,) if looks_secret(key) else _secrets(child)
    else:
        for child in node.children or ():
            yield from _secrets(child)
