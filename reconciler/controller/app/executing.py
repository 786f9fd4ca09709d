"""The Executors of the parts: who carries out which Actions. Loaded by those who act alone."""

from __future__ import annotations

import time
from collections.abc import Callable

from reconciler.controller.app.parts import Parts
from reconciler.core.interfaces import Executor
from reconciler.executors.compose import ComposeExecutor
from reconciler.executors.delivery import DeliveryExecutor
from reconciler.executors.docker import DockerExecutor
from reconciler.executors.signatures import SignatureExecutor
from reconciler.registry.client import RegistryClient
from reconciler.signatures.check import SignatureCheck


def executors_of(
    parts: Parts,
    *,
    sleep: Callable[[float], None],
    linger: Callable[[float], None],
    engine_breaks: Callable[[], int],
) -> tuple[Executor, ...]:
    """One for each engine mode, and those for files, signatures and records."""
    docker = DockerExecutor(
        parts.engine,
        parts.history,
        clock=time.monotonic,
        sleep=sleep,
        linger=linger,
        pull_deadline_s=parts.settings.pull_deadline_s,
        engine_breaks=engine_breaks,
        deliveries=parts.deliveries,
    )
    compose = ComposeExecutor(
        parts.engine,
        parts.history,
        compose=parts.compose,
        deployments=parts.deployments,
        places=parts.assessor.places,
        deliveries=parts.deliveries,
        clock=time.monotonic,
        sleep=sleep,
        engine_breaks=engine_breaks,
    )
    check = SignatureCheck(RegistryClient(parts.engine.login_for), parts.state.signatures)
    signatures = SignatureExecutor(parts.engine, check)
    return docker, compose, DeliveryExecutor(parts.deliveries), signatures, parts.record_executor()
