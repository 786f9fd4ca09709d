"""Pinning in a document's text: where tag and digest are written, and the text with another digest. Pure.

The tag that a digest came from is kept as a comment beside it, ``digest: sha256:…  # tag: v1``, so that the next
pin knows what to ask for. Works on documents that are not valid yet: those without a digest, or with a tag
in ``spec.image``. Everything else of the text stays as it is, to the byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from reconciler.errors import InputError, InvalidDocuments
from reconciler.spec.yaml_tree import Node, read_trees

BYTE_ORDER_MARK: Final = "\ufeff"
TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_COMMENT: Final = re.compile(r"(?P<space>[ \t]*)(?P<comment>#[^\r\n]*)?(?=[\r\n]|$)")
_TAG_COMMENT: Final = re.compile(r"#\s*tag:\s*(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127})")


@dataclass(frozen=True, slots=True)
class Edit:
    """Put ``text`` in place of what is between ``start`` and ``end``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Pin:
    """One document's image, and the tag that its digest is to come from."""

    document: str
    repository: str
    tag: str
    image: Node
    digest: Node | None


def find_pin(text: str, file: str, *, document: str = "", tag: str = "") -> Pin:
    """The pin of ``document``, which may be left out where the file has one Container only.

    The tag is the given one, else that in ``spec.image``, else that in the comment beside the digest. Raises
    InputError when document, image or tag cannot be told, InvalidDocuments when the file is no YAML of ours.
    """
    text = text.removeprefix(BYTE_ORDER_MARK)
    name, spec = _spec_of(text, file, document)
    image, digest = spec.child("image"), spec.child("digest")
    if image is None or not isinstance(image.value, str) or not image.value:
        raise InputError(f"{file}: {name} has no spec.image", hint="write the repository there, then pin")
    repository, written = _split(image.value)
    tag = tag or written or _commented(text, digest)
    if not tag:
        raise InputError(f"{file}: no tag to pin {name} to", hint="name one with --tag TAG")
    if not TAG.fullmatch(tag):
        raise InputError(f"{tag!r} is not a tag", hint="letters, digits, _ . and -, at most 128")
    return Pin(name, repository, tag, image, digest)


def pinned(text: str, pin: Pin, digest: str) -> str:
    """The text with this digest, the tag as a comment, and no tag in ``spec.image``."""
    bare = text.removeprefix(BYTE_ORDER_MARK)
    mark = text[: len(text) - len(bare)]
    for edit in sorted(_edits(bare, pin, digest), key=lambda edit: edit.start, reverse=True):
        bare = bare[: edit.start] + edit.text + bare[edit.end :]
    return mark + bare


def tag_of(text: str, file: str, document: str) -> str:
    """The tag that a comment beside ``document``'s digest names; "" for none."""
    bare = text.removeprefix(BYTE_ORDER_MARK)
    return _commented(bare, _spec_of(bare, file, document)[1].child("digest"))


def without_tag(text: str, file: str, document: str) -> str:
    """The text without the comment that names the tag of ``document``'s digest; what else it says stays.

    For a digest that did not come from that tag: kept, it would lead the next pin to another release.
    """
    bare = text.removeprefix(BYTE_ORDER_MARK)
    digest = _spec_of(bare, file, document)[1].child("digest")
    comment = _COMMENT.match(bare, digest.end) if digest else None
    tag = _TAG_COMMENT.search(comment["comment"] or "") if comment else None
    if comment is None or tag is None:
        return text
    before, after = comment["comment"][: tag.start()].rstrip(), comment["comment"][tag.end() :].strip()
    rest = f"{before}  {after}".strip() if before else after and f"# {after.lstrip('# ')}"
    mark = text[: len(text) - len(bare)]
    return mark + bare[: comment.start()] + (comment["space"] + rest if rest else "") + bare[comment.end() :]


def _spec_of(text: str, file: str, document: str) -> tuple[str, Node]:
    trees, problems = read_trees(text.encode(), file)
    if problems:
        raise InvalidDocuments(tuple(map(str, problems)))
    found: dict[str, Node] = {}
    projects = any(tree.root.child("kind") and tree.root.value["kind"] == "ComposeProject" for tree in trees)
    for tree in trees:
        kind, spec = tree.root.child("kind"), tree.root.child("spec")
        metadata = tree.root.child("metadata")
        name = metadata.child("name") if metadata else None
        if kind and kind.value == "Container" and spec and name:
            found[str(name.value)] = spec
    names = ", ".join(found) or "none"
    if not found and projects:
        hint = "make its lock file anew: reconciler lock COMPOSE_FILE --document " + file
        raise InputError(f"{file} has a ComposeProject; its digests come from a lock file", hint=hint)
    if document and document not in found:
        raise InputError(f"{file} has no Container document named {document}", hint=f"known: {names}")
    if not document and len(found) != 1:
        raise InputError(f"{file} has {len(found)} Container documents", hint=f"choose with --document: {names}")
    name_found = document or next(iter(found))
    return name_found, found[name_found]


def _split(image: str) -> tuple[str, str]:
    """Repository and tag of an image as it is written; a port is no tag."""
    folder, slash, last = image.partition("@")[0].rpartition("/")
    last, _, tag = last.partition(":")
    return folder + slash + last, tag


def _commented(text: str, digest: Node | None) -> str:
    comment = _COMMENT.match(text, digest.end) if digest else None
    found = _TAG_COMMENT.search(comment["comment"] or "") if comment else None
    return found["tag"] if found else ""


def _edits(text: str, pin: Pin, digest: str) -> Iterator[Edit]:
    if pin.image.value != pin.repository:
        quote = pin.image.style if pin.image.style in {"'", '"'} else ""
        yield Edit(pin.image.start, pin.image.end, f"{quote}{pin.repository}{quote}")
    if pin.digest is None:
        yield _new_line(text, pin, f"digest: {digest}  # tag: {pin.tag}")
        return
    space = " " if text[pin.digest.start - 1 : pin.digest.start] == ":" else ""
    comment = _COMMENT.match(text, pin.digest.end)
    end, tail = (comment.end(), _with_tag(comment, pin.tag)) if comment else (pin.digest.end, "")
    yield Edit(pin.digest.start, end, space + digest + tail)


def _with_tag(comment: re.Match[str], tag: str) -> str:
    """The end of the digest's line, naming this tag; what else the comment says stays."""
    if not comment["comment"]:
        return f"  # tag: {tag}"
    space = comment["space"] or "  "
    said, changes = _TAG_COMMENT.subn(f"# tag: {tag}", comment["comment"], count=1)
    return space + (said if changes else f"# tag: {tag}  {said}")


def _new_line(text: str, pin: Pin, line: str) -> Edit:
    """A line of its own below that of ``spec.image``, indented like it."""
    start = text.rfind("\n", 0, pin.image.start) + 1
    key = re.compile(r"[ \t]*(?=image[ \t]*:)").match(text, start)
    end = _COMMENT.match(text, pin.image.end)
    if key is None or end is None:
        raise InputError(f"spec.digest of {pin.document} is not written", hint="write `digest:` there, then pin")
    newline = "\r\n" if text[end.end() : end.end() + 2] == "\r\n" else "\n"
    return Edit(end.end(), end.end(), newline + key[0] + line)
