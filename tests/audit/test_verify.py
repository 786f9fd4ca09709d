"""Laws of verification: whatever is done to the lines of a log is found; nothing is found in one left alone."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.audit import line
from reconciler.audit.checkpoint import make, parse
from reconciler.audit.files import LogFiles
from tests.audit.logs import KEY, a_log, done, lines, looked_at, newest

Lines = list[bytes]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of several files with a checkpoint at its end; tests work on copies."""
    state = tmp_path_factory.mktemp("written")
    log = a_log(state, size=3000)
    done(log, 12)
    log.checkpoint()
    return state


def copied(written: Path, where: Path) -> Path:
    shutil.copytree(written, where, dirs_exist_ok=True)
    return where


def put(path: Path, content: Lines) -> None:
    path.write_bytes(b"".join(item + b"\n" for item in content))


def by_file(state: Path) -> dict[str, Lines]:
    files = LogFiles(state)
    return {name: files.content(name).splitlines() for name in files.names()}


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_one_changed_byte_is_found_at_its_line_or_the_one_after(
    written: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    state = copied(written, tmp_path_factory.mktemp("copy"))
    content = by_file(state)
    name = data.draw(st.sampled_from(sorted(content)))
    number = data.draw(st.integers(0, len(content[name]) - 1))
    place = data.draw(st.integers(0, len(content[name][number]) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda value: value != content[name][number][place]))
    changed = bytearray(content[name][number])
    changed[place] = value
    content[name][number] = bytes(changed)
    put(state / "audit" / name, content[name])
    found = looked_at(state)
    assert not found.whole
    assert (found.faults[0].file, found.faults[0].line) in {
        (name, number + 1),
        (name, number + 2),
        after(content, name),
    }


def after(content: dict[str, Lines], name: str) -> tuple[str, int]:
    """Where the file after this one begins; what ends the last file is missed by a checkpoint."""
    later = [other for other in sorted(content) if other > name]
    return (later[0], 1) if later else ("audit-checkpoints.jsonl", 2)


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_what_is_left_of_a_log_in_another_order_or_number_is_found(
    written: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    state = copied(written, tmp_path_factory.mktemp("copy"))
    content = by_file(state)
    name = data.draw(st.sampled_from(sorted(content)))
    before = content[name]
    count = len(before)
    chosen = data.draw(
        st.one_of(
            st.permutations(range(count)),
            st.lists(st.integers(0, count - 1), min_size=1, max_size=count + 2),
        ).filter(lambda order: list(order) != list(range(count)))
    )
    put(state / "audit" / name, [before[number] for number in chosen])
    assert not looked_at(state).whole


def test_a_log_that_was_left_alone_is_whole(written: Path) -> None:
    found = looked_at(written)
    assert (found.whole, found.first, found.faults, found.told) == (True, 1, (), ())
    assert found.last == found.lines == len(lines(written))


def test_a_line_that_was_written_anew_with_its_hash_is_missed_by_the_next(written: Path, tmp_path: Path) -> None:
    state = copied(written, tmp_path)
    name, content = next(iter(by_file(state).items()))
    record = json.loads(content[2])
    del record["hash"]
    _, forged = line.written(
        {**record, "cause": "nobody asked"}, sequence=record["sequence"], previous=record["previous"]
    )
    assert line.read(forged[:-1]) is not None
    put(state / "audit" / name, [*content[:2], forged[:-1], *content[3:]])
    assert str(looked_at(state).faults[0]) == (
        f"{name}:4: does not follow the line before it: one of them was replaced"
    )


def test_a_whole_log_that_was_written_anew_is_found_by_a_checkpoint_alone(written: Path, tmp_path: Path) -> None:
    kept = [("usb", list(parse(LogFiles(written).checkpoints.read_text())))]
    done(a_log(tmp_path, size=3000), 12)
    assert looked_at(tmp_path).whole
    found = looked_at(tmp_path, others=kept)
    assert "is another line 1 than was signed at" in found.faults[0].message


@pytest.mark.parametrize("cut", [1, 3])
def test_a_tail_that_was_cut_is_found_by_a_checkpoint_that_was_kept_elsewhere(
    cut: int, written: Path, tmp_path: Path
) -> None:
    state = copied(written, tmp_path)
    kept = [("usb", list(parse(LogFiles(state).checkpoints.read_text())))]
    put(newest(state), newest(state).read_bytes().splitlines()[:-cut])
    LogFiles(state).checkpoints.unlink()
    assert looked_at(state).whole
    (fault,) = looked_at(state, others=kept).faults
    assert (fault.file, fault.line) == ("usb", 2)
    assert "it was cut" in fault.message


def harmed() -> Iterator[tuple[Callable[[str], str], str]]:
    yield lambda text: text.replace('"sequence":', '"sequence": '), "no"
    yield lambda text: text.replace('"time":"2', '"time":"3'), "has not the signature that it says"
    yield lambda _: make(b"x" * 32, sequence=1, digest="0" * 64, time="now").text, "is signed by another key"
    yield (
        lambda _: make(KEY, sequence=1, digest="0" * 64, time="now").text,
        "is another line 1 than was signed at now",
    )
    yield lambda text: text[:40], "is no checkpoint"
    yield lambda text: text.replace('"sequence":', '"sequence":"1","x":'), "is no checkpoint"
    yield lambda text: text.replace('"hash":"', '"hash":"g'), "is no checkpoint"


@pytest.mark.parametrize(("harm", "told"), list(harmed()))
def test_a_checkpoint_counts_only_as_it_was_signed(harm: Callable[[str], str], told: str, written: Path) -> None:
    text = LogFiles(written).checkpoints.read_text().splitlines()[-1]
    found = looked_at(written, others=[("usb", list(parse(harm(text))))])
    assert [told in fault.message for fault in found.faults] == ([True] if told != "no" else [])


def test_a_signature_that_is_none_is_no_signature(written: Path) -> None:
    (item,) = parse(LogFiles(written).checkpoints.read_text().splitlines()[-1])
    assert item is not None
    assert item.genuine
    assert not replace(item, signature="no").genuine
    assert not replace(item, key="ab").genuine


def test_what_was_moved_away_after_a_break_leaves_a_log_that_says_so(tmp_path: Path) -> None:
    done(a_log(tmp_path), 3)
    broken = newest(tmp_path)
    broken.write_bytes(broken.read_bytes().replace(b"ana", b"bob", 1))
    done(a_log(tmp_path))
    broken.unlink()
    assert not looked_at(tmp_path).whole
    LogFiles(tmp_path).checkpoints.unlink()
    found = looked_at(tmp_path)
    assert (found.whole, found.anew, found.told) == (True, True, ())
    done(a_log(tmp_path))
    assert looked_at(tmp_path).whole


def test_a_file_that_ends_torn_before_another_one_is_a_fault(written: Path, tmp_path: Path) -> None:
    state = copied(written, tmp_path)
    first = state / "audit" / LogFiles(state).names()[0]
    with first.open("ab") as file:
        file.write(b"x")
    assert looked_at(state).faults[0].message.startswith("is no line of an audit log")


def test_a_file_without_its_beginning_is_found(written: Path, tmp_path: Path) -> None:
    state = copied(written, tmp_path)
    put(newest(state), newest(state).read_bytes().splitlines()[1:])
    assert looked_at(state).faults[0].message.startswith("is not how a file of the log begins")


def test_there_is_an_end_of_telling_faults(tmp_path: Path) -> None:
    done(a_log(tmp_path), 80)
    content = newest(tmp_path).read_bytes().splitlines()
    content.reverse()
    put(newest(tmp_path), content)
    assert len(looked_at(tmp_path).faults) == 100


def test_an_empty_state_directory_has_a_log_of_nothing(tmp_path: Path) -> None:
    found = looked_at(tmp_path)
    assert (found.whole, found.lines, found.files) == (True, 0, 0)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b'{"action":"x"}',
        b'{"action":"x","hash":"' + b"0" * 64 + b'"}',
        b'{"action":"x","hash":"' + b"0" * 64 + b'","kind":1,"previous":"","sequence":1}',
        b'{"action":"x","hash":"' + b"0" * 64 + b'","kind":"x","previous":"","sequence":"1"}',
        b"[" * 100_000 + b',"hash":"' + b"0" * 64 + b'"',
    ],
)
def test_what_is_no_line_is_none(raw: bytes) -> None:
    assert line.read(raw) is None


@given(st.dictionaries(st.sampled_from(["action", "cause", "detail"]), st.text(), min_size=1))
def test_a_line_has_the_hash_of_its_canonical_form(fields: dict[str, str]) -> None:
    try:
        _, raw = line.written({"action": "x", **fields, "kind": "intent"}, sequence=3, previous="a" * 64)
    except rfc8785.CanonicalizationError:  # half of a surrogate pair
        return
    found = line.read(raw[:-1])
    assert found is not None
    assert (found.sound, found.sequence, found.previous, raw.count(b"\n")) == (True, 3, "a" * 64, 1)


def test_a_hash_that_stands_elsewhere_in_a_line_is_not_the_line_s(written: Path, tmp_path: Path) -> None:
    """An edit that keeps the hash which others speak of, and hides one that fits the edit."""
    state = copied(written, tmp_path)
    name, content = next(iter(by_file(state).items()))
    edited = {**json.loads(content[1]), "cause": "nothing to see", "actor": {"a": "x"}}
    body = rfc8785.dumps(edited)
    place = body.index(b'"actor":{"a":"x"') + len(b'"actor":{"a":"x"')
    digest = hashlib.sha256(body).hexdigest().encode()
    content[1] = body[:place] + b',"hash":"' + digest + b'"' + body[place:]
    put(state / "audit" / name, content)
    assert [(fault.file, fault.line) for fault in looked_at(state).faults] == [(name, 2)]


def test_a_line_in_another_form_is_found(written: Path, tmp_path: Path) -> None:
    state = copied(written, tmp_path)
    name, content = next(iter(by_file(state).items()))
    content[1] = json.dumps(json.loads(content[1])).encode()
    put(state / "audit" / name, content)
    assert looked_at(state).faults[0].line == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "nonsense"},
        {"sequence": "2"},
        {"sequence": True},
        {"intent": "x"},
        {"intent": None},
        {"through": "x"},
        {"last": 7},
        {"open": 7},
        {"open": [7]},
        {"open": [{"Sequence": 1}]},
        {"previous": None},
        {"hash": 7},
    ],
)
def test_a_line_of_other_types_is_none(changes: dict[str, object], written: Path, tmp_path: Path) -> None:
    state = copied(written, tmp_path)
    name, content = next(iter(by_file(state).items()))
    told: dict[str, Any] = {**json.loads(content[1]), **changes}
    content[1] = rfc8785.dumps(told)
    put(state / "audit" / name, content)
    assert line.read(content[1]) is None
    assert not looked_at(state).whole


def test_a_line_that_was_edited_says_nothing_of_what_is_open(written: Path, tmp_path: Path) -> None:
    state = copied(written, tmp_path)
    name, content = next(iter(by_file(state).items()))
    told = json.loads(content[0])
    content[0] = rfc8785.dumps({**told, "open": [{"sequence": 99, "action": "made-up"}]})
    put(state / "audit" / name, content)
    log = a_log(state)
    log.take_over()
    assert not any(b"made-up" in item for item in lines(state)[len(content) :])
