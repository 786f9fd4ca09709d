"""Settings: what a person chose for this program, and where each choice was written.

Decides which of several sources wins: a flag, else ``RECONCILER_*`` in the environment, else
``reconciler.toml``, else a default. Every value is checked by the same reader wherever it was written, and
every error names the place. Leaves to others what a value means (a folder that is missing, an engine that
is away). An empty environment variable counts as not set; relative paths of the settings file are relative
to that file, all others to the working directory.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from reconciler.errors import InvalidSettings

SETTINGS_FILE: Final = "reconciler.toml"
ENVIRONMENT_PREFIX: Final = "RECONCILER_"
FILE_LIMIT: Final = 64 * 1024
DEFAULT_ENGINE: Final = "unix:///var/run/docker.sock"
DEFAULT_POLICY: Final = "/etc/reconciler/policy.yaml"

Color = Literal["auto", "always", "never"]
LogFormat = Literal["auto", "text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

BOOLEAN: Final = "BOOLEAN"
_WHEN: Final = ("auto", "always", "never")
_FORMATS: Final = ("auto", "text", "json")
_LEVELS: Final = ("debug", "info", "warning", "error")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings; names ending in ``_s`` are seconds. ``sources`` maps a setting's name to its origin."""

    desired: Path
    state_dir: Path
    policy: Path
    engine: str
    target: str
    listen: str
    resync_s: float
    full_every_s: float
    workers: int
    pull_deadline_s: float
    prune: bool
    prune_cap_percent: int
    color: Color
    log_format: LogFormat
    log_level: LogLevel
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def policy_needed(self) -> bool:
        """Whether somebody named the policy's file, so that it must be there."""
        return self.sources.get("policy", "default") != "default"

    @property
    def listen_address(self) -> tuple[str, int]:
        """Host (without brackets) and port of ``listen``."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: ``name`` as in flags and file; ``read`` turns text into the value or raises ValueError
    saying what is allowed; ``default`` is text too, None where it depends on the host.
    """

    name: str
    attribute: str
    read: Callable[[str], Any]
    default: str | None
    help: str
    metavar: str = "TEXT"

    @property
    def variable(self) -> str:
        """The environment variable, for example ``RECONCILER_STATE_DIR``."""
        return ENVIRONMENT_PREFIX + self.name.upper().replace("-", "_")


def parse_seconds(text: str) -> float:
    """Seconds from ``30``, ``30s``, ``5m``, ``2h``, ``1d`` or ``250ms``. Raises ValueError on anything else."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h|d)?", text.strip())
    if not match:
        raise ValueError("a number of seconds, or a number with ms, s, m, h or d, such as 30s")
    return float(match[1]) * _UNITS[match[2] or "s"]


def _duration(least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        seconds = parse_seconds(text)
        if not least <= seconds <= most:
            raise ValueError(f"between {least:g} and {most:g} seconds")
        return seconds

    return read


def _integer(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"a whole number between {least} and {most}")
        return int(text)

    return read


def _choice(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text

    return read


def _boolean(text: str) -> bool:
    words = {
        "true": True,
        "yes": True,
        "on": True,
        "1": True,
        "false": False,
        "no": False,
        "off": False,
        "0": False,
    }
    if text.lower() not in words:
        raise ValueError("true or false")
    return words[text.lower()]


def _path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError("a path")
    return Path(text).expanduser()


def _engine(text: str) -> str:
    if not re.fullmatch(r"unix:///[^\s\0]+|(tcp|http|https|ssh)://[^\s\0/]\S*", text):
        raise ValueError(f"a URL such as {DEFAULT_ENGINE} or tcp://host:2376")
    return text


def _target(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?|", text):
        raise ValueError("as documents write it: letters, digits, dots, hyphens and underscores, at most 128")
    return text


def _address(text: str) -> str:
    match = re.fullmatch(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+):([0-9]{1,5})", text)
    if not match or int(match[1]) > 65535:
        raise ValueError("HOST:PORT, such as 127.0.0.1:9464 or [::1]:9464")
    return text


SETTINGS: Final = (
    Setting("desired", "desired", _path, "desired", "Folder of desired-state documents.", "DIR"),
    Setting("state-dir", "state_dir", _path, None, "Folder of history and locks.", "DIR"),
    Setting("policy", "policy", _path, DEFAULT_POLICY, "What documents may ask of this host.", "FILE"),
    Setting("engine", "engine", _engine, None, "Docker engine.", "URL"),
    Setting("target", "target", _target, "", "Name of this host; documents for others are left alone.", "NAME"),
    Setting("listen", "listen", _address, "127.0.0.1:9464", "Where metrics and health are served.", "HOST:PORT"),
    Setting("resync", "resync_s", _duration(1, 86400), "30s", "Look again at least this often.", "SECONDS"),
    Setting("full-every", "full_every_s", _duration(1, 604800), "10m", "Inspect all this often.", "SECONDS"),
    Setting("workers", "workers", _integer(1, 64), "8", "Documents worked on at once.", "COUNT"),
    Setting("pull-deadline", "pull_deadline_s", _duration(1, 86400), "15m", "Longest pull.", "SECONDS"),
    Setting("prune", "prune", _boolean, "false", "Remove orphans whose document asked for it.", BOOLEAN),
    Setting("prune-cap", "prune_cap_percent", _integer(0, 100), "20", "Most that is pruned unasked.", "PERCENT"),
    Setting("color", "color", _choice(*_WHEN), "auto", "Use colours.", "|".join(_WHEN)),
    Setting("log-format", "log_format", _choice(*_FORMATS), "auto", "How log lines look.", "|".join(_FORMATS)),
    Setting("log-level", "log_level", _choice(*_LEVELS), "info", "Least level of log lines.", "|".join(_LEVELS)),
)
BY_NAME: Final = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class _Written:
    """A value as somebody wrote it, and where."""

    text: str
    origin: str


def load_settings(
    flags: Mapping[str, str], *, environment: Mapping[str, str], folder: Path, file: Path | None, root: bool
) -> Settings:
    """Settings from flags (by setting name), environment, settings file and defaults, in this order.

    ``file`` None: ``reconciler.toml`` in ``folder`` if it is there. ``root`` chooses the state folder's default
    (Filesystem Hierarchy Standard; XDG base directories for everybody else). Raises InvalidSettings.
    """
    written = {
        name: _Written(value.default, "default") for name, value in BY_NAME.items() if value.default is not None
    }
    written["state-dir"] = _Written(_state_dir(environment, root=root), "default")
    written["engine"] = _Written(DEFAULT_ENGINE, "default")
    if environment.get("DOCKER_HOST"):
        written["engine"] = _Written(environment["DOCKER_HOST"], "environment DOCKER_HOST")
    written |= _from_file(file, folder)
    for setting in SETTINGS:
        if environment.get(setting.variable):
            written[setting.name] = _Written(environment[setting.variable], f"environment {setting.variable}")
    written |= {name: _Written(text, f"flag --{name}") for name, text in flags.items()}
    values = {setting.attribute: _read(setting, written[setting.name]) for setting in SETTINGS}
    return Settings(**values, sources={name: value.origin for name, value in written.items()})


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
    return f"{value:g}s" if isinstance(value, float) else str(value)


def _state_dir(environment: Mapping[str, str], *, root: bool) -> str:
    if root:
        return "/var/lib/reconciler"
    base = environment.get("XDG_STATE_HOME", "")
    return str(Path(base if base.startswith("/") else "~/.local/state") / "reconciler")


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
    if BY_NAME[name].read is _path and text:
        text = str(path.absolute().parent / Path(text).expanduser())
    return _Written(text, origin)


def _did_you_mean(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.75)
    return f"; did you mean {close[0]}?" if close else ""
