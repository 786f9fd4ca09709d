"""What is confidential is encrypted where it lies, also while its key changes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.secret import Secret
from reconciler.errors import InputError, SecretSealed, StateDamaged
from reconciler.sealing import data_keys
from reconciler.sealing.data_keys import DataKeyFile, Keys, data_key_file

VALUE = Secret(b"canary-value")
KEYS = Keys(Secret(bytes(32)))
RECORD = KEYS.seal(VALUE, purpose="a task")
FAULTS: dict[str, bytes] = {
    "empty": b"",
    "no part": b"AAAA\n",
    "no key": b"current\n",
    "short": b"current AAAA\n",
    "no base64": b"current !!!!\n",
    "twice": b"current " + b"A" * 43 + b"=\ncurrent " + b"A" * 43 + b"=\n",
    "former alone": b"former " + b"A" * 43 + b"=\n",
}


@pytest.fixture
def file(tmp_path: Path) -> DataKeyFile:
    return DataKeyFile(tmp_path / "data.key")


@given(st.binary(), st.text(st.characters(codec="utf-8"), max_size=10))
def test_every_value_comes_out_as_it_went_in(value: bytes, purpose: str) -> None:
    record = KEYS.seal(Secret(value), purpose=purpose)
    assert KEYS.open(record, purpose=purpose).reveal() == value
    assert record != KEYS.seal(Secret(value), purpose=purpose)


@given(st.integers(0, len(RECORD) - 1), st.integers(1, 255))
def test_a_changed_byte_opens_nothing(place: int, by: int) -> None:
    changed = bytearray(RECORD)
    changed[place] ^= by
    for record in (bytes(changed), RECORD[:place]):
        with pytest.raises(SecretSealed) as caught:
            KEYS.open(record, purpose="a task")
        assert "canary" not in str(caught.value)


def test_a_record_opens_in_its_place_with_its_key_alone() -> None:
    assert KEYS.open(RECORD, purpose="a task") == VALUE
    with pytest.raises(SecretSealed, match="stored as another task was changed, or belongs elsewhere"):
        KEYS.open(RECORD, purpose="another task")
    with pytest.raises(SecretSealed, match="is of no data key that is here"):
        Keys(Secret(b"x" * 32)).open(RECORD, purpose="a task")
    assert b"canary" not in RECORD
    assert "secret" in repr(KEYS)
    assert "\\x00" not in repr(KEYS)


def test_a_key_is_made_once_for_its_owner_alone(file: DataKeyFile) -> None:
    keys = file.keys()
    assert file.keys() == keys
    assert file.path.stat().st_mode & 0o777 == 0o600
    file.path.chmod(0o640)
    with pytest.raises(StateDamaged, match="others than its owner can read"):
        file.keys()


@pytest.mark.parametrize("content", FAULTS.values(), ids=FAULTS)
def test_a_file_that_is_none_is_told_and_kept(content: bytes, file: DataKeyFile) -> None:
    file.path.write_bytes(content)
    file.path.chmod(0o600)
    with pytest.raises(StateDamaged, match="put its copy back"):
        file.keys()
    assert file.path.read_bytes() == content


class Killed(BaseException):
    """In place of a SIGKILL."""


def rotate(file: DataKeyFile, records: list[bytes], step: Callable[[], None]) -> None:
    """As whoever keeps records does it; ``step`` comes before each thing that lasts."""
    step()
    keys = file.begin_rotation()
    for number, record in enumerate(records):
        step()
        records[number] = keys.renewed(record, purpose="a task") or record
    step()
    file.end_rotation()


def test_a_rotation_that_is_cut_short_anywhere_loses_nothing_and_comes_to_its_end(tmp_path: Path) -> None:
    """The new key is on the disk before anything is encrypted with it; the old one goes after the last record."""
    for number in range(1, 6):
        file = DataKeyFile(tmp_path / f"{number}.key")
        before = file.keys()
        records = [before.seal(VALUE, purpose="a task") for _ in range(3)]
        steps = count(1)

        def step(steps: count[int] = steps, number: int = number) -> None:
            if next(steps) == number:
                raise Killed

        with pytest.raises(Killed):
            rotate(file, records, step)
        assert {file.keys().open(record, purpose="a task") == VALUE for record in records} == {True}
        rotate(file, records, lambda: None)
        after = file.keys()
        assert (after.pending, after.former, after.current == before.current) == (None, (), False)
        assert {after.open(record, purpose="a task") == VALUE for record in records} == {True}
        assert [after.renewed(record, purpose="a task") for record in records] == [None] * 3


def test_a_rotation_that_was_begun_is_not_begun_again(file: DataKeyFile) -> None:
    with pytest.raises(InputError, match="no rotation of the data key was begun"):
        file.end_rotation()
    assert file.begin_rotation() == file.begin_rotation()
    assert file.keys().pending is not None


def test_systemd_hands_the_key_in(tmp_path: Path) -> None:
    credentials, state = tmp_path / "credentials", tmp_path / "state"
    credentials.mkdir()
    state.mkdir()
    environment = {"CREDENTIALS_DIRECTORY": str(credentials)}
    assert data_key_file(state, "data.key", environment) == DataKeyFile(state / "data.key")
    assert data_key_file(state, "data.key", {}) == DataKeyFile(state / "data.key")
    old = data_key_file(state, "data.key", {}).keys()
    handed_in = credentials / "data.key"
    new = Secret(b"n" * 32)
    handed_in.write_bytes(data_keys._written(Keys(new, former=(old.current,))))
    handed_in.chmod(0o440)
    file = data_key_file(state, "data.key", environment)
    assert file.keys().open(old.seal(VALUE, purpose="a task"), purpose="a task") == VALUE
    assert file.keys().newest == new
    for change in (file.begin_rotation, file.end_rotation):
        with pytest.raises(InputError, match="comes from systemd and is not changed here"):
            change()
    handed_in.chmod(0o444)
    with pytest.raises(StateDamaged, match="others than its owner can read"):
        file.keys()
    handed_in.unlink()
    with pytest.raises(StateDamaged, match="is not there"):
        file.keys()
