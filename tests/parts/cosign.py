"""The real ``cosign``, with keys of its own and without any service of somebody else's."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.parts.host import PartFailed, program


@dataclass(frozen=True)
class Cosign:
    """Works in ``folder``; a key is known by its name."""

    folder: Path

    def key(self, name: str) -> Path:
        """Make a pair of keys; the public one's file."""
        self._run("generate-key-pair", "--output-key-prefix", name)
        return self.folder / f"{name}.pub"

    def sign(self, image: str, *, key: str, options: tuple[str, ...] = ()) -> None:
        """Sign ``repository@digest``; the signature goes to its registry unless ``options`` say otherwise."""
        quiet = ("--yes", "--tlog-upload=false", "--allow-insecure-registry")
        self._run("sign", *quiet, "--key", f"{key}.key", *options, image)

    def download(self, image: str) -> str:
        """The signatures of an image, as lines of JSON."""
        return self._run("download", "signature", "--allow-insecure-registry", image)

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            [program("cosign", package="cosign"), *words],
            cwd=self.folder,
            env={**os.environ, "HOME": str(self.folder), "COSIGN_PASSWORD": ""},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise PartFailed(f"cosign {words[0]} ends with {done.returncode}: {done.stderr}")
        return done.stdout
