"""The embedded model's score by solver of the diffusion head: ``benchmarks/solver_score.py``.

The drawing part of ``unipic_tui.nano.score``, with held-out prompts, read back by the detector;
every solver gets the same prompts and seeds. Rows name a solver and its evaluations, as in
``ddpm:100 dpmpp_2m_sde:16``. The standard error is that of a share of all pictures drawn.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Generator
from pathlib import Path
from typing import get_args

import torch

from unipic_tui.events import BackendOptions, Event
from unipic_tui.inference.pipeline import Pipeline
from unipic_tui.jobs import Job, Solver
from unipic_tui.nano.score import COLUMNS, Score, Scorer


class Solving(Pipeline):
    """Draws every job with one solver, whatever the job says."""

    solver: Solver = "ddpm"
    steps = 100

    def run(self, job: Job, resume: bytes | None = None) -> Generator[Event, None, None]:
        """See `Pipeline.run`."""
        yield from super().run(job.replace(solver=self.solver, head_steps=self.steps), resume)


def main() -> None:
    """Score and print a row for each solver."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="+", metavar="SOLVER:STEPS", help="what to score")
    parser.add_argument("--n", type=int, default=300, help="prompts a seed (default 300)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    args = parser.parse_args()
    torch.set_num_threads(1)
    pipeline = Solving(BackendOptions(device="cpu", dtype="float32"))
    for _ in pipeline.load():
        pass
    print(f"{'':18}", *(f"{name:>9}" for name in (*COLUMNS, "Overall", "seconds")))
    for row in args.rows:
        solver, steps = row.split(":")
        if solver not in get_args(Solver):
            parser.error(f"{solver} is none of {', '.join(get_args(Solver))}")
        pipeline.solver, pipeline.steps = solver, int(steps)
        score = Score()
        began = time.monotonic()
        for seed in args.seeds:
            scorer = Scorer(pipeline, Path(), seed, "full")  # drawing reads no sources
            scorer.score = score
            for kind in COLUMNS:
                scorer.draw(kind, args.n // len(COLUMNS), None)
        drawn = args.n // len(COLUMNS) * len(COLUMNS) * len(args.seeds)
        overall = score.overall
        error = (overall * (1 - overall) / drawn) ** 0.5
        cells = [f"{rate.value:9.3f}" for rate in score.draw.values()]
        seconds = (time.monotonic() - began) / drawn
        print(f"{row:18}", *cells, f"{overall:5.3f}±{error:.3f} {seconds:8.3f}", flush=True)


if __name__ == "__main__":
    main()
