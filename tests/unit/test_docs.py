"""The documentation says what the code does: names, tags, params, tasks and links; its own links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.sdk import DAG

from snaplift import naming
from snaplift.aws.links.outcome import LINKS, OF_STEP
from snaplift.config.loading import load_platforms, load_tenant_named
from snaplift.naming import Namespace, Release, Tenant
from snaplift.pipelines.adopt import adopt_dag
from snaplift.pipelines.change import change_dag, platform_change_dag
from snaplift.pipelines.expire import EXPIRE_DAG_ID, expire_dag
from snaplift.pipelines.offboard import OFFBOARD_DAG_ID, offboard_dag
from snaplift.pipelines.preview import preview_dag, preview_remove_dag
from snaplift.pipelines.promote import promote_dag
from snaplift.pipelines.provision import PLATFORM_DAG_ID, platform_dag, provision_dag
from snaplift.pipelines.reap import REAP_DAG_ID, reap_dag
from snaplift.pipelines.recover import RECOVER_DAG_ID, recover_dag
from snaplift.pipelines.refresh import refresh_dag

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), ROOT / "README.md"]
QA = Namespace(Tenant("xy", "0146"), "qa")
DEV = Namespace(QA.tenant, "dev")
RELEASE = Release("20261123t020000z")
RUN = "0a1b2c3d"
RESOURCE_ID = "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def rows(page: str, heading: str) -> dict[str, list[str]]:
    """The rows of the table below a heading, by their first cell."""
    text = (DOCS / "reference" / page).read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("|--"):
            first, *others = [cell.strip() for cell in line.strip("|").split(" | ")]
            found[first] = others
    return found


def code(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower().replace("&lt;", "").replace("&gt;", "")).replace(" ", "-")
        for heading in headings
    }


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            if not target.startswith(("http://", "https://")):
                yield page, target


@pytest.mark.parametrize(("page", "target"), [pytest.param(p, t, id=f"{p.relative_to(ROOT)}:{t}") for p, t in links()])
def test_a_link_leads_to_a_page_and_a_heading(page: Path, target: str) -> None:
    name, _, anchor = target.partition("#")
    found = (page.parent / name).resolve() if name else page
    assert found.exists(), f"{target} is not there"
    assert not anchor or anchor in anchors(found), f"{name} has no heading {anchor}"


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("namespace stack", QA.stack),
        ("service stack", QA.service_stack),
        ("database stack, instance", QA.database(RELEASE)),
        ("database stack, instance, where data is authored", DEV.database(None)),
        ("ECS service, task definition family", QA.service),
        ("ECS service, task definition family", QA.family),
        ("release's snapshot, of the first environment's database", DEV.snapshot(RELEASE)),
        ("final snapshot of a database that went", QA.final_snapshot(RELEASE, RUN)),
        ("pointer (SSM)", QA.pointer),
        ("log group", QA.log_group),
        ("application's secret", QA.application_secret(RELEASE, RUN) + "/"),
        ("generated values", QA.environment_secrets),
        ("IAM roles", QA.role_path + QA.role("task")),
        ("database account of the application", QA.database_user(RUN)),
        ("host", QA.host("nonprod.example.com")),
        ("lock table, whose key is the namespace", naming.lock_table("platform-nonprod")),
        ("what a database held when it was activated, in the lock table", QA.fingerprint(RESOURCE_ID)),
        ("since when nothing refers to a thing, in the lock table", QA.mark(RESOURCE_ID)),
        ("key alias", naming.key_alias("platform-nonprod")),
        ("boundary of namespaces' roles", naming.role_boundary("platform-nonprod")),
        (
            "DAGs",
            "`, `".join(
                (
                    QA.tenant.promote_dag_id,
                    QA.tenant.provision_dag_id,
                    QA.tenant.change_dag_id,
                    QA.tenant.nightly_dag_id,
                )
            ),
        ),
    ],
)
def test_a_name_is_as_the_page_has_it(what: str, name: str) -> None:
    assert f"`{name}`" in rows("names-and-tags.md", "Names")[what][0]


def test_a_part_of_a_name_is_as_the_page_has_it() -> None:
    parts = rows("names-and-tags.md", "What a name may be")
    for part in ("customer", "project", "environment", "preview", "platform", "installation", "release", "run"):
        assert code(parts[part][0]) == [getattr(naming, part.upper())], part
    assert set(code(parts["customer"][1])) == naming.RESERVED_CUSTOMERS


def test_every_tag_is_on_the_page_with_its_value() -> None:
    page = {name: row[0] for cell, row in rows("names-and-tags.md", "Tags").items() for name in code(cell)}
    given = naming.tags("acme", QA, release=RELEASE, run=RUN)
    for name, value in given.items():
        assert f"`{value}`" in page[name], name
    assert {*naming.platform_tags("acme", "platform-nonprod"), naming.CONTENT_TAG, naming.EXPIRES_TAG} <= set(page)


@pytest.fixture(scope="module")
def dags() -> dict[str, DAG]:
    platforms = load_platforms(ROOT / "config")
    tenant = load_tenant_named(ROOT / "config", "xy-0146", platforms)
    folder = str(ROOT / "config")
    made = [
        promote_dag("xy-0146", tenant, folder),
        provision_dag("xy-0146", tenant, folder),
        adopt_dag("xy-0146", tenant, folder),
        change_dag("xy-0146", tenant, folder),
        platform_dag(platforms, folder),
        platform_change_dag(platforms, folder),
        recover_dag(folder),
        preview_dag("xy-0146", tenant, folder),
        preview_remove_dag("xy-0146", tenant, folder),
        refresh_dag("xy-0146", tenant, folder),
        expire_dag(folder),
        offboard_dag(folder),
        reap_dag(platforms, folder),
    ]
    return {dag.dag_id: dag for dag in made}


def test_every_param_is_on_the_page(dags: dict[str, DAG]) -> None:
    text = (DOCS / "reference" / "dags.md").read_text().partition("\n## Params\n")[2].partition("\n## ")[0]
    found: dict[str, set[str]] = {}
    dag_id = ""
    for line in text.splitlines():
        if line.startswith(("| `", "| |")):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            dag_id = code(cells[0])[0] if code(cells[0]) else dag_id
            found.setdefault(dag_id, set()).update(code(cells[1]))
    assert found == {dag_id: set(dag.params) for dag_id, dag in dags.items() if dag.params}


def test_every_task_is_on_the_page_in_its_group(dags: dict[str, DAG]) -> None:
    page = rows("dags.md", "Tasks")
    for column, dag_id in enumerate(("xy-0146.promote", "xy-0146.provision", "xy-0146.preview", "xy-0146.change")):
        groups: dict[str, list[str]] = {}
        for task in dags[dag_id].tasks:
            group = task.task_group.group_id if task.task_group else None
            groups.setdefault(group or "", []).append(task.task_id)
        for name, tasks in groups.items():
            assert sorted(code(page[name][column])) == sorted(tasks), name
    assert dags[PLATFORM_DAG_ID].task_ids == ["stack"]
    assert dags["platform.change"].task_ids == dags["xy-0146.change"].task_ids
    assert dags[RECOVER_DAG_ID].task_ids == ["find", "recover"]
    assert dags[EXPIRE_DAG_ID].task_ids == ["find", "dismantle"]
    assert dags[OFFBOARD_DAG_ID].task_ids == ["find", "approve", "dismantle"]
    assert dags["xy-0146.preview_remove"].task_ids == ["dismantle"]
    assert set(dags["xy-0146.refresh"].task_ids) == {*dags["xy-0146.promote"].task_ids, "mask"}
    assert dags[REAP_DAG_ID].task_ids == ["find", "reap", "report"]


def test_every_link_is_on_the_page_with_its_task() -> None:
    page = {task: row[0] for cell, row in rows("dags.md", "Links").items() for task in code(cell)}
    assert set(page) == set(OF_STEP)
    # The longest first: "ECS task definition" is not an "ECS task".
    names = re.compile("|".join(sorted((str(link.name) for link in LINKS), key=len, reverse=True)))
    for step, wanted in OF_STEP.items():
        assert set(names.findall(page[step])) == {str(link.name) for link in wanted}, step
