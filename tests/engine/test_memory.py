"""What was asked before."""

from __future__ import annotations

from reconciler.engine.memory import Memory


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_value_is_told_under_the_same_circumstances_only() -> None:
    memory = Memory[str, int](Clock())
    memory.put("a", 1, under="x")
    assert (memory.get("a", under="x"), memory.get("a", under="y"), memory.get("b")) == (1, None, None)


def test_a_value_grows_old() -> None:
    clock = Clock()
    memory = Memory[str, int](clock, max_age_s=10)
    memory.put("a", 1)
    clock.now = 9.9
    assert memory.get("a") == 1
    clock.now = 10
    assert memory.get("a") is None


def test_the_oldest_entries_go_first() -> None:
    memory = Memory[str, int](Clock(), max_entries=2)
    for number, key in enumerate("abac"):
        memory.put(key, number)
    assert [memory.get(key) for key in "abc"] == [2, None, 3]


def test_none_is_a_value_that_can_be_known() -> None:
    memory = Memory[str, None](Clock())
    memory.put("a", None)
    assert memory.has("a")
    assert not memory.has("b")


def test_entries_are_forgotten_one_by_one_by_choice_or_all() -> None:
    memory = Memory[str, int](Clock())
    for key in "abcd":
        memory.put(key, 1, under=key)
    memory.forget("a")
    memory.forget("a")
    memory.forget_where(lambda under: under == "b")
    memory.keep({"c"})
    assert [memory.has(key) for key in "abd"] == [False, False, False]
    assert memory.get("c", under="c") == 1
    memory.clear()
    assert memory.get("c", under="c") is None
