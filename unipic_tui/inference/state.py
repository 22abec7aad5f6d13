"""A drawing between two iterations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(slots=True)
class SamplerState:
    """A run between two iterations: all that the rest of it depends on.

    Attributes:
        tokens: (pictures, tokens, channels) latents in raster order, float32; 0 where masked.
        orders: (pictures, to draw) the first k are the ones still masked when k are; on the CPU.
        iteration: iterations done.
        generators: one a picture, for its noise; on the CPU.
        difference: (pictures, tokens, decoder width), what ``fast`` quality keeps of the last
            unconditional pass.
    """

    tokens: Tensor
    orders: Tensor
    iteration: int
    generators: list[torch.Generator]
    difference: Tensor | None = None

    @classmethod
    def start(
        cls,
        seeds: Sequence[int],
        tokens: Tensor,
        region: Tensor | None = None,
        order: Tensor | None = None,
    ) -> SamplerState:
        """A run that has drawn nothing.

        Args:
            seeds: one a picture; the noise comes from it, and a random order.
            tokens: (pictures, tokens, channels), zeros or, with a region, the source's latents.
            region: (to draw,) indices of the tokens to draw; all by default.
            order: (tokens,) indices of all tokens, the first to appear first; random by default.
        """
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        chosen = torch.arange(tokens.shape[1]) if region is None else region.cpu()
        if order is None:
            orders = [chosen[torch.randperm(len(chosen), generator=own)] for own in generators]
        else:
            orders = [order[torch.isin(order, chosen)].flip(0)] * len(seeds)
        return cls(tokens, torch.stack(orders), 0, generators)

    @classmethod
    def join(cls, states: Sequence[SamplerState]) -> SamplerState:
        """Pictures that have done the same iterations as one run; of a single one it is itself."""
        if len(states) == 1:
            return states[0]
        kept = [state.difference for state in states if state.difference is not None]
        return cls(
            torch.cat([state.tokens for state in states]),
            torch.cat([state.orders for state in states]),
            states[0].iteration,
            [own for state in states for own in state.generators],
            torch.cat(kept) if kept else None,
        )

    def picture(self, index: int) -> SamplerState:
        """One picture of the run, sharing its memory and generator."""
        own = slice(index, index + 1)
        return SamplerState(
            self.tokens[own],
            self.orders[own],
            self.iteration,
            self.generators[own],
            None if self.difference is None else self.difference[own],
        )

    def drawn(self, masked: int) -> Tensor:
        """(pictures, tokens) True where a token is drawn while ``masked`` are not; on the CPU."""
        flags = torch.ones(self.tokens.shape[:2], dtype=torch.bool)
        return flags.scatter_(1, self.orders[:, :masked], False)

    def known(self, masked: int) -> list[tuple[bool, ...]]:
        """`drawn` as plain data, a row a picture."""
        return [tuple(row) for row in self.drawn(masked).tolist()]
