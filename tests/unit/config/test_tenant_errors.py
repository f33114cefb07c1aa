"""What is wrong in a tenant's file is said with its line, what is allowed, and the nearest valid spelling."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Change = Callable[[str, str, str], None]
Errors = Callable[[], list[str]]

ONE_FIELD = {
    "a field that there is not": (
        "containers:\n",
        "containrs:\n",
        [
            "21: service.containers: is missing",
            "22: service.containrs: is no field here: expected containers, count, cpu, deployment, entry, "
            "health_check, memory; did you mean containers?",
        ],
    ),
    "a field that there is not, in a list": (
        "    contains: ${site_url}",
        "    contain: ${site_url}",
        [
            "39: smoke[1].contain: is no field here: expected contains, path, status, timeout; did you mean contains?",
        ],
    ),
    "a name that stands for none": (
        "from: qa",
        "form: qa",
        [
            "13: environments.prod.form: is no field here: expected approval, data_class, database, "
            "existing, from, lock_wait, platform, retention, service, target_writes, variables; did you mean from?"
        ],
    ),
    "a value that is no choice": (
        "cpu: 256",
        "cpu: 300",
        ["29: service.cpu: 300 is not allowed: expected 256, 512, 1024, 2048, 4096"],
    ),
    "a choice with a typing error": (
        "  name: wordpress",
        "  name: wordpress\n  engine: mariadbb",
        ["21: database.engine: 'mariadbb' is not allowed: expected mariadb, mysql; did you mean mariadb?"],
    ),
    "a number that is too small": (
        "cpu: 256",
        "count: 0",
        ["29: service.count: 0 is not allowed: expected at least 1"],
    ),
    "less than the least that is kept": (
        "tags: [wordpress]",
        "retention: {snapshots_min: 9}",
        ["3: retention.snapshots_min: is more than snapshots, 5"],
    ),
    "a number that is too large": (
        "port: 8080",
        "port: 80800",
        ["25: service.containers.web.port: 80800 is not allowed: expected at most 65535"],
    ),
    "a text where a number is expected": (
        "port: 8080",
        "port: http",
        ["25: service.containers.web.port: 'http' is not allowed: expected a whole number"],
    ),
    "a number where a text is expected": (
        "  name: wordpress",
        "  name: wordpress\n  version: 10.11",
        ['21: database.version: 10.11 is no text: put it in quotes, "10.11"'],
    ),
    "a truth where a text is expected": (
        'MAIL: "off"',
        "MAIL: true",
        ['10: environments.qa.variables.MAIL: true is no text: put it in quotes, "true"'],
    ),
    "a text where a truth is expected": (
        "  name: wordpress",
        "  name: wordpress\n  multi_az: perhaps",
        ["21: database.multi_az: 'perhaps' is not allowed: expected true or false"],
    ),
    "a text where a list is expected": (
        "tags: [wordpress]",
        "tags: wordpress",
        ["3: tags: 'wordpress' is not allowed: expected a list"],
    ),
    "a list where a section is expected": (
        "  name: wordpress",
        "  - name: wordpress",
        ["19: database: a list is not allowed: expected a section with fields"],
    ),
    "nothing where a section is expected": (
        "  name: wordpress\n",
        "",
        ["19: database: is empty: expected a section with fields"],
    ),
    "no length of time": (
        "  timezone: Europe/Berlin",
        "  timezone: Europe/Berlin\n  start_within: 90",
        ["18: nightly.start_within: 90 is not allowed: expected a whole number and a unit: 30s, 15m, 2h or 7d"],
    ),
    "a length of time that is too long": (
        "  timezone: Europe/Berlin",
        "  timezone: Europe/Berlin\n  start_within: 99999999999999d",
        [
            "18: nightly.start_within: '99999999999999d' is not allowed: "
            "expected a whole number and a unit: 30s, 15m, 2h or 7d"
        ],
    ),
    "a text that does not match": (
        "wordpress\n      port",
        "WordPress:1\n      port",
        [
            "24: service.containers.web.image: '000000000000.dkr.ecr.eu-central-1.amazonaws.com/WordPress:1' "
            "is not allowed: expected a repository without a tag, like "
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop"
        ],
    ),
    "a name that does not match": (
        "  prod:",
        "  PROD:",
        [
            "11: environments.PROD: the name 'PROD' is not allowed: expected a letter, then up to 10 letters or "
            "digits, in lower case, like qa"
        ],
    ),
    "an empty list": (
        "environments: [qa]",
        "environments: []",
        ["18: nightly.environments: too few: expected at least 1"],
    ),
    "a tag that Airflow refuses": (
        "tags: [wordpress]",
        f"tags: [{'w' * 101}]",
        ["3: tags[0]: too long: expected at most 100 characters"],
    ),
    "an owner that Airflow takes for two": (
        "tags: [wordpress]",
        "owner: web, shop",
        ["3: owner: 'web, shop' is not allowed: expected one line of text without commas"],
    ),
    "a step of two kinds": (
        "- sql: [DELETE FROM sessions]",
        "- sql: [DELETE FROM sessions]\n    command: [adapt]",
        ["32: adapt[0]: expected fields with either sql or command"],
    ),
    "a step of no kind": (
        "- sql: SELECT COUNT(*) FROM posts",
        "- at_least: 3",
        ["37: smoke[0]: expected fields with either sql, path or command"],
    ),
    "an error inside a step": (
        "- sql: [DELETE FROM sessions]",
        "- sql: []",
        ["32: adapt[0].sql: too few: expected at least 1"],
    ),
    "another tenant's name": (
        "tenant: xy-0146",
        "tenant: xy-0147",
        ["1: tenant: 'xy-0147' is not the file's name: expected 'xy-0146'"],
    ),
    "no tenant's name": (
        "tenant: xy-0146",
        "tenant: xy0146",
        [
            "1: tenant: 'xy0146' is no tenant: expected a customer (a letter, then 1 to 9 lower-case letters or "
            "digits), a hyphen, four digits, like 'xy-0146'"
        ],
    ),
}

FIELDS_TOGETHER = {
    "an environment from one that there is not": (
        "from: qa",
        "from: qs",
        ["13: environments.prod.from: 'qs' is no environment of this tenant"],
    ),
    "two first environments": (
        "    from: qa\n",
        "",
        ["4: environments: exactly one has no 'from' (where data is authored), not dev, prod"],
    ),
    "environments in a circle": (
        "    from: dev",
        "    from: prod",
        ["9: environments.qa.from: goes round in a circle: qa from prod from qa"],
    ),
    "a platform that there is not": (
        "platform: platform-prod",
        "platform: platform-prd",
        [
            "12: environments.prod.platform: 'platform-prd' is no platform: expected platform-nonprod, "
            "platform-prod; did you mean platform-prod?"
        ],
    ),
    "an engine that the platform does not have": (
        "  name: wordpress",
        '  name: wordpress\n  version: "11.4.3"',
        [
            "21: database.version: mariadb11.4 is not allowed on platform-nonprod: expected mariadb10.11",
            "21: database.version: mariadb11.4 is not allowed on platform-prod: expected mariadb10.11",
        ],
    ),
    "memory that Fargate does not have": (
        "memory: 512",
        "memory: 4096",
        ["30: service.memory: 4096 does not go with cpu 256 on Fargate: expected 512, 1024, 2048"],
    ),
    "an environment's memory that Fargate does not have": (
        '    variables: {MAIL: "on"}',
        "    service: {cpu: 1024}",
        [
            "14: environments.prod.service.memory: 512 does not go with cpu 1024 on Fargate: "
            "expected 2048, 3072, 4096, 5120, 6144, 7168, 8192"
        ],
    ),
    "a nightly promotion to an environment that there is not": (
        "environments: [qa]",
        "environments: [qa, uat]",
        ["18: nightly.environments[1]: 'uat' is no environment of this tenant"],
    ),
    "a nightly promotion to where data is authored": (
        "environments: [qa]",
        "environments: [dev]",
        ["18: nightly.environments[0]: 'dev' is where data is authored: nothing is promoted to it"],
    ),
    "a nightly promotion twice": (
        "environments: [qa]",
        "environments: [qa, qa]",
        ["18: nightly.environments[1]: 'qa' is said twice"],
    ),
    "no schedule": (
        '"0 2 * * *"',
        "nightly",
        [
            "16: nightly.schedule: 'nightly' is no schedule: expected minute, hour, day, month and day of the week, "
            "like '0 2 * * *'"
        ],
    ),
    "a schedule with seconds": (
        '"0 2 * * *"',
        '"0 0 2 * * *"',
        [
            "16: nightly.schedule: '0 0 2 * * *' is no schedule: expected minute, hour, day, month and day of the "
            "week, like '0 2 * * *'"
        ],
    ),
    "a schedule that is another one at each parse": (
        '"0 2 * * *"',
        '"R 2 * * *"',
        [
            "16: nightly.schedule: 'R 2 * * *' is no schedule: expected minute, hour, day, month and day of the "
            "week, like '0 2 * * *'"
        ],
    ),
    "a schedule without a next date": (
        '"0 2 * * *"',
        '"0 2 30 2 *"',
        ["16: nightly.schedule: '0 2 30 2 *' is on no date that exists: it would never run"],
    ),
    "a time zone with a typing error": (
        "Europe/Berlin",
        "Europe/Berln",
        [
            "17: nightly.timezone: 'Europe/Berln' is no time zone: expected a name like Europe/Berlin; "
            "did you mean Europe/Berlin?"
        ],
    ),
    "a folder of time zones": (
        "Europe/Berlin",
        "Europe",
        ["17: nightly.timezone: 'Europe' is no time zone: expected a name like Europe/Berlin"],
    ),
    "a path as a time zone": (
        "Europe/Berlin",
        "../../etc/passwd",
        ["17: nightly.timezone: '../../etc/passwd' is no time zone: expected a name like Europe/Berlin"],
    ),
    "a placeholder that there is not": (
        "SITE_URL: ${site_url}",
        "SITE_URL: ${site_ur}",
        [
            "27: service.containers.web.environment.SITE_URL: ${site_ur} is not known: expected one of environment, "
            "namespace, release, site_url, source_urls, tenant; did you mean ${site_url}?"
        ],
    ),
    "a variable that not every environment has": (
        "SITE_URL: ${site_url}",
        "MAIL: ${MAIL}",
        [
            "27: service.containers.web.environment.MAIL: ${MAIL} is not known: expected one of environment, "
            "namespace, release, site_url, source_urls, tenant"
        ],
    ),
    "a placeholder in a command": (
        "command: [adapt]",
        "command: [adapt, '$HOME']",
        [
            "33: adapt[1].command[1]: $HOME is not known: expected one of MAIL, environment, namespace, release, "
            "site_url, source_urls, tenant"
        ],
    ),
    "a dollar sign alone": (
        "    contains: ${site_url}",
        "    contains: 5 $",
        ["39: smoke[1].contains: a $ that begins no placeholder: expected ${name}, or $$ for a plain $"],
    ),
    "a placeholder in SQL that there is not": (
        "DELETE FROM sessions",
        "UPDATE mail SET state = %(MAL)s",
        [
            "32: adapt[0].sql[0]: %(MAL)s is not known: expected one of MAIL, environment, namespace, release, "
            "site_url, source_urls, tenant; did you mean %(MAIL)s?"
        ],
    ),
    "a percent sign alone in SQL": (
        "SELECT COUNT(*) FROM posts",
        "SELECT COUNT(*) FROM posts WHERE title LIKE 'a%'",
        ["37: smoke[0].sql: a % that begins no placeholder: expected %(name)s, or %% for a plain %"],
    ),
    "a container that there is not": (
        "command: [adapt]",
        "command: [adapt]\n    container: wbe",
        ["34: adapt[1].container: 'wbe' is no container: expected web; did you mean web?"],
    ),
    "no container with a port": (
        "      port: 8080\n",
        "",
        ["21: service: one container needs a 'port', to be reached by the load balancer"],
    ),
    "an entry without a port": (
        "  cpu: 256",
        "  entry: side",
        ["29: service.entry: 'side' is no container with a port"],
    ),
    "a variable that is said twice": (
        "secrets: [SITE_SALT]",
        "secrets: [SITE_SALT, SITE_URL, DB_HOST]",
        [
            "28: service.containers.web.secrets[1]: SITE_URL is also said under environment",
            "28: service.containers.web.secrets[2]: DB_HOST is also said under database",
        ],
    ),
    "a variable that is always there": (
        'MAIL: "on"',
        'MAIL: "on", release: "1"',
        ["14: environments.prod.variables.release: is the name of a placeholder that is always there: choose another"],
    ),
    "a time-out that is longer than the interval": (
        "  cpu: 256",
        "  health_check: {interval: 5s, timeout: 5s}",
        ["29: service.health_check.timeout: expected 2s at least, and less than the interval"],
    ),
    "a deployment that can replace no task": (
        "  cpu: 256",
        "  deployment: {maximum_percent: 100}",
        [
            "29: service.deployment.maximum_percent: expected more than minimum_healthy_percent, or no task can be "
            "replaced"
        ],
    ),
}


def test_the_configuration_that_is_broken_here_has_no_error(errors: Errors) -> None:
    assert errors() == []


@pytest.mark.parametrize("case", ONE_FIELD.values(), ids=ONE_FIELD)
def test_a_field_is_checked(case: tuple[str, str, list[str]], change: Change, errors: Errors) -> None:
    old, new, expected = case
    change("tenants/xy-0146.yaml", old, new)
    assert errors() == [f"config/tenants/xy-0146.yaml:{message}" for message in expected]


@pytest.mark.parametrize("case", FIELDS_TOGETHER.values(), ids=FIELDS_TOGETHER)
def test_fields_have_to_fit_to_each_other(case: tuple[str, str, list[str]], change: Change, errors: Errors) -> None:
    old, new, expected = case
    change("tenants/xy-0146.yaml", old, new)
    assert errors() == [f"config/tenants/xy-0146.yaml:{message}" for message in expected]


def test_every_error_of_a_file_is_said_at_once(change: Change, errors: Errors) -> None:
    change("tenants/xy-0146.yaml", "cpu: 256", "cpu: 1")
    change("tenants/xy-0146.yaml", "port: 8080", "port: 0")
    assert [message.split(": ")[1] for message in errors()] == ["service.containers.web.port", "service.cpu"]


def test_a_long_value_is_shortened(change: Change, errors: Errors) -> None:
    change("tenants/xy-0146.yaml", "port: 8080", f"port: {'x' * 100}")
    assert errors() == [
        f"config/tenants/xy-0146.yaml:25: service.containers.web.port: '{'x' * 59}…' is not allowed: "
        "expected a whole number"
    ]
