"""Fifth stage: more variety where prompts leave something open, and edits that follow.

Open prompts are learnt from pictures that make up for what the model draws too often; edits from
preferences among its own. All other drawing is held where it was: in each step the model is to
predict what it predicted at the start.
"""

import copy
from collections import defaultdict, deque
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn.attention import sdpa_kernel

from unipic_tui.inference.orders import spread_order
from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.model.diffusion import process
from unipic_tui.model.losses import drawing_conditions
from unipic_tui.model.unipic import UniPicModel
from unipic_tui.nano.refine.dpo import preference_loss
from unipic_tui.nano.refine.edit_rollouts import EditGroup, edit_pairs, roll_out_edits
from unipic_tui.nano.refine.open_prompts import QUADRANTS, OpenPrompts
from unipic_tui.nano.train.ema import averaged, latent_train_state
from unipic_tui.nano.train.joint import JointLosses, TaskMix, attention_kernel
from unipic_tui.nano.train.loop import Run, RunningMean, RunOptions
from unipic_tui.nano.train.noising import (
    HEAD_REPEATS,
    LossWeighting,
    diffusion_losses,
    masked_tokens,
    next_tokens,
    stratified_timesteps,
)
from unipic_tui.nano.train.padding import pad_prompts
from unipic_tui.nano.train.replay_buffer import ReplayBuffer
from unipic_tui.nano.train.samples import PROMPTS_DROPPED, TrainingSample, encode_scenes
from unipic_tui.nano.world.scene import choose_by, generator
from unipic_tui.nano.world.text_to_image import DRAW_MIX, DrawKind, draw_sample

PEAK_RATE = 1e-4
DECAY = 0.8
EMA_DECAY = 0.985
ROUND = 6
"""Steps from one time of drawing to the next."""
COUNTED, COUNTED_FIRST = 6, 30
"""Drawings of each kind that are counted in a round, and at the start."""
EDITS, EDIT_GROUP = 22, 4
HEAD_STEPS = 16
OPEN, HELD, PAIRS = 40, 24, 24
"""Open prompts, drawings held and pairs of edits in each step."""
ANCHOR = TaskMix(draw=2, edit=12, describe=12)
ANCHOR_EVERY = 2
OPEN_WEIGHT, HELD_WEIGHT, ANCHOR_WEIGHT = 15.0, 60.0, 20.0


def held_sample(codec: PromptCodec, rng: np.random.Generator) -> TrainingSample:
    """A drawing of any but an open prompt of one object; the prompt is dropped at times."""
    kind: DrawKind = "single"
    while kind == "single":
        kind = choose_by(rng, DRAW_MIX)
    drawn = draw_sample(rng, kind, unseen=False)
    dropped = rng.random() < PROMPTS_DROPPED
    prompt = codec.draw_unconditional() if dropped else codec.draw(drawn.prompt)
    return TrainingSample(prompt, None, drawn.scene)


class Widener:
    """The drawings, and the gradients of each step."""

    def __init__(
        self,
        model: UniPicModel,
        reference: UniPicModel,
        codec: PromptCodec,
        rng: np.random.Generator,
        buffer_size: int,
        means: defaultdict[str, RunningMean],
    ) -> None:
        self.means = means
        self.model, self.reference, self.codec, self.rng = model, reference, codec, rng
        self.joint = JointLosses(model, codec, rng, ANCHOR, buffer_size)
        encode = partial(encode_scenes, model)
        self.drawings = ReplayBuffer(partial(held_sample, codec, rng), encode, buffer_size)
        self.drawings.refill(buffer_size // 2)
        self.open = OpenPrompts(model, codec, rng)
        self.edits: deque[EditGroup] = deque(maxlen=120)
        self.weighting = LossWeighting(model.device)
        self.edit_weighting = LossWeighting(model.device)
        self.order = spread_order(model.config.mar.grid, model.config.mar.grid)
        self.started = False

    @torch.no_grad()
    def roll_out(self, step: int) -> None:
        """Draw at the start of a round."""
        if self.started and step % ROUND:
            return
        self.open.count(COUNTED if self.started else COUNTED_FIRST, HEAD_STEPS)
        self.started = True
        for name, value in zip(("colours", "places"), self.open.effective(), strict=True):
            self.means[name].add(value)
        groups = roll_out_edits(
            self.model,
            self.codec,
            self.rng,
            EDITS * (1 if self.edits else 2),
            EDIT_GROUP,
            HEAD_STEPS,
        )
        self.edits.extend(group for group in groups if 0 < sum(group.right) < EDIT_GROUP)
        for group in groups:
            self.means["edits_right"].add(sum(group.right) / EDIT_GROUP)

    def backward(self, step: int) -> None:
        """Add up a step's gradients."""
        self._learn("open", OPEN_WEIGHT * self._open())
        self._learn("held", HELD_WEIGHT * self._held())
        if self.edits:
            pairs = edit_pairs(self.rng, self.edits, PAIRS)
            masked = self.joint.tokens - int(self.rng.integers(self.joint.tokens - 3))
            models = (self.model, self.reference)
            preferred = preference_loss(*models, self.edit_weighting, pairs, masked)
            self._learn("preference", preferred.loss)
            self.means["agreed"].add(preferred.agreed)
        if step % ANCHOR_EVERY == 0:
            self.joint.backward(self.means, ANCHOR_WEIGHT)

    def _learn(self, name: str, loss: Tensor) -> None:
        torch.autograd.backward(loss)
        self.means[name].add(loss)

    def _open(self) -> Tensor:
        """The diffusion loss of the next two tokens of open prompts."""
        device = self.model.device
        batch = self.open.batch(OPEN, int(self.rng.choice(QUADRANTS, p=(0.4, 0.25, 0.2, 0.15))))
        padded = pad_prompts(batch.prompts)
        order = self.order
        hidden = order[batch.visible :].sort().values.expand(OPEN, -1).to(device)
        targets = order[batch.visible : batch.visible + 2].sort().values.expand(OPEN, -1)
        timesteps = torch.cat([stratified_timesteps(2 * OPEN, device) for _ in range(2)])
        losses = diffusion_losses(
            self.model,
            self.model.embed(padded.ids.to(device)),
            padded.mask.to(device),
            batch.latents.to(device),
            hidden,
            timesteps,
            torch.randn(len(timesteps), batch.latents.shape[-1], device=device),
            targets=targets.to(device),
        )
        self.weighting.update(losses, timesteps)
        return self.weighting.shares(losses, timesteps).mean()

    def _held(self) -> Tensor:
        """By how much the model's predictions have changed, in shares of the usual loss."""
        device, side = self.model.device, self.model.config.mar.grid
        self.drawings.refill(HELD // 4)
        batch = self.drawings.sample(self.rng, HELD)
        assert batch.target is not None
        latents, padded = batch.target.to(device), pad_prompts(batch.prompts)
        masked = int(self.rng.integers(1, self.joint.tokens + 1))
        hidden = masked_tokens(HELD, side, masked).to(device)
        compared = next_tokens(hidden, side, min(4, masked))
        mask = torch.zeros(HELD, self.joint.tokens, dtype=torch.bool, device=device)
        mask.scatter_(1, hidden, True)
        timesteps = stratified_timesteps(compared.numel(), device)
        channels = latents.shape[-1]
        clean = latents.gather(1, compared[..., None].expand(-1, -1, channels)).flatten(0, 1)
        clean = clean.repeat(HEAD_REPEATS, 1)
        plan = process(max_beta=self.model.config.mar.max_beta, device=str(device))
        noise = torch.randn_like(clean)
        noisy = plan.signal[timesteps][:, None] * clean + plan.noise[timesteps][:, None] * noise

        def predicted(which: UniPicModel) -> Tensor:
            z = drawing_conditions(
                which,
                which.embed(padded.ids.to(device)),
                latents,
                mask,
                (side, side),
                padded.mask.to(device),
                None,
                compared,
            )
            z = z.flatten(0, 1).repeat(HEAD_REPEATS, 1)
            out: Tensor = which.mar.diffloss.net(noisy.to(z.dtype), timesteps, z)
            return out.float()[:, :channels]

        with torch.no_grad():
            before = predicted(self.reference)
        change = (predicted(self.model) - before).square().mean(dim=1)
        return self.weighting.shares(change, timesteps).mean()


def widen(
    model: UniPicModel, codec: PromptCodec, options: RunOptions, buffer_size: int = 1200
) -> Iterator[UniPicModel]:
    """Widen a trained model, or resume.

    Args:
        model: as trained; also the reference, so the same one on every start.
        buffer_size: see `JointLosses`.

    Yields:
        Snapshots: the model with averaged weights. The last one at the end.
    """
    run = Run(options, "widen", PEAK_RATE, 20, DECAY, ROUND)
    reference = copy.deepcopy(model.to(options.device)).eval().requires_grad_(False)
    state = latent_train_state(model, run.load(), EMA_DECAY)
    rng = generator("train", run.random_stream(options.seed + 3))
    widener = Widener(model, reference, codec, rng, buffer_size, run.means)

    def backward(step: int) -> None:
        widener.roll_out(step)
        with sdpa_kernel(attention_kernel(options.device)):
            widener.backward(step)

    for _ in run.optimise(state, backward):
        yield averaged(model, state)
