"""How far a solver of the diffusion head is from 1,000 DDPM steps: ``benchmarks/solvers.py``.

Conditions are taken from the embedded model while it draws held-out prompts. For each condition,
some latents are drawn in each of two runs of 1,000 DDPM steps and four times as many by every
solver; solvers are held against both runs together, and the runs against each other. Per condition
the energy distance 2·E|X−Y| − E|X−X'| − E|Y−Y'| (Székely & Rizzo 2013) is estimated without bias
and averaged; it is 0 where the distributions are the same. Printed in per cent of E|Y−Y'|, with its
standard error over conditions, for the first and second half of the iterations. ``spread`` is
E|X−X'| over E|Y−Y'|: below 1 where a solver draws too little variety.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from unipic_tui.events import BackendOptions
from unipic_tui.inference.pipeline import Pipeline
from unipic_tui.inference.sampling import first_step
from unipic_tui.jobs import GenerateJob, SamplingSettings, Solver
from unipic_tui.model.diffusion import (
    FIRST_STEP,
    TRAIN_STEPS,
    DiffusionHead,
    draw_noise,
    noise_steps,
)
from unipic_tui.model.head import Modulation
from unipic_tui.nano.score import COLUMNS
from unipic_tui.nano.world.scene import generator
from unipic_tui.nano.world.text_to_image import draw_sample

TABLE: tuple[tuple[Solver, tuple[int, ...]], ...] = (
    ("ddpm", (10, 25, 50, 80, 100)),
    ("dpmpp_2m", (8, 10, 16)),
    ("dpmpp_2m_sde", (6, 7, 8, 9, 10, 12, 16, 25)),
)
ROWS = 256
"""Latents that are drawn at once."""


class Conditions(NamedTuple):
    """Inputs of the head: (n, 2, decoder width), conditional and unconditional; (n,) is early."""

    z: Tensor
    early: Tensor
    guidance: float


def collect(pipeline: Pipeline, wanted: int, seed: int) -> Conditions:
    """Conditions met while drawing prompts of all kinds."""
    head = pipeline.engine.model.mar.diffloss
    iterations = pipeline.info.defaults.iterations
    met: list[Tensor] = []
    early: list[bool] = []
    place = 0
    sample: Callable[..., Tensor] = head.sample

    def recording(z: Tensor, *arguments: object, **options: object) -> Tensor:
        nonlocal place
        met.append(torch.stack(z.chunk(2), dim=1))
        early.extend([place < iterations // 2] * (len(z) // 2))
        place += 1
        return sample(z, *arguments, **options)

    rng, kinds = generator("score", 1000 + seed), list(COLUMNS)
    head.sample = recording  # type: ignore[method-assign]
    try:
        for index in range(wanted):
            place = 0
            kind = kinds[index % len(kinds)]
            prompt = draw_sample(rng, kind=kind, unseen=True).prompt
            for _ in pipeline.run(GenerateJob(prompt=prompt, seed=index)):
                pass
            if len(early) >= wanted:
                break
    finally:
        del head.sample
    return Conditions(torch.cat(met), torch.tensor(early), pipeline.info.defaults.guidance)


def share_modulations(head: DiffusionHead) -> None:
    """Let latents be (n, draws, channels), whose draws share their condition's modulations."""
    modulations = head._modulations

    def shared(z: Tensor, times: Tensor) -> Iterator[list[Modulation]]:
        for layers in modulations(z, times):
            yield [tuple(part.unsqueeze(-2) for part in layer) for layer in layers]

    head._modulations = shared  # type: ignore[method-assign]


def draw(
    head: DiffusionHead,
    conditions: Conditions,
    solver: Solver,
    steps: int,
    *,
    draws: int,
    seed: int,
    first: int | None = None,
) -> Tensor:
    """Latents of each condition: (n, draws, channels); a solver starts where the sampler does."""
    first = first or first_step(SamplingSettings(quality="full", solver=solver))
    source = torch.Generator().manual_seed(seed)
    drawn: list[Tensor] = []
    for z in conditions.z.split(max(1, ROWS // draws)):
        noise = draw_noise(source, len(z) * draws, head.channels, noise_steps(solver, steps))
        noise = noise.unflatten(1, (len(z), draws))
        latents = head.sample(
            torch.cat([z[:, 0], z[:, 1]]),
            noise[0],
            noise[1:],
            steps,
            first=first,
            guidance=conditions.guidance,
            solver=solver,
        )
        drawn.append(latents)
    return torch.cat(drawn)


def within(x: Tensor) -> Tensor:
    """(n,) mean distance between two draws of a condition, of (n, draws, channels)."""
    first, second = torch.triu_indices(x.shape[1], x.shape[1], offset=1)
    apart: Tensor = torch.linalg.vector_norm(x[:, first] - x[:, second], dim=-1)
    return apart.mean(dim=1)


def between(x: Tensor, y: Tensor) -> Tensor:
    """(n,) mean distance between each condition's draws of two methods."""
    apart: Tensor = torch.linalg.vector_norm(x[:, :, None] - y[:, None], dim=-1)
    return apart.mean(dim=(1, 2))


def report(name: str, x: Tensor, reference: Tensor, early: Tensor, seconds: float) -> None:
    """Print a row of the table."""
    cells: list[str] = []
    for part in (early, ~early):
        own, theirs = within(x[part]), within(reference[part])
        distances = (2 * between(x[part], reference[part]) - own - theirs) / theirs.mean()
        error = distances.std() / len(distances) ** 0.5
        cells.append(
            f"{100 * distances.mean():7.2f} ± {100 * error:.2f}  {own.mean() / theirs.mean():6.3f}"
        )
    print(f"{name:18} {'   '.join(cells)}   {seconds:6.1f}", flush=True)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conditions", type=int, default=2048, help="how many (default 2048)")
    parser.add_argument("--draws", type=int, default=2, help="a condition and run (default 2)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    pipeline = Pipeline(BackendOptions(device="cpu", dtype="float32"))
    for _ in pipeline.load():
        pass
    head = pipeline.engine.model.mar.diffloss
    with torch.inference_mode():
        conditions = collect(pipeline, args.conditions, args.seed)
        early = conditions.early
        share_modulations(head)
        print(f"{len(early)} conditions, {int(early.sum())} of them early")
        print(f"{'solver, steps':18} {'early: % ± error  spread':26} late   {'seconds':>20}")
        began = time.monotonic()
        reference, again = (
            draw(
                head,
                conditions,
                "ddpm",
                TRAIN_STEPS,
                draws=args.draws,
                seed=args.seed + run,
                first=FIRST_STEP,
            )
            for run in (1, 2)
        )
        report("ddpm 1000 again", again, reference, early, (time.monotonic() - began) / 2)
        reference = torch.cat([reference, again], dim=1)
        for solver, counts in TABLE:
            for steps in counts:
                began = time.monotonic()
                drawn = draw(
                    head, conditions, solver, steps, draws=4 * args.draws, seed=args.seed + 3
                )
                report(f"{solver} {steps}", drawn, reference, early, time.monotonic() - began)


if __name__ == "__main__":
    main()
