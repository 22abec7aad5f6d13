"""Running many jobs into one folder, alone or as one of several processes.

A person reads a line a result, and one bar for all of them.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
from collections.abc import Callable
from pathlib import Path

from unipic_tui import paths
from unipic_tui.batch.folder import ResultFolder
from unipic_tui.batch.manifest import MANIFEST, finish
from unipic_tui.batch.ranks import Others, Ranks
from unipic_tui.batch.running import Done, Problem, Working, check_foreign, run_tasks
from unipic_tui.batch.tasks import Plan, Task
from unipic_tui.cli.bar import duration, say
from unipic_tui.cli.context import Context
from unipic_tui.cli.execution import Interrupt, loaded
from unipic_tui.cli.report import HumanReporter, Reporter
from unipic_tui.cli.termination import INTERRUPTED
from unipic_tui.defaults import Defaults
from unipic_tui.errors import InputError
from unipic_tui.events import Backend, Event, Notice, Progress
from unipic_tui.files import check_writable
from unipic_tui.text import one_line, printable

_ANSWER_WIDTH = 2000


def run_batch(
    args: argparse.Namespace,
    context: Context,
    make: Callable[[Defaults], Plan],
    notes: Path | None = None,
    after: Callable[[Plan, Defaults], None] = lambda *_: None,
) -> int:
    """Do what of a plan is not done; returns the exit code, 1 where something could not be done.

    Args:
        args: with the arguments of `add_model` and `add_result_folder`.
        context: settings and the way to a backend.
        make: makes the plan for a checkpoint's defaults.
        notes: folder of the records, the manifest and the sheet; by default that of the results.
        after: called by the leading process at the end, unless it was stopped.

    Raises:
        UnipicError: the input, the checkpoint or the disk stops all of it.
    """
    if args.batch_size is not None and args.batch_size < 1:
        raise InputError(
            f"The batch size {args.batch_size} is not positive: give at least 1, or leave it out."
        )
    early = make(Defaults())
    if not early.tasks:
        index, message = next(iter(early.problems.items()))
        raise InputError(f"Nothing in it can be used. Item {index}: {message}")
    root = paths.absolute(args.output)
    check_writable(next(place for place in (root, *root.parents) if os.path.lexists(place)))
    ranks = Ranks.from_environment()
    options = context.options(args)
    options = dataclasses.replace(
        options, device=ranks.device(options.device), batch_size=args.batch_size
    )
    with loaded(args, context, options, leads=ranks.leads) as (backend, reporter):
        embed = context.settings.metadata if args.metadata is None else bool(args.metadata)
        info = backend.info
        folder = ResultFolder(root, info.model, info.weights, embed=embed, notes=notes)
        plan = make(info.defaults)
        code = _run(args, plan, folder, ranks, backend, reporter)
    if code != INTERRUPTED and ranks.leads:
        after(plan, info.defaults)
    return code


def _run(
    args: argparse.Namespace,
    plan: Plan,
    folder: ResultFolder,
    ranks: Ranks,
    backend: Backend,
    reporter: Reporter,
) -> int:
    own = [folder.with_seed(task) for task in plan.tasks if ranks.owns(task.index)]
    if not args.force:
        check_foreign(folder, own)
    theirs = (task.record for task in plan.tasks if not ranks.owns(task.index))
    others = Others(folder.notes, theirs, redo=args.force)
    pace = Pace(len(plan.tasks), others.done)
    report = _BatchReport(reporter, folder, pace, quiet=args.quiet or not ranks.leads)
    problems = {index: why for index, why in plan.problems.items() if ranks.owns(index)}
    missing = [index for index in plan.missing if ranks.owns(index)]
    for index, why in problems.items():
        report.problem(index, why, told=len(missing) < 2 or index not in missing)
    if len(plan.missing) > 1 and ranks.leads:
        first = plan.problems[plan.missing[0]]
        say(
            f"{len(plan.missing)} of {len(plan.tasks) + len(plan.problems)} sources are missing, "
            f"the first one being that of item {plan.missing[0]}. {first}"
        )
    if not _work(backend, own, folder, report, problems):
        reporter.bar.pause()
        say(f"Stopped after {pace.settled} of {pace.total}: the same command goes on.")
        return INTERRUPTED
    together: dict[int, str] = {}
    for each in ranks.gather(problems, report.show):
        together |= each
    reporter.bar.pause()
    if not ranks.leads:
        return 0  # the leader's exit code speaks for all
    failed = finish(folder, plan.tasks, together, sheet=args.sheet)
    for index in sorted(failed.keys() - together.keys()):
        report.problem(index, failed[index])
    report.finished(len(plan.tasks) + len(plan.problems), len(failed), folder.notes / MANIFEST)
    return 1 if failed else 0


def _work(
    backend: Backend,
    tasks: list[Task],
    folder: ResultFolder,
    report: _BatchReport,
    problems: dict[int, str],
) -> bool:
    """Run the tasks; whether that came to its end."""
    interrupt = Interrupt()
    steps = run_tasks(backend, tasks, folder)
    with interrupt.watching():
        try:
            for step in steps:
                match step:
                    case Working(task, event):
                        report.working(task, event)
                    case Done(task, fresh):
                        report.done(task, fresh)
                    case Problem(task, message):
                        problems[task.index] = message
                        report.problem(task.index, message, tried=True)
                if interrupt.requested:
                    return False
        finally:
            steps.close()
    return True


class Pace:
    """Counts results and says how fast they come.

    Args:
        total: how many there will be.
        others: counts those of other processes.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        total: int,
        others: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total = total
        self._others = others
        self._before = others()
        self._own = 0
        self._fresh = 0
        self._parts: dict[int, float] = {}
        self._clock = clock
        self._began = clock()

    @property
    def settled(self) -> int:
        """How many are done, by all processes."""
        return self._own + self._others()

    def settle(self, index: int, fresh: bool) -> None:
        """The result of this index is there; ``fresh`` where it took its time."""
        self._own += 1
        self._fresh += fresh
        self._parts.pop(index, None)
        if not self._fresh:
            # What was there already says nothing of the pace.
            self._began, self._before = self._clock(), self._others()

    def within(self, index: int, part: float) -> None:
        """Of the one of this index, this part (0 to 1) is done."""
        self._parts[index] = part

    @property
    def _part(self) -> float:
        return sum(self._parts.values())

    @property
    def fraction(self) -> float:
        """How much of all is done."""
        return min(1.0, (self.settled + self._part) / max(1, self.total))

    def __str__(self) -> str:
        settled = self.settled
        made = self._fresh + self._part + self._others() - self._before
        spent = self._clock() - self._began
        if made <= 0 or spent <= 0:
            return f"{settled} of {self.total}"
        rate = made / spent
        left = duration((self.total - settled - self._part) / rate)
        shown = f"{rate:.1f}/s" if rate >= 1 else f"{60 * rate:.1f}/min"
        return f"{settled} of {self.total}, {shown}, {left}"


class _BatchReport:
    """Tells of many jobs.

    Args:
        reporter: where results go, for a person or as JSON.
        folder: of the results.
        pace: counts the results.
        quiet: no bar and no remarks.
    """

    def __init__(
        self, reporter: Reporter, folder: ResultFolder, pace: Pace, *, quiet: bool
    ) -> None:
        self._reporter = reporter
        self._folder = folder
        self._quiet = quiet
        self._pace = pace
        self._there = 0
        self._noticed: set[str] = set()

    def show(self) -> None:
        """Show how far it is."""
        if not self._quiet:
            self._reporter.bar.show("Items", self._pace.fraction, str(self._pace))

    def working(self, task: Task, event: Event) -> None:
        """Something happened within a task's job."""
        match event:
            case Progress(fraction=fraction):
                self._pace.within(task.index, fraction)
                self.show()
            case Notice(message) if not self._quiet and message not in self._noticed:
                self._noticed.add(message)  # what holds for many items is said once
                self._reporter.notice(message)

    def done(self, task: Task, fresh: bool) -> None:
        """A result is there."""
        self._pace.settle(task.index, fresh)
        self._there += not fresh
        if fresh:
            self._tell_there()
            files = [str(self._folder.root / file.path) for file in task.files]
            answer = self._folder.answer(task)
            record = {
                "event": "item",
                "index": task.index,
                "done": self._pace.settled,
                "of": self._pace.total,
                "files": files,
            } | ({} if answer is None else {"answer": answer})
            said = f"{task.index}: {one_line(answer or '', _ANSWER_WIDTH)}"
            self._reporter.result(record, *(files or [said]))
        self.show()

    def problem(self, index: int, message: str, tried: bool = False, *, told: bool = True) -> None:
        """A result there will not be.

        Args:
            index: of the item.
            message: why, as a sentence.
            tried: whether it was among those counted.
            told: whether a person is told now; the manifest says it in any case.
        """
        if tried:
            self._pace.settle(index, fresh=True)
        self._reporter.bar.pause()
        if told:
            say(f"item {index}: {message}")
        self._reporter.result({"event": "item", "index": index, "error": message})

    def finished(self, total: int, failed: int, manifest: Path) -> None:
        """All is settled."""
        self._tell_there()
        self._reporter.result(
            {
                "event": "finished",
                "done": total - failed,
                "failed": failed,
                "manifest": str(manifest),
            }
        )
        if isinstance(self._reporter, HumanReporter):
            if failed:
                say(f"{failed} of {total} could not be done; {printable(str(manifest))} says why.")
            elif not self._quiet:
                say(f"{total} of {total} are done; see {printable(str(manifest))}.")

    def _tell_there(self) -> None:
        if self._there and not self._quiet:
            self._reporter.notice(f"{self._there} of {self._pace.total} were done already.")
        self._there = 0
