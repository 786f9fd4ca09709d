"""Every kind of broken lock file and project document, with the words that a person gets to read.

The expected text lies beside each file. ``UPDATE_GOLDEN=1`` writes it anew; read the difference before you
commit it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.spec.problem import Problem
from tests.spec.locks import LOCK_PATH, examined, lock, project
from tests.spec.test_broken_files import JARGON
from tests.spec.texts import DIGEST

HERE = Path(__file__).parent
LOCKS = sorted((HERE / "broken_locks").glob("*.lock.yml"), key=lambda path: path.name)
DOCUMENTS = sorted((HERE / "broken_projects").glob("*.yaml"), key=lambda path: path.name)
HALF = b"x" * (600 * 1024)
FILES: dict[str, str | bytes] = {
    "shop/nginx.conf": "a",
    "nginx.conf": "b",
    "shop/large": HALF * 2,
    "shop/half": HALF,
    "shop/other-half": HALF,
}


def compare(problems: tuple[Problem, ...], golden: Path) -> None:
    told = "".join(f"{problem}\n" for problem in problems)
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(told, encoding="utf-8")
    assert told == golden.read_text(encoding="utf-8")
    assert told, "a broken file without a word about it"
    assert not [word for word in JARGON if word in told]


@pytest.mark.parametrize("file", LOCKS, ids=lambda path: path.name.partition(".")[0])
def test_a_broken_lock_file_is_explained(file: Path) -> None:
    text = project(digests=f"web: '{DIGEST}', db: '{DIGEST}'", config="configFiles: [nginx.conf]")
    found = examined(text, {**FILES, LOCK_PATH: file.read_bytes()})
    assert not found.documents
    assert {problem.file for problem in found.problems} == {LOCK_PATH}
    assert {problem.document for problem in found.problems} == {"shop"}
    compare(found.problems, file.with_suffix("").with_suffix(".txt"))


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda path: path.stem)
def test_a_broken_project_document_is_explained(file: Path) -> None:
    found = examined(file.read_text(encoding="utf-8"), {**FILES, LOCK_PATH: lock()})
    assert found.sound == bool(found.documents)
    compare(found.problems, file.with_suffix(".txt"))


def test_every_kind_of_breakage_has_its_expected_words() -> None:
    assert len(LOCKS) + len(DOCUMENTS) >= 60
    for files in (LOCKS, DOCUMENTS):
        assert {path.stem for path in files[0].parent.glob("*.txt")} == {
            path.name.partition(".")[0] for path in files
        }
