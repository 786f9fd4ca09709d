"""Ports for tests: free, and given to one test alone."""

from __future__ import annotations

import socket

from tests.parts.ports import FIRST_PORT, LAST_PORT, SHARES, free_port


def test_a_port_is_free_and_not_given_again_while_others_are_left() -> None:
    given = [free_port() for _ in range(100)]
    assert len(set(given)) == 100
    assert all(FIRST_PORT <= port < LAST_PORT for port in given)


def test_test_processes_have_ports_of_their_own() -> None:
    assert len({free_port() % SHARES for _ in range(20)}) == 1


def test_a_port_that_somebody_listens_on_is_passed_over() -> None:
    following = free_port() + SHARES
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", following))
        taken.listen()
        assert free_port() != following
