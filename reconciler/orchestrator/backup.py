"""Backup: everything that makes an orchestrator, in one file, while it runs; and a folder made of it again.

The database is copied as of one moment; keys and settings lie beside it. The file has all the keys of the fleet:
it is written for its owner alone, and belongs where such things are kept.

What came after the backup is not in it: agents whose generations are ahead keep what they have, and whoever was
revoked since has to be revoked again.
"""

from __future__ import annotations

import io
import os
import re
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from reconciler.atomic import create_file, write_file
from reconciler.errors import InputError, StateDamaged
from reconciler.folders import PRIVATE, make_directory, translated
from reconciler.orchestrator.home import Home
from reconciler.orchestrator.store.database import Database

MEMBER: Final = re.compile(
    r"orchestrator\.json|orchestrator\.db|release\.key|admin/(?:passport\.pem|fleet\.json)"
    r"|authority/(?:authority\.json|root-[0-9a-f]{16}\.(?:pem|key)|issuing-[0-9a-f]{16}\.pem)"
)
"""What is in a backup, and nothing else."""

LARGEST: Final = 8 << 30


def back_up(home: Home, database: Database, path: Path) -> None:
    """Write the file. Raises InputError where there is one already, StateUnwritable."""
    if path.exists():
        raise InputError(f"{path} is there already, and is left as it is", hint="name a new file")
    with translated(f"could not write the backup {path}"), tempfile.TemporaryDirectory(dir=home.path) as folder:
        copy = Path(folder) / "orchestrator.db"
        database.back_up(copy)
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w:gz") as archive:
            for name in _names(home.path):
                archive.add(copy if name == home.database.name else home.path / name, arcname=name)
    if not create_file(path, content.getvalue(), mode=0o600):
        raise InputError(f"{path} is there already, and is left as it is", hint="name a new file")


def restore(path: Path, home: Path) -> Home:
    """Make a new folder of it. Raises InputError where there is one already, StateDamaged, StateUnwritable."""
    if home.exists() and any(home.iterdir()):
        raise InputError(f"{home} is not empty, and is left as it is", hint="name another folder")
    try:
        with tarfile.open(path, mode="r:gz") as archive:
            contents = {item.name: _content(archive, item) for item in archive}
    except FileNotFoundError:
        raise InputError(f"{path} is not there") from None
    except (tarfile.TarError, EOFError, OSError) as error:
        raise StateDamaged(f"the backup {path} cannot be read: {error}") from error
    strange = sorted(name for name in contents if not MEMBER.fullmatch(name))
    if strange or not {"orchestrator.json", "orchestrator.db"} <= contents.keys():
        raise StateDamaged(f"{path} is no backup of an orchestrator")
    _write(contents, home)
    return Home(home)


def _write(contents: dict[str, bytes], home: Path) -> None:
    """``orchestrator.json`` comes last: it makes the folder one that can be used."""
    with translated(f"could not make {home}"):
        for folder in (home, home / "authority", home / "admin", home / "desired"):
            make_directory(folder, mode=PRIVATE)
            os.chmod(folder, PRIVATE)  # noqa: PTH101  (it may have been there, empty)
    for name in sorted(contents, key=lambda item: item == "orchestrator.json"):
        write_file(home / name, contents[name], mode=0o600)


def _names(home: Path) -> list[str]:
    found = (item.relative_to(home).as_posix() for item in sorted(home.rglob("*")) if item.is_file())
    return [name for name in found if MEMBER.fullmatch(name)]


def _content(archive: tarfile.TarFile, item: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(item) if item.isreg() and item.size <= LARGEST else None
    if file is None:
        raise tarfile.TarError(f"{item.name[:80]!r} is no plain file")
    return file.read()
