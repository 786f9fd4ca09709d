"""Invocation: what one run of the program was given, and how its commands reach the world.

Commands take everything from here (service, clock, environment, terminal), so that a test hands in another
one. Settings are read once, when a command first asks; a command that needs none reads none.
"""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import click

if TYPE_CHECKING:
    from reconciler.cli.screen import Screen
    from reconciler.config import Settings
    from reconciler.controller.checkup import Finding
    from reconciler.controller.service import Service
    from reconciler.core.desired import DesiredState


_USERS: Final = ("SUDO_USER", "LOGNAME", "USER")


class ReaderLeft(Exception):
    """Whoever read our output has closed it."""


class OpenService(Protocol):
    """Opens the service of one host for the time of a command."""

    def __call__(self, settings: Settings, *, exclusive: bool) -> AbstractContextManager[Service]: ...


class LookAtHost(Protocol):
    """What ``doctor`` finds beside the service; see ``doctor_host``."""

    def __call__(
        self,
        settings: Settings,
        *,
        documents: Sequence[DesiredState],
        newest: float,
        now: float,
        engine: str,
        undelivered: Mapping[str, str],
    ) -> Iterable[Finding]: ...


def _look_at_host(settings: Settings, **facts: Any) -> Iterable[Finding]:
    from reconciler.cli.doctor_host import host_findings

    return host_findings(settings, **facts)


def _open_service(settings: Settings, *, exclusive: bool) -> AbstractContextManager[Service]:
    from reconciler.controller.app import open_service

    return open_service(settings, exclusive=exclusive)


def _run_controller(settings: Settings) -> None:
    from reconciler.controller.app.program import serve

    serve(settings)


def _run_agent(settings: Settings) -> None:
    from reconciler.agent.program import serve

    serve(settings)


@dataclass(kw_only=True)
class Invocation:
    """``flags`` maps setting names to what was typed. ``terminal`` is the width of the terminal that standard
    output is to be taken for, None: look at the stream itself. ``changing`` tells that the host may have been
    touched.
    """

    open_service: OpenService = _open_service
    look_at_host: LookAtHost = _look_at_host
    run_controller: Callable[[Settings], None] = _run_controller
    run_agent: Callable[[Settings], None] = _run_agent
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    folder: Path = field(default_factory=Path.cwd)
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    terminal: int | None = None
    flags: dict[str, str] = field(default_factory=dict)
    config_file: str = ""
    debug: bool = False
    changing: bool = False

    @cached_property
    def settings(self) -> Settings:
        """Raises InvalidSettings."""
        from reconciler.config import load_settings

        file = self.config_file or self.environment.get("RECONCILER_CONFIG", "")
        return load_settings(
            self.flags,
            environment=self.environment,
            folder=self.folder,
            file=Path(file) if file else None,
            root=os.geteuid() == 0,
        )

    @cached_property
    def screen(self) -> Screen:
        """Where results go. Raises InvalidSettings."""
        from reconciler.cli.screen import Screen

        return Screen(color=self.settings.color, environment=self.environment, terminal=self.terminal)

    @contextmanager
    def service(self, *, exclusive: bool = False) -> Iterator[Service]:
        """The service of this host. ``exclusive`` takes the lock of the state directory: needed to change
        the host. Raises StateLocked, InvalidSettings and what opening the state or the engine raises.
        """
        from reconciler.cli.late_logs import set_up_logs_when_needed

        set_up_logs_when_needed(level="warning", color=self.screen.error_colors)
        self.changing |= exclusive
        with self.open_service(self.settings, exclusive=exclusive) as service:
            yield service

    def actor(self) -> str:
        """Who is at the keyboard, also behind sudo; for the history."""
        named = next((self.environment[name] for name in _USERS if self.environment.get(name)), None)
        if named:
            return named
        try:
            return pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            return f"uid {os.getuid()}"


def invocation_of(context: click.Context) -> Invocation:
    """The invocation of a click context, made at its first use."""
    found: Any = context.ensure_object(Invocation)
    assert isinstance(found, Invocation)  # noqa: S101 - narrows for the type checker
    return found


pass_invocation = click.make_pass_decorator(Invocation, ensure=True)
