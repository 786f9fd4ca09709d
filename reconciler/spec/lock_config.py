"""One service of a lock file as a ContainerConfig: what its containers are to look like on the host. Pure.

Values that Compose and the engine fill in where nothing is said, and that differ from those of a Container
document, are filled in here: no restart policy is ``no``, and a memory limit allows as much swap again.
What has no place in a ContainerConfig is harmless, or named in the service's ``extras``; Compose notices by its
own hash when it changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from reconciler.core.container import ContainerConfig, Device, HealthProbe, Logging, RestartPolicy
from reconciler.spec import lock_notation, notation, quantities
from reconciler.spec.findings import Findings
from reconciler.spec.lock_mounts import Mounts
from reconciler.spec.problem import Path

T = TypeVar("T", bound=Any)
NO_NEW_PRIVILEGES = ("no-new-privileges", "no-new-privileges:true", "no-new-privileges=true")


class ServiceReader:
    """Reads keys of one service; what is wrong is noted with its path in the lock file."""

    def __init__(self, service: Mapping[str, Any], at: Path, findings: Findings) -> None:
        self.service = service
        self.at = at
        self.findings = findings

    def one(self, key: str, reader: Callable[[Any], T]) -> T | None:
        """A key's value, read; None when it is absent or wrong."""
        return self.findings.read(self.service, (*self.at, key), reader)

    def items(self, key: str, reader: Callable[[Any], T]) -> tuple[T, ...] | None:
        """The items of a list, or one that stands alone, in their order."""
        value = self.service.get(key)
        listed = None if value is None else [value] if isinstance(value, str) else value
        return None if listed is None else self.findings.read_list({key: listed}, (*self.at, key), reader)

    def below(self, *keys: str, reader: Callable[[Any], T]) -> T | None:
        """A value further down."""
        found: Any = self.service
        for key in keys[:-1]:
            found = found.get(key, {})
        return self.findings.read(found, (*self.at, *keys), reader)


def build_service_config(reader: ServiceReader, mounts: Mounts, networks: Any) -> ContainerConfig:
    """``networks`` are the attachments, already in the engine's names."""
    service, one = reader.service, reader.one
    return ContainerConfig(
        command=one("command", lock_notation.command),
        entrypoint=one("entrypoint", lock_notation.command),
        user=one("user", str),
        working_dir=service.get("working_dir"),
        hostname=service.get("hostname"),
        environment=one("environment", lock_notation.pairs),
        labels=one("labels", lock_notation.marks),
        ports=_sorted_set(reader.items("ports", lock_notation.port)),
        mounts=_sorted_set(mounts.mounts) or None,
        tmpfs=mounts.tmpfs or None,
        networks=networks,
        restart_policy=_restart(reader),
        **_limits(reader),
        ulimits=_ulimits(reader),
        cap_add=_sorted_set(reader.items("cap_add", notation.capability)),
        cap_drop=_sorted_set(reader.items("cap_drop", notation.capability)),
        read_only_root=service.get("read_only"),
        no_new_privileges=any(item in NO_NEW_PRIVILEGES for item in service.get("security_opt", ())) or None,
        privileged=service.get("privileged"),
        init=service.get("init"),
        stop_signal=one("stop_signal", notation.stop_signal),
        stop_timeout_s=one("stop_grace_period", lock_notation.seconds),
        logging=one("logging", _logging),
        extra_hosts=one("extra_hosts", lock_notation.hosts),
        dns=reader.items("dns", notation.address),
        sysctls=one("sysctls", lock_notation.pairs),
        devices=_sorted_set(reader.items("devices", _device)),
        shm_bytes=one("shm_size", lock_notation.size),
        health=_health(reader),
    )


def _sorted_set(values: Iterable[T] | None) -> tuple[T, ...] | None:
    return None if values is None else tuple(sorted(set(values)))


def _device(value: str) -> Device:
    return notation.device(value)


def _restart(reader: ServiceReader) -> RestartPolicy:
    """``deploy.restart_policy`` wins, as in Compose."""
    chosen = reader.below("deploy", "restart_policy", reader=lock_notation.deploy_restart)
    return chosen or reader.one("restart", lock_notation.restart) or RestartPolicy("no")


def _limits(reader: ServiceReader) -> dict[str, int | None]:
    limits = ("deploy", "resources", "limits")
    memory = reader.below(*limits, "memory", reader=lock_notation.size) or reader.one(
        "mem_limit", lock_notation.size
    )
    swap = reader.one("memswap_limit", lock_notation.size)
    cpus = reader.below(*limits, "cpus", reader=quantities.nano_cpus) or reader.one("cpus", quantities.nano_cpus)
    pids = reader.below(*limits, "pids", reader=int) or reader.one("pids_limit", int)
    if memory is not None and 0 < memory < quantities.MIN_MEMORY_BYTES:
        reader.findings.note(reader.at, "the memory limit is below the engine's least; allowed: 6m or more")
    return {
        "memory_bytes": memory,
        "memory_swap_bytes": swap or (2 * memory if memory else memory),
        "nano_cpus": cpus,
        "pids_limit": None if pids is None else max(pids, 0),
    }


def _ulimits(reader: ServiceReader) -> Any:
    return reader.findings.read_mapping(reader.service, (*reader.at, "ulimits"), notation.ulimit)


def _logging(value: Mapping[str, Any]) -> Logging:
    options = value.get("options")
    return Logging(value.get("driver", ""), None if options is None else lock_notation.pairs(options))


def _health(reader: ServiceReader) -> HealthProbe | None:
    check: Mapping[str, Any] = reader.service.get("healthcheck", {})
    path = (*reader.at, "healthcheck")
    read = reader.findings.read
    if check.get("disable"):
        return HealthProbe(test=("NONE",))
    probe = HealthProbe(
        test=read(check, (*path, "test"), lock_notation.probe_test) or (),
        interval_ms=read(check, (*path, "interval"), lock_notation.duration) or 0,
        timeout_ms=read(check, (*path, "timeout"), lock_notation.duration) or 0,
        start_period_ms=read(check, (*path, "start_period"), lock_notation.duration) or 0,
        retries=check.get("retries", 0),
    )
    return None if probe == HealthProbe() else probe
