"""The command lines of the benchmarks' own scorers, for a folder that was drawn here.

Sources: README and evaluation scripts of github.com/djghosh13/geneval, dpg_bench/ of
github.com/TencentQQGYLab/ELLA, GEdit-Bench/EVAL.md of github.com/stepfun-ai/Step1X-Edit, and the
scripts of Benchmark/Basic/ of github.com/PKU-YuanGroup/ImgEdit (whose README calls ``--edit_json``
otherwise).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from unipic_tui.batch.folder import to_json
from unipic_tui.batch.tasks import Task

EDITS = "basic_edit.json"
"""ImgEdit's entries that were drawn: its scorer stops at those that were not."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """How to score a folder.

    Attributes:
        where: the repository to be in, and what to put in place of words in capitals.
        commands: in the order in which they are run.
    """

    where: str
    commands: tuple[str, ...]


def scoring_of(
    name: str, folder: Path, notes: Path, *, sources: Path, side: int, samples: int
) -> Scoring:
    """How to score a benchmark's folder.

    Args:
        name: ``geneval``, ``dpg``, ``gedit`` or ``imgedit``.
        folder: with the pictures.
        notes: where the scores go.
        sources: pictures that were edited.
        side: of one picture, in pixels.
        samples: pictures of each prompt.
    """
    return {
        "geneval": lambda: _geneval(folder, notes),
        "dpg": lambda: _dpg(folder, notes, side, samples),
        "gedit": lambda: _gedit(folder, notes),
        "imgedit": lambda: _imgedit(folder, notes, sources),
    }[name]()


def _geneval(folder: Path, notes: Path) -> Scoring:
    results = notes / "results.jsonl"
    return Scoring(
        "djghosh13/geneval, DETECTOR being the folder of its download_models.sh",
        (
            _line("python evaluation/evaluate_images.py", folder, "--outfile", results)
            + " --model-path DETECTOR",
            _line("python evaluation/summary_scores.py", results),
        ),
    )


def _dpg(folder: Path, notes: Path, side: int, samples: int) -> Scoring:
    start = "accelerate launch --num_processes 1 --mixed_precision fp16"
    numbers = f"--resolution {side} --pic-num {samples} --vqa-model mplug --res-path"
    script = f"{start} dpg_bench/compute_dpg_bench.py --image-root-path"
    return Scoring(
        "TencentQQGYLab/ELLA", (_line(script, folder) + " " + _line(numbers, notes / "dpg.txt"),)
    )


def _gedit(folder: Path, notes: Path) -> Scoring:
    name, scores = Path(folder.name), notes / "scores"
    return Scoring(
        "stepfun-ai/Step1X-Edit, folder GEdit-Bench",
        (
            _line("python run_gedit_score.py --model_name", name, "--save_dir", scores)
            + " --backbone gpt4o "
            + _line("--edited_images_dir", folder.parent),
            _line("python calculate_statistics.py --model_name", name, "--save_path", scores)
            + " --backbone gpt4o --language all",
        ),
    )


def _imgedit(folder: Path, notes: Path, sources: Path) -> Scoring:
    edits, average = notes / EDITS, notes / "average_score.json"
    return Scoring(
        "PKU-YuanGroup/ImgEdit, folder Benchmark/Basic",
        (
            _line("python basic_bench.py --result_img_folder", folder, "--edit_json", edits)
            + " "
            + _line("--origin_img_root", sources, "--prompts_json prompts.json"),
            _line("python step1_get_avgscore.py --result_json", folder / "result.json")
            + " "
            + _line("--average_score_json", average),
            _line("python step2_typescore.py --average_score_json", average, "--basic_edit", edits)
            + " "
            + _line("--typescore_json", notes / "typescore.json"),
        ),
    )


def drawn_edits(tasks: Iterable[Task]) -> bytes:
    """ImgEdit's entries of these tasks, by key."""
    entries = {str(task.carried["key"]): dict(task.carried) for task in tasks}
    return to_json(json.loads(json.dumps(entries)))


def _line(*parts: str | Path) -> str:
    """A part of a command line; paths are quoted, words are as they should be."""
    return " ".join(shlex.quote(str(part)) if isinstance(part, Path) else part for part in parts)
