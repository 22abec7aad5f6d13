"""Score a checkpoint on its world: ``python -m unipic_tui.nano.score``.

Drawing prompts are of those that training leaves out; all else is of a seed of its own. Pictures
are drawn with the default settings, one by one as a user would get them, and read back by the
detector. The columns are GenEval's; a picture counts when it shows all that was asked for and
nothing else.
"""

from __future__ import annotations

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

from unipic_tui.events import BackendOptions, Failed, Finished
from unipic_tui.inference.pipeline import Pipeline
from unipic_tui.inference.ranking import best_first, judge
from unipic_tui.jobs import DescribeJob, EditJob, GenerateJob, Job, Quality
from unipic_tui.nano.world import (
    describe_sample,
    detect,
    draw_sample,
    edit_followed,
    edit_sample,
    generator,
    question_sample,
    render,
    satisfies,
    surplus,
)

COLUMNS = {
    "single": "Single",
    "two": "Two",
    "count": "Count",
    "colour": "Colour",
    "position": "Position",
    "attribute": "Attribute",
}


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
        followed, alone: edits done, and the rest left as it was.
        edits: edits done by kind.
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
            **{COLUMNS[kind]: rate.value for kind, rate in self.draw.items()},
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
    """Runs jobs and reads what comes out.

    Args:
        pipeline: of the checkpoint.
        seed: of the prompts.
        quality: of what is drawn.
        best_of: draw so many pictures of each prompt and let the model choose one of them.
    """

    def __init__(self, pipeline: Pipeline, seed: int, quality: Quality, best_of: int = 1) -> None:
        self.pipeline, self.quality, self.best_of = pipeline, quality, best_of
        self.rng = generator("score", seed)
        self.drawn = 0
        self.spent = 0.0

    def _finish(self, job: Job) -> Finished:
        for event in self.pipeline.run(job):
            if isinstance(event, Failed):
                raise RuntimeError(event.message)
            if isinstance(event, Finished):
                return event
        raise RuntimeError("the job ended without a result")

    def _picture(self, job: GenerateJob | EditJob) -> np.ndarray:
        began = time.monotonic()
        images = [picture.image for picture in self._finish(job).pictures]
        chosen = 0
        if len(images) > 1:
            verdicts = [judge(self.pipeline, image, job.prompt) for image in images]
            chosen = best_first(verdicts)[0]
        self.spent += time.monotonic() - began
        self.drawn += 1
        return np.asarray(images[chosen])

    def draw(self, score: Score, kind: str, count: int, guidance: float | None) -> None:
        """Draw ``count`` prompts of a kind."""
        rate = score.draw.setdefault(kind, Rate())
        for index in range(count):
            sample = draw_sample(self.rng, kind=kind, unseen=True)  # type: ignore[arg-type]
            job = GenerateJob(
                prompt=sample.prompt,
                count=self.best_of,
                seed=index,
                quality=self.quality,
                guidance=guidance,
            )
            found = detect(self._picture(job))
            rate.add(satisfies(sample.request, found))
            extra = surplus(sample.request, found)
            score.more.add(extra > 0)
            score.fewer.add(extra < 0)

    def edit(self, score: Score, count: int, guidance: float | None, folder: Path) -> None:
        """Make ``count`` edits; their sources lie in ``folder``."""
        for index in range(count):
            sample = edit_sample(self.rng)
            job = EditJob(
                prompt=sample.instruction,
                source=_saved(render(sample.source), folder),
                seed=index,
                quality=self.quality,
                guidance=guidance,
            )
            followed, alone = edit_followed(sample, detect(self._picture(job)))
            score.followed.add(followed)
            score.alone.add(alone)
            score.edits.setdefault(sample.kind, Rate()).add(followed and alone)

    def describe(self, score: Score, count: int, folder: Path) -> None:
        """Ask for ``count`` descriptions and answers; the pictures lie in ``folder``."""
        for ask, rate in (
            (describe_sample, score.described),
            (question_sample, score.answered),
        ):
            for _ in range(count):
                sample = ask(self.rng)
                job = DescribeJob(
                    prompt=sample.question,
                    source=_saved(render(sample.scene), folder),
                    max_new_tokens=96,
                )
                rate.add(self._finish(job).text == sample.answer)


def _saved(pixels: np.ndarray, folder: Path) -> str:
    path = folder / "source.png"
    Image.fromarray(pixels).save(path)
    return str(path)


def score_checkpoint(
    checkpoint: Path | None,
    seed: int = 0,
    count: int = 200,
    *,
    quality: Quality = "full",
    guidance: float | None = None,
    edit_guidance: float | None = None,
    best_of: int = 1,
    progress: Callable[[str], None] = lambda _: None,
) -> Score:
    """Score a checkpoint.

    Args:
        checkpoint: its folder; ``None`` for the embedded one.
        count: prompts, edits, descriptions and questions each; the six kinds share the prompts.
        guidance, edit_guidance: the checkpoint's own where they are ``None``.
        best_of: pictures drawn of each prompt, of which the model chooses one.
    """
    pipeline = Pipeline(BackendOptions(checkpoint=checkpoint, device="auto"))
    for _ in pipeline.load():
        pass
    scorer = Scorer(pipeline, seed, quality, best_of)
    score = Score()
    for index, kind in enumerate(COLUMNS):
        progress(COLUMNS[kind])
        share = count // len(COLUMNS) + (index < count % len(COLUMNS))
        scorer.draw(score, kind, share, guidance)
    with tempfile.TemporaryDirectory(prefix="unipic-score-") as name:
        progress("edits")
        scorer.edit(score, count, edit_guidance, Path(name))
        progress("descriptions and questions")
        scorer.describe(score, count, Path(name))
    score.seconds = scorer.spent / max(1, scorer.drawn)
    return score


def lines(score: Score) -> Iterator[str]:
    """The table."""
    for name, value in score.to_dict().items():
        yield f"{name:24} {value:6.3f}"


def main(arguments: list[str] | None = None) -> int:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(prog="python -m unipic_tui.nano.score", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the prompts (default 0)")
    parser.add_argument("--n", type=int, default=200, help="of each task (default 200)")
    parser.add_argument("--checkpoint", type=Path, help="folder (default: the embedded one)")
    parser.add_argument("--quality", choices=("exact", "full", "fast"), default="full")
    parser.add_argument("--guidance", type=float, help="of drawing (default: the checkpoint's)")
    parser.add_argument("--edit-guidance", type=float, help="of editing")
    parser.add_argument(
        "--best-of", type=int, default=1, metavar="N", help="let the model choose one of N pictures"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(arguments)
    score = score_checkpoint(
        args.checkpoint,
        args.seed,
        args.n,
        quality=args.quality,
        guidance=args.guidance,
        edit_guidance=args.edit_guidance,
        best_of=args.best_of,
        progress=lambda what: print(f"scoring {what}", file=sys.stderr),
    )
    if args.json:
        print(json.dumps(score.to_dict(), indent=2))
    else:
        print("\n".join(lines(score)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
