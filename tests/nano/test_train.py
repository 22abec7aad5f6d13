"""Training, a few steps of it: that it runs, learns, resumes and writes a checkpoint."""

import dataclasses
import itertools
import json
from collections import defaultdict
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.distributed.run import get_args_parser

from unipic_tui.events import BackendOptions, Finished
from unipic_tui.inference.orders import spread_order
from unipic_tui.inference.pipeline import Pipeline
from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.jobs import GenerateJob
from unipic_tui.model.checkpoint import inspect
from unipic_tui.model.config import VaeConfig
from unipic_tui.model.unipic import UniPicModel
from unipic_tui.model.vae import Vae, to_bytes
from unipic_tui.nano.architecture import nano_config
from unipic_tui.nano.train import __main__ as train
from unipic_tui.nano.train import loop
from unipic_tui.nano.train.autoencoder import same_content, sample_scenes, to_tensor, vae_loss
from unipic_tui.nano.train.ema import VECTORS, ExponentialMovingAverage, TrainState
from unipic_tui.nano.train.joint import (
    JointLosses,
    TaskMix,
    initialise,
    train_joint,
)
from unipic_tui.nano.train.loop import Run, RunningMean, RunOptions, learning_rate
from unipic_tui.nano.train.muon import MuonAdamW, orthogonalise
from unipic_tui.nano.train.noising import (
    HEAD_REPEATS,
    STEEPEST,
    TIMESTEP_BINS,
    LossWeighting,
    masking_orders,
    stratified_timesteps,
)
from unipic_tui.nano.train.padding import pad_prompts
from unipic_tui.nano.train.replay_buffer import ReplayBuffer
from unipic_tui.nano.train.samples import TrainingSample, drawing_sample
from unipic_tui.nano.world.detect import detect
from unipic_tui.nano.world.render import render_batch
from unipic_tui.nano.world.scene import generator
from unipic_tui.nano.world.text_to_image import draw_sample
from unipic_tui.paths import EMBEDDED_CHECKPOINT

SMALL_VAE = VaeConfig(channels=4, multipliers=(1, 1, 1, 2, 2), blocks=1, norm_groups=1, scale=1.0)


def test_orthogonalising_evens_singular_values() -> None:
    matrices = torch.randn(3, 8, 20, generator=torch.Generator().manual_seed(0))
    for batch in (matrices, matrices.mT.contiguous()):
        values = torch.linalg.svdvals(orthogonalise(batch))
        assert values.min() > 0.5
        assert values.max() < 1.4


def test_the_learning_rate_rises_holds_and_falls() -> None:
    assert learning_rate(0.0, 0, 1.0) == pytest.approx(0.01)
    assert learning_rate(0.5, 500, 1.0) == 1.0
    assert learning_rate(0.8, 900, 1.0) == pytest.approx(0.5)
    assert learning_rate(1.0, 999, 1.0) == 0.0
    assert learning_rate(0.5, 500, 1.0, decay=1.0) == pytest.approx(0.5)


def test_the_average_follows_and_survives() -> None:
    layer = torch.nn.Linear(2, 2, bias=False)
    average = ExponentialMovingAverage(layer, 0.9)
    torch.nn.init.ones_(layer.weight)
    for _ in range(200):
        average.update(layer)
    other = ExponentialMovingAverage(layer, 0.9)
    other.load_state_dict(average.state_dict())
    other.copy_to(layer)
    torch.testing.assert_close(layer.weight, torch.ones(2, 2))


def test_pictures_become_tensors_and_back() -> None:
    pictures = render_batch(sample_scenes(generator("train", 0), 6))
    assert (to_bytes(to_tensor(pictures)).numpy() == pictures).all()


def test_the_autoencoder_learns() -> None:
    torch.manual_seed(0)
    vae = Vae(SMALL_VAE)
    optimizer = MuonAdamW(vae)
    images = to_tensor(render_batch(sample_scenes(generator("train", 0), 8)))
    losses = []
    for _ in range(12):
        loss, _ = vae_loss(vae, images, torch.zeros(8, 16, 4, 4))
        vae.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step(1e-3)
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]


def test_content_is_compared_by_kind_colour_and_place() -> None:
    drawn = sample_scenes(generator("train", 3), 30)
    pictures = render_batch(drawn)
    assert all(same_content(s, detect(p)) for s, p in zip(drawn, pictures, strict=True))
    assert not same_content(drawn[0], detect(pictures[1]))


@pytest.fixture
def codec(tmp_path: Path) -> PromptCodec:
    return train.prepare_tokenizer(tmp_path)


def test_prompts_are_laid_out_with_room_for_the_image(codec: PromptCodec) -> None:
    short, long = codec.about_image("How many?"), codec.about_image("How many red circles?")
    layout = pad_prompts([short, long], 5, [codec.answer("two"), codec.answer("one")])
    assert layout.ids.shape == layout.mask.shape == layout.labels.shape
    assert layout.mask.sum(dim=1).tolist() == [
        prompt.text_tokens + 5 + len(codec.answer("two")) for prompt in (short, long)
    ]
    assert (layout.ids.gather(1, layout.image) == 0).all()
    labels = layout.labels[0][layout.labels[0] >= 0].tolist()
    assert labels == codec.answer("two")


def test_every_task_learns(codec: PromptCodec) -> None:
    model = UniPicModel(nano_config(codec.vocabulary, SMALL_VAE))
    initialise(model, 0)
    model.vae.requires_grad_(False)
    parts = nn.ModuleDict({n: part for n, part in model.named_children() if n != "vae"})
    state = TrainState(parts, MuonAdamW(parts, vectors=VECTORS))
    mix = TaskMix(draw=6, edit=4, describe=4)
    losses = JointLosses(model, codec, generator("train", 0), mix, buffer_size=64)
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    for _ in range(14):
        parts.zero_grad()
        for name, weight, loss_of in losses.of_step():
            loss = loss_of()
            torch.autograd.backward(weight * loss.weighted)
            task = name.removesuffix("_masked")
            first.setdefault(task, float(loss.plain))
            last[task] = float(loss.plain)
        state.optimizer.step(1e-3)
        state.ema.update(parts)
    assert set(last) == {"draw", "edit", "describe"}
    assert all(last[task] < first[task] for task in last), (first, last)


def test_most_masks_are_those_of_drawing_and_half_of_the_others_whole_quarters() -> None:
    torch.manual_seed(0)
    masked = masking_orders(4000, 4)
    assert (masked.sort(dim=1).values == torch.arange(16)).all()
    as_drawn = (masked == spread_order(4, 4).flip(0)).all(dim=1)
    assert 0.66 < as_drawn.float().mean() < 0.74
    others = masked[~as_drawn]
    quarters = {frozenset(corner + offset for offset in (0, 1, 4, 5)) for corner in (0, 2, 8, 10)}
    whole = sum(frozenset(row[:4].tolist()) in quarters for row in others) / len(others)
    assert 0.45 < whole < 0.55  # by chance one in 455


def test_every_timestep_counts_alike_up_to_a_bound() -> None:
    weighting = LossWeighting(torch.device("cpu"))
    timesteps = torch.arange(0, 1000, 10)
    rows = torch.where(timesteps < 500, 1.0, 0.5).requires_grad_()
    loss = weighting.weighted_mean(rows, timesteps)
    torch.autograd.backward(loss)
    assert rows.grad is not None
    assert float(loss.detach()) == pytest.approx(0.75, rel=1e-4)
    torch.testing.assert_close(rows.grad[-1] / rows.grad[0], torch.tensor(2.0))

    steep = torch.where(timesteps < 500, 1.0, 1e-6).requires_grad_()
    torch.autograd.backward(LossWeighting(torch.device("cpu")).weighted_mean(steep, timesteps))
    assert steep.grad is not None
    torch.testing.assert_close(steep.grad[-1] * 100, torch.tensor(STEEPEST))


def test_loss_weights_follow_the_loss_and_remember_what_a_batch_lacks() -> None:
    weighting = LossWeighting(torch.device("cpu"))
    weighting.weighted_mean(torch.full((1000,), 0.4), torch.arange(1000))
    for _ in range(3):
        weighting.weighted_mean(torch.full((50,), 0.1), torch.arange(50))
    assert weighting.means[0] < 0.35
    torch.testing.assert_close(weighting.means[1:], torch.full((TIMESTEP_BINS - 1,), 0.4))


def test_timesteps_never_met_do_not_count() -> None:
    weighting = LossWeighting(torch.device("cpu"))
    timesteps = torch.arange(500, 1000)
    rows = torch.where(timesteps < 750, 0.02, 0.01)
    assert float(weighting.weighted_mean(rows, timesteps)) == pytest.approx(0.015)
    torch.testing.assert_close(weighting.shares(rows, timesteps), torch.ones(500))


def test_timesteps_are_spread_over_what_is_asked_for() -> None:
    torch.manual_seed(0)
    timesteps = stratified_timesteps(500, torch.device("cpu"), 400).view(HEAD_REPEATS, 500)
    for part, row in enumerate(timesteps):
        assert 400 + 150 * part <= row.min() < 410 + 150 * part
        assert 540 + 150 * part < row.max() < 550 + 150 * part


def test_gradients_can_weigh_more(model: UniPicModel) -> None:
    codec = PromptCodec.load(EMBEDDED_CHECKPOINT / "tokenizer.json")

    def gradient(by: float) -> torch.Tensor:
        torch.manual_seed(3)
        rng = generator("train", 6)
        model.requires_grad_(True).zero_grad()
        JointLosses(model, codec, rng, TaskMix(2, 2, 2), 12).backward(defaultdict(RunningMean), by)
        grad = model.mar.mask_token.grad
        assert grad is not None
        return grad.clone()

    torch.testing.assert_close(gradient(3.0), 3 * gradient(1.0))


def test_training_draws_no_prompt_that_is_scored(codec: PromptCodec) -> None:
    rng = generator("train", 4)
    scored = [draw_sample(rng, unseen=True).prompt for _ in range(200)]
    drawn = {drawing_sample(codec, rng).prompt for _ in range(600)}
    assert not drawn & {codec.draw(prompt) for prompt in scored}
    assert len(drawn) > 300


def test_a_replay_buffer_replaces_its_oldest_samples_one_by_one(codec: PromptCodec) -> None:
    made = iter(range(100))
    rng = generator("train", 8)

    def make() -> TrainingSample:
        return dataclasses.replace(drawing_sample(codec, rng), answer=(next(made),))

    buffer = ReplayBuffer(make, lambda scenes: torch.zeros(len(scenes), 1, 1), size=5)
    for expected in ([0, 1, 2], [5, 1, 2, 3, 4], [5, 6, 7, 8, 4]):
        buffer.refill(3)
        assert [sample.answer[0] for sample, _, _ in buffer.entries] == expected


def test_torchrun_takes_no_flag_of_ours_for_its_own() -> None:
    ours = ["--folder", "a", "--out", "b", "--minutes", "1", "--device", "cpu", "--seed", "3"]
    ours += ["--init", "c", "--refine", "--decoder", "--compile", "--threads", "1"]
    parsed = get_args_parser().parse_args(["-m", "unipic_tui.nano.train", *ours])
    assert parsed.training_script_args == ours


def test_a_run_counts_over_its_starts(tmp_path: Path) -> None:
    options = RunOptions(tmp_path, minutes=60)
    run = Run(options, "stage", 1.0)
    steps = run.steps()
    assert [next(steps) for _ in range(3)] == [0, 1, 2]
    run.spent = 90.0
    run.save({"model": {"w": torch.ones(1)}})
    run.means["loss"].add(0.5)
    run.log(dict)
    again = Run(options, "stage", 1.0)
    state = again.load()
    assert state is not None
    assert torch.equal(state["model"]["w"], torch.ones(1))
    assert (again.step, again.spent) == (2, 90.0)
    assert again.progress == pytest.approx(0.025)
    assert json.loads((tmp_path / "stage.jsonl").read_text()) == {
        "step": 2,
        "minutes": 1.5,
        "loss": 0.5,
    }
    assert list(Run(RunOptions(tmp_path, minutes=0), "other", 1.0).steps()) == []


def test_training_writes_a_checkpoint_that_draws_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "NANO_VAE", SMALL_VAE)
    monkeypatch.setattr(train, "train_joint", partial(train_joint, buffer_size=64))
    # A clock of its own, so that a slow machine takes as many steps as a quick one.
    ticks = itertools.count()
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: 0.3 * next(ticks)))
    folder, out = tmp_path / "run", tmp_path / "out"
    arguments = ["--folder", str(folder), "--out", str(out), "--minutes", "0.06"]
    assert train.main(arguments) == 0
    assert inspect(out).problems == ()
    pipeline = Pipeline(BackendOptions(checkpoint=out, device="cpu"))
    final = list(pipeline.run(GenerateJob(prompt="a red zebra ☃", iterations=2, head_steps=2)))[-1]
    assert isinstance(final, Finished)
    before = (out / "model.safetensors").read_bytes()
    further = ["--folder", str(tmp_path / "next"), "--init", str(out), "--minutes", "0.06"]
    assert train.main(further) == 0
    after = (tmp_path / "next" / "checkpoint" / "model.safetensors").read_bytes()
    assert len(after) == len(before)
    assert after != before
