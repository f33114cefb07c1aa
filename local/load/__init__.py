"""Visitors of the sample sites: a bounded load that counts what fails, and questions about what a site shows."""

from local.load.counters import Failure, Snapshot
from local.load.generator import Load, Request
from local.load.ledger import Ledger, Write, read_ids
from local.load.site import SiteError, comment, count_posts, count_records, new_record, newest_post
from local.load.target import Target

__all__ = [
    "Failure",
    "Ledger",
    "Load",
    "Request",
    "SiteError",
    "Snapshot",
    "Target",
    "Write",
    "comment",
    "count_posts",
    "count_records",
    "new_record",
    "newest_post",
    "read_ids",
]
