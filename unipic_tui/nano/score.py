"""Score a checkpoint of the embedded model on its world of coloured shapes.

The prompts to draw are held out from training; edits and questions have random scenes of their own.
Pictures are drawn with the default settings, one by one as a user would get them, and read by the
detector. The columns are GenEval's; a picture counts when it shows all that was asked for and
nothing else.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from unipic_tui.errors import UnipicError
from unipic_tui.events import BackendOptions, Failed, Finished
from unipic_tui.inference.pipeline import Pipeline
from unipic_tui.jobs import (
    QUALITIES,
    USUAL_QUALITY,
    DescribeJob,
    EditJob,
    GenerateJob,
    Job,
    Quality,
)
from unipic_tui.nano.world.detect import detect
from unipic_tui.nano.world.edits import edit_followed, edit_sample
from unipic_tui.nano.world.questions import describe_sample, question_sample
from unipic_tui.nano.world.render import render
from unipic_tui.nano.world.request import satisfies
from unipic_tui.nano.world.scene import Scene, generator
from unipic_tui.nano.world.text_to_image import DRAW_MIX, DrawKind, draw_sample

COLUMNS = tuple(DRAW_MIX)
"""GenEval's kinds of prompts."""


@dataclass
class Rate:
    """How often something was right."""

    right: int = 0
    total: int = 0

    def add(self, right: bool) -> None:
        """Count one."""
        self.right += right
        self.total += 1

    @property
    def value(self) -> float:
        """The share, 0 where nothing was counted."""
        return self.right / self.total if self.total else 0.0


@dataclass
class Score:
    """All rates of one scoring.

    Attributes:
        draw: by GenEval's kinds.
        more, fewer: pictures with more or fewer objects than asked for.
        followed, alone: edits that follow the instruction, and that leave the rest as it was.
        edits: edits that do both, by kind.
        described, answered: descriptions and answers exactly right.
        seconds: mean time of a picture.
    """

    draw: dict[str, Rate] = field(default_factory=dict)
    more: Rate = field(default_factory=Rate)
    fewer: Rate = field(default_factory=Rate)
    followed: Rate = field(default_factory=Rate)
    alone: Rate = field(default_factory=Rate)
    edits: dict[str, Rate] = field(default_factory=dict)
    described: Rate = field(default_factory=Rate)
    answered: Rate = field(default_factory=Rate)
    seconds: float = 0.0

    @property
    def overall(self) -> float:
        """The mean of the six columns, as GenEval takes it."""
        return sum(rate.value for rate in self.draw.values()) / max(1, len(self.draw))

    def to_dict(self) -> dict[str, float]:
        """Every number by name."""
        return {
            **{kind.capitalize(): rate.value for kind, rate in self.draw.items()},
            "Overall": self.overall,
            "More objects": self.more.value,
            "Fewer objects": self.fewer.value,
            "Edits followed": self.followed.value,
            "Rest left alone": self.alone.value,
            **{f"Edit: {kind}": rate.value for kind, rate in self.edits.items()},
            "Descriptions exact": self.described.value,
            "Questions right": self.answered.value,
            "Seconds a picture": self.seconds,
        }


class Scorer:
    """Runs jobs and scores their results.

    Args:
        pipeline: of the checkpoint.
        folder: where the source pictures of edits and questions are written.
        seed: of the prompts.
        quality: of the pictures.
        best_of: pictures drawn of each prompt, of which the model chooses one.
    """

    def __init__(
        self, pipeline: Pipeline, folder: Path, seed: int, quality: Quality, best_of: int = 1
    ) -> None:
        self.pipeline, self.folder = pipeline, folder
        self.quality, self.best_of = quality, best_of
        self.rng = generator("score", seed)
        self.score = Score()
        self.drawn = 0

    def _finish(self, job: Job) -> Finished:
        for event in self.pipeline.run(job):
            if isinstance(event, Failed):
                raise UnipicError(event.message)
            if isinstance(event, Finished):
                return event
        raise AssertionError("a job ends with a result")

    def _picture(self, job: GenerateJob | EditJob) -> np.ndarray:
        began = time.monotonic()
        best, *_ = self._finish(job).pictures
        spent = time.monotonic() - began
        self.drawn += 1
        self.score.seconds += (spent - self.score.seconds) / self.drawn
        return np.asarray(best.image)

    def _source(self, scene: Scene) -> str:
        path = self.folder / "source.png"
        Image.fromarray(render(scene)).save(path)
        return str(path)

    def draw(self, kind: DrawKind, count: int, guidance: float | None) -> None:
        """Draw ``count`` prompts of a kind."""
        score = self.score
        for index in range(count):
            sample = draw_sample(self.rng, kind=kind, unseen=True)
            job = GenerateJob(
                prompt=sample.prompt,
                best_of=self.best_of if self.best_of > 1 else None,
                seed=index,
                quality=self.quality,
                guidance=guidance,
            )
            found = detect(self._picture(job))
            score.draw.setdefault(kind, Rate()).add(satisfies(sample.request, found))
            score.more.add(len(found.objects) > sample.request.count)
            score.fewer.add(len(found.objects) < sample.request.count)

    def edit(self, count: int, guidance: float | None) -> None:
        """Make ``count`` edits."""
        score = self.score
        for index in range(count):
            sample = edit_sample(self.rng)
            job = EditJob(
                prompt=sample.instruction,
                source=self._source(sample.source),
                seed=index,
                quality=self.quality,
                guidance=guidance,
            )
            followed, alone = edit_followed(sample, detect(self._picture(job)))
            score.followed.add(followed)
            score.alone.add(alone)
            score.edits.setdefault(sample.kind, Rate()).add(followed and alone)

    def describe(self, count: int) -> None:
        """Ask for ``count`` descriptions and answers."""
        for ask, rate in (
            (describe_sample, self.score.described),
            (question_sample, self.score.answered),
        ):
            for _ in range(count):
                sample = ask(self.rng)
                source = self._source(sample.scene)
                job = DescribeJob(prompt=sample.question, source=source, max_new_tokens=96)
                rate.add(self._finish(job).text == sample.answer)


def score_checkpoint(
    checkpoint: Path | None,
    seed: int = 0,
    count: int = 50,
    *,
    per_kind: bool = True,
    quality: Quality = USUAL_QUALITY,
    guidance: float | None = None,
    edit_guidance: float | None = None,
    best_of: int = 1,
    progress: Callable[[str], None] = lambda _: None,
) -> Score:
    """Score a checkpoint.

    Args:
        checkpoint: its folder; ``None`` for the embedded one.
        count: edits, descriptions and questions each, and prompts.
        per_kind: whether each of the six kinds has so many prompts, or all of them together.
        guidance, edit_guidance: the checkpoint's own where they are ``None``.
        best_of: pictures drawn of each prompt, of which the model chooses one.

    Raises:
        UnipicError: the checkpoint cannot be loaded, or a job failed.
    """
    pipeline = Pipeline(BackendOptions(checkpoint=checkpoint, device="auto"))
    for _ in pipeline.load():
        pass
    with tempfile.TemporaryDirectory(prefix="unipic-score-") as name:
        scorer = Scorer(pipeline, Path(name), seed, quality, best_of)
        for index, kind in enumerate(COLUMNS):
            progress(kind.capitalize())
            share = count // len(COLUMNS) + (index < count % len(COLUMNS))
            scorer.draw(kind, count if per_kind else share, guidance)
        progress("edits")
        scorer.edit(count, edit_guidance)
        progress("descriptions and questions")
        scorer.describe(count)
    return scorer.score


def lines(score: Score) -> Iterator[str]:
    """The table."""
    for name, value in score.to_dict().items():
        yield f"{name:24} {value:6.3f}"


def main(arguments: list[str] | None = None) -> int:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(prog="python -m unipic_tui.nano.score", description=__doc__)
    add = parser.add_argument
    add("--seed", type=int, default=0, help="random seed of the prompts (default: 0)")
    add("--n", type=int, default=200, help="prompts in all, edits, answers (default: 200)")
    add("--checkpoint", type=Path, help="folder of the checkpoint (default: the embedded model)")
    add("--quality", choices=QUALITIES, default=USUAL_QUALITY, help=f"default: {USUAL_QUALITY}")
    add("--guidance", type=float, help="guidance scale of drawing (default: the checkpoint's)")
    add("--edit-guidance", type=float, help="guidance scale of editing (default: likewise)")
    add(
        "--best-of",
        type=int,
        default=1,
        metavar="N",
        help="draw N pictures of each prompt and let the model choose one (default: 1)",
    )
    add("--json", action="store_true", help="print JSON instead of a table")
    args = parser.parse_args(arguments)
    if args.n < 1 or args.best_of < 1:
        parser.error("--n and --best-of must be at least 1")
    try:
        score = score_checkpoint(
            args.checkpoint,
            args.seed,
            args.n,
            per_kind=False,
            quality=args.quality,
            guidance=args.guidance,
            edit_guidance=args.edit_guidance,
            best_of=args.best_of,
            progress=lambda what: print(f"scoring {what}", file=sys.stderr),
        )
    except UnipicError as error:
        parser.exit(1, f"{error}\n")
    print(json.dumps(score.to_dict(), indent=2) if args.json else "\n".join(lines(score)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
