from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from local.aws.addresses import is_free
from local.demo.ports import Ports, choose


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_the_usual_ports_are_taken_when_they_are_free() -> None:
    told: list[str] = []
    usual = Ports(*_three_free())
    assert choose(usual, told.append) == usual
    assert told == []


def test_for_a_port_that_is_taken_it_says_by_what_and_takes_another(taken: int) -> None:
    told: list[str] = []
    aws, sites, _ = _three_free()
    chosen = choose(Ports(aws, taken, sites), told.append)
    assert chosen.airflow > taken
    assert is_free("127.0.0.1", chosen.airflow)
    assert len(told) == 1
    assert f"port {taken} is taken by process {os.getpid()}" in told[0]
    assert f"Airflow will be on port {chosen.airflow}" in told[0]


def test_what_listens_on_all_addresses_is_in_the_way_of_the_tasks_too() -> None:
    told: list[str] = []
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        port = listener.getsockname()[1]
        chosen = choose(Ports(*_three_free(), tasks=port), told.append)
    assert chosen.tasks > port
    assert told == [
        f"port {port} is taken by process {os.getpid()} ({_own_name()}): the sites' tasks will be on port "
        f"{chosen.tasks}"
    ]


def test_airflow_on_the_tasks_port_is_in_nobodys_way() -> None:
    aws, both, sites = _three_free()
    assert choose(Ports(aws, both, sites, tasks=both), lambda _: None).tasks == both


def test_two_that_want_the_same_port_get_two() -> None:
    port, _, other = _three_free()
    chosen = choose(Ports(port, port, other), lambda _: None)
    assert len({chosen.aws, chosen.airflow, chosen.sites}) == 3


def _own_name() -> str:
    return Path("/proc/self/comm").read_text().strip()


def _three_free() -> tuple[int, int, int]:
    sockets = [socket.socket() for _ in range(3)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports[0], ports[1], ports[2]
