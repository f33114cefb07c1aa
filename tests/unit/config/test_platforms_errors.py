"""What is wrong in platforms.yaml, and in the defaults that it gives, is said with its line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from snaplift.config.errors import InvalidConfiguration
from snaplift.config.loading import load_configuration, load_tenant_named

Change = Callable[[str, str, str], None]
Errors = Callable[[], list[str]]

CASES = {
    "no installation": ("installation: acme\n", "", ["1: installation: is missing"]),
    "a field that there is not": (
        "    domain: localhost",
        "    domian: localhost",
        [
            "3: platforms.platform-nonprod.domain: is missing",
            "14: platforms.platform-nonprod.domian: is no field here: expected account, cluster, connection, domain, "
            "engines, key, listener, load_balancers, network, orchestrator, prices, region; did you mean domain?",
        ],
    ),
    "a platform's name": (
        "  platform-prod:",
        "  production:",
        [
            "25: platforms.production: the name 'production' is not allowed: expected 'platform-', then up to 15 "
            "letters or digits, in lower case, like platform-nonprod"
        ],
    ),
    "an account that is a number": (
        'account: "000000000000"\n    network:\n      vpc',
        "account: 123456789012\n    network:\n      vpc",
        ['27: platforms.platform-prod.account: 123456789012 is no text: put it in quotes, "123456789012"'],
    ),
    "an address range": (
        "cidr: 10.20.0.0/16",
        "cidr: 10.20.0.300/16",
        [
            "7: platforms.platform-nonprod.network.cidr: Octet 300 (> 255) not permitted in '10.20.0.300': "
            "expected an address range, like 10.20.0.0/16"
        ],
    ),
    "a network of no kind": (
        "    network:\n      vpc: vpc-0123456789abcdef0\n",
        "    network: vpc-0123456789abcdef0\n    cluster: a\n    x:\n",
        [
            "28: platforms.platform-prod.network: expected fields: cidr and zones, or vpc and its subnets",
            "30: platforms.platform-prod.x: is no field here: expected account, cluster, connection, domain, engines, "
            "key, listener, load_balancers, network, orchestrator, prices, region",
        ],
    ),
    "a zone of another region": (
        "eu-central-1b",
        "eu-west-1b",
        ["8: platforms.platform-nonprod.network.zones[1]: 'eu-west-1b' is no zone of eu-central-1"],
    ),
    "HTTPS without a certificate": (
        "      protocol: HTTP\n      port: 8088",
        "      port: 8443",
        ["11: platforms.platform-nonprod.listener: HTTPS needs a certificate"],
    ),
    "a certificate without HTTPS": (
        "      certificate: ",
        "      protocol: HTTP\n      certificate: ",
        ["36: platforms.platform-prod.listener.certificate: is for HTTPS only"],
    ),
    "a key of no platform": (
        "key: platform-nonprod",
        "key: platform-dev",
        ["37: platforms.platform-prod.key: 'platform-dev' is no platform of this file"],
    ),
    "a key of a platform that has none": (
        "key: platform-nonprod",
        "key: platform-prod",
        ["37: platforms.platform-prod.key: 'platform-prod' has no key of its own"],
    ),
    "a key of another region": (
        "  platform-prod:\n    region: eu-central-1",
        "  platform-prod:\n    region: eu-west-1",
        ["37: platforms.platform-prod.key: 'platform-nonprod' is in another account or region"],
    ),
    "no key at all": (
        "key: platform-nonprod",
        "key: mine",
        [
            "37: platforms.platform-prod.key: 'mine' is not allowed: expected a KMS key's ARN, or "
            "a platform of this file"
        ],
    ),
    "two places of the orchestrator": (
        "      security_group: sg-0123456789abcdef0",
        "      security_group: sg-0123456789abcdef0\n      cidr: 10.0.0.0/8",
        ["38: platforms.platform-prod.orchestrator: say either security_group or cidr"],
    ),
    "a date that there is not": (
        "as_of: 2026-11-01",
        "as_of: 2026-11-31",
        ["20: platforms.platform-nonprod.prices.as_of: '2026-11-31' is not allowed: expected a date, like 2026-11-01"],
    ),
    "a price that is less than nothing": (
        "db.t4g.micro: 0.018",
        "db.t4g.micro: -0.018",
        [
            "22: platforms.platform-nonprod.prices.instance_hour.db.t4g.micro: -0.018 is not allowed: "
            "expected at least 0.0"
        ],
    ),
    "two load balancers of one name": (
        "      - name: web\n    listener:\n      protocol",
        "      - name: web\n      - name: web\n    listener:\n      protocol",
        ["11: platforms.platform-nonprod.load_balancers[1].name: 'web' is the name of another one"],
    ),
    "no default section": (
        "defaults:\n  owner: web-team",
        "defaults: []\nx:\n  owner: web-team",
        [
            "40: defaults: a list is not allowed: expected a section with fields",
            "41: x: is no field here: expected defaults, installation, platforms",
        ],
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_platforms_are_checked(case: tuple[str, str, list[str]], change: Change, errors: Errors) -> None:
    old, new, expected = case
    change("platforms.yaml", old, new)
    assert errors() == [f"config/platforms.yaml:{message}" for message in expected]


def test_without_platforms_nothing_is_loaded_and_the_reason_is_said(root: Path) -> None:
    (root / "platforms.yaml").unlink()
    with pytest.raises(
        InvalidConfiguration, match=r"^config/platforms.yaml: cannot be read: No such file or directory$"
    ):
        load_configuration(root)


def test_an_error_in_a_default_is_said_at_the_default_once_for_all_tenants(
    root: Path, change: Change, errors: Errors
) -> None:
    other = (root / "tenants" / "xy-0146.yaml").read_text().replace("xy-0146", "ab-0200")
    (root / "tenants" / "ab-0200.yaml").write_text(other)
    change("platforms.yaml", "    log_days: 30", "    log_days: 31")
    assert errors() == [
        "config/platforms.yaml:44: defaults.retention.log_days: 31 is not allowed: expected 1, 3, 5, 7, 14, 30, 60, "
        "90, 180, 365"
    ]


def test_a_field_of_the_defaults_that_there_is_not_is_said_at_the_default(change: Change, errors: Errors) -> None:
    change("platforms.yaml", "  owner: web-team", "  ownr: web-team")
    assert errors() == [
        "config/platforms.yaml:41: defaults.ownr: is no field here: expected adapt, database, description, "
        "environments, lock_wait, masking, nightly, owner, previews, retention, service, setup, smoke, tags, tenant; "
        "did you mean owner?",
        "config/tenants/xy-0146.yaml:1: owner: is missing",
    ]


def test_a_tenant_s_own_value_stands_over_a_broken_default(root: Path, change: Change, errors: Errors) -> None:
    change("platforms.yaml", "    log_days: 30", "    log_days: 31")
    change("tenants/xy-0146.yaml", "tags: [wordpress]", "retention: {log_days: 7}")
    assert errors() == []
    retention = load_tenant_named(root, "xy-0146").retention
    assert (retention.log_days, retention.snapshots) == (7, 5)
