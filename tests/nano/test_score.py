"""Scoring, with a stand-in for the model that sees well and draws well only every second time."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unipic_tui.events import Event, Finished, Picture
from unipic_tui.inference.ranking import choose_best
from unipic_tui.jobs import DescribeJob, GenerateJob, Job
from unipic_tui.nano import score as scoring
from unipic_tui.nano.score import Scorer
from unipic_tui.nano.world.detect import detect
from unipic_tui.nano.world.questions import describe
from unipic_tui.nano.world.render import render
from unipic_tui.nano.world.text_to_image import DrawKind, draw_sample


class SecondBest:
    """Its first picture is another prompt's; its second is right."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.scene: Any = None
        self.wrong: Any = None

        def remember(*args: Any, **options: Any) -> Any:
            sample = draw_sample(*args, **options)
            self.wrong, self.scene = self.scene, sample.scene
            return sample

        monkeypatch.setattr(scoring, "draw_sample", remember)

    def run(self, job: Job, resume: bytes | None = None) -> Generator[Event, None, None]:
        if isinstance(job, DescribeJob):
            with Image.open(job.source) as image:
                seen = detect(np.asarray(image))
            yield Finished(text=describe(seen) if "Describe" in job.prompt else "yes")
            return
        assert isinstance(job, GenerateJob)
        if job.chooses:
            yield from choose_best(self, job)  # type: ignore[arg-type]
            return
        pictures = tuple(
            Picture(index, Image.fromarray(render(scene)), job, "", 0.0)
            for index, scene in enumerate((self.wrong or self.scene, self.scene)[: job.count])
        )
        yield Finished(pictures)


@pytest.mark.parametrize(("best_of", "right"), [(1, False), (2, True)])
def test_best_of_counts_the_picture_the_model_chose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, best_of: int, right: bool
) -> None:
    model: Any = SecondBest(monkeypatch)
    scorer = Scorer(model, tmp_path, 0, "full", best_of)
    kinds: tuple[DrawKind, ...] = ("colour", "attribute")
    for kind in kinds:
        scorer.draw(kind, 6, None)
    assert scorer.drawn == 12
    assert (scorer.score.overall > 0.9) is right, scorer.score.to_dict()
    assert right or scorer.score.overall < 0.4


def test_numbers_below_one_and_a_missing_checkpoint_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, said in (
        (["--n", "0"], "must be at least 1"),
        (["--checkpoint", str(tmp_path / "none")], "is missing"),
    ):
        with pytest.raises(SystemExit) as stopped:
            scoring.main(arguments)
        assert stopped.value.code != 0
        assert said in capsys.readouterr().err
