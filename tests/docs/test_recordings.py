"""Pictures of terminals: small, whole in themselves, and shown somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.docs.pages import PAGES, ROOT
from tools.recordings.picture import picture

PICTURES = sorted((ROOT / "docs" / "images").glob("terminal-*.svg"))
LARGEST = 30_000
NAME_SPACE = "http://www.w3.org/2000/svg"
CAPTURED = "\x1b[1m$ reconciler status\x1b[0m\n\x1b[33mOutOfSync\x1b[39m <web> & co\n\n"


@pytest.mark.parametrize("file", PICTURES, ids=lambda file: file.stem)
def test_a_picture_is_small_and_needs_nothing_from_elsewhere(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)  # noqa: S314  (our own)
    assert root.find(f"{{{NAME_SPACE}}}title") is not None
    assert len(text) < LARGEST
    assert set(re.findall(r"https?://[^\s\"<]+", text)) <= {NAME_SPACE}
    assert "<script" not in text
    assert "@font-face" not in text
    assert any(f"images/{file.name}" in page.read_text(encoding="utf-8") for page in PAGES)


def test_a_capture_becomes_a_picture_with_its_words_and_colours() -> None:
    drawn = picture(CAPTURED, title="a <title>", columns=40)
    root = ElementTree.fromstring(drawn)  # noqa: S314  (our own)
    words = "".join(root.itertext()).replace("\xa0", " ")
    assert "a <title>" in words
    assert "$ reconciler status" in words
    assert "OutOfSync" in words
    assert "<web> & co" in words
    assert "#e3b341" in drawn
    assert "font-weight: bold" in drawn
    assert drawn == picture(CAPTURED, title="a <title>", columns=40)
