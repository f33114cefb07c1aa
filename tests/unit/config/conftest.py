"""A small configuration to break."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from snaplift.config.errors import InvalidConfiguration
from snaplift.config.loading import load_configuration

PLATFORMS = """\
installation: acme
platforms:
  platform-nonprod:
    region: eu-central-1
    account: "000000000000"
    network:
      cidr: 10.20.0.0/16
      zones: [eu-central-1a, eu-central-1b]
    load_balancers:
      - name: web
    listener:
      protocol: HTTP
      port: 8088
    domain: localhost
    engines: [mariadb10.11]
    orchestrator:
      cidr: 10.0.0.0/8
    prices:
      currency: USD
      as_of: 2026-11-01
      instance_hour:
        db.t4g.micro: 0.018
      storage_gb_month: 0.137
      snapshot_gb_month: 0.1
  platform-prod:
    region: eu-central-1
    account: "000000000000"
    network:
      vpc: vpc-0123456789abcdef0
      public_subnets: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]
      private_subnets: [subnet-0123456789abcdef2, subnet-0123456789abcdef3]
    load_balancers:
      - name: web
    listener:
      certificate: arn:aws:acm:eu-central-1:000000000000:certificate/1
    domain: example.com
    key: platform-nonprod
    orchestrator:
      security_group: sg-0123456789abcdef0
defaults:
  owner: web-team
  retention:
    snapshots: 5
    log_days: 30
"""
TENANT = """\
tenant: xy-0146
description: A site
tags: [wordpress]
environments:
  dev:
    platform: platform-nonprod
  qa:
    platform: platform-nonprod
    from: dev
    variables: {MAIL: "off"}
  prod:
    platform: platform-prod
    from: qa
    variables: {MAIL: "on"}
nightly:
  schedule: "0 2 * * *"
  timezone: Europe/Berlin
  environments: [qa]
database:
  name: wordpress
service:
  containers:
    web:
      image: 000000000000.dkr.ecr.eu-central-1.amazonaws.com/wordpress
      port: 8080
      environment:
        SITE_URL: ${site_url}
      secrets: [SITE_SALT]
  cpu: 256
  memory: 512
adapt:
  - sql: [DELETE FROM sessions]
  - command: [adapt]
    environment:
      SOURCE_URLS: ${source_urls}
smoke:
  - sql: SELECT COUNT(*) FROM posts
  - path: /
    contains: ${site_url}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A configuration without an error."""
    folder = tmp_path / "config"
    (folder / "tenants").mkdir(parents=True)
    (folder / "platforms.yaml").write_text(PLATFORMS)
    (folder / "tenants" / "xy-0146.yaml").write_text(TENANT)
    return folder


@pytest.fixture
def change(root: Path) -> Callable[[str, str, str], None]:
    """Replace a text that stands exactly once in a file."""

    def change_file(name: str, old: str, new: str) -> None:
        path = root / name
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        path.write_text(text.replace(old, new))

    return change_file


@pytest.fixture
def errors(root: Path) -> Callable[[], list[str]]:
    """What loading it says."""

    def load() -> list[str]:
        try:
            return [str(error) for error in load_configuration(root).errors]
        except InvalidConfiguration as error:
            return [str(each) for each in error.errors]

    return load
