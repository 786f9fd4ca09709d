"""The effective configuration: what inspect will show if a declared one runs as it should.

A document declares little; image and daemon fill in the rest. Here both are laid under the declared values
by the engine's own rules (moby ``daemon/commit.go`` merge, API 1.41 to 1.45), so that comparing with a live
container finds real differences only. ``None`` in the result means: not comparable, leave it out.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.container import ContainerConfig, HealthProbe, NetworkAttachment, RestartPolicy
from reconciler.core.observation import EngineFacts, ImageFacts

DEFAULT_RESTART_POLICY = RestartPolicy("unless-stopped")
DEFAULT_NETWORKS = (NetworkAttachment("bridge"),)
NO_PROBE = HealthProbe(test=("NONE",))


def creation_config(declared: ContainerConfig) -> ContainerConfig:
    """The declared configuration with our own defaults: what a container is created from.

    A memory limit also bounds swap, else the engine silently allows as much swap again.
    """
    swap = declared.memory_swap_bytes
    return replace(
        declared,
        restart_policy=declared.restart_policy or DEFAULT_RESTART_POLICY,
        memory_swap_bytes=declared.memory_bytes if swap is None else swap,
    )


def effective_config(declared: ContainerConfig, image: ImageFacts | None, engine: EngineFacts) -> ContainerConfig:
    """What inspect should show. Without ``image`` (not on the host) what it would decide is None."""
    wanted = _with_engine_defaults(creation_config(declared), engine)
    if image is None:
        return wanted
    # An entrypoint takes the image's command away, an empty one only the image's entrypoint.
    return replace(
        wanted,
        entrypoint=image.entrypoint if declared.entrypoint is None else declared.entrypoint,
        command=declared.command or (() if declared.entrypoint else image.command),
        user=declared.user or image.user,
        working_dir=declared.working_dir or image.working_dir,
        environment={**image.environment, **(declared.environment or {})},
        labels={**image.labels, **(declared.labels or {})},
        stop_signal=declared.stop_signal or image.stop_signal,
        health=_merged_probe(declared.health, image.health),
    )


def _with_engine_defaults(wanted: ContainerConfig, engine: EngineFacts) -> ContainerConfig:
    return replace(
        wanted,
        hostname=wanted.hostname or "",
        ports=wanted.ports or (),
        mounts=wanted.mounts or (),
        tmpfs=wanted.tmpfs or {},
        networks=wanted.networks or DEFAULT_NETWORKS,
        memory_bytes=wanted.memory_bytes or 0,
        memory_swap_bytes=(wanted.memory_swap_bytes or 0) if engine.swap_limit else None,
        nano_cpus=wanted.nano_cpus or 0,
        pids_limit=wanted.pids_limit or 0,
        cap_add=wanted.cap_add or (),
        cap_drop=wanted.cap_drop or (),
        read_only_root=bool(wanted.read_only_root),
        no_new_privileges=bool(wanted.no_new_privileges),
        privileged=bool(wanted.privileged),
        init=bool(wanted.init),
        extra_hosts=wanted.extra_hosts or (),
        dns=wanted.dns or (),
        sysctls=wanted.sysctls or {},
        devices=wanted.devices or (),
    )


def _merged_probe(declared: HealthProbe | None, image: HealthProbe | None) -> HealthProbe:
    """Field by field, as the engine does. Without a command to run there is no check, whatever else is said."""
    own, base = declared or HealthProbe(), image or HealthProbe()
    test = own.test or base.test
    if not test or test == NO_PROBE.test:
        return NO_PROBE
    return HealthProbe(
        test=test,
        interval_ms=own.interval_ms or base.interval_ms,
        timeout_ms=own.timeout_ms or base.timeout_ms,
        start_period_ms=own.start_period_ms or base.start_period_ms,
        retries=own.retries or base.retries,
    )
