"""What the demo does: one tenant's data goes dev → qa → prod, twice, and a build that is no good is turned away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from local.airflow.settings import USER
from local.demo.following import Followed, follow
from local.demo.installation import Installation
from local.demo.progress import Progress
from local.demo.report import Promotion, Report, SiteFound
from local.demo.site import Site
from local.demo.truths import Truth, truths
from local.demo.visitors import Counted, Visitors
from snaplift.naming import Namespace, Tenant

TENANT = Tenant.parse("xy-0146")
ENVIRONMENTS = ("dev", "qa", "prod")
FIRST_POSTS = 100
POSTS = 120
RUN_SECONDS = 600.0


class StoryEnded(RuntimeError):
    """A run that everything after it needs did not end well; the message says which and why."""


@dataclass
class Story:
    """One telling of it."""

    installation: Installation
    progress: Progress
    report: Report = field(default_factory=lambda: Report(tenant=str(TENANT)))

    def tell(self) -> Report:
        """Do all of it, and find out whether every line of the report is true.

        :raises StoryEnded: it could not go on
        """
        dev, qa, prod = (self.site(environment) for environment in ENVIRONMENTS)
        with self.progress.stage("provision the two platforms"):
            for name in self.installation.platforms:  # in the file's order: a platform may use an earlier one's key
                self._run({name: ("platform.provision", {"platform": name})})
        with self.progress.stage(f"provision {TENANT}"):
            names = {f"{TENANT}-{environment}": environment for environment in ENVIRONMENTS}
            confs = {name: {"environment": one, "others": False, "build": ""} for name, one in names.items()}
            self._run({name: (TENANT.provision_dag_id, conf) for name, conf in confs.items()})
        with self.progress.stage(f"write {FIRST_POSTS} posts in dev"):
            dev.run("posts", str(FIRST_POSTS))
        with self.progress.stage("promote dev → qa, for the first time"):
            self._promote("dev → qa, for the first time", "qa", "new")
        first = self._active(qa)
        with self.progress.stage(f"dev is edited: {POSTS} posts"):
            dev.run("posts", str(POSTS))
        with self.progress.stage("promote qa → prod for the first time, and dev → qa while qa serves"):
            # Side by side: a namespace is locked, not a tenant. prod gets what is active in qa now.
            self._promote_both()
        with self.progress.stage("promote qa → prod, while prod serves"):
            self._promote("qa → prod, while prod serves", "prod", "tested")
        second = self._active(prod)
        with self.progress.stage("promote a build that never becomes healthy to prod"):
            reason = (f"aborted, {prod.namespace} still serves {second}", "confirm: the deployment ended ROLLBACK_")
            self._promote("a build that never becomes healthy", "prod", first, build="unhealthy", failing_with=reason)
        with self.progress.stage("ask AWS and the sites what is true now"):
            self.report.truths.append(_same("prod still serves the release from before", second, self._active(prod)))
            self._look_round([dev, qa, prod])
        return self._complete()

    def site(self, environment: str) -> Site:
        return Site(self.installation, Namespace(TENANT, environment))

    def _active(self, site: Site) -> str:
        active = site.pointer().active
        return active.release or "" if active else ""

    def _promote(
        self, words: str, environment: str, release: str, build: str = "", failing_with: tuple[str, ...] = ()
    ) -> None:
        conf = {"environment": environment, "release": release, "build": build, "dry_run": False}
        with Visitors(self._serving()) as visitors:
            followed = self._follow({words: (TENANT.promote_dag_id, conf)})[words]
        self._report(followed, visitors.counted(), environment, release, build, failing_with)

    def _report(
        self,
        followed: Followed,
        counted: Counted,
        environment: str,
        release: str,
        build: str = "",
        failing_with: tuple[str, ...] = (),
    ) -> None:
        expected = "failed" if failing_with else "success"
        self.report.promotions.append(
            Promotion(
                words=followed.label,
                environment=environment,
                release=release,
                build=build,
                state=followed.state,
                expected=expected,
                seconds=followed.seconds,
                aws_seconds=followed.waiting_seconds,
                requests=counted.requests,
                failed_requests=counted.failed,
                reason=followed.reason,
                expected_reason=failing_with,
                steps=followed.steps,
            )
        )
        if expected == "success":
            _must_succeed(followed)

    def _promote_both(self) -> None:
        wanted = {
            "qa → prod, for the first time": ("prod", "tested"),
            "dev → qa, while qa serves": ("qa", "new"),
        }
        confs = {
            words: (
                TENANT.promote_dag_id,
                {"environment": environment, "release": release, "build": "", "dry_run": False},
            )
            for words, (environment, release) in wanted.items()
        }
        with Visitors(self._serving()) as visitors:
            followed = self._follow(confs)
        for words, (environment, release) in wanted.items():
            self._report(followed[words], visitors.counted(), environment, release)

    def _serving(self) -> list[Site]:
        sites = [self.site(environment) for environment in ENVIRONMENTS]
        return [site for site in sites if site.pointer().active is not None]

    def _run(self, wanted: Mapping[str, tuple[str, dict[str, object]]]) -> None:
        for followed in self._follow(wanted).values():
            _must_succeed(followed)

    def _follow(self, wanted: Mapping[str, tuple[str, dict[str, object]]]) -> dict[str, Followed]:
        airflow = self.installation.airflow
        airflow.wait_for_dags([dag_id for dag_id, _ in wanted.values()], RUN_SECONDS)
        runs = {label: airflow.trigger(dag_id, conf) for label, (dag_id, conf) in wanted.items()}
        return follow(airflow, runs, RUN_SECONDS, self.progress.tell)

    def _look_round(self, sites: list[Site]) -> None:
        for site in sites:
            found = SiteFound(site.namespace.environment, self._active(site) or None, site.posts(), site.address)
            self.report.sites.append(found)
            self.report.truths.append(_same(f"{site.namespace}: {POSTS} posts over HTTP", POSTS, found.posts))
        self.report.truths += truths(self.installation, [site.namespace for site in sites])

    def _complete(self) -> Report:
        self.report.stages = list(self.progress.stages)
        self.report.seconds = self.progress.seconds
        self.report.airflow = self.installation.settings.url
        self.report.user = USER
        return self.report


def _must_succeed(followed: Followed) -> None:
    if followed.state != "success":
        reasons = "; ".join(f"{task}: {reason}" for task, reason in followed.failures.items())
        raise StoryEnded(f"{followed.label}: the run ended {followed.state}: {reasons or 'no task says why'}")


def _same(words: str, wanted: object, found: object) -> Truth:
    return Truth(words, () if found == wanted else (f"{found}, not {wanted}",))
