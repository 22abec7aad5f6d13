"""Muon for matrices and AdamW for the rest.

Muon (Jordan et al. 2024) orthogonalises the momentum of each weight matrix by a few Newton-Schulz
iterations, so that all directions are learnt at one pace. ``torch.optim.Muon`` takes plain matrices
only; most of the autoencoder's weights are convolutions, which count here as (out, rest) matrices.
"""

from typing import Any

import torch
from torch import Tensor, nn


def fast_in_half(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 itself: without that, a CPU took 13 times as long."""
    instructions = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return device.type != "cpu" or instructions


def half(device: torch.device) -> torch.autocast:
    """Computation in bfloat16 where a device is fast in it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=fast_in_half(device))


_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_STEPS = 5
_MOMENTUM = 0.95


@torch.no_grad()
def orthogonalise(matrices: Tensor) -> Tensor:
    """The nearest matrices, roughly, whose singular values are all 1.

    Five iterations of the quintic of Jordan et al.; singular values end within 0.7 to 1.2.

    Args:
        matrices: (count, rows, columns).

    Returns:
        The same shape and type.
    """
    a, b, c = _NEWTON_SCHULZ
    x = matrices.to(torch.bfloat16 if fast_in_half(matrices.device) else torch.float32)
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(_STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).to(matrices.dtype)


class MuonAdamW:
    """Both optimisers under one learning rate.

    Args:
        module: what to train.
        matrix_rate: Muon's learning rate relative to AdamW's.
        vectors: parts of the names of matrices that AdamW trains as well.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        matrix_rate: float = 5.0,
        vectors: tuple[str, ...] = (),
    ) -> None:
        self.matrix_rate = matrix_rate
        rest: list[Tensor] = []
        # Matrices of one shape take their Newton-Schulz iterations together.
        self.groups: dict[tuple[int, int], list[Tensor]] = {}
        value: Tensor
        for name, value in module.named_parameters():
            if value.ndim >= 2 and min(value.shape[:2]) > 3 and not any(v in name for v in vectors):
                rows = value.shape[0]
                self.groups.setdefault((rows, value.numel() // rows), []).append(value)
            else:
                rest.append(value)
        self.momenta = [
            torch.zeros(len(group), *shape, device=group[0].device)
            for shape, group in self.groups.items()
        ]
        self.adam = torch.optim.AdamW(rest, betas=(0.9, 0.95), weight_decay=0.0)

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step at AdamW learning rate ``rate``."""
        for settings in self.adam.param_groups:
            settings["lr"] = rate
        self.adam.step()
        for ((rows, columns), group), momentum in zip(
            self.groups.items(), self.momenta, strict=True
        ):
            gradient = torch.stack([_gradient(value).reshape(rows, columns) for value in group])
            momentum.lerp_(gradient, 1 - _MOMENTUM)
            updates = orthogonalise(gradient.lerp(momentum, _MOMENTUM))
            size = max(1.0, rows / columns) ** 0.5
            for value, update in zip(group, updates, strict=True):
                value.add_(update.reshape(value.shape), alpha=-rate * self.matrix_rate * size)

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs."""
        return {"adam": self.adam.state_dict(), "momenta": self.momenta}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.adam.load_state_dict(state["adam"])
        for mine, theirs in zip(self.momenta, state["momenta"], strict=True):
            mine.copy_(theirs)


def _gradient(value: Tensor) -> Tensor:
    """The gradient, zero for a weight that took no part in this step."""
    return torch.zeros_like(value) if value.grad is None else value.grad
