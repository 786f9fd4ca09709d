"""Reading the settings: what a person chose for this program, and where each choice was written.

Decides which of several sources wins: a flag, else ``RECONCILER_*`` in the environment, else
``reconciler.toml``, else a default. Every value is checked by the same reader wherever it was written, and
every error names the place. Leaves to others what a value means (a folder that is missing, an engine that
is away). An empty environment variable counts as not set; relative paths of the settings file are relative
to that file, all others to the working directory.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reconciler.config.host_defaults import host_defaults
from reconciler.config.settings import BY_NAME, ENVIRONMENT_PREFIX, SETTINGS, Setting, Settings
from reconciler.config.values import optional_path
from reconciler.config.values import path as path_reader
from reconciler.errors import InvalidSettings

SETTINGS_FILE: Final = "reconciler.toml"
FILE_LIMIT: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Written:
    """A value as somebody wrote it, and where."""

    text: str
    origin: str


def load_settings(
    flags: Mapping[str, str], *, environment: Mapping[str, str], folder: Path, file: Path | None, root: bool
) -> Settings:
    """Settings from flags (by setting name), environment, settings file and defaults, in this order.

    ``file`` None: ``reconciler.toml`` in ``folder`` if it is there. ``root`` chooses where things lie by
    default (``host_defaults``). Raises InvalidSettings.
    """
    written = {
        name: _Written(value.default, "default") for name, value in BY_NAME.items() if value.default is not None
    }
    written |= {name: _Written(text, "default") for name, text in host_defaults(environment, root=root).items()}
    if environment.get("DOCKER_HOST"):
        written["engine"] = _Written(environment["DOCKER_HOST"], "environment DOCKER_HOST")
    written |= _from_file(file, folder)
    for setting in SETTINGS:
        if environment.get(setting.variable):
            written[setting.name] = _Written(environment[setting.variable], f"environment {setting.variable}")
    written |= {name: _Written(text, f"flag --{name}") for name, text in flags.items()}
    found = {setting.attribute: _read(setting, written[setting.name]) for setting in SETTINGS}
    return Settings(**found, sources={name: value.origin for name, value in written.items()})


def unknown_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Variables with our prefix that no setting reads, each with what may have been meant."""
    known = [setting.variable for setting in SETTINGS] + [ENVIRONMENT_PREFIX + "CONFIG"]
    strange = sorted(name for name in environment if name.startswith(ENVIRONMENT_PREFIX) and name not in known)
    return tuple(name + _did_you_mean(name, known) for name in strange)


def as_text(settings: Settings, setting: Setting) -> str:
    """A setting's value as a person would write it."""
    value = getattr(settings, setting.attribute)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(value)
    return f"{value:g}s" if isinstance(value, float) else str("" if value is None else value)


def _read(setting: Setting, written: _Written) -> Any:
    try:
        return setting.read(written.text)
    except (ValueError, RuntimeError) as error:  # RuntimeError: expanduser without a home
        message = f"{written.origin}: {setting.name} is {written.text!r}; allowed: {error}"
        raise InvalidSettings(message) from error


def _from_file(file: Path | None, folder: Path) -> dict[str, _Written]:
    path = folder / (file or SETTINGS_FILE)
    try:
        content = _content(path)
    except FileNotFoundError as error:
        if file is None:
            return {}
        raise InvalidSettings(f"settings file {file} is not there") from error
    except OSError as error:
        raise InvalidSettings(f"settings file {path} cannot be read: {error.strerror}") from error
    try:
        table = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise InvalidSettings(f"settings file {path} is not TOML: {error}") from error
    return {name: _from_toml(name, value, path) for name, value in table.items()}


def _content(path: Path) -> str:
    with path.open("rb") as stream:
        content = stream.read(FILE_LIMIT + 1)
    if len(content) > FILE_LIMIT:
        raise InvalidSettings(f"settings file {path} is larger than {FILE_LIMIT} bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidSettings(f"settings file {path} is not UTF-8") from error


def _from_toml(name: str, value: object, path: Path) -> _Written:
    origin = f"file {path}"
    if name not in BY_NAME:
        raise InvalidSettings(f"{origin}: there is no setting {name!r}{_did_you_mean(name, list(BY_NAME))}")
    if isinstance(value, bool):
        return _Written(str(value).lower(), origin)
    if not isinstance(value, str | int | float):
        raise InvalidSettings(f"{origin}: {name} must be a text, a number, true or false")
    text = str(value)
    if BY_NAME[name].read in {path_reader, optional_path} and text:
        text = str(path.absolute().parent / Path(text).expanduser())
    return _Written(text, origin)


def _did_you_mean(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.75)
    return f"; did you mean {close[0]}?" if close else ""
