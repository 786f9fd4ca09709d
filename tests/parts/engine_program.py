"""Which Docker Engine the tests run on: the machine's own, or the version that TEST_ENGINE names.

``tools/setup dev`` unpacks the other version into ``.work/engines/VERSION`` without installing it, with its own
containerd and docker-proxy; runc and docker-init are the machine's.
"""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path

from tests.parts import host

VARIABLE = "TEST_ENGINE"
UNPACKED = Path(__file__).parents[2] / ".work/engines"
_PACKAGE = "docker.io iptables"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineProgram:
    """Full paths of the engine and of its command line, and the PATH that the engine is started with."""

    dockerd: str
    docker: str
    path: str

    @property
    def version(self) -> str:
        """As ``20.10.24``."""
        return _version(self.dockerd)


def chosen() -> EngineProgram:
    """The engine of this run of the tests. Raises PartFailed where it is not to be had."""
    return of_version(os.environ.get(VARIABLE, ""))


def of_version(version: str) -> EngineProgram:
    """An engine whose version begins with these numbers ("26.1"); "" for the machine's own."""
    if not version:
        return _own()
    folder = UNPACKED / version
    if (folder / "usr/sbin/dockerd").exists():
        return EngineProgram(
            dockerd=f"{folder}/usr/sbin/dockerd",
            docker=f"{folder}/usr/bin/docker",
            path=f"{folder}/usr/sbin:{folder}/usr/bin:{host.SYSTEM_PATH}",
        )
    own = _own()
    if not f"{own.version}.".startswith(f"{version}."):
        raise host.PartFailed(
            f"{VARIABLE}={version}: {own.dockerd} is {own.version}, there is no {folder}: run `tools/setup dev`"
        )
    return own


def _own() -> EngineProgram:
    return EngineProgram(
        dockerd=host.program("dockerd", package=_PACKAGE),
        docker=host.program("docker", package=_PACKAGE),
        path=host.SYSTEM_PATH,
    )


@functools.cache
def _version(dockerd: str) -> str:
    said = host.run(dockerd, "--version")
    found = re.search(r"version (\d+(?:\.\d+)+)", said)
    if found is None:
        raise host.PartFailed(f"{dockerd} says no version: {said.strip()}")
    return found[1]
