"""The table of settings: one description, found everywhere."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from unipic_tui.batch.items import Item
from unipic_tui.batch.tasks import Common, make_job
from unipic_tui.cli.parser import build_parser
from unipic_tui.defaults import Defaults
from unipic_tui.errors import InputError
from unipic_tui.job_json import job_from_dict
from unipic_tui.job_settings import caption, named, setting, settings_of
from unipic_tui.jobs import KINDS, QUALITIES, DrawingJob, EditJob, GenerateJob
from unipic_tui.metadata import encode_picture
from unipic_tui.parameters import describe_job
from unipic_tui.ui import iterate, wording
from unipic_tui.ui.draft import Draft, plan_jobs
from unipic_tui.ui.fields import field_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SharperJob(GenerateJob):
    """A kind of job with one setting more, as a change to the table would make it."""

    sharpness: float = setting(
        1.0, "number", "Sharpness", "how sharp edges are",
        high=5, aliases=("sharp",), parameter="Sharpness", sweeps=True,
    )  # fmt: skip


@pytest.fixture
def sharper(monkeypatch: pytest.MonkeyPatch) -> type[SharperJob]:
    monkeypatch.setitem(KINDS, GenerateJob.mode, SharperJob)
    return SharperJob


@pytest.mark.usefixtures("sharper")
def test_a_new_setting_is_a_flag_with_help() -> None:
    parser = build_parser()
    args = parser.parse_args(["generate", "a star", "--sharpness", "2"])
    assert args.sharpness == 2.0
    assert parser.parse_args(["generate", "a star", "--sharp", "3"]).sharpness == 3.0


@pytest.mark.usefixtures("sharper")
@pytest.mark.parametrize("command", ["generate", "batch"])
def test_a_new_setting_is_in_the_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args([command, "--help"])
    shown = capsys.readouterr().out
    assert "--sharpness X" in shown
    assert "how sharp edges are, 0 to 5 (1)" in " ".join(shown.split())


@pytest.mark.usefixtures("sharper")
def test_a_new_setting_is_a_key_of_batches(tmp_path: Path) -> None:
    job, _ = make_job(Item(0, {"prompt": "a", "sharpness": 2.5}), Common(tmp_path), Defaults())
    assert isinstance(job, SharperJob)
    assert job.sharpness == 2.5
    common = Common(tmp_path, given={"sharpness": 4.0})
    assert make_job(Item(0, {"prompt": "a"}), common, Defaults())[0].sharpness == 4.0  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="sharpness is not a number"):
        make_job(Item(0, {"prompt": "a", "sharpness": "very"}), Common(tmp_path), Defaults())


@pytest.mark.usefixtures("sharper")
def test_a_new_setting_is_a_field_that_sweeps() -> None:
    field = field_of("generate", "sharpness")
    assert field.setting.label == "Sharpness"
    draft = Draft("generate", "a star", {field.key: "1,2"})
    jobs = plan_jobs(draft, None, random.Random(0)).jobs
    assert [job.sharpness for job in jobs if isinstance(job, SharperJob)] == [1.0, 2.0]
    draft = Draft("generate", "a star sharp=3..4")
    jobs = plan_jobs(draft, None, random.Random(0)).jobs
    assert [job.sharpness for job in jobs if isinstance(job, SharperJob)] == [3.0, 4.0]
    with pytest.raises(InputError, match="0 to 5"):
        plan_jobs(Draft("generate", "a star sharp=6"), None, random.Random(0))


def test_a_new_setting_is_shown_and_saved(sharper: type[SharperJob]) -> None:
    job = sharper(prompt="a star", sharpness=2.0)
    assert ("Sharpness", "2") in wording.settings(job)
    assert describe_job(job, "m", (64, 64)).settings["Sharpness"] == "2"
    assert "sharpness 2" in caption(job)
    sheet = iterate.contact_sheet([job, sharper(prompt="a star", sharpness=3.0)])
    assert sheet.labels == ("sharpness 2", "sharpness 3")
    from PIL import Image

    assert b'"sharpness": 2.0' in encode_picture(Image.new("RGB", (16, 16)), job, "m")
    with pytest.raises(InputError, match="The sharpness 9 is out of range: use 0 to 5"):
        sharper(prompt="a star", sharpness=9.0)
    assert job_from_dict({"mode": "generate", "prompt": "a", "sharpness": 1.5}) == sharper(
        prompt="a", sharpness=1.5
    )


@pytest.mark.parametrize("kind", KINDS.values())
def test_the_table_is_complete(kind: type[DrawingJob]) -> None:
    names: set[str] = set()
    for each in settings_of(kind):
        assert each.label
        assert each.help
        assert not each.help.endswith(".")
        assert (each.kind == "choice") == bool(each.choices)
        spelt = {each.name, *each.aliases}
        assert not spelt & names
        names |= spelt
    assert set(named(kind)) == names


def test_a_checkpoints_defaults_fill_what_is_open() -> None:
    defaults = Defaults(width=64, height=96, guidance=2.5, edit_guidance=1.5, order="spread")
    drawn = defaults.fill(GenerateJob(prompt="a", iterations=3))
    assert (drawn.width, drawn.height, drawn.guidance, drawn.iterations) == (64, 96, 2.5, 3)
    assert drawn.order == "spread"
    edited = defaults.fill(EditJob(prompt="a", source="x.png"))
    assert (edited.size, edited.guidance) == (96, 1.5)
    assert defaults.fill(EditJob(prompt="a", source="x.png", guidance=0.0)).guidance == 0.0
    few = [defaults.fill(GenerateJob(prompt="a", quality=each)).head_steps for each in QUALITIES]
    assert few == [100, 80, 10, 10]
    assert defaults.fill(GenerateJob(prompt="a", head_steps=30)).head_steps == 30
    ancestral = GenerateJob(prompt="a", quality="balanced", solver="ddpm")
    assert defaults.fill(ancestral).head_steps == 80
