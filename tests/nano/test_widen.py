"""More variety where prompts leave something open, and preferences among edits."""

from collections import deque
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.model.unipic import UniPicModel
from unipic_tui.nano.refine import open_prompts, widen
from unipic_tui.nano.refine.edit_rollouts import EditGroup, edit_pairs, roll_out_edits
from unipic_tui.nano.refine.open_prompts import OpenPrompts
from unipic_tui.nano.refine.rollouts import detect_latents
from unipic_tui.nano.train import __main__ as train
from unipic_tui.nano.train import loop
from unipic_tui.nano.train.joint import TaskMix
from unipic_tui.nano.train.samples import encode_scenes
from unipic_tui.nano.world.scene import COLOURS, KINDS, Scene, Shape, generator
from unipic_tui.paths import EMBEDDED_CHECKPOINT


@pytest.fixture
def prompts(model: UniPicModel, codec: PromptCodec, monkeypatch: pytest.MonkeyPatch) -> OpenPrompts:
    monkeypatch.setattr(open_prompts, "KNOWN", 4)
    return OpenPrompts(model, codec, generator("train", 5))


def test_what_is_drawn_is_counted_by_colour_and_quadrant(
    model: UniPicModel, prompts: OpenPrompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene("grey", (Shape("star", "blue", 16.0, 48.0, 12.0),))

    def drawn(_model: object, _codec: object, asked: list[object], *_: object, most: int) -> object:
        return encode_scenes(model, [scene]).expand(len(asked), -1, -1)

    monkeypatch.setattr(open_prompts, "sample_latents", drawn)
    assert prompts.effective() == pytest.approx((len(COLOURS), 4))
    prompts.count(30, head_steps=2)
    star = prompts.counts[KINDS.index("star")]
    assert star[2, COLOURS.index("blue")] > 25
    prompts.counts[:, :2, :5] = 1e6
    assert prompts.effective() == pytest.approx((5, 2), abs=0.01)


def test_pictures_make_up_for_what_is_drawn_too_often(
    model: UniPicModel, prompts: OpenPrompts
) -> None:
    prompts.counts[:] = 0.05
    prompts.counts[:, 0] += 5  # everything lies in the first quadrant, and is red
    prompts.counts[:, :, COLOURS.index("red")] += 5
    seen = [
        prompts._against(prompts.counts[0].sum(axis=0), 1.5, list(range(len(COLOURS))))
        for _ in range(300)
    ]
    assert seen.count(COLOURS.index("red")) < 15
    batch = prompts.batch(12, visible=2)
    for each in detect_latents(model, batch.latents):
        (shape,) = each.objects
        assert shape.quadrant in prompts.quadrants[2:]


def test_edits_are_judged_and_compared_where_they_differ(
    model: UniPicModel, codec: PromptCodec
) -> None:
    torch.manual_seed(0)
    (group,) = roll_out_edits(model, codec, generator("train", 7), 1, 3, head_steps=8)
    assert group.latents.shape == (3, 16, 16)
    assert len(group.right) == 3
    latents = torch.zeros(3, 16, 16)
    latents[1, 5] = 2.0
    groups = deque([EditGroup(group.prompt, group.source, latents, (True, False, True))])
    pairs = edit_pairs(np.random.default_rng(0), groups, 4)
    assert pairs.sources is not None
    assert torch.equal(pairs.sources, group.source.expand(4, -1, -1))
    assert pairs.blamed.nonzero()[:, 1].tolist() == [5] * 4
    assert not pairs.right.any()


def test_widening_leaves_the_autoencoder_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"COUNTED_FIRST": 1, "COUNTED": 1, "EDITS": 2, "HEAD_STEPS": 2}.items():
        monkeypatch.setattr(widen, name, value)
    for name in ("OPEN", "HELD", "PAIRS"):
        monkeypatch.setattr(widen, name, 4)
    monkeypatch.setattr(open_prompts, "KNOWN", 2)
    monkeypatch.setattr(widen, "ANCHOR", TaskMix(2, 2, 2))
    monkeypatch.setattr(loop, "learning_rate", lambda *_: 0.01)
    monkeypatch.setattr(train, "widen", partial(widen.widen, buffer_size=60))
    arguments = ["--folder", str(tmp_path), "--init", str(EMBEDDED_CHECKPOINT), "--widen"]
    assert train.main([*arguments, "--minutes", "0.05"]) == 0
    before, after = (
        load_file(folder / "model.safetensors")
        for folder in (EMBEDDED_CHECKPOINT, tmp_path / "checkpoint")
    )
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert not any(name.startswith("vae.") for name in changed)
    assert {name.split(".")[0] for name in changed} >= {"mar", "llm"}
