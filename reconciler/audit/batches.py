"""Batches: what many threads ask for at once is done together; who comes alone does not wait for others.

What is asked for while a batch is under way makes up the next one, which one of those who wait carries out.
A batch is done whole or not at all: of one that fails each is done alone, so that none takes others with it.

Invariant: who asks hears of it after it was done, and not before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Asked(Generic[T]):
    item: T
    number: int | None = None
    error: Exception | None = None

    @property
    def open(self) -> bool:
        return self.number is None and self.error is None


class Batches(Generic[T]):
    """``work`` does all of a batch or raises; it gives a number for each. Never called twice at once."""

    def __init__(self, work: Callable[[Sequence[T]], Sequence[int]]) -> None:
        self._work = work
        self._changed = threading.Condition()
        self._at_work = False
        self._waiting: list[_Asked[T]] = []

    def do(self, item: T) -> int:
        """The number that ``work`` gave it. Raises what ``work`` raised for it alone."""
        mine = _Asked(item)
        with self._changed:
            self._waiting.append(mine)
            self._changed.wait_for(lambda: not (mine.open and self._at_work))
            batch = self._taken() if mine.open else ()
        if batch:
            self._do_all(batch, mine)
        if mine.error is not None:
            raise mine.error
        assert mine.number is not None  # noqa: S101  (it was in the batch of somebody)
        return mine.number

    def _taken(self) -> Sequence[_Asked[T]]:
        """All that wait, for the thread that works on them."""
        batch, self._waiting, self._at_work = self._waiting, [], True
        return batch

    def _do_all(self, batch: Sequence[_Asked[T]], mine: _Asked[T]) -> None:
        try:
            self._together(batch)
        finally:
            with self._changed:
                # What is left open here is of those who are not interrupted with us.
                self._waiting[:0] = [asked for asked in batch if asked.open and asked is not mine]
                self._at_work = False
                self._changed.notify_all()

    def _together(self, batch: Sequence[_Asked[T]]) -> None:
        try:
            numbers = self._work([asked.item for asked in batch])
        except Exception as error:  # noqa: BLE001  (told to who waits for it)
            if len(batch) > 1:
                for asked in batch:
                    self._together([asked])
            else:
                batch[0].error = error
            return
        for asked, number in zip(batch, numbers, strict=True):
            asked.number = number
