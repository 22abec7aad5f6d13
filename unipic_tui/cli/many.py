"""Running many jobs into one folder, alone or as one of several processes."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

from unipic_tui import paths
from unipic_tui.batch.folder import ResultFolder
from unipic_tui.batch.manifest import MANIFEST, finish
from unipic_tui.batch.ranks import Ranks
from unipic_tui.batch.running import Done, Problem, Working, check_foreign, run_tasks
from unipic_tui.batch.tasks import Plan, Task
from unipic_tui.cli.context import Context
from unipic_tui.cli.manyreport import ManyReport
from unipic_tui.cli.report import Reporter, reporting
from unipic_tui.cli.running import Interrupt, load
from unipic_tui.errors import InputError
from unipic_tui.events import Backend, BackendOptions
from unipic_tui.files import check_writable
from unipic_tui.jobs import Defaults

INTERRUPTED = 130


def run_many(
    args: argparse.Namespace,
    context: Context,
    make: Callable[[Defaults], Plan],
    notes: Path | None = None,
) -> int:
    """Do what of a plan is not done; returns the exit code, 1 where something could not be done.

    Args:
        args: with the arguments of `add_model` and `add_result_folder`.
        context: settings and the way to a backend.
        make: makes the plan for a checkpoint's defaults.
        notes: folder of the records, the manifest and the sheet; by default that of the results.

    Raises:
        UnipicError: the input, the checkpoint or the disk stops all of it.
    """
    if args.batch_size is not None and args.batch_size < 1:
        raise InputError(f"The batch size {args.batch_size} is not positive: leave it out.")
    early = make(Defaults())
    if not early.tasks:
        index, message = next(iter(early.problems.items()))
        raise InputError(f"Nothing in it can be used. Item {index}: {message}")
    root = paths.absolute(args.output)
    check_writable(next(place for place in (root, *root.parents) if os.path.lexists(place)))
    ranks = Ranks.from_environment()
    options = context.options(args)
    options = dataclasses.replace(options, device=ranks.device(options.device))
    with reporting(args) as reporter:
        backend = context.backend_factory(options)
        try:
            return _run(args, context, make, notes, ranks, backend, options, reporter)
        finally:
            backend.close()


def _run(
    args: argparse.Namespace,
    context: Context,
    make: Callable[[Defaults], Plan],
    notes: Path | None,
    ranks: Ranks,
    backend: Backend,
    options: BackendOptions,
    reporter: Reporter,
) -> int:
    if ranks.leads:
        load(backend, reporter, named=options.checkpoint is not None)
    else:
        for _ in backend.load():
            pass
    plan = make(backend.info.defaults)
    embed = context.settings.metadata if args.metadata is None else bool(args.metadata)
    info = backend.info
    root = paths.absolute(args.output)
    folder = ResultFolder(root, info.model, info.weights, embed=embed, notes=notes)
    own = [task for task in plan.tasks if ranks.owns(task.index)]
    if not args.force:
        check_foreign(folder, own)
    report = ManyReport(reporter, folder.root, len(own), quiet=args.quiet or not ranks.leads)
    if ranks.leads and (args.batch_size or 1) > 1:
        reporter.notice("Pictures are drawn one at a time, whatever the batch size.")
    problems = {index: why for index, why in plan.problems.items() if ranks.owns(index)}
    for index, why in problems.items():
        report.problem(index, why)
    if not _work(backend, own, folder, report, problems):
        report.close()
        report.stopped()
        return INTERRUPTED
    report.close()
    together: dict[int, str] = {}
    for each in ranks.gather(problems):
        together |= each
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
    report: ManyReport,
    problems: dict[int, str],
) -> bool:
    """Run the tasks; whether that came to its end."""
    interrupt = Interrupt()
    steps = run_tasks(backend, tasks, folder)
    with interrupt.watching():
        try:
            for step in steps:
                match step:
                    case Working(_, event):
                        report.working(event)
                    case Done(task, fresh):
                        report.done(task, folder.answer(task), fresh)
                    case Problem(task, message):
                        problems[task.index] = message
                        report.problem(task.index, message, tried=True)
                if interrupt.requested:
                    return False
        finally:
            steps.close()
    return True
