"""The laptop's AWS as a program: how it starts, stops, and what it lets a test set."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.laptop import Laptop, LaptopError, start_laptop

pytestmark = pytest.mark.skipif(
    "SNAPLIFT_PROBE_ENDPOINT" in os.environ, reason="asks of the laptop's AWS what no other endpoint has"
)


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    with start_laptop(tmp_path_factory.mktemp("laptop"), delays={"*": 0, "rds.create": 0.5}) as started:
        yield started


def test_delays_are_set_by_name_and_all_at_once(laptop: Laptop) -> None:
    delays = laptop.delays()
    assert delays.pop("rds.create") == 0.5
    assert set(delays.values()) == {0}


def test_an_unknown_delay_is_refused_and_the_known_are_named(laptop: Laptop) -> None:
    with pytest.raises(LaptopError, match=r"rds\.crate.*rds\.create"):
        laptop.set_delays({"rds.crate": 1})


def test_an_unknown_failure_is_refused(laptop: Laptop) -> None:
    with pytest.raises(LaptopError, match="rds"):
        laptop.set_failures({"rds.nothing": "failed"})


def test_quotas_are_set_by_code(laptop: Laptop) -> None:
    before = laptop.control("GET", "quotas")
    laptop.control("PUT", "quotas", {"L-7B6409FD": 2})
    quota = laptop.client("service-quotas").get_service_quota(ServiceCode="rds", QuotaCode="L-7B6409FD")
    laptop.control("PUT", "quotas", before)
    assert quota["Quota"]["Value"] == 2


def test_it_listens_on_loopback_only(laptop: Laptop) -> None:
    listening = "0A"
    sockets = [
        line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()
    ]
    addresses = {
        local.rpartition(":")[0]
        for _, local, _, state, *_ in sockets
        if state == listening and local.endswith(f":{laptop.port:04X}")
    }
    assert addresses == {"0100007F"}  # 127.0.0.1, in the kernel's byte order


def test_a_port_that_is_taken_is_said_with_the_log(laptop: Laptop, tmp_path: Path) -> None:
    with pytest.raises(LaptopError, match=rf"(?s)died at start.*{laptop.port}"):
        start_laptop(tmp_path, laptop.port)


def test_after_stop_nothing_answers_any_more(tmp_path: Path) -> None:
    laptop = start_laptop(tmp_path)
    laptop.stop()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", laptop.port), timeout=2)
