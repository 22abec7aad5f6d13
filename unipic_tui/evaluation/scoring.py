"""The command lines of the benchmarks' own scorers, for a folder that was drawn here.

Sources: README and evaluation scripts of github.com/djghosh13/geneval, dpg_bench/ of
github.com/TencentQQGYLab/ELLA, GEdit-Bench/EVAL.md of github.com/stepfun-ai/Step1X-Edit, and the
scripts of Benchmark/Basic/ of github.com/PKU-YuanGroup/ImgEdit (whose README calls ``--edit_json``
otherwise).
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from unipic_tui.batch.folder import to_json
from unipic_tui.batch.tasks import Task

EDITS = "basic_edit.json"
"""ImgEdit's entries that were drawn: its scorer stops at those that were not."""


class Scoring(NamedTuple):
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
    """How to score a folder; the scores go to ``notes``, the rest is as in `Benchmark`."""
    where, commands = _SCORERS[name]
    places: dict[str, str | Path] = {
        "folder": folder,
        "name": folder.name,
        "parent": folder.parent,
        "judged": folder / "result.json",
        "sources": sources,
        "results": notes / "results.jsonl",
        "dpg": notes / "dpg.txt",
        "scores": notes / "scores",
        "edits": notes / EDITS,
        "average": notes / "average_score.json",
        "types": notes / "typescore.json",
    }
    quoted = {key: shlex.quote(str(place)) for key, place in places.items()}
    return Scoring(
        where,
        tuple(
            " ".join(command.split()).format(**quoted, side=side, samples=samples)
            for command in re.split(r"\n(?! )", commands)
        ),
    )


_SCORERS = {
    "geneval": (
        "djghosh13/geneval, DETECTOR being the folder of its download_models.sh",
        """\
python evaluation/evaluate_images.py {folder} --outfile {results} --model-path DETECTOR
python evaluation/summary_scores.py {results}""",
    ),
    "dpg": (
        "TencentQQGYLab/ELLA",
        """\
accelerate launch --num_processes 1 --mixed_precision fp16 dpg_bench/compute_dpg_bench.py
  --image-root-path {folder} --resolution {side} --pic-num {samples} --vqa-model mplug
  --res-path {dpg}""",
    ),
    "gedit": (
        "stepfun-ai/Step1X-Edit, folder GEdit-Bench",
        """\
python run_gedit_score.py --model_name {name} --save_dir {scores} --backbone gpt4o
  --edited_images_dir {parent}
python calculate_statistics.py --model_name {name} --save_path {scores} --backbone gpt4o
  --language all""",
    ),
    "imgedit": (
        "PKU-YuanGroup/ImgEdit, folder Benchmark/Basic",
        """\
python basic_bench.py --result_img_folder {folder} --edit_json {edits} --origin_img_root {sources}
  --prompts_json prompts.json
python step1_get_avgscore.py --result_json {judged} --average_score_json {average}
python step2_typescore.py --average_score_json {average} --basic_edit {edits}
  --typescore_json {types}""",
    ),
}
"""Repository and commands, a line each; lines that begin with a space go on."""


def drawn_edits(tasks: Iterable[Task]) -> bytes:
    """ImgEdit's entries of these tasks, by key."""
    entries = {str(task.carried["key"]): dict(task.carried) for task in tasks}
    return to_json(json.loads(json.dumps(entries)))
