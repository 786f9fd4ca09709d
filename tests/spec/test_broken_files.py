"""Every kind of broken file, with the words that a person gets to read.

The expected text lies beside each file. ``UPDATE_GOLDEN=1`` writes it anew; read the difference before you
commit it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.spec.assemble import examine

FOLDER = Path(__file__).parent / "broken"
FILES = sorted(FOLDER.glob("*.yaml"), key=lambda path: path.name)
JARGON = ("Traceback", "schema", "additionalProperties", "instance", "is not valid under", "regex", "NoneType")


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_a_broken_file_is_explained(file: Path) -> None:
    examined = examine({file.name: file.read_bytes()}, every=True)
    told = "".join(f"{problem}\n" for problem in examined.problems)
    golden = file.with_suffix(".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(told, encoding="utf-8")
    assert told == golden.read_text(encoding="utf-8")
    assert told, "a broken file without a word about it"
    assert not [word for word in JARGON if word in told]


def test_every_kind_of_breakage_has_its_expected_words() -> None:
    assert len(FILES) >= 30
    assert {path.stem for path in FOLDER.glob("*.txt")} == {path.stem for path in FILES}
