"""Visitors read and write while promotions go well, fail, and are stopped: what they saw, and what became of it."""
