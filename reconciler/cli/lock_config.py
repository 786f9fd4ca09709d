"""What Docker Compose makes of an author's files, in the author's own environment.

``config`` is run twice: once with all paths resolved, and once with paths and names as they were written. It runs
in the project directory, from where env files are looked for in the second case. Values of variables that configs
and secrets take are asked for by a third run, so that they come from where Compose takes them (environment,
``.env``, ``--env-file``); they pass through standard input and output, never through arguments.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reconciler.compose.program import check_version
from reconciler.errors import ComposeFailed, InputError
from reconciler.spec.lock_write import Resolved

DEADLINE_S: Final = 120.0
AS_WRITTEN: Final = ("--no-path-resolution", "--no-normalize")
_VALUES: Final = "x-stella-values"
_LEVEL: Final = 'level=warning msg="'


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """What the author's Compose is run with. ``program`` is its full path, ``folder`` where the author is."""

    program: str
    files: tuple[Path, ...]
    profiles: tuple[str, ...]
    env_files: tuple[Path, ...]
    project_directory: Path | None
    environment: Mapping[str, str]
    folder: Path

    @property
    def directory(self) -> Path:
        """The project directory, absolute."""
        return Path(self._absolute(self.project_directory or self.files[0].parent))

    def check_program(self) -> None:
        """Raises ComposeMissing for a Compose that is too old."""
        done = subprocess.run(  # noqa: S603 - an argument list; the program is the author's own Compose
            [self.program, "version", "--short"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=dict(self.environment),
            timeout=DEADLINE_S,
            check=False,
        )
        check_version(self.program, done.stdout)

    def resolve(self) -> tuple[Resolved, tuple[str, ...]]:
        """The model, and Compose's own warnings. Raises InputError and ComposeFailed."""
        model, warnings = self._config()
        written, _ = self._config(*AS_WRITTEN)
        return Resolved(model=model, written=written, directory=str(self.directory)), warnings

    def values(self, variables: Iterable[str]) -> Mapping[str, str]:
        """Values of variables as Compose sees them. Raises InputError for one that is not set."""
        wanted = sorted(set(variables))
        if not wanted:
            return {}
        asked = {name: f"${{{name}?it is not set}}" for name in wanted}
        model, _ = self._config(also=json.dumps({_VALUES: asked}))
        return {name: str(value).replace("$$", "$") for name, value in model[_VALUES].items()}

    def _config(self, *options: str, also: str | None = None) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        try:
            done = subprocess.run(  # noqa: S603 - an argument list; the program is the author's own Compose
                self._command(*options, also=also is not None),
                input=also or "",
                capture_output=True,
                text=True,
                encoding="utf-8",
                cwd=self.directory,
                env=dict(self.environment),
                timeout=DEADLINE_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ComposeFailed(f"docker compose config was not done after {DEADLINE_S:g} s") from error
        if done.returncode:
            raise InputError(f"docker compose config refuses it: {_said(done.stderr)}")
        model: Mapping[str, Any] = json.loads(done.stdout)
        return model, tuple(dict.fromkeys(map(_warning, done.stderr.splitlines())))

    def _command(self, *options: str, also: bool) -> list[str]:
        files = [part for file in self.files for part in ("-f", self._absolute(file))]
        profiles = [part for profile in self.profiles for part in ("--profile", profile)]
        env_files = [part for file in self.env_files for part in ("--env-file", self._absolute(file))]
        return [
            self.program,
            "--ansi=never",
            *files,
            *(("-f", "-") if also else ()),
            "--project-directory",
            str(self.directory),
            *profiles,
            *env_files,
            "config",
            "--format=json",
            *options,
        ]

    def _absolute(self, path: Path) -> str:
        import os.path

        return os.path.normpath(self.folder / path)


def _warning(line: str) -> str:
    """The words of one of Compose's log lines, without its time."""
    _, marked, words = line.partition(_LEVEL)
    return words.removesuffix('"').replace('\\"', '"') if marked else line


def _said(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and _LEVEL not in line]
    return "\n".join(lines) or "it does not say why"
