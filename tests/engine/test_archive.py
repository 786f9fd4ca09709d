"""Archives of one entry."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.archive import Entry, file_archive, first_entry, link_archive
from reconciler.errors import EngineRefused


def archive(*entries: tarfile.TarInfo) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        for entry in entries:
            made.addfile(entry)
    buffer.seek(0)
    return buffer


@given(st.binary(max_size=2000))
def test_what_is_packed_is_unpacked(content: bytes) -> None:
    packed = io.BytesIO(file_archive("a/b", content, mtime=7))
    assert first_entry(packed, len(content)) == Entry(content=content)


def test_a_link_is_told_by_its_target() -> None:
    assert first_entry(io.BytesIO(link_archive("a", "b", mtime=7)), 0) == Entry(link="b")


def test_a_file_larger_than_the_limit_is_not_read() -> None:
    assert first_entry(io.BytesIO(file_archive("a", b"12345", mtime=7)), 4) == Entry()


def test_a_directory_and_a_device_have_no_content() -> None:
    folder, device = tarfile.TarInfo("d"), tarfile.TarInfo("p")
    folder.type, device.type = tarfile.DIRTYPE, tarfile.FIFOTYPE
    assert first_entry(archive(folder), 10) == Entry(directory=True)
    assert first_entry(archive(device), 10) == Entry()


@pytest.mark.parametrize("content", [b"", b"no archive" * 100, file_archive("a", b"x" * 900, mtime=0)[:700]])
def test_a_damaged_archive_is_refused(content: bytes) -> None:
    with pytest.raises(EngineRefused):
        first_entry(io.BytesIO(content), 1000)


def test_an_archive_without_entries_is_refused() -> None:
    with pytest.raises(EngineRefused, match="empty"):
        first_entry(archive(), 10)
