"""``policy``: what documents may ask of this host, and what the policy refuses of them. Needs no engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from reconciler.cli.exits import Exit
from reconciler.cli.helping import group
from reconciler.cli.invocation import Invocation, pass_invocation
from reconciler.cli.options import output_option, settings_options
from reconciler.cli.screen import Column
from reconciler.core.words import count
from reconciler.errors import InvalidSettings

if TYPE_CHECKING:
    from reconciler.core.desired import DesiredState
    from reconciler.core.policy import Policy, Refusal

VERSION: Final = 1
SETTINGS: Final = ("desired", "state-dir", "policy", "engine", "target")
_KEYS: Final = ("document", "service", "rule", "where", "asked", "allow")


@group("policy")
def policy() -> None:
    """Show and check what documents may ask of this host.

    The policy is the host's own: the file of the setting "policy", else a built-in one that refuses all that
    gives power over the host.
    """


@policy.command("check")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@output_option
@settings_options(*SETTINGS)
@pass_invocation
@click.pass_context
def check(context: click.Context, invocation: Invocation, file: Path | None, output: str) -> None:
    """Check the policy, then every document in the folder against it.

    FILE is a policy to try in place of the one in force. Exit status: 0 nothing is refused, 2 something is, 1 the
    policy is wrong, or a document is and cannot be checked.
    """
    try:
        in_force = policy_in_force(invocation, file)
    except InvalidSettings as error:
        invocation.screen.note(str(error), style="red")
        context.exit(Exit.ERROR)
    examined = _examined(invocation)
    refused = tuple(item for document in examined.documents for item in refusals_of(document, in_force))
    screen = invocation.screen
    broken = _show_problems(invocation, examined.problems)
    if output == "json":
        screen.json(
            {
                "version": VERSION,
                "policy": in_force.source,
                "documents": len(examined.documents),
                "refusals": [{key: getattr(item, key) for key in _KEYS} for item in refused],
            }
        )
    else:
        for item in refused:
            screen.line(str(item), "red")
        told = f"{in_force.source}: {count(len(examined.documents), 'document')} checked"
        screen.line(f"{told}, {count(len(refused), 'refusal')}", "bold" if refused else "green")
    context.exit(Exit.ERROR if broken else Exit.DIFFERS if refused else Exit.DONE)


@policy.command("show")
@output_option
@settings_options("state-dir", "policy", "engine")
@pass_invocation
def show(invocation: Invocation, output: str) -> None:
    """Show the policy that is in force, and where it was read."""
    in_force = policy_in_force(invocation)
    content = policy_json(in_force)
    if output == "json":
        invocation.screen.json({"version": VERSION, "source": in_force.source, "policy": content})
        return
    rows = [(key, _shown(value)) for key, value in content.items()]
    invocation.screen.table([Column("KEY"), Column("VALUE", fixed=False)], rows)
    invocation.screen.line(f"source: {in_force.source}")


def policy_in_force(invocation: Invocation, file: Path | None = None) -> Policy:
    """The policy of the settings, or that of ``file``. Raises InvalidSettings."""
    from reconciler.policy_file import policy_of_host
    from reconciler.signatures.keys import read_key

    settings = invocation.settings
    found = policy_of_host(
        file or settings.policy,
        needed=file is not None or settings.policy_needed,
        engine=settings.engine,
        places=settings.own_places,
        read_key=read_key,
    )
    return found.load()


def refusals_of(document: DesiredState, policy: Policy) -> tuple[Refusal, ...]:
    """What the policy refuses of one document on this machine."""
    from reconciler.core.policy import find_refusals, host_paths
    from reconciler.policy_file import leads_to

    return find_refusals(document, policy, links=leads_to(host_paths(document)))


def policy_json(policy: Policy) -> dict[str, Any]:
    """The policy by the keys of its file; None where nothing is bounded."""
    maximum = policy.maximum
    return {
        "registries": None if policy.registries is None else list(policy.registries),
        "privileged": policy.privileged,
        "engineSocket": policy.engine_socket,
        "capabilities": sorted(policy.capabilities),
        "hostNamespaces": sorted(policy.host_namespaces),
        "hostPaths": [str(item) for item in policy.host_paths],
        "deploymentPaths": list(policy.deployment_paths),
        "devices": [str(item) for item in policy.devices],
        "securityOptions": sorted(policy.security_options),
        "sysctls": sorted(policy.sysctls),
        "ports": None if policy.ports is None else [str(item) for item in policy.ports],
        "maximum": dict(_maximum(maximum.memory_bytes, maximum.nano_cpus, maximum.pids)),
        "hookNetworks": sorted(policy.hook_networks),
        "composeKeys": sorted(policy.compose_keys),
        "signatures": [str(item) for item in policy.signatures],
        "guarded": list(policy.guarded),
        "engineSockets": list(policy.engine_sockets),
    }


def _maximum(memory: int | None, cpus: int | None, pids: int | None) -> Iterator[tuple[str, Any]]:
    from reconciler.core.display import shown

    yield "memory", None if memory is None else shown("memory_bytes", memory)
    yield "cpus", None if cpus is None else shown("nano_cpus", cpus)
    yield "pids", pids


def _shown(value: Any) -> str:
    if value is None:
        return "any"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_shown(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _examined(invocation: Invocation) -> Any:
    from reconciler.cli.folder import read_folder
    from reconciler.cli.problems import prefix_of

    settings = invocation.settings
    found = read_folder(settings.desired, prefix=prefix_of(settings.desired))
    return found.examined(target=settings.target or None)


def _show_problems(invocation: Invocation, problems: Any) -> bool:
    from reconciler.cli.problems import show_problems

    return show_problems(invocation.screen, problems)
