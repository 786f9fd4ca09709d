"""What a container gets from its image and from the engine, where its own configuration says nothing.

The rules are moby's (``daemon/commit.go`` merge, ``daemon_unix.go`` adaptContainerSettings), written apart
from ``reconciler.core.effective`` on purpose: the two are compared by tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.core.container import ContainerConfig, HealthProbe, Logging, NetworkAttachment, RestartPolicy
from reconciler.core.observation import EngineFacts, ImageFacts

SHM_BYTES = 64 * 1024 * 1024
NO_PROBE = HealthProbe(test=("NONE",))


def merged(
    config: ContainerConfig, image: ImageFacts, engine: EngineFacts, *, labels: Mapping[str, str]
) -> ContainerConfig:
    """A concrete configuration, in canonical form, as inspect shows it."""
    return replace(
        _host_side(config, engine),
        entrypoint=image.entrypoint if config.entrypoint is None else config.entrypoint,
        command=_command(config, image),
        user=config.user or image.user,
        working_dir=config.working_dir or image.working_dir,
        environment={**image.environment, **(config.environment or {})},
        labels={**image.labels, **(config.labels or {}), **labels},
        stop_signal=config.stop_signal or image.stop_signal,
        health=_probe(config.health, image.health),
    )


def _command(config: ContainerConfig, image: ImageFacts) -> tuple[str, ...]:
    """An entrypoint of its own makes a container forget the image's command."""
    if config.command:
        return config.command
    return () if config.entrypoint else image.command


def _probe(own: HealthProbe | None, image: HealthProbe | None) -> HealthProbe:
    if own is None or own == HealthProbe():
        return image or NO_PROBE
    if own.disabled or (not own.test and (image is None or image.disabled)):
        return NO_PROBE
    base = image or HealthProbe()
    return HealthProbe(
        test=own.test or base.test,
        interval_ms=own.interval_ms or base.interval_ms,
        timeout_ms=own.timeout_ms or base.timeout_ms,
        start_period_ms=own.start_period_ms or base.start_period_ms,
        retries=own.retries or base.retries,
    )


def _host_side(config: ContainerConfig, engine: EngineFacts) -> ContainerConfig:
    memory = config.memory_bytes or 0
    return replace(
        config,
        hostname=config.hostname or "",
        ports=tuple(sorted(config.ports or ())),
        mounts=tuple(sorted(config.mounts or ())),
        tmpfs=dict(config.tmpfs or {}),
        networks=_networks(config.networks),
        restart_policy=config.restart_policy or RestartPolicy(),
        memory_bytes=memory,
        memory_swap_bytes=(config.memory_swap_bytes or memory * 2) if engine.swap_limit else 0,
        nano_cpus=config.nano_cpus or 0,
        pids_limit=config.pids_limit or 0,
        ulimits=dict(config.ulimits or {}),
        cap_add=tuple(sorted(config.cap_add or ())),
        cap_drop=tuple(sorted(config.cap_drop or ())),
        read_only_root=bool(config.read_only_root),
        no_new_privileges=bool(config.no_new_privileges),
        privileged=bool(config.privileged),
        init=bool(config.init),
        stop_timeout_s=config.stop_timeout_s,
        logging=_logging(config.logging, engine),
        extra_hosts=tuple(sorted(config.extra_hosts or ())),
        dns=config.dns or (),
        sysctls=dict(config.sysctls or {}),
        devices=tuple(sorted(config.devices or ())),
        shm_bytes=config.shm_bytes or SHM_BYTES,
    )


def _networks(networks: tuple[NetworkAttachment, ...] | None) -> tuple[NetworkAttachment, ...]:
    wanted = networks or (NetworkAttachment("bridge"),)
    return tuple(sorted(NetworkAttachment(item.name, tuple(sorted(item.aliases))) for item in wanted))


def _logging(logging: Logging | None, engine: EngineFacts) -> Logging:
    own = logging or Logging()
    return Logging(own.driver or engine.log_driver, dict(own.options or {}))
