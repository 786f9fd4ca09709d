"""Options that many commands share. Settings given as flags are kept as typed; ``config`` reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from reconciler.cli.completing import document_names, values
from reconciler.cli.invocation import invocation_of
from reconciler.config import BOOLEAN, BY_NAME

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

HOST: Final = (
    "desired",
    "state-dir",
    "secrets-dir",
    "policy",
    "engine",
    "target",
    "identity",
    "registry-credentials",
)
WORK: Final = ("workers", "pull-deadline", "engine-timeout", "prune", "prune-cap", "audit-keep", "audit-file-size")
WEB: Final = ("listen", "web-token-file", "web-certificate", "web-key", "web-client-ca", "web-names")
PAGE: Final = tuple(name for name in WEB if name not in {"listen", "web-client-ca"})
"""Of the page of a fleet, whose people are known by the fleet's own authority."""

CONTROLLER: Final = (*HOST, "notify", *WEB, "resync", "full-every", *WORK)
LOGS: Final = ("log-format", "log-level")


def settings_options(*names: str) -> Callable[[Decorated], Decorated]:
    """Flags for these settings; what is typed goes to the invocation, the command sees nothing of it."""

    def decorate(command: Decorated) -> Decorated:
        for name in reversed((*names, "color")):
            command = _setting(name)(command)
        return _program(command)

    return decorate


def common_options(command: Decorated) -> Decorated:
    """The flags that also the root command takes."""
    return settings_options()(command)


def output_option(command: Decorated) -> Decorated:
    """``-o table|json`` and its short form ``--json``, as the parameter ``output``."""
    short = click.option("--json", "output", flag_value="json", help="The same as -o json.")
    return click.option(
        "-o",
        "--output",
        "output",
        type=click.Choice(["table", "json"]),
        default="table",
        help="Form of the result.",
    )(short(command))


def names_argument(command: Decorated) -> Decorated:
    """Any number of document names, as ``names``; none means all."""
    return click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=document_names)(command)


def name_argument(command: Decorated) -> Decorated:
    """One document's name, as ``name``."""
    return click.argument("name", metavar="NAME", shell_complete=document_names)(command)


def _setting(name: str) -> Callable[[Decorated], Decorated]:
    setting = BY_NAME[name]

    def remember(context: click.Context, _: click.Parameter, value: Any) -> None:
        if value not in (None, False):
            invocation_of(context).flags[name] = "true" if value is True else str(value)

    if setting.metavar == BOOLEAN:
        return click.option(f"--{name}", is_flag=True, expose_value=False, callback=remember, help=setting.help)
    return click.option(
        f"--{name}",
        metavar=setting.metavar,
        expose_value=False,
        callback=remember,
        help=setting.help,
        shell_complete=values(setting.metavar),
    )


def _program(command: Decorated) -> Decorated:
    def remember_file(context: click.Context, _: click.Parameter, value: str | None) -> None:
        if value:
            invocation_of(context).config_file = value

    def remember_debug(context: click.Context, _: click.Parameter, value: Any) -> None:
        invocation_of(context).debug |= bool(value)

    debug = click.option(
        "--debug", is_flag=True, expose_value=False, callback=remember_debug, help="Show where an error arose."
    )
    file = click.option(
        "--config",
        metavar="FILE",
        expose_value=False,
        callback=remember_file,
        help="Settings file [reconciler.toml].",
        shell_complete=values("FILE"),
    )
    return file(debug(command))
