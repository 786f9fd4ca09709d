"""The model: which deeds there are, in any order, and what must hold whenever the host is calm.

Kept small: it knows what the file says, which release was last committed, and the highest generation. It does
not know how a deploy works.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.model.host import DEEDS, Deed, Edge, Host, Wish

RELEASES = st.integers(1, 4)
DEED = st.sampled_from(DEEDS)
EDGE: st.SearchStrategy[Edge] = st.sampled_from(["before", "after"])
ACTIONS = st.integers(1, 16)


class Life(RuleBasedStateMachine):
    """The life of one document. ``make`` gives the host; sub-classes say which."""

    def __init__(self) -> None:
        super().__init__()
        self.host = self.make()
        self.wish: Wish | None = None
        self.good_before: Wish | None = None
        self.highest = 0
        self.away = False

    def make(self) -> Host:
        raise NotImplementedError

    def _want(self, wish: Wish) -> None:
        self.wish = wish
        self.host.want(wish)

    @initialize(release=RELEASES)
    def begin(self, release: int) -> None:
        self._want(Wish(release))
        self.quiet()

    @rule(release=RELEASES, level=st.integers(0, 2))
    def want_a_release(self, release: int, level: int) -> None:
        self._want(Wish(release, level=level))

    @rule()
    def want_a_release_that_never_gets_healthy(self) -> None:
        self._want(Wish(9, good=False))

    @precondition(lambda self: self.good_before is not None)
    @rule()
    def edit_back(self) -> None:
        assert self.good_before is not None
        self._want(self.good_before)

    @precondition(lambda self: self.wish is not None)
    @rule(deed=DEED)
    def do_by_hand(self, deed: Deed) -> None:
        self.host.do(deed)

    @rule()
    def registry_goes_or_comes(self) -> None:
        self.away = not self.away
        self.host.registry(away=self.away)

    @precondition(lambda self: self.wish is not None)
    @rule()
    def work(self) -> None:
        self.host.settle()

    @precondition(lambda self: self.wish is not None)
    @rule(number=ACTIONS, edge=EDGE)
    def work_and_die(self, number: int, edge: Edge) -> None:
        self.host.settle_killed(number, edge)

    @precondition(lambda self: self.wish is not None and self.good_before is not None)
    @rule()
    def prune(self) -> None:
        self.host.prune()
        self.wish = self.good_before = None

    @precondition(lambda self: self.wish is not None)
    @rule()
    def quiet(self) -> None:
        """Everything is healed: now all of it must hold."""
        assert self.wish is not None
        self.away = False
        before, _ = self.host.committed()
        self.host.calm()
        assert self.host.troubles() == []
        release, generation = self.host.committed()
        assert generation >= self.highest, "a generation is used twice"
        self.highest = max(self.highest, generation)
        if self.wish.good:
            assert release == self.wish.release
            self.good_before = self.wish
            return
        assert self.host.quarantined()
        self.host.settle()
        assert (release, generation) == self.host.committed(), "what failed is tried again"
        assert release == before, "what was committed serves on"

    def teardown(self) -> None:
        if self.wish is not None:
            self.quiet()
