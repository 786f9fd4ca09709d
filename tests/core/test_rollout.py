"""In which order the hosts of a fleet get a new version: laws whatever hosts do, and single decisions."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.rollout import (
    Amount,
    Course,
    HostFacts,
    Pace,
    Standing,
    decide,
    failed_of,
    paused,
    resumed,
    taken_back,
)

NEW, OLD = "new", "old"
COURSE = Course(version=NEW)
AMOUNTS = st.one_of(
    st.integers(1, 6).map(Amount), st.integers(1, 100).map(lambda part: Amount(part, percent=True))
)
PACES = st.builds(
    Pace,
    strategy=st.sampled_from(["all-at-once", "rolling", "canary"]),
    most=st.one_of(st.none(), AMOUNTS),
    canaries=AMOUNTS,
    soak_s=st.integers(0, 5),
    budget=st.one_of(st.just(Amount(0)), AMOUNTS),
    on_breach=st.sampled_from(["pause", "rollback"]),
)
HOSTS = st.lists(
    st.builds(
        HostFacts,
        name=st.sampled_from([f"host-{number}" for number in range(9)]),
        reachable=st.booleans(),
        assigned=st.sampled_from([None, OLD, NEW]),
        former=st.sampled_from([None, OLD]),
        standing=st.sampled_from(["good", "going", "failed", "held"]),
    ),
    max_size=9,
    unique_by=lambda item: item.name,
)
COURSES = st.builds(
    Course,
    version=st.just(NEW),
    state=st.sampled_from(["going", "paused", "returning", "returned", "done"]),
    soak_since=st.one_of(st.none(), st.integers(0, 20)),
    forgiven=st.frozensets(st.sampled_from([f"host-{number}" for number in range(9)])),
)


def at_work(hosts: list[HostFacts]) -> int:
    return sum(item.standing == "going" and item.reachable for item in hosts)


@given(PACES, COURSES, HOSTS, st.integers(0, 30))
def test_never_more_are_at_work_than_may_be_by_what_is_begun(
    pace: Pace, course: Course, hosts: list[HostFacts], now: int
) -> None:
    wave = decide(pace, course, hosts, now=now)
    begun = {*wave.start, *wave.back}
    assert len(begun) == len(wave.start) + len(wave.back)
    if begun:
        assert at_work(hosts) + len(begun) <= pace.at_once(len(hosts))
    facts = {item.name: item for item in hosts}
    assert all(facts[name].reachable and facts[name].standing != "going" for name in begun)
    assert all(facts[name].assigned != NEW and facts[name].standing != "held" for name in wave.start)
    assert all((facts[name].assigned, facts[name].former) == (NEW, OLD) for name in wave.back)


@given(PACES, COURSES, HOSTS, st.integers(0, 30), st.randoms())
def test_the_same_facts_lead_to_the_same_decision(
    pace: Pace, course: Course, hosts: list[HostFacts], now: int, chance: random.Random
) -> None:
    shuffled = chance.sample(hosts, len(hosts))
    assert decide(pace, course, hosts, now=now) == decide(pace, course, shuffled, now=now)


@given(PACES, COURSES, HOSTS, st.integers(0, 30))
def test_nobody_else_gets_it_once_more_have_failed_than_may(
    pace: Pace, course: Course, hosts: list[HostFacts], now: int
) -> None:
    failed = [name for name in failed_of(course, hosts) if name not in course.forgiven]
    wave = decide(pace, replace(course, state="going"), hosts, now=now)
    if len(failed) > pace.budget.of(len(hosts)):
        assert wave.start == ()
        assert wave.course.state in {"paused", "returning", "returned"}
        assert str(len(failed)) in wave.course.reason
    else:
        assert wave.back == ()


class World:
    """Hosts that do what they are told, each in a while; what was given to each, in order."""

    def __init__(self, hosts: list[HostFacts], pace: Pace, chance: random.Random) -> None:
        self.hosts = {item.name: item for item in hosts}
        self.pace, self.chance, self.course, self.now = pace, chance, COURSE, 0.0
        self.given: list[tuple[str, str]] = []
        self.bad: frozenset[str] = frozenset()

    def turn(self) -> None:
        self.now += 1
        wave = decide(self.pace, self.course, self.hosts.values(), now=self.now)
        self.course = wave.course
        for name in wave.start:
            self._give(name, NEW)
        for name in wave.back:
            self._give(name, self.hosts[name].former or "")
        assert at_work(list(self.hosts.values())) <= self.pace.at_once(len(self.hosts))
        for name, host in self.hosts.items():
            if host.standing == "going" and self.chance.random() < 0.6:
                ends: Standing = "failed" if name in self.bad and host.assigned == NEW else "good"
                self.hosts[name] = replace(host, standing=ends)

    def _give(self, name: str, version: str) -> None:
        host = self.hosts[name]
        self.given.append((name, version))
        former = host.assigned if version == NEW else host.former
        self.hosts[name] = replace(host, assigned=version, former=former, standing="going")


FLEET = [HostFacts(name=f"host-{number}", assigned=OLD) for number in range(7)]


@given(PACES, st.randoms(use_true_random=False))
def test_it_ends_on_every_host_when_all_succeed_and_no_host_is_given_it_twice(
    pace: Pace, chance: random.Random
) -> None:
    world = World(FLEET, pace, chance)
    for _ in range(400):
        world.turn()
        if world.course.state == "done":
            break
    assert world.course.state == "done"
    assert sorted(world.given) == [(item.name, NEW) for item in FLEET]


@given(PACES, st.frozensets(st.sampled_from([item.name for item in FLEET]), min_size=1), st.randoms())
def test_where_some_fail_it_ends_too_and_a_return_brings_back_all_that_had_it(
    pace: Pace, bad: frozenset[str], chance: random.Random
) -> None:
    world = World(FLEET, pace, chance)
    world.bad = bad
    for _ in range(400):
        world.turn()
        if world.course.state in {"done", "paused", "returned"}:
            break
    breach = len(bad) > pace.budget.of(len(FLEET))
    if not breach:
        assert world.course.state == "done" or pace.strategy == "canary", (
            "canaries that fail are replaced, or none are left"
        )
    elif pace.on_breach == "rollback":
        assert world.course.state == "returned"
        assert {item.assigned for item in world.hosts.values()} == {OLD}
        assert len(world.given) == len(set(world.given))
    else:
        assert world.course.state == "paused"


def hosts(*standings: str, assigned: str = NEW, **more: Any) -> list[HostFacts]:
    return [
        HostFacts(name=f"h{number}", assigned=assigned, standing=standing, **more)  # type: ignore[arg-type]
        for number, standing in enumerate(standings)
    ]


def old(*names: str, **more: Any) -> list[HostFacts]:
    return [HostFacts(name=name, assigned=OLD, **more) for name in names]


ROLLING = Pace(strategy="rolling", most=Amount(2))
CANARY = Pace(strategy="canary", canaries=Amount(2), soak_s=10)


def test_all_at_once_begins_everywhere_but_where_nobody_is() -> None:
    wave = decide(Pace(), COURSE, [*old("c", "a"), *old("b", reachable=False)], now=0)
    assert (wave.start, wave.course.state) == (("a", "c"), "going")


def test_a_rolling_one_goes_on_as_hosts_are_done() -> None:
    assert decide(ROLLING, COURSE, [*hosts("going", "good"), *old("x", "y", "z")], now=0).start == ("x",)
    part = Pace(strategy="rolling", most=Amount(50, percent=True))
    assert decide(part, COURSE, old("w", "x", "y", "z"), now=0).start == ("w", "x")
    little = Pace(strategy="rolling", most=Amount(1, percent=True))
    assert decide(little, COURSE, old("w", "x"), now=0).start == ("w",), "one at least"


def test_a_host_that_is_away_is_queued_and_holds_the_end_up() -> None:
    facts = [*hosts("good"), *old("x", reachable=False)]
    wave = decide(ROLLING, COURSE, facts, now=0)
    assert (wave.start, wave.course.state) == ((), "going")
    assert decide(ROLLING, COURSE, [facts[0], replace(facts[1], reachable=True)], now=0).start == ("x",)


def test_a_host_that_somebody_holds_is_neither_begun_nor_done() -> None:
    assert decide(ROLLING, COURSE, old("x", standing="held"), now=0).start == ()
    wave = decide(ROLLING, COURSE, hosts("held"), now=0)
    assert (wave.start, wave.course.state) == ((), "going")


def test_a_host_that_went_away_at_work_counts_as_failed_and_holds_no_place() -> None:
    lost = hosts("going", reachable=False)
    assert decide(ROLLING, COURSE, [*lost, *old("x", "y")], now=0).course.state == "paused"
    lenient = replace(ROLLING, budget=Amount(1))
    assert decide(lenient, COURSE, [*lost, *old("x", "y")], now=0).start == ("x", "y")


def test_canaries_come_first_and_the_others_after_the_soak() -> None:
    first = decide(CANARY, COURSE, old("a", "b", "c", "d"), now=0)
    assert (first.start, first.course.soak_since) == (("a", "b"), None)
    facts = [*hosts("good", "going"), *old("x", "y")]
    assert decide(CANARY, COURSE, facts, now=1) == replace(first, start=())
    facts = [*hosts("good", "good"), *old("x", "y")]
    soaking = decide(CANARY, COURSE, facts, now=5)
    assert (soaking.start, soaking.course.soak_since) == ((), 5)
    assert decide(CANARY, soaking.course, facts, now=14) == replace(soaking, start=())
    assert decide(CANARY, soaking.course, facts, now=15).start == ("x", "y")


def test_a_canary_that_is_no_longer_good_begins_the_soak_anew_or_ends_it_all() -> None:
    course = replace(COURSE, soak_since=5.0)
    facts = [*hosts("good", "failed"), *old("x", "y")]
    assert decide(CANARY, course, facts, now=8).course.state == "paused"
    wave = decide(replace(CANARY, budget=Amount(1)), course, facts, now=8)
    assert (wave.start, wave.course.soak_since) == (("x",), None)


def test_what_fails_after_the_end_is_no_breach_and_who_joins_later_gets_it() -> None:
    done = replace(COURSE, state="done")
    wave = decide(replace(CANARY, most=Amount(1)), done, [*hosts("failed"), *old("x", "y")], now=0)
    assert (wave.start, wave.course) == (("x",), done)


def test_a_breach_brings_the_former_version_back_where_it_failed_first() -> None:
    pace = replace(ROLLING, on_breach="rollback")
    facts = hosts("good", "failed", "good", former=OLD) + old("x")
    wave = decide(pace, COURSE, facts, now=0)
    assert (wave.back, wave.course.state) == (("h1", "h0"), "returning")
    assert wave.course.reason == "1 of 4 hosts failed, and 0 may: h1"
    nowhere = decide(pace, wave.course, hosts("failed"), now=0)
    assert (nowhere.back, nowhere.course.state) == ((), "returned"), "there is nothing to go back to"
    away = decide(pace, wave.course, hosts("failed", former=OLD, reachable=False), now=0)
    assert (away.back, away.course.state) == ((), "returning")


@pytest.mark.parametrize("state", ["paused", "returned"])
def test_while_it_waits_nothing_is_begun(state: Any) -> None:
    course = replace(COURSE, state=state)
    assert decide(Pace(), course, old("x"), now=0) == replace(decide(Pace(), course, [], now=0))


def test_a_person_stops_it_goes_on_past_what_has_failed_and_takes_it_back() -> None:
    facts = [*hosts("failed", former=OLD), *old("x", "y", "z")]
    assert paused(COURSE, "ada: lunch").reason == "ada: lunch"
    going = resumed(decide(ROLLING, COURSE, facts, now=0).course, facts)
    assert (going.state, going.reason, going.forgiven) == ("going", "", frozenset({"h0"}))
    assert decide(ROLLING, going, facts, now=0).start == ("x", "y")
    more = [*facts, HostFacts(name="h9", assigned=NEW, standing="failed")]
    assert decide(ROLLING, going, more, now=0).course.state == "paused", "another one fails"
    assert decide(ROLLING, taken_back(going, "ada"), facts, now=0).back == ("h0",)
    assert failed_of(going, facts) == ("h0",)


def test_many_that_failed_are_not_all_named() -> None:
    reason = decide(ROLLING, COURSE, hosts(*["failed"] * 7), now=0).course.reason
    assert reason == "7 of 7 hosts failed, and 0 may: h0, h1, h2, h3, h4, …"
