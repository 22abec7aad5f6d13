"""The KL autoencoder between pixels and latents (Rombach et al. 2022, appendix E; KL-16)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unipic_tui.model.config import VaeConfig

GROUP_NORM_EPS = 1e-6
_BAND_BYTES = 1 << 23
"""Activations that a convolution of a large picture reads at once on a CPU."""


def _norm(channels: int, groups: int) -> nn.GroupNorm:
    return nn.GroupNorm(groups, channels, eps=GROUP_NORM_EPS)


def _swish(x: Tensor) -> Tensor:
    """SiLU; in place where no gradient needs the input, which halves the peak of a decode."""
    return F.silu(x, inplace=not torch.is_grad_enabled())


def _laid_out(x: Tensor) -> Tensor:
    """``x`` (batch, channels, h, w) in memory as convolutions are fastest: on a CPU channels last.

    What follows keeps the layout. At KL-16's size that saves a seventh of an encode or decode.
    """
    on_cpu = x.device.type == "cpu"
    return x.contiguous(memory_format=torch.channels_last if on_cpu else torch.contiguous_format)


def _band(x: Tensor) -> int:
    """Rows of ``x`` (batch, channels, h, w) to compute at once; all where that takes little memory.

    A convolution that is computed in bands reads one row above and below them, and norms take
    their statistics from all rows, so the result is the same within rounding.
    """
    rows = max(1, _BAND_BYTES * x.shape[2] // (x.numel() * x.element_size()))
    few = torch.is_grad_enabled() or x.device.type != "cpu" or rows * 2 > x.shape[2]
    return x.shape[2] if few else rows


def _activation(x: Tensor, norm: nn.GroupNorm, rows: int) -> Callable[[Tensor], Tensor]:
    """What applies ``norm``, by the statistics of all of ``x``, and swish to some rows of it.

    The sums are a band's and a channel's, which is quicker than the variance of a whole group.
    """
    sums: list[tuple[Tensor, Tensor]] = []
    for band in x.split(rows, dim=2):
        values = band.float()
        sums.append((values.sum((2, 3)), values.square().sum((2, 3))))
    added = (torch.stack(part).double().sum(0) for part in zip(*sums, strict=True))
    grouped = (part.unflatten(1, (norm.num_groups, -1)).sum(2) for part in added)
    mean, square = (part * (norm.num_groups / x[0].numel()) for part in grouped)
    deviation = ((square - mean**2).clamp(min=0) + norm.eps).sqrt()
    each = norm.num_channels // norm.num_groups
    scale = norm.weight / deviation.repeat_interleave(each, 1)
    shift = norm.bias - mean.repeat_interleave(each, 1) * scale
    scale, shift = scale.float()[..., None, None], shift.float()[..., None, None]

    def apply(band: Tensor) -> Tensor:
        return F.silu((band.float() * scale).add_(shift), inplace=True).to(x.dtype)

    return apply


def _convolved(
    x: Tensor, conv: nn.Conv2d, prepare: Callable[[Tensor], Tensor], rows: int
) -> Iterator[tuple[slice, Tensor]]:
    """Bands of a convolution of 3×3 over what ``prepare`` makes of ``x``, and their rows.

    Args:
        prepare: keeps the size, or doubles it.
        rows: of ``x``, a band.
    """
    height = x.shape[2]
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        above, below = min(1, top), min(1, height - bottom)
        part = prepare(x[:, :, top - above : bottom + below])
        scale = part.shape[2] // (bottom + below - top + above)
        # Of the neighbouring rows one counts, even where they were doubled.
        cut = part[:, :, above * (scale - 1) : part.shape[2] - below * (scale - 1)]
        padded = F.pad(cut, (0, 0, 1 - above, 1 - below))
        values = F.conv2d(padded, conv.weight, conv.bias, padding=(0, 1))
        yield slice(top * scale, bottom * scale), values


class ResidualBlock(nn.Module):
    """Norm, swish, convolution, twice, around a skip that changes the width if need be."""

    def __init__(self, inner: int, outer: int, groups: int) -> None:
        super().__init__()
        self.norm1 = _norm(inner, groups)
        self.conv1 = nn.Conv2d(inner, outer, 3, padding=1)
        self.norm2 = _norm(outer, groups)
        self.conv2 = nn.Conv2d(outer, outer, 3, padding=1)
        self.nin_shortcut = nn.Conv2d(inner, outer, 1) if inner != outer else None

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inner, h, w) to (batch, outer, h, w); may write over ``x`` if it is large."""
        if (rows := _band(x)) < x.shape[2]:
            return self._in_bands(x, rows)
        hidden = self.conv1(_swish(self.norm1(x)))
        hidden = self.conv2(_swish(self.norm2(hidden)))
        out: Tensor = hidden + (x if self.nin_shortcut is None else self.nin_shortcut(x))
        return out

    def _in_bands(self, x: Tensor, rows: int) -> Tensor:
        """`forward` with two tensors of the picture's size instead of five."""
        skip, outer = self.nin_shortcut, self.conv1.out_channels
        hidden = _like(x, outer)
        for where, band in _convolved(x, self.conv1, _activation(x, self.norm1, rows), rows):
            hidden[:, :, where] = band
        out = x if skip is None else _like(x, outer)
        activate = _activation(hidden, self.norm2, rows)
        for where, band in _convolved(hidden, self.conv2, activate, rows):
            kept = x[:, :, where]
            out[:, :, where] = band.add_(kept if skip is None else skip(kept))
        return out


def _like(x: Tensor, channels: int, scale: int = 1) -> Tensor:
    """Room for ``channels`` where ``x`` has its own, ``scale`` times as high and wide."""
    shape = (x.shape[0], channels, x.shape[2] * scale, x.shape[3] * scale)
    return torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)


class AttentionBlock(nn.Module):
    """Single-head self-attention over all positions."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = _norm(channels, groups)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, h, w) to the same."""
        normed = self.norm(x)
        split = [
            part(normed).flatten(2).transpose(1, 2).unsqueeze(1)
            for part in (self.q, self.k, self.v)
        ]
        mixed = F.scaled_dot_product_attention(*split).squeeze(1)
        return x + self.proj_out(mixed.transpose(1, 2).unflatten(2, x.shape[2:]))  # type: ignore[no-any-return]


class Downsample(nn.Module):
    """Halve both sides: one pixel of padding right and bottom, then a convolution of stride 2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, h, w) to (batch, channels, h/2, w/2)."""
        return self.conv(F.pad(x, (0, 1, 0, 1)))  # type: ignore[no-any-return]


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0)


class Upsample(nn.Module):
    """Double both sides: nearest neighbour, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, h, w) to (batch, channels, 2h, 2w)."""
        if (rows := _band(x)) < x.shape[2]:
            doubled = _like(x, x.shape[1], 2)
            for where, band in _convolved(x, self.conv, _doubled, rows):
                doubled[:, :, where] = band
            return doubled
        return self.conv(_doubled(x))  # type: ignore[no-any-return]


class Middle(nn.Module):
    """The lowest resolution: block, attention, block."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.block_1 = ResidualBlock(channels, channels, groups)
        self.attn_1 = AttentionBlock(channels, groups)
        self.block_2 = ResidualBlock(channels, channels, groups)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, h, w) to the same."""
        return self.block_2(self.attn_1(self.block_1(x)))  # type: ignore[no-any-return]


class Level(nn.Module):
    """One resolution: residual blocks, attention after each if any, then a change of size."""

    def __init__(
        self, widths: list[int], groups: int, *, attention: bool, resample: nn.Module | None
    ) -> None:
        super().__init__()
        pairs = pairwise(widths)
        self.block = nn.ModuleList(ResidualBlock(a, b, groups) for a, b in pairs)
        count = len(self.block) if attention else 0
        self.attn = nn.ModuleList(AttentionBlock(widths[-1], groups) for _ in range(count))
        # The published names differ: only the one that exists is registered.
        self.downsample = resample if isinstance(resample, Downsample) else None
        self.upsample = resample if isinstance(resample, Upsample) else None

    def forward(self, x: Tensor) -> Tensor:
        """(batch, widths[0], h, w) to (batch, widths[-1], h', w')."""
        for index, block in enumerate(self.block):
            x = block(x)
            if self.attn:
                x = self.attn[index](x)
        if self.downsample is not None:
            x = self.downsample(x)
        if self.upsample is not None:
            x = self.upsample(x)
        return x


class Encoder(nn.Module):
    """Pixels to the moments of the posterior."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        groups = config.norm_groups
        widths = [config.channels * multiplier for multiplier in config.multipliers]
        self.conv_in = nn.Conv2d(3, config.channels, 3, padding=1)
        self.down = nn.ModuleList()
        before = config.channels
        for index, width in enumerate(widths):
            last = index == len(widths) - 1
            self.down.append(
                Level(
                    [before] + [width] * config.blocks,
                    groups,
                    attention=last,
                    resample=None if last else Downsample(width),
                )
            )
            before = width
        self.mid = Middle(before, groups)
        self.norm_out = _norm(before, groups)
        self.conv_out = nn.Conv2d(before, 2 * config.latent_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 3, h, w) to (batch, 2·latent channels, h/stride, w/stride)."""
        x = self.conv_in(x)
        for level in self.down:
            x = level(x)
        return self.conv_out(_swish(self.norm_out(self.mid(x))))  # type: ignore[no-any-return]


class Decoder(nn.Module):
    """Latents to pixels."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        groups = config.norm_groups
        widths = [config.channels * multiplier for multiplier in config.multipliers]
        before = widths[-1]
        self.conv_in = nn.Conv2d(config.latent_channels, before, 3, padding=1)
        self.mid = Middle(before, groups)
        levels: list[Level] = []
        for index in reversed(range(len(widths))):
            width = widths[index]
            levels.append(
                Level(
                    [before] + [width] * (config.blocks + 1),
                    groups,
                    attention=False,
                    resample=None if index == 0 else Upsample(width),
                )
            )
            before = width
        # Published weights number the levels from the highest resolution down.
        self.up = nn.ModuleList(reversed(levels))
        self.norm_out = _norm(before, groups)
        self.conv_out = nn.Conv2d(before, 3, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """(batch, latent channels, h, w) to (batch, 3, h·stride, w·stride)."""
        x = self.mid(self.conv_in(z))
        for level in reversed(self.up):
            x = level(x)
        if (rows := _band(x)) < x.shape[2]:
            activate = _activation(x, self.norm_out, rows)
            return torch.cat([v for _, v in _convolved(x, self.conv_out, activate, rows)], dim=2)
        return self.conv_out(_swish(self.norm_out(x)))  # type: ignore[no-any-return]


class Vae(nn.Module):
    """Pixels in [-1, 1] to scaled latents and back."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        channels = config.latent_channels
        self.quant_conv = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.post_quant_conv = nn.Conv2d(channels, channels, 1)

    def moments(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the posterior, each (batch, latent channels, h, w), unscaled."""
        mean, log_variance = self.quant_conv(self.encoder(_laid_out(images))).chunk(2, dim=1)
        return mean, log_variance.clamp(-30.0, 20.0)

    def encode(self, images: Tensor) -> Tensor:
        """Latents of images.

        Args:
            images: (batch, 3, h, w) in [-1, 1]; h and w are multiples of the stride.

        Returns:
            (batch, h/stride, w/stride, latent channels): the posterior's mode times the scale.
        """
        mean, _ = self.moments(images)
        return (mean * self.config.scale).permute(0, 2, 3, 1)

    def decode(self, latents: Tensor) -> Tensor:
        """Images of scaled latents (batch, h, w, channels); may lie a little outside [-1, 1]."""
        z = (latents / self.config.scale).permute(0, 3, 1, 2)
        return self.decoder(self.post_quant_conv(_laid_out(z)))  # type: ignore[no-any-return]


def to_bytes(images: Tensor) -> Tensor:
    """Images (batch, 3, h, w) in about [-1, 1] as uint8 (batch, h, w, 3) on the CPU, clamped."""
    pixels = (127.5 * images.float() + 128).clamp(0, 255).to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).cpu()
