"""A real PostgreSQL in an image, without a hub: Debian's server and client with the libraries that they need.

``publish_database`` makes a server that is told what the official image is told (POSTGRES_USER, POSTGRES_DB,
POSTGRES_PASSWORD_FILE); ``client_recipe`` is a base for images that have ``psql`` and their own files. Both share
one layer. It is a database for tests: what it writes is not forced to the disk.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.parts.host import PartFailed
from tests.parts.images import PublishedImage, Recipe, publish
from tests.parts.packing import packed, with_libraries
from tests.parts.standard_images import HEALTH_INTERVAL_NS

PROGRAMS = ("postgres", "initdb", "psql", "pg_isready")
SERVER_USER = 1000
_ROOT = Path("/usr/lib/postgresql")
_SHARED = ("*.sql", "*.bki", "*.sample", "*.txt", "timezonesets/*", "tsearch_data/*", "extension/plpgsql*")
_LIBRARIES = ("plpgsql.so", "dict_snowball.so")

_SERVE = """\
#!/bin/sh
set -eu
data=/var/lib/postgresql/data
if [ ! -s $data/PG_VERSION ]; then
    initdb -D $data -U "$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth=scram-sha-256 \\
        -E UTF8 --locale=C --no-sync
    echo "host all all all scram-sha-256" >>$data/pg_hba.conf
    echo "CREATE DATABASE $POSTGRES_DB" | postgres --single -D $data -c fsync=off template1
fi
exec postgres -D $data -c listen_addresses='*' -c fsync=off -c shared_buffers=16MB
"""


def publish_database(address: str) -> PublishedImage:
    """Push the server to the registry at ``address``. Raises PartFailed where Debian's package is missing."""
    config = {
        "Cmd": ["/app/serve"],
        "Env": [f"PATH={_home() / 'bin'}:/bin"],
        "User": str(SERVER_USER),
        "StopSignal": "SIGINT",
        "Healthcheck": {
            "Test": ["CMD-SHELL", 'pg_isready -q -h 127.0.0.1 -U "$POSTGRES_USER" -d "$POSTGRES_DB"'],
            "Interval": HEALTH_INTERVAL_NS,
            "Timeout": 5_000_000_000,
            "Retries": 60,
        },
    }
    return publish(
        address, "postgres", "v1", Recipe(config=config, files={"app/serve": _SERVE}, layers=(_layer(),))
    )


def client_recipe(config: Mapping[str, Any], files: Mapping[str, str]) -> Recipe:
    """An image with ``psql`` on its PATH, these files and this configuration."""
    return Recipe(config={"Env": [f"PATH={_home() / 'bin'}:/bin"], **config}, files=files, layers=(_layer(),))


def _home() -> Path:
    """The newest version that is installed."""
    found = [path for path in _ROOT.glob("*") if (path / "bin/postgres").exists() and path.name.isdigit()]
    if not found:
        raise PartFailed("PostgreSQL is not installed: run `tools/setup` as root, or `apt-get install postgresql`")
    return max(found, key=lambda path: int(path.name))


@functools.cache
def _layer() -> bytes:
    """Server and client, packed once in a process (about a second)."""
    folders = ("var/lib/postgresql", "var/lib/postgresql/data", "var/run/postgresql")
    return packed(_files(_home()), folders=folders, owner=SERVER_USER)


def _files(home: Path) -> Iterator[Path]:
    programs = [home / "bin" / name for name in PROGRAMS]
    libraries = [home / "lib" / name for name in _LIBRARIES]
    for path in (*programs, *libraries):
        yield from with_libraries(path)
    shared = Path("/usr/share/postgresql") / home.name
    for pattern in _SHARED:
        yield from (path for path in shared.glob(pattern) if path.is_file())
