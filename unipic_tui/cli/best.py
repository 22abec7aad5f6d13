"""``generate --best-of``: many pictures are drawn, and the model chooses which are saved."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Iterator

from unipic_tui.cli.report import Reporter
from unipic_tui.errors import InputError
from unipic_tui.events import Backend, Picture
from unipic_tui.inference.ranking import Verdict, best_first, judge, questions
from unipic_tui.jobs import MAX_COUNT, MAX_SEED, DrawingJob


def checked_best_of(args: argparse.Namespace, job: DrawingJob) -> int | None:
    """What ``--best-of`` says; ``None`` where it is not given.

    Raises:
        InputError: it does not go with the job, or with the other arguments.
    """
    best_of: int | None = args.best_of
    if best_of is None:
        return None
    if not 2 <= best_of <= MAX_COUNT:
        raise InputError(f"--best-of {best_of} is out of range: use 2 to {MAX_COUNT}.")
    if args.grid_size is not None:
        raise InputError("--best-of and --grid-size do not go together: leave out one.")
    if job.count >= best_of:
        raise InputError(
            f"The best {job.count} of {best_of} are all of them: give a smaller --count, or a "
            "larger --best-of."
        )
    if job.seed > MAX_SEED - best_of + 1:
        raise InputError(f"The seed {job.seed} is too large for {best_of} pictures in a row.")
    if not questions(job.prompt):
        raise InputError(
            "--best-of finds nothing in the prompt that it could look for: name things, as in "
            '"a red circle", or leave it out.'
        )
    return best_of


class Choice:
    """Judges all pictures of a job, and hands the best of them on.

    Args:
        backend: a backend that is loaded; nothing else may run on it meanwhile.
        prompt: what the pictures are to show.
        count: how many are kept.
        reporter: is told what was chosen, and why.
        keep: takes the chosen pictures, best first, with their place as their index.
    """

    def __init__(
        self,
        backend: Backend,
        prompt: str,
        count: int,
        reporter: Reporter,
        keep: Callable[[Picture], None],
    ) -> None:
        self._backend = backend
        self._prompt = prompt
        self._count = count
        self._reporter = reporter
        self._keep = keep

    def __call__(self, pictures: tuple[Picture, ...]) -> Iterator[None]:
        """Judge and keep; yields after each verdict."""
        self._reporter.notice(f"Judging {len(pictures)} pictures.")
        verdicts: list[Verdict] = []
        for picture in pictures:
            verdicts.append(judge(self._backend, picture.image, self._prompt))
            yield
        order = best_first(verdicts)
        for place, index in enumerate(order[: self._count]):
            self._keep(dataclasses.replace(pictures[index], index=place))
        self._tell([(pictures[index], verdicts[index]) for index in order])

    def _tell(self, ranking: list[tuple[Picture, Verdict]]) -> None:
        record = {
            "event": "chosen",
            "kept": self._count,
            "ranking": [
                {
                    "seed": picture.job.seed,
                    "worth": round(verdict.worth, 4),
                    "description": verdict.description,
                    "answers": {question.text: said for question, said in verdict.answers},
                }
                for picture, verdict in ranking
            ],
        }
        shown = ", ".join(
            f"seed {picture.job.seed} {verdict.worth:.2f}" for picture, verdict in ranking
        )
        self._reporter.remark(record, f"Saved the best {self._count} of these: {shown}.")
