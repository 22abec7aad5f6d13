"""Training samples of the three tasks: drawing, editing and describing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unipic_tui.inference.prompts import Prompt, PromptCodec
from unipic_tui.jobs import EditJob
from unipic_tui.model.unipic import UniPicModel
from unipic_tui.nano.train.autoencoder import to_tensor
from unipic_tui.nano.train.muon import half
from unipic_tui.nano.train.padding import PaddedPrompts
from unipic_tui.nano.world.edits import edit_sample
from unipic_tui.nano.world.questions import describe_sample, question_sample
from unipic_tui.nano.world.render import render_batch
from unipic_tui.nano.world.scene import Scene
from unipic_tui.nano.world.text_to_image import draw_sample

PROMPTS_DROPPED = 0.1
"""Share of drawings and edits with the unconditional prompt, for classifier-free guidance."""
DESCRIBED = 0.06
"""Share of drawing prompts that are whole descriptions, so that a description can be redrawn."""
DESCRIPTIONS = 0.25
"""Share of descriptions among questions: questions are learnt later."""
RELATIONS_ASKED = 0.35
"""Share of questions that ask for a relation whatever the usual mix: they are learnt last."""


@dataclass(frozen=True, slots=True)
class TrainingSample:
    """A prompt, a source picture where the task has one, and the target picture or answer."""

    prompt: Prompt
    source: Scene | None
    target: Scene | None
    answer: tuple[int, ...] = ()


def drawing_sample(codec: PromptCodec, rng: np.random.Generator) -> TrainingSample:
    """A prompt and a picture of it; the prompt is dropped at times."""
    kind = "described" if rng.random() < DESCRIBED else None
    drawn = draw_sample(rng, kind=kind, unseen=False)  # type: ignore[arg-type]
    dropped = rng.random() < PROMPTS_DROPPED
    prompt = codec.draw_unconditional() if dropped else codec.draw(drawn.prompt)
    return TrainingSample(prompt, None, drawn.scene)


def editing_sample(codec: PromptCodec, rng: np.random.Generator) -> TrainingSample:
    """An instruction, its source and its target; or the source is to be repeated."""
    edit = edit_sample(rng)
    if rng.random() < PROMPTS_DROPPED:
        return TrainingSample(
            codec.about_image(EditJob.own_unconditional), edit.source, edit.source
        )
    return TrainingSample(codec.about_image(edit.instruction), edit.source, edit.target)


def describing_sample(codec: PromptCodec, rng: np.random.Generator) -> TrainingSample:
    """A picture, a question and its answer."""
    if rng.random() < DESCRIPTIONS:
        asked = describe_sample(rng)
    else:
        asked = question_sample(rng, "relation" if rng.random() < RELATIONS_ASKED else None)
    answer = tuple(codec.answer(asked.answer))
    return TrainingSample(codec.about_image(asked.question), asked.scene, None, answer)


@torch.no_grad()
def encode_scenes(model: UniPicModel, scenes: Sequence[Scene], batch: int = 64) -> Tensor:
    """Latents (count, tokens, channels) of rendered scenes, encoded in batches."""
    device = model.device
    latents = []
    for start in range(0, len(scenes), batch):
        images = to_tensor(render_batch(scenes[start : start + batch]), device)
        with half(device):
            latents.append(model.vae.encode(images).float().flatten(1, 2))
    return torch.cat(latents)


def read_prompts(
    model: UniPicModel, padded: PaddedPrompts, sources: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """Prompts as embeddings (batch, length, width), and the canvas of those about a picture.

    Args:
        sources: (batch, tokens, channels) latents of the pictures.
    """
    embeddings = model.embed(padded.ids.to(model.device))
    if sources is None:
        return embeddings, None
    side = model.config.mar.grid
    encoded = model.mar.encode(sources.to(model.device), None, model.positions(side, side))
    index = padded.image.to(model.device)[..., None].expand(-1, -1, embeddings.shape[-1])
    seen = model.look(encoded).to(embeddings.dtype)
    return embeddings.scatter(1, index, seen), model.mar.canvas(encoded)
