"""Promotions in every order: several runs, people, failures, deaths and races, with the invariants after each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, Final

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from snaplift.aws.steps import recover
from snaplift.promotion.lock import Lock
from snaplift.promotion.recovery import Holder
from tests.model import people
from tests.model.client import Fault, Killed, Kind
from tests.model.events import ASKED, DISTURBANCES, FAULTS, MISFORTUNES, OVERTAKERS, SUPERSEDED
from tests.model.ground import PLATFORMS, strangers
from tests.model.invariants import leftovers, problems
from tests.model.plugged import plugged
from tests.model.references import locks
from tests.model.runs import Run, drive, standing

FEW = 25
MOST = 4
RULES: Final = ("begin a run", "go on", "go on until", "clear a task", "recover")
"""As they are counted."""
_any = st.integers(min_value=0, max_value=12)
_tries = st.integers(min_value=1, max_value=75)
"""A promotion takes 60 to 80 of them."""
_after = st.integers(min_value=0, max_value=25)
"""Calls, or writes, until something befalls one."""


class Promotions(RuleBasedStateMachine):
    """Its rules are what Airflow, people, AWS and other runs do; none may break what must hold."""

    counts: ClassVar[Counter[str]] = Counter()
    endings: ClassVar[Counter[str]] = Counter()
    stories: ClassVar[Counter[str]] = Counter()
    """By how many promotions of one came to a good end."""

    @initialize(serving=st.sampled_from([("dev",), ("dev", "qa"), ("dev", "qa"), ("dev", "qa", "prod")]))
    def begin(self, serving: tuple[str, ...]) -> None:
        self.model = standing(*serving)
        self.world = self.model.world
        self.plug = plugged(self.model)
        self.plug.__enter__()
        self.runs: list[Run] = []
        self.broken: set[str] = set()
        self.removed: set[str] = set()
        self.theirs = strangers(self.world)

    # -- helpers ---------------------------------------------------------------------------------------------------

    def _count(self, what: str, number: int = 1) -> None:
        self.counts[what] += number

    def _living(self) -> list[Run]:
        return [run for run in getattr(self, "runs", []) if run.state in {"running", "finishing"}]

    def _one(self, which: int) -> Run:
        found = self._living()
        return found[which % len(found)]

    def _tell(self, what: str, run: Run) -> None:
        note(f"{self.world.now:%d %H:%M:%S} {what}: {run}")

    # -- rules: runs -----------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self._living()) < 3)
    @rule(
        asked=st.sampled_from(ASKED),
        which=_any,
        mended=st.sampled_from([True] * 5 + [False]),
        minutes=st.sampled_from([1, 10, 120]),
        tries=_tries,
        then=st.sampled_from([*DISTURBANCES, None]),
        after=_after,
        further=_tries,
    )
    def begin_run(  # a story in one rule, so that most of them go deep
        self,
        asked: tuple[str, str],
        which: int,
        mended: bool,
        minutes: int,
        tries: int,
        then: str | None,
        after: int,
        further: int,
    ) -> None:
        """A person, or the night, triggers a promotion, mostly after all was put right. Something happens to it."""
        environment, release = asked
        if mended:
            self._mend()
        self.world.advance(60 * minutes)
        if release == "standing":
            found = sorted({name.rpartition("-")[2] for name in self.world.snapshots if "-dev-snapshot-" in name})
            release = found[which % len(found)] if found else "new"
        run = Run(self.model, environment, release, len(self.runs))
        self.runs.append(run)
        self._go_on("begin a run", run, tries)
        if then:
            self._disturb(run, then, after, which)
        self._go_on("go on after it", run, further)

    def _mend(self) -> None:
        """What dead runs have left is finished, then what is left to people is put right."""
        for _ in range(FEW):
            if not self._dead():
                break
            people.mend(self.model)
            self._recover()
            self.world.advance(120)
        people.mend(self.model)

    def _go_on(self, what: str, run: Run, tries: int) -> None:
        self._count(what)
        self._count("tries of a task", drive(run, tries))
        self._tell(what, run)

    @precondition(lambda self: bool(self._living()))
    @rule(which=_any, tries=_tries)
    def go_on(self, which: int, tries: int) -> None:
        """A run goes on undisturbed for a while, if only by one try of a task."""
        self._go_on("go on", self._one(which), tries)

    @precondition(lambda self: bool(self._living()))
    @rule(which=_any, tries=_tries, what=st.sampled_from(DISTURBANCES), after=_after, other=_any)
    def disturb(self, which: int, tries: int, what: str, after: int, other: int) -> None:
        """A run goes on for a while; then something happens to it."""
        run = self._one(which)
        self._go_on("go on until", run, tries)
        self._disturb(run, what, after, other)

    def _disturb(self, run: Run, what: str, after: int, other: int) -> None:
        """Let something happen to a call of it, in the middle of a step, or between two.

        A process dies before or after a write, a reply is lost, a call is refused: it is tried again. Or it is
        overtaken: it goes on with what it had read before.
        """
        self._count(what)
        if what in FAULTS:
            self._befalls(run, Fault(FAULTS[what], after))
        elif what in OVERTAKERS:
            actions: dict[str, Callable[[], None]] = {
                "overtaken by its finish": lambda: self._end(run),
                "overtaken by its clear": lambda: self._clear(run, other, 25),
                "overtaken by another run": lambda: self._another(run, other),
                "overtaken by time": lambda: self.world.advance(900),
                "overtaken by a deployment": lambda: people.deploy(self.model, run.environment),
                "overtaken by its recovery": lambda: self._bury(run),
                "overtaken by visitors": lambda: people.visit(self.model, run.environment),
            }
            self._befalls(run, Fault("overtaken", after, actions[what]))
        else:
            self._meddle(run, what)

    def _meddle(self, run: Run, what: str) -> None:
        """A person intervenes in Airflow, or by hand in AWS; or the next thing that AWS does goes wrong."""
        if what == "the run is marked failed":
            run.mark_failed()
        elif what == "the run dies":
            run.die()
        elif what == "its Airflow is lost":
            run.die(lost=True)
        elif what in SUPERSEDED:
            self._count("tries of a task", drive(run, until="activate"))
            (people.deploy if what == SUPERSEDED[0] else people.put_back)(self.model, run.environment)
        elif what in MISFORTUNES:
            self.world.misfortunes.add(MISFORTUNES[what])
        elif what in people.DEEDS:
            self.removed |= people.DEEDS[what](self.model, run.environment)
        elif people.take_active(self.model, run.environment):
            self.broken.add(run.environment)
        self._tell(what, run)

    def _befalls(self, run: Run, fault: Fault) -> None:
        """Let a run go on until the fault has come."""
        self.model.fault = fault
        for _ in range(FEW):
            if self.model.fault is not fault:
                break
            run.advance()
            self._count("tries of a task")
            if run.wait is not None:
                self.world.advance(45)
        self.model.fault = None
        self._tell(f"{fault.kind} after {fault.after}", run)

    def _end(self, run: Run) -> None:
        run.mark_failed()
        drive(run)

    def _bury(self, run: Run) -> None:
        """It counts as dead and is recovered, and its task process goes on all the same."""
        run.die()
        for _ in range(FEW):
            self._recover()
            self.world.advance(120)

    def _another(self, run: Run, other: int) -> None:
        found = [each for each in self._living() if each is not run]
        if found:
            drive(found[other % len(found)], 50)

    @precondition(lambda self: bool(getattr(self, "runs", [])))
    @rule(which=_any, number=_any, tries=st.integers(1, 40))
    def clear(self, which: int, number: int, tries: int) -> None:
        """A person clears a task of any run, ended or not."""
        run = self.runs[which % len(self.runs)]
        self._count("clear a task")
        self._clear(run, number, tries)

    def _clear(self, run: Run, number: int, tries: int) -> None:
        task = run.steps[number % len(run.steps)]
        run.clear(task)
        self._count("tries of a task", drive(run, tries))
        self._tell(f"cleared {task}", run)

    @precondition(lambda self: bool(self._dead()))
    @rule(fault=st.sampled_from([None, None, *FAULTS.values()]), after=st.integers(0, 12))
    def recover(self, fault: Kind | None, after: int) -> None:
        """What dead runs have left is ended in their place; that may be cut off as well."""
        self._count("recover")
        self.model.fault = Fault(fault, after) if fault else None
        for _ in range(FEW):
            self._recover()
            self.world.advance(60)
        self.model.fault = None

    def _dead(self) -> list[Run]:
        by_id = {run.run.run_id: run for run in getattr(self, "runs", [])}
        found = [by_id[plan["run"]["run_id"]] for _, _, plan in (locks(self.world) if by_id else ())]
        return [run for run in found if run.state in {"ended", "dead"}]

    def _ask(self, lock: Lock) -> Holder | None:
        return next(run.holder() for run in self.runs if run.run == lock.record.run)

    def _now(self) -> datetime:
        return self.world.now

    def _recover(self) -> None:
        """Do as ``fleet.recover`` does: a lead that fails keeps no other from being followed."""
        try:
            leads = recover.find(PLATFORMS, self._ask, self._now)
        except Killed:
            return
        for lead in leads:
            try:
                recover.advance(PLATFORMS, lead, self._ask, self._now)
            except (Exception, Killed) as error:
                note(f"recovery of {lead}: {type(error).__name__}: {error}")

    # -- what must hold --------------------------------------------------------------------------------------------

    @invariant()
    def everything_that_must_hold_holds(self) -> None:
        if hasattr(self, "world"):
            found = list(problems(self.world, self.broken, self.removed))
            assert not found, found
            assert strangers(self.world) == self.theirs, "a stranger's thing was touched"

    def teardown(self) -> None:
        """Every run is ended, every dead one recovered, what people broke is mended: then nothing is left."""
        if not hasattr(self, "world"):
            return
        try:
            self._end_all()
        finally:
            self.plug.__exit__(None, None, None)

    def _end_all(self) -> None:
        self.world.misfortunes.clear()
        for run in self._living():
            self._end(run)
        for _ in range(40):
            if not list(locks(self.world)):
                break
            people.mend(self.model)
            self.world.advance(900)  # in all, longer than a lease
            self._recover()
        people.mend(self.model)
        self.world.advance(7200)
        self.everything_that_must_hold_holds()
        found = [] if self.broken else list(leftovers(self.world))
        assert not found, found
        for run in self.runs:
            self.endings[run.ending or run.state] += 1
        green = sum(run.ending == "green" for run in self.runs)
        self.stories[f"{green}" if green < MOST else f"{MOST} or more"] += 1
