"""``spec.config`` of a validated document as a ContainerConfig, in core's canonical form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from reconciler.core.container import ContainerConfig, HealthProbe, Logging, Mount, PortBinding
from reconciler.core.names import PREFIX
from reconciler.spec import notation, quantities
from reconciler.spec.findings import Findings
from reconciler.spec.problem import Path, Wrong

T = TypeVar("T", bound=Any)
CONFIG: Path = ("spec", "config")


def build_config(config: Mapping[str, Any], findings: Findings) -> ContainerConfig:
    """Only what is declared; the rest stays None. What is wrong is noted in ``findings``."""
    read, read_list = findings.read, findings.read_list
    labels = findings.read_mapping(config, (*CONFIG, "labels"), str)
    refuse_reserved(labels, (*CONFIG, "labels"), findings)
    return ContainerConfig(
        command=read(config, (*CONFIG, "command"), tuple),
        entrypoint=read(config, (*CONFIG, "entrypoint"), tuple),
        user=config.get("user"),
        working_dir=read(config, (*CONFIG, "workingDir"), _working_dir),
        hostname=config.get("hostname"),
        environment=config.get("environment"),
        labels=labels,
        ports=_ports(config, findings),
        **_mounts(config, findings),
        networks=_networks(config, findings),
        restart_policy=read(config, (*CONFIG, "restartPolicy"), notation.restart_policy),
        memory_bytes=read(config, (*CONFIG, "memoryLimit"), quantities.memory),
        nano_cpus=read(config, (*CONFIG, "cpuLimit"), quantities.nano_cpus),
        pids_limit=config.get("pidsLimit"),
        ulimits=findings.read_mapping(config, (*CONFIG, "ulimits"), notation.ulimit),
        cap_add=_sorted_set(read_list(config, (*CONFIG, "capAdd"), notation.capability)),
        cap_drop=_sorted_set(read_list(config, (*CONFIG, "capDrop"), notation.capability)),
        read_only_root=config.get("readOnlyRootFilesystem"),
        no_new_privileges=config.get("noNewPrivileges"),
        init=config.get("init"),
        stop_signal=read(config, (*CONFIG, "stopSignal"), notation.stop_signal),
        stop_timeout_s=read(config, (*CONFIG, "stopTimeout"), quantities.whole_seconds),
        logging=read(config, (*CONFIG, "logging"), _logging),
        extra_hosts=_sorted_set(read_list(config, (*CONFIG, "extraHosts"), notation.extra_host)),
        dns=read_list(config, (*CONFIG, "dns"), notation.address),
        sysctls=findings.read_mapping(config, (*CONFIG, "sysctls"), str),
        devices=_devices(config, findings),
        shm_bytes=read(config, (*CONFIG, "shmSize"), quantities.size),
        health=_health(config.get("healthCheck", {}), findings),
    )


def refuse_reserved(labels: Iterable[str] | None, path: Path, findings: Findings) -> None:
    """Labels of our own prefix mark what is ours; a document cannot set them."""
    for key in labels or ():
        if key.startswith(PREFIX):
            findings.note((*path, key), f'label names that begin with "{PREFIX}" are reserved')


def _sorted_set(values: Iterable[T] | None) -> tuple[T, ...] | None:
    return None if values is None else tuple(sorted(set(values)))


def _working_dir(value: str) -> str:
    return notation.absolute_path(value, "the working directory")


def _logging(value: Mapping[str, Any]) -> Logging:
    return Logging(value.get("driver", ""), value.get("options"))


def _ports(config: Mapping[str, Any], findings: Findings) -> tuple[PortBinding, ...] | None:
    path = (*CONFIG, "ports")
    ports = findings.read_list(config, path, notation.port)
    fixed = [item for item in ports or () if item.host_port]
    findings.refuse_twins(
        (f"{item.host_ip or '*'}:{item.host_port}/{item.protocol}" for item in fixed), path, "host port"
    )
    return _sorted_set(ports)


def _mounts(config: Mapping[str, Any], findings: Findings) -> dict[str, Any]:
    mounts = findings.read_list(config, (*CONFIG, "volumes"), notation.volume)
    memory = findings.read_list(config, (*CONFIG, "tmpfs"), notation.tmpfs)
    targets = [*(item.target for item in mounts or ()), *(target for target, _ in memory or ())]
    where = "volumes" if mounts else "tmpfs"
    findings.refuse_twins(targets, (*CONFIG, where), "the path in the container")
    ordered: tuple[Mount, ...] | None = _sorted_set(mounts)
    return {"mounts": ordered, "tmpfs": None if memory is None else dict(memory)}


def _networks(config: Mapping[str, Any], findings: Findings) -> Any:
    path = (*CONFIG, "networks")
    networks = findings.read_list(config, path, notation.network)
    names = [item.name for item in networks or ()]
    findings.refuse_twins(names, path, "the network")
    alone = [name for name in names if name in {"host", "none"}]
    if alone and len(set(names)) > 1:
        findings.note(path, f'the network "{alone[0]}" excludes all others')
    return _sorted_set(networks)


def _devices(config: Mapping[str, Any], findings: Findings) -> Any:
    path = (*CONFIG, "devices")
    devices = findings.read_list(config, path, notation.device)
    findings.refuse_twins((item.container_path for item in devices or ()), path, "the device")
    return _sorted_set(devices)


def _health(check: Mapping[str, Any], findings: Findings) -> HealthProbe | None:
    """None when nothing of the engine's own check is declared (``timeout`` is how long a deploy waits)."""
    path = (*CONFIG, "healthCheck")
    read = findings.read
    probe = HealthProbe(
        test=read(check, (*path, "test"), _test) or (),
        interval_ms=read(check, (*path, "interval"), quantities.positive_duration) or 0,
        timeout_ms=read(check, (*path, "probeTimeout"), quantities.positive_duration) or 0,
        start_period_ms=read(check, (*path, "startPeriod"), quantities.positive_duration) or 0,
        retries=check.get("retries", 0),
    )
    if probe.disabled and probe != HealthProbe(test=("NONE",)):
        findings.note(
            (*path, "test"), "a disabled health check has no interval, retries, startPeriod or probeTimeout"
        )
    return None if probe == HealthProbe() else probe


def _test(value: str | list[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        return ("CMD-SHELL", value)
    head, *rest = value
    if head not in {"CMD", "CMD-SHELL", "NONE"}:
        raise Wrong(f'must begin with CMD, CMD-SHELL or NONE, not "{head}"; did you mean [CMD, {head}, …]?')
    if head == "NONE" and rest:
        raise Wrong("NONE takes no command")
    if head != "NONE" and not rest:
        raise Wrong(f"{head} needs a command")
    if head == "CMD-SHELL" and len(rest) > 1:
        raise Wrong("CMD-SHELL takes one line; use CMD for a list of arguments")
    return tuple(value)
