"""The command that answers questions about a picture."""

from __future__ import annotations

import argparse

from unipic_tui.cli.context import Context
from unipic_tui.cli.inputs import describe_job
from unipic_tui.cli.report import reporting, say
from unipic_tui.cli.running import exit_code, load, run_job
from unipic_tui.events import Cancelled, Failed


def describe(args: argparse.Namespace, context: Context) -> int:
    """Write the answer on the standard output as it comes; returns the exit code."""
    job = describe_job(args)
    options = context.options(args)
    with reporting(args) as reporter:
        backend = context.backend_factory(options)
        try:
            load(backend, reporter, named=options.checkpoint is not None)
            reporter.started(job, backend.info)
            final = run_job(backend, job, reporter)
        finally:
            backend.close()
    match final:
        case Failed():
            say(final.message)
        case Cancelled():
            say("Stopped: the answer is not complete.")
        case _:
            pass
    return exit_code(final)
