"""Findings: what is wrong in one document's values, collected so that all of it is told at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from reconciler.spec.problem import Path, Wrong

T = TypeVar("T")
Finding = tuple[Path, str]


class Findings:
    """Reads values with readers that may raise ``Wrong``; keeps what was wrong, with its path."""

    def __init__(self) -> None:
        self.items: list[Finding] = []

    def note(self, path: Path, message: str) -> None:
        self.items.append((path, message))

    def read(self, values: Mapping[str, Any], path: Path, reader: Callable[[Any], T]) -> T | None:
        """The value of the key that ends ``path``, read; None when it is absent or wrong."""
        key = path[-1]
        return self.read_value(values[key], path, reader) if key in values else None  # type: ignore[index]

    def read_value(self, value: Any, path: Path, reader: Callable[[Any], T]) -> T | None:
        """A value itself, read; None when it is wrong."""
        try:
            return reader(value)
        except Wrong as wrong:
            self.note(path, str(wrong))
            return None

    def read_list(self, values: Mapping[str, Any], path: Path, reader: Callable[[Any], T]) -> tuple[T, ...] | None:
        """The items of a list that could be read, in their order; None when the key is absent."""
        items = values.get(str(path[-1]))
        return None if items is None else tuple(self._read((((*path, i), v) for i, v in enumerate(items)), reader))

    def read_mapping(
        self, values: Mapping[str, Any], path: Path, reader: Callable[[Any], T]
    ) -> dict[str, T] | None:
        """The entries of a mapping that could be read; None when the key is absent."""
        items = values.get(str(path[-1]))
        if items is None:
            return None
        read = {key: list(self._read([((*path, key), value)], reader)) for key, value in items.items()}
        return {key: found[0] for key, found in read.items() if found}

    def _read(self, items: Iterable[tuple[Path, Any]], reader: Callable[[Any], T]) -> Iterator[T]:
        for path, value in items:
            try:
                yield reader(value)
            except Wrong as wrong:
                self.note(path, str(wrong))

    def refuse_twins(self, values: Iterable[Any] | None, path: Path, what: str) -> None:
        """Each value at most once."""
        seen: set[Any] = set()
        for value in values or ():
            if value in seen:
                self.note(path, f"{what} {value} is given twice")
            seen.add(value)
