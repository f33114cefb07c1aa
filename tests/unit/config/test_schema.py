"""The files in docs/reference/ are the models', and editors that go by them agree with what is loaded."""

from __future__ import annotations

from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest

from snaplift.cli.app import reference_files
from snaplift.config.document import parse, read_document
from snaplift.config.schema import Schema, platforms_schema, tenant_schema
from tests.unit.config.conftest import PLATFORMS, TENANT

ROOT = Path(__file__).parents[3]
SAMPLES = {
    "config/platforms.yaml": platforms_schema(),
    "config/tenants/xy-0146.yaml": tenant_schema(),
    "config/tenants/ab-0200.yaml": tenant_schema(),
}


@pytest.mark.parametrize("name", sorted(reference_files()))
def test_the_reference_is_current(name: str) -> None:
    path = ROOT / "docs" / "reference" / name
    assert path.read_text(encoding="utf-8") == reference_files()[name], "run: snaplift schema --out docs/reference"


@pytest.mark.parametrize("schema", [platforms_schema(), tenant_schema()], ids=["platforms", "tenant"])
def test_a_schema_is_one(schema: Schema) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_fits_its_schema_and_names_it(name: str) -> None:
    path = ROOT / name
    jsonschema.validate(read_document(path).value, SAMPLES[name])
    first_line = path.read_text(encoding="utf-8").splitlines()[0]
    prefix = "# yaml-language-server: $schema="
    assert first_line.startswith(prefix)
    assert (path.parent / first_line.removeprefix(prefix)).is_file()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cpu: 256", "cpu: 300"),
        ("cpu: 256", "cpus: 256"),
        ("port: 8080", "port: 80800"),
        ("  prod:", "  PROD:"),
        ("tenant: xy-0146", "tenant: xy0146"),
        ("tenant: xy-0146\n", ""),
        ("- sql: [DELETE FROM sessions]", "- sql: []"),
        ("- sql: [DELETE FROM sessions]", "- repeatable: true"),
        ("- sql: [DELETE FROM sessions]", "- sql: [DELETE FROM sessions]\n    command: [adapt]"),
        ('MAIL: "off"', "MAIL: true"),
        ("environments: [qa]", "environments: [qa]\n  start_within: 90"),
    ],
)
def test_an_editor_sees_what_loading_refuses(old: str, new: str) -> None:
    assert TENANT.count(old) == 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(parse(TENANT.replace(old, new).encode()).value, tenant_schema())


def test_an_editor_asks_a_tenant_for_nothing_that_may_come_from_the_defaults() -> None:
    jsonschema.validate(parse(b"tenant: xy-0146\nservice: {cpu: 512}").value, tenant_schema())


def test_an_editor_knows_the_fields_of_the_defaults() -> None:
    jsonschema.validate(parse(PLATFORMS.encode()).value, platforms_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(parse(PLATFORMS.replace("owner:", "ownr:").encode()).value, platforms_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(parse(PLATFORMS.replace("log_days: 30", "log_days: 31").encode()).value, platforms_schema())


def test_every_field_has_a_default_as_the_files_have_it() -> None:
    nightly = tenant_schema()["$defs"]["Nightly"]["properties"]
    assert nightly["start_within"]["default"] == "1h"
