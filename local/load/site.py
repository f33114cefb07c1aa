"""What the sample sites show to a visitor, and what a visitor can write there."""

from __future__ import annotations

import httpx

from local.load.generator import Request
from local.load.target import Target

TIMEOUT = 15.0
_NEWEST = "/wp-json/wp/v2/posts?per_page=1&_fields=id"


class SiteError(Exception):
    """A site that does not answer as it should."""


def count_posts(site: Target | str) -> int:
    """Return how many posts a WordPress publishes. Raises SiteError."""
    answer = _get(site, _NEWEST)
    try:
        return int(answer.headers["X-WP-Total"])
    except (KeyError, ValueError) as error:
        raise SiteError(f"{_name(site)}{_NEWEST} does not say X-WP-Total: is it a WordPress?") from error


def newest_post(site: Target | str) -> int:
    """Return the id of the newest post of a WordPress. Raises SiteError."""
    try:
        return int(_get(site, _NEWEST).json()[0]["id"])
    except (ValueError, LookupError, TypeError) as error:
        raise SiteError(f"{_name(site)}{_NEWEST} lists no post") from error


def count_records(site: Target | str) -> int:
    """Return how many records a catalogue holds. Raises SiteError."""
    path = "/api/records?count"
    try:
        return int(_get(site, path).json()["count"])
    except (ValueError, LookupError, TypeError) as error:
        raise SiteError(f"{_name(site)}{path} says no count: is it a catalogue?") from error


def comment(post: int) -> Request:
    """Return the request that writes a comment on a post of a WordPress; WordPress answers with a redirect."""
    form = {
        "comment_post_ID": str(post),
        "author": "A visitor",
        "email": "visitor@example.com",
        "comment": "Remark {unique}",
    }
    return Request("/wp-comments-post.php", "POST", form=form, expected=frozenset({302}))


def new_record(path: str = "/api/records") -> Request:
    """Return the request that adds a record to a catalogue."""
    return Request(path, "POST", json={"title": "Added {unique}"}, expected=frozenset({201}))


def _get(site: Target | str, path: str) -> httpx.Response:
    target = Target(site) if isinstance(site, str) else site
    try:
        with httpx.Client(trust_env=False, timeout=TIMEOUT) as client:
            answer = client.get(target.url(path), headers={"Host": target.host})
    except httpx.RequestError as error:
        raise SiteError(f"{target.site}{path}: {type(error).__name__} {error}") from error
    if answer.status_code != httpx.codes.OK:
        raise SiteError(f"{target.site}{path} answered {answer.status_code}, expected 200")
    return answer


def _name(site: Target | str) -> str:
    return site if isinstance(site, str) else site.site
