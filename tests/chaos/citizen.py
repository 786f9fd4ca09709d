"""One document of the town: what its file says, and which releases may run then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["web", "plain", "start-first", "job", "guarded", "project"]
KINDS: tuple[Kind, ...] = ("web", "plain", "start-first", "job", "guarded", "project")


@dataclass(slots=True)
class Citizen:
    """One document: what its file says, and the releases of which one must run if what it says is bad: what was
    committed when it was last quiet, or a good one since, which may have been committed or not.
    """

    name: str
    kind: Kind
    port: int
    release: int = 1
    bad: bool = False
    former: frozenset[int] = frozenset()

    def want(self, release: int, *, bad: bool) -> None:
        """Another release."""
        if not self.bad:
            self.former |= {self.release}
        self.release, self.bad = release, bad

    @property
    def serving(self) -> frozenset[int]:
        """The releases that may run when it is quiet; none if nothing was ever good."""
        return self.former if self.bad else frozenset({self.release})

    @property
    def containers(self) -> tuple[str, ...]:
        """Their names, when it is quiet."""
        return (f"{self.name}-first-1", f"{self.name}-second-1") if self.kind == "project" else (self.name,)
