"""What the board says of the engine and of the looks, for those who tell people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.controller.board import Board
from reconciler.history import History
from tests.history.wishes import rebuild


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    history = History.open(tmp_path / "history.db", clock=lambda: 0.0, rebuild=rebuild)
    yield Board(history, lambda: 1.0, monotonic=lambda: 1.0, silent_s=60)
    history.close()


def said(board: Board) -> tuple[str | None, str | None]:
    return board.engine_problem, board.look_problem


def test_before_the_first_look_nothing_is_known_of_the_engine(board: Board) -> None:
    assert said(board) == (None, "")


def test_after_a_look_all_is_well(board: Board) -> None:
    board.show((), everything=True)
    assert said(board) == ("", "")


def test_an_engine_that_is_away_is_a_problem_until_it_is_back(board: Board) -> None:
    board.engine_away((), "no answer")
    assert said(board) == ("no answer", "")
    board.show((), everything=True)
    assert said(board) == ("", "")


def test_a_look_that_fails_says_nothing_of_the_engine(board: Board) -> None:
    board.engine_away((), "no answer")
    board.look_failed("a bug")
    assert said(board) == (None, "a bug")
    board.engine_away((), "no answer")
    assert said(board) == ("no answer", "")


def test_a_look_that_fails_while_the_engine_answers_is_a_problem_of_its_own(board: Board) -> None:
    board.show((), everything=True)
    board.look_failed("a bug")
    assert said(board) == ("", "a bug")
