"""Prompts that leave colour and place open, and pictures of them that make up for habits.

Guidance and preferences narrow what is drawn where a prompt leaves something open. A single object
lies in the first quadrant a quarter of the time, objects of all prompts three times in five: guided
by 2.5, where chances are p^2.5 over those without a prompt to the 1.5, that makes 3 in a hundred
(and 2 were measured). So what is drawn is counted, and what comes rarely is shown often.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from unipic_tui.inference.orders import spread_order
from unipic_tui.inference.prompts import Prompt, PromptCodec
from unipic_tui.model.unipic import UniPicModel
from unipic_tui.nano.refine.rollouts import sample_latents
from unipic_tui.nano.train.samples import encode_scenes
from unipic_tui.nano.world.scene import (
    COLOURS,
    DEFAULT_GROUND,
    KINDS,
    Scene,
    place_in_quadrant,
)
from unipic_tui.nano.world.text_to_image import draw_sample

QUADRANTS = 4
KNOWN = 10
"""Encoded examples of each kind, colour and quadrant, to recognise tokens by."""
MEMORY = 0.93
"""Weight that older counts keep after each round."""
COUNTER = 1.8
"""The power of its count by which a colour or quadrant is shown less often."""


class OpenBatch(NamedTuple):
    """Pictures of open prompts of which the first tokens, all ground, are visible.

    Attributes:
        latents: (rows, tokens, channels).
        visible: how many tokens.
    """

    prompts: list[Prompt]
    latents: Tensor
    visible: int


class OpenPrompts:
    """Counts what single objects of open prompts look like, and makes pictures against it.

    The first four tokens in spread order lie one in each quadrant, so that they tell colour and
    place of an object.

    Args:
        model: encodes examples; its autoencoder must not change.
    """

    def __init__(self, model: UniPicModel, codec: PromptCodec, rng: np.random.Generator) -> None:
        self.codec, self.rng, self.model = codec, rng, model
        side = model.config.mar.grid
        self.first = spread_order(side, side)[:QUADRANTS]
        half = side // 2
        self.quadrants = [int(t) // side // half * 2 + int(t) % side // half for t in self.first]
        self.ground = encode_scenes(model, [Scene(DEFAULT_GROUND, ())])[0]
        self.known = torch.stack([self._examples(kind) for kind in KINDS])
        shape = (len(KINDS), QUADRANTS, len(COLOURS))
        self.counts = np.full(shape, 0.05)  # nothing is impossible

    def _examples(self, kind: str) -> Tensor:
        """(quadrants in order of appearance, colours · KNOWN, channels)."""
        rows = []
        for token, quadrant in zip(self.first.tolist(), self.quadrants, strict=True):
            scenes = [
                Scene(DEFAULT_GROUND, (place_in_quadrant(self.rng, kind, colour, quadrant),))
                for colour in COLOURS
                for _ in range(KNOWN)
            ]
            rows.append(encode_scenes(self.model, scenes)[:, token])
        return torch.stack(rows)

    def _prompt(self) -> tuple[Prompt, int, str]:
        """A prompt for a single object; the number of its kind, and its ground."""
        sample = draw_sample(self.rng, "single", unseen=False)
        request = sample.request
        return self.codec.draw(sample.prompt), KINDS.index(request.wanted[0].kind), request.ground

    def count(self, each: int, head_steps: int) -> None:
        """Draw the first tokens of so many prompts of each kind, and count what they show."""
        prompts: list[Prompt] = []
        kinds: list[int] = []
        while len(prompts) < each * len(KINDS):
            prompt, kind, ground = self._prompt()
            if ground == DEFAULT_GROUND and kinds.count(kind) < each:
                prompts.append(prompt)
                kinds.append(kind)
        guidance = self.model.config.defaults.guidance
        drawn = sample_latents(
            self.model, self.codec, prompts, guidance, head_steps, most=QUADRANTS
        )[:, self.first]
        self.counts *= MEMORY
        for kind, tokens in zip(kinds, drawn, strict=True):
            for place, token in enumerate(tokens):
                gap = (self.known[kind, place] - token).square().mean(dim=1)
                best = int(gap.argmin())
                if gap[best] < (self.ground[self.first[place]] - token).square().mean():
                    self.counts[kind, self.quadrants[place], best // KNOWN] += 1
                    break  # later tokens may show another object, which is wrong

    def effective(self) -> tuple[float, float]:
        """Effective colours and quadrants: exponentials of entropies, averaged over kinds."""
        numbers = []
        for axis in (2, 1):
            sums = self.counts.sum(axis=3 - axis)
            shares = sums / sums.sum(axis=1, keepdims=True)
            numbers.append(float(np.exp(-(shares * np.log(shares)).sum(axis=1)).mean()))
        return numbers[0], numbers[1]

    def _against(self, counts: np.ndarray, prior: float, usable: list[int]) -> int:
        """One of the usable values, the likelier the rarer it is."""
        odds = (counts[usable] + prior) ** -COUNTER
        return usable[int(self.rng.choice(len(usable), p=odds / odds.sum()))]

    def batch(self, rows: int, visible: int) -> OpenBatch:
        """Pictures whose object lies in none of the first ``visible`` quadrants."""
        prompts, scenes = [], []
        places = sorted(self.quadrants[visible:])
        for _ in range(rows):
            prompt, kind, ground = self._prompt()
            counts = self.counts[kind]
            colours = [i for i, colour in enumerate(COLOURS) if colour != ground]
            colour = COLOURS[self._against(counts.sum(axis=0), 1.5, colours)]
            quadrant = self._against(counts.sum(axis=1), 1.0, places)
            shape = place_in_quadrant(self.rng, KINDS[kind], colour, quadrant)
            scenes.append(Scene(ground, (shape,)))
            prompts.append(prompt)
        return OpenBatch(prompts, encode_scenes(self.model, scenes), visible)
