"""The settings: their names, defaults and readers, and what a program is handed of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from reconciler.config.values import (
    address,
    boolean,
    choice,
    duration,
    engine,
    host_names,
    integer,
    optional_path,
    path,
    target,
)

ENVIRONMENT_PREFIX: Final = "RECONCILER_"
DEFAULT_POLICY: Final = "/etc/reconciler/policy.yaml"
DEFAULT_AGENT_POLICY: Final = "/etc/reconciler/agent.yaml"

Color = Literal["auto", "always", "never"]
LogFormat = Literal["auto", "text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

BOOLEAN: Final = "BOOLEAN"
_WHEN: Final = ("auto", "always", "never")
_FORMATS: Final = ("auto", "text", "json")
_LEVELS: Final = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings; names ending in ``_s`` are seconds. ``sources`` maps a setting's name to its origin."""

    desired: Path
    state_dir: Path
    secrets_dir: Path
    identity: Path
    registry_credentials: Path
    policy: Path
    agent_policy: Path
    polling: bool
    notify: Path
    engine: str
    target: str
    listen: str
    web_token_file: Path | None
    web_certificate: Path | None
    web_key: Path | None
    web_client_ca: Path | None
    web_names: tuple[str, ...]
    resync_s: float
    full_every_s: float
    workers: int
    pull_deadline_s: float
    engine_timeout_s: float
    prune: bool
    prune_cap_percent: int
    audit_keep: int
    audit_file_mib: int
    color: Color
    log_format: LogFormat
    log_level: LogLevel
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def policy_needed(self) -> bool:
        """Whether somebody named the policy's file, so that it must be there."""
        return self.sources.get("policy", "default") != "default"

    @property
    def agent_policy_needed(self) -> bool:
        """Whether somebody named the agent's policy, so that it must be there."""
        return self.sources.get("agent-policy", "default") != "default"

    @property
    def registry_credentials_needed(self) -> bool:
        """Whether somebody named the file of registry logins, so that it must be there."""
        return self.sources.get("registry-credentials", "default") != "default"

    @property
    def notify_needed(self) -> bool:
        """Whether somebody named the file of notifications, so that it must be there."""
        return self.sources.get("notify", "default") != "default"

    @property
    def own_places(self) -> tuple[Path, ...]:
        """Folders and files of the program that nobody else is to have."""
        always = (self.state_dir, self.secrets_dir, self.identity, self.registry_credentials)
        files = (self.notify, self.agent_policy, self.web_token_file, self.web_key)
        return (*always, *(path for path in files if path is not None))

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


SETTINGS: Final = (
    Setting("desired", "desired", path, "desired", "Folder of desired-state documents.", "DIR"),
    Setting("state-dir", "state_dir", path, None, "Folder of history and locks.", "DIR"),
    Setting("secrets-dir", "secrets_dir", path, None, "Folder in memory for opened secrets.", "DIR"),
    Setting("identity", "identity", path, None, "Key that opens this host's secrets.", "FILE"),
    Setting("registry-credentials", "registry_credentials", path, None, "Encrypted logins of registries.", "FILE"),
    Setting("policy", "policy", path, DEFAULT_POLICY, "What documents may ask of this host.", "FILE"),
    Setting("agent-policy", "agent_policy", path, DEFAULT_AGENT_POLICY, "What an agent may be asked.", "FILE"),
    Setting("polling", "polling", boolean, "false", "Ask by requests alone, without a WebSocket.", BOOLEAN),
    Setting("notify", "notify", path, None, "Who is told when something is wrong.", "FILE"),
    Setting("engine", "engine", engine, None, "Docker engine.", "URL"),
    Setting("target", "target", target, "", "Name of this host; documents for others are left alone.", "NAME"),
    Setting(
        "listen",
        "listen",
        address,
        "127.0.0.1:9464",
        "Where metrics, health, status page are.",
        "HOST:PORT",
    ),
    Setting("web-token-file", "web_token_file", optional_path, "", "Token that lets see the status page.", "FILE"),
    Setting("web-certificate", "web_certificate", optional_path, "", "Certificate to serve with (PEM).", "FILE"),
    Setting("web-key", "web_key", optional_path, "", "Private key of that certificate (PEM).", "FILE"),
    Setting("web-client-ca", "web_client_ca", optional_path, "", "Whose clients may see the status page.", "FILE"),
    Setting("web-names", "web_names", host_names, "", "More names of this host in addresses.", "NAME,…"),
    Setting("resync", "resync_s", duration(1, 86400), "30s", "Look again at least this often.", "SECONDS"),
    Setting("full-every", "full_every_s", duration(1, 604800), "10m", "Inspect all this often.", "SECONDS"),
    Setting("workers", "workers", integer(1, 64), "8", "Documents worked on at once.", "COUNT"),
    Setting("pull-deadline", "pull_deadline_s", duration(1, 86400), "15m", "Longest pull.", "SECONDS"),
    Setting(
        "engine-timeout", "engine_timeout_s", duration(1, 86400), "2m", "Longest silence of the engine.", "SECONDS"
    ),
    Setting("prune", "prune", boolean, "false", "Remove orphans whose document asked for it.", BOOLEAN),
    Setting("prune-cap", "prune_cap_percent", integer(0, 100), "20", "Most that is pruned unasked.", "PERCENT"),
    Setting(
        "audit-keep", "audit_keep", integer(2, 100000), "100", "Files of the audit log that are kept.", "COUNT"
    ),
    Setting("audit-file-size", "audit_file_mib", integer(1, 1024), "1", "Size of a file of the audit log.", "MIB"),
    Setting("color", "color", choice(*_WHEN), "auto", "Use colours.", "|".join(_WHEN)),
    Setting("log-format", "log_format", choice(*_FORMATS), "auto", "How log lines look.", "|".join(_FORMATS)),
    Setting("log-level", "log_level", choice(*_LEVELS), "info", "Least level of log lines.", "|".join(_LEVELS)),
)
BY_NAME: Final = {setting.name: setting for setting in SETTINGS}
