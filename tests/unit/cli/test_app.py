"""The command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import snaplift
from snaplift.cli import app
from tests.unit.config.conftest import PLATFORMS, TENANT

SAMPLES = Path(__file__).parents[3] / "config"


def run(*arguments: str | Path, environment: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=environment)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    (folder / "tenants").mkdir(parents=True)
    (folder / "platforms.yaml").write_text(PLATFORMS)
    (folder / "tenants" / "xy-0146.yaml").write_text(TENANT)
    return folder


def test_the_version_is_said() -> None:
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"snaplift {snaplift.__version__}\n")


def test_validate_counts_what_there_is() -> None:
    result = run("validate", "--config", SAMPLES)
    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout.splitlines()[-1] == "2 platforms, 2 tenants, 7 environments, 0 errors"
    assert "30 1 * * 1-5 UTC" in result.stdout


def test_validate_says_every_error_on_stderr_and_fails(root: Path) -> None:
    (root / "tenants" / "ab-0200.yaml").write_text("tenant: [red]x[/red]\n")
    (root / "tenants" / "ab-0201.yaml").write_text(TENANT.replace("xy-0146", "ab-0201").replace("cpu: 256", "cpu: 1"))
    result = run("validate", "--config", root)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "config/tenants/ab-0200.yaml:1: is no YAML: while parsing a block mapping, did not find expected key",
        "config/tenants/ab-0201.yaml:29: service.cpu: 1 is not allowed: expected 256, 512, 1024, 2048, 4096",
    ]
    assert result.stdout.splitlines()[-1] == "2 platforms, 1 tenant, 3 environments, 2 errors"


def test_validate_says_why_platforms_cannot_be_used(root: Path) -> None:
    (root / "platforms.yaml").write_text("a: 1\na: 2\n")
    result = run("validate", "--config", root)
    assert (result.exit_code, result.stderr) == (1, "config/platforms.yaml:2: 'a' is said twice, first in line 1\n")


def test_validate_takes_the_environment_s_configuration(root: Path) -> None:
    result = run("validate", environment={"SNAPLIFT_CONFIG": str(root)})
    assert result.stdout.splitlines()[-1] == "2 platforms, 1 tenant, 3 environments, 0 errors"


def test_validate_without_a_configuration_says_where_it_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SNAPLIFT_CONFIG", raising=False)
    result = run("validate")
    assert (result.exit_code, result.stderr) == (
        1,
        "config/platforms.yaml: is no file: set SNAPLIFT_CONFIG to the folder it is in\n",
    )


def test_schema_writes_the_schemas_and_the_reference(tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    result = run("schema", "--out", out)
    assert (result.exit_code, result.stdout) == (0, f"3 files written to {out}\n")
    assert sorted(path.name for path in out.iterdir()) == [
        "configuration.md",
        "platforms.schema.json",
        "tenant.schema.json",
    ]
    assert json.loads((out / "tenant.schema.json").read_text())["required"] == ["tenant"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("schema", "--out", tmp_path / "file")
    assert result.exit_code == 1
    assert result.stderr == f"{tmp_path}/file/configuration.md: cannot be written: File exists\n"


def test_render_writes_a_template_for_every_stack(tmp_path: Path) -> None:
    result = run("render", "--config", SAMPLES, "--out", tmp_path)
    assert result.exit_code == 0
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert result.stdout == f"{len(written)} files written to {tmp_path}\n"
    for name in ("platform-nonprod", "platform-prod", "xy-0146-qa", "ab-0200-uat"):
        assert any(name in str(path) for path in written), name


def test_render_writes_nothing_of_a_broken_configuration(root: Path, tmp_path: Path) -> None:
    (root / "tenants" / "ab-0200.yaml").write_text("")
    result = run("render", "--config", root, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr == "config/tenants/ab-0200.yaml:1: is empty: expected a section with fields\n"
    assert not (tmp_path / "out").exists()


def test_the_command_line_runs_as_a_module_and_never_imports_airflow() -> None:
    program = (
        "import runpy, sys\n"
        f"sys.argv = ['snaplift', 'validate', '--config', {str(SAMPLES)!r}]\n"
        "try:\n"
        "    runpy.run_module('snaplift', run_name='__main__', alter_sys=True)\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "heavy = {'airflow', 'boto3', 'botocore', 'troposphere', 'pendulum'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("0 errors\n")
