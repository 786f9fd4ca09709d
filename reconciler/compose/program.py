"""Finding Compose on this host, and the environment in which it runs.

The plugin's binary is run by itself, without the docker command around it: one process, nothing that reads another
configuration first. Docker's plugin folders come before PATH, in docker's own order (docker/cli
``cli-plugins/manager``). The oldest version is 2.19: the first with ``--progress`` for every command
(docker/compose pull request 10690); all else that we use is older.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from reconciler.errors import ComposeMissing

OLDEST = (2, 19)
NAME = "docker-compose"
HINT = "install Docker Compose 2.19 or newer: docker-compose-plugin of Docker, or docker-compose of Debian 13"

_FOLDERS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NOWHERE = "/nonexistent"
_VERSION = re.compile(r"v?(\d+)\.(\d+)")


def find(environment: Mapping[str, str], *, folders: tuple[str, ...] = _FOLDERS) -> str:
    """Full path of the program. Raises ComposeMissing."""
    home = environment.get("DOCKER_CONFIG") or f"{environment.get('HOME', _NOWHERE)}/.docker"
    for folder in (f"{home}/cli-plugins", *folders):
        path = Path(folder) / NAME
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    found = shutil.which(NAME, path=environment.get("PATH", _SYSTEM_PATH))
    if found is None:
        raise ComposeMissing("there is no docker compose v2 on this host", hint=HINT)
    return str(Path(found).absolute())


def check_version(path: str, text: str) -> str:
    """The version that the program says it has. Raises ComposeMissing for one that is too old, or none."""
    version = text.strip()
    found = _VERSION.match(version)
    if found is None:
        raise ComposeMissing(f"{path} does not say which version of Compose it is", hint=HINT)
    if (int(found[1]), int(found[2])) < OLDEST:
        raise ComposeMissing(f"{path} is Compose {version[:40]}, which is too old", hint=HINT)
    return version


def child_environment(url: str, environment: Mapping[str, str]) -> dict[str, str]:
    """All that Compose gets: where programs are, which engine, and what it takes to be let in there. Neither
    ``COMPOSE_*`` nor ``DOCKER_*`` of ours has an effect, no proxy, no context and no configuration of a user.
    """
    clean = {
        "PATH": environment.get("PATH", _SYSTEM_PATH),
        "HOME": _NOWHERE,
        "DOCKER_CONFIG": _NOWHERE,
        "DOCKER_HOST": url,
    }
    if url.startswith("ssh://") and "SSH_AUTH_SOCK" in environment:
        clean["SSH_AUTH_SOCK"] = environment["SSH_AUTH_SOCK"]
    return clean | (_tls(environment) if url.startswith("tcp://") else {})


def _tls(environment: Mapping[str, str]) -> dict[str, str]:
    """The same rules as for our own connection: without both variables there is no TLS; certificates without
    DOCKER_TLS_VERIFY mean TLS that does not check the engine's name.
    """
    verify, folder = environment.get("DOCKER_TLS_VERIFY", ""), environment.get("DOCKER_CERT_PATH", "")
    if not verify and not folder:
        return {}
    certificates = {"DOCKER_CERT_PATH": folder or f"{environment.get('HOME', _NOWHERE)}/.docker"}
    return certificates | ({"DOCKER_TLS_VERIFY": verify} if verify else {"DOCKER_TLS": "1"})
