"""A container that says something in every field."""

from __future__ import annotations

from reconciler.core.container import (
    ContainerConfig,
    Device,
    HealthProbe,
    Logging,
    Mount,
    NetworkAttachment,
    PortBinding,
    RestartPolicy,
    Ulimit,
)
from reconciler.core.desired import ImageReference

MIB = 1024 * 1024
IMAGE = ImageReference(
    "registry.example.com/shop/rich", "sha256:f7fa591b80ba91155e410deb5859335330e1e5f2800890e89802b4d378cd68f5"
)
FULL = ContainerConfig(
    command=("sleep", "7"),
    entrypoint=("/bin/busybox",),
    user="0:0",
    working_dir="/tmp",
    hostname="hh",
    environment={"A": "mine", "Z": "a=b\nc"},
    labels={"team": "x"},
    ports=(PortBinding(80, "tcp", "127.0.0.1", 18080), PortBinding(81, "udp"), PortBinding(82, "tcp", "", 18082)),
    mounts=(Mount("/data", "v1"), Mount("/etc/h", "/etc/hostname", "bind", read_only=True)),
    tmpfs={"/tmp": "size=1m"},
    networks=(NetworkAttachment("n1", ("all", "web")), NetworkAttachment("n2", ("zz",))),
    restart_policy=RestartPolicy("on-failure", 3),
    memory_bytes=32 * MIB,
    memory_swap_bytes=40 * MIB,
    nano_cpus=500_000_000,
    pids_limit=50,
    ulimits={"nofile": Ulimit(100, 200)},
    cap_add=("NET_ADMIN",),
    cap_drop=("ALL",),
    read_only_root=True,
    no_new_privileges=True,
    privileged=False,
    init=True,
    stop_signal="SIGINT",
    stop_timeout_s=3,
    logging=Logging("json-file", {"max-size": "1m"}),
    extra_hosts=("a:1.2.3.4", "b:host-gateway"),
    dns=("9.9.9.9", "1.1.1.1"),
    sysctls={"net.core.somaxconn": "99"},
    devices=(Device("/dev/null", "/dev/xnull", "rw"),),
    shm_bytes=MIB,
    health=HealthProbe(test=("CMD", "true"), interval_ms=1500, timeout_ms=900, start_period_ms=100, retries=2),
)
"""The recording ``container_wanted`` is of a container that was created from this, on ``image_rich``."""
