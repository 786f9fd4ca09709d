"""The notifier of the program that stays, made from the settings and the parts."""

from __future__ import annotations

import random
import socket
import time

from reconciler.config import Settings
from reconciler.controller.app.parts import Parts
from reconciler.controller.backoff import backoff_delay
from reconciler.controller.board import Board
from reconciler.core.notice import Facts, View, view_of
from reconciler.notify.notifier import Notifier, Surroundings
from reconciler.notify.opening import notify_of_host, open_channels
from reconciler.spec.problem import is_error


def notifier_of(settings: Settings, parts: Parts, board: Board) -> Notifier:
    """Raises InvalidSettings for a file of notifications that is wrong."""
    notify = notify_of_host(settings.notify, needed=settings.notify_needed)
    channels = open_channels(notify, settings.notify.absolute().parent)
    for channel in channels:
        parts.meters.notifying(channel.type)
    around = Surroundings(
        host=host_name(settings),
        view=lambda: view(parts, board),
        memory=parts.history,
        patience=notify.patience,
        clock=time.time,
        backoff=lambda failures: backoff_delay(failures, random.random()),  # noqa: S311  (jitter, not a secret)
        count=parts.meters.notified,
    )
    return Notifier(channels, around)


def host_name(settings: Settings) -> str:
    """What messages call this host."""
    return settings.target or socket.gethostname()


def view(parts: Parts, board: Board) -> View:
    """What the board and the folder say now; from memory."""
    problems = [problem for problem in parts.assessor.catalogue.loaded.problems if is_error(problem)]
    invalid = {problem.file: str(problem) for problem in reversed(problems)}
    facts = Facts(
        statuses=board.statuses,
        seen=board.first_pass_done,
        engine_problem=board.engine_problem,
        state_problem=str(board.unwritable or ""),
        look_problem=board.look_problem,
        audit_problem=board.audit_problem,
        invalid=invalid,
    )
    return view_of(facts)
