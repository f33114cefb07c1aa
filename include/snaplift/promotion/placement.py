"""Where a namespace goes among what namespaces share, by hash: the same every time, without a register."""

from __future__ import annotations

from collections.abc import Collection
from zlib import crc32

from snaplift import naming
from snaplift.config.platform import Platform

PRIORITIES = 50_000
"""A listener's rules have priorities from 1 to this, each once (Elastic Load Balancing: CreateRule)."""


def load_balancer(platform: Platform, namespace: naming.Namespace) -> str:
    """Choose one of the platform's load balancers."""
    names = sorted(balancer.name for balancer in platform.load_balancers)
    return names[crc32(str(namespace).encode()) % len(names)]


def priority(namespace: naming.Namespace, taken: Collection[int]) -> int:
    """Choose a priority for the namespace's host rule: by hash, or the next one that is free.

    :raises LookupError: there is none.
    """
    begin = crc32(str(namespace).encode()) % PRIORITIES
    for offset in range(PRIORITIES):
        if (candidate := (begin + offset) % PRIORITIES + 1) not in taken:
            return candidate
    raise LookupError(f"every rule priority of the load balancer of {namespace} is taken: add a load balancer")
