"""Programs of this machine as a layer of an image: the files, and the libraries that they are linked to."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.parts.host import run


def with_libraries(program: Path) -> Iterator[Path]:
    """A program or library, and all that it is linked to."""
    yield program
    yield from (Path(needed) for needed in re.findall(r"(/\S+) \(0x", run("ldd", str(program))))


def packed(files: Iterable[Path], *, folders: Iterable[str] = (), owner: int = 0) -> bytes:
    """A gzipped tar file of these files, executable, at the places where they lie here, and of empty folders that
    belong to ``owner``.
    """
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for path in sorted(set(files)):
            entry = tarfile.TarInfo(str(path).lstrip("/"))
            content = path.read_bytes()
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
        for name in folders:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            entry.uid = entry.gid = owner
            tar.addfile(entry)
    return gzip.compress(written.getvalue(), compresslevel=1, mtime=0)
