"""Promote a tenant's database and its data through environments as one immutable artifact."""

__version__ = "0.1.0"
