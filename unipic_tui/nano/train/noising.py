"""Masks and timesteps that drawing is trained on, and how much each timestep's loss weighs."""

import torch
from torch import Tensor

from unipic_tui.inference.orders import spread_order
from unipic_tui.model.diffusion import TRAIN_STEPS
from unipic_tui.model.losses import drawing_conditions
from unipic_tui.model.unipic import UniPicModel

HEAD_REPEATS = 4
TIMESTEP_BINS = 20
"""Ranges of timesteps, each with a mean loss of its own; see `LossWeighting`."""
STEEPEST = 20.0
"""The most that one timestep's loss weighs relative to the mean. Up to t = 950, where sampling
begins, swapping the colours of a prompt raises the loss by much the same share (.03 to .18 above
t = 100), so that no range may be left out: a bound of 4 gave those above 750 a tenth of their due.
"""
AS_DRAWN = 0.7
"""Share of drawings that are masked as they are midway through sampling."""
BY_QUARTER = 0.5
"""Share of the others whose quarters are masked or seen as a whole."""


class LossWeighting:
    """The mean diffusion loss by timestep, and weights that make all timesteps count alike.

    The loss of small timesteps is large and is mostly the noise itself, while what a prompt asks
    for shows at larger ones, where the loss is small. Weighing by the inverse of the mean loss is
    the optimum of weights learnt as uncertainties (Kendall et al. 2018, section 3.2), without the
    learning.
    """

    def __init__(self, device: torch.device) -> None:
        self.means = torch.ones(TIMESTEP_BINS, device=device)
        self.met = torch.zeros(TIMESTEP_BINS, dtype=torch.bool, device=device)
        self.updates = 0

    @torch.no_grad()
    def update(self, rows: Tensor, timesteps: Tensor) -> None:
        """Update the means with losses (n,) at timesteps (n,)."""
        bins = timesteps * TIMESTEP_BINS // TRAIN_STEPS
        counts = torch.bincount(bins, minlength=TIMESTEP_BINS)
        sums = torch.zeros_like(self.means).index_add_(0, bins, rows.detach())
        fresh = torch.where(counts > 0, sums / counts.clamp(min=1), self.means)
        self.means.lerp_(fresh, max(0.01, 1 / (self.updates + 1)))
        self.met |= counts > 0
        self.updates += 1

    def weights(self, timesteps: Tensor) -> Tensor:
        """(n,) weights by timestep; weighted losses have about the plain mean."""
        weights = (self._mean() / self.means).clamp(max=STEEPEST)
        return weights[timesteps * TIMESTEP_BINS // TRAIN_STEPS]

    def shares(self, rows: Tensor, timesteps: Tensor) -> Tensor:
        """Losses (n,), or differences of losses, in shares of the mean loss of their timestep."""
        return rows * self.weights(timesteps) / self._mean()

    def _mean(self) -> Tensor:
        """The mean over those timesteps of which there were any."""
        return (self.means * self.met).sum() / self.met.sum().clamp(min=1)

    def weighted_mean(self, rows: Tensor, timesteps: Tensor) -> Tensor:
        """Update the means with losses (n,) at timesteps (n,); their weighted mean."""
        self.update(rows, timesteps)
        return (rows * self.weights(timesteps)).mean()


def stratified_timesteps(rows: int, device: torch.device, lowest: int = 0) -> Tensor:
    """(`HEAD_REPEATS` · rows,) timesteps: each row meets one of every part of the range.

    Args:
        lowest: where the range begins, 0 to 999.
    """
    starts = torch.arange(HEAD_REPEATS, device=device).repeat_interleave(rows)
    places = (starts + torch.rand(len(starts), device=device)) / HEAD_REPEATS
    spread = lowest + places * (TRAIN_STEPS - lowest)
    return spread.long().clamp(max=TRAIN_STEPS - 1)


def quadrant_of(side: int) -> Tensor:
    """(side²,) the quadrant of each token, 0..3 in reading order."""
    half = torch.arange(side) * 2 // side
    return (2 * half[:, None] + half).flatten()


def masking_orders(count: int, side: int) -> Tensor:
    """(count, side²) orders in which tokens are masked.

    Most rows mask first what appears last in the model's own sampling order. Of the others, which
    also serve to redraw a part, half go quarter by quarter.

    An object fills a quarter of the grid, and by chance one is hardly ever wholly masked when most
    else is seen; yet that is where sampling ends up when it has drawn too few so far.
    """
    together = torch.rand(count, 4)[:, quadrant_of(side)] * (torch.rand(count, 1) < BY_QUARTER)
    # The hundredth only decides within a quarter, and everything where none are together.
    free = (together + 0.01 * torch.rand(count, side * side)).argsort(dim=1)
    return torch.where(torch.rand(count, 1) < AS_DRAWN, spread_order(side, side).flip(0), free)


def masked_tokens(count: int, side: int, masked: int) -> Tensor:
    """(count, masked) places of the tokens that are masked, ascending; see `masking_orders`."""
    return masking_orders(count, side)[:, :masked].sort(dim=1).values


def next_tokens(hidden: Tensor, side: int, count: int) -> Tensor:
    """(rows, count) those of the masked tokens (rows, masked) that are drawn next, ascending."""
    appears = spread_order(side, side).to(hidden.device).argsort()
    first = appears[hidden].topk(count, dim=1, largest=False).indices
    return hidden.gather(1, first).sort(dim=1).values


def diffusion_losses(
    model: UniPicModel,
    prompts: Tensor,
    prompt_mask: Tensor,
    latents: Tensor,
    hidden: Tensor,
    timesteps: Tensor,
    noise: Tensor,
    canvas: Tensor | None = None,
    targets: Tensor | None = None,
) -> Tensor:
    """The diffusion losses of masked tokens alone.

    Args:
        prompts, prompt_mask: (batch, length, width) embeddings and where they are real.
        latents: (batch, tokens, channels) of a square picture.
        hidden: (batch, masked) places of the masked tokens, ascending.
        timesteps: (repeats · batch · targets,).
        noise: (repeats · batch · targets, channels).
        canvas: see `Mar.decode`.
        targets: (batch, targets) places of the tokens to compute losses of; default: all masked.

    Returns:
        (repeats · batch · targets,).
    """
    batch, tokens, channels = latents.shape
    side = model.config.mar.grid
    mask = torch.zeros(batch, tokens, dtype=torch.bool, device=latents.device)
    mask.scatter_(1, hidden, True)
    targets = hidden if targets is None else targets
    z = drawing_conditions(
        model, prompts, latents, mask, (side, side), prompt_mask, canvas, targets
    )
    clean = latents.gather(1, targets[..., None].expand(-1, -1, channels)).flatten(0, 1)
    repeats = len(timesteps) // len(clean)
    return model.mar.diffloss.loss(
        clean.repeat(repeats, 1), z.flatten(0, 1).repeat(repeats, 1), timesteps, noise
    )
