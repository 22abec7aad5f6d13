"""What a stage trains: the weights, their optimiser and their exponential moving average."""

from typing import Any

import torch
from torch import Tensor, nn

from unipic_tui.model.unipic import UniPicModel
from unipic_tui.nano.train.muon import MuonAdamW

VECTORS = ("embed", "mask_token", "fake_latent", "final_layer.linear")
"""Matrices that AdamW trains: tables of vectors, and the zero-initialised output."""


class ExponentialMovingAverage:
    """An average of a module's weights; its decay rises to ``decay`` over the first updates."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.weights = {name: value.detach().clone() for name, value in module.named_parameters()}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Average the module's present weights in."""
        self.updates += 1
        decay = min(self.decay, self.updates / (self.updates + 10))
        values: list[Tensor] = [*module.parameters()]
        torch._foreach_lerp_(list(self.weights.values()), values, 1 - decay)

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs."""
        return {"weights": self.weights, "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.weights, self.updates = state["weights"], state["updates"]

    @torch.no_grad()
    def copy_to(self, module: nn.Module) -> None:
        """Copy the averaged weights into a module of the same shape."""
        for name, value in module.named_parameters():
            value.copy_(self.weights[name])


class TrainState:
    """What a stage trains, its optimiser and its average.

    Args:
        state: of an earlier start, as `state_dict` gave it.
        decay: of the average.
    """

    def __init__(
        self,
        module: nn.Module,
        optimizer: MuonAdamW,
        state: dict[str, Any] | None = None,
        decay: float = 0.998,
    ) -> None:
        self.module, self.optimizer = module, optimizer
        self.ema = ExponentialMovingAverage(module, decay)
        self.parameters = list(module.parameters())
        if state is not None:
            self.module.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.ema.load_state_dict(state["average"])

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs."""
        return {
            "model": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.ema.state_dict(),
        }


def trained_parts(model: UniPicModel) -> nn.ModuleDict:
    """All of the model but the autoencoder."""
    return nn.ModuleDict({name: part for name, part in model.named_children() if name != "vae"})


def latent_train_state(
    model: UniPicModel, state: dict[str, Any] | None = None, decay: float = 0.998
) -> TrainState:
    """Make all of a model but its autoencoder ready to be trained; see `TrainState`."""
    model.requires_grad_(True).train()
    model.vae.requires_grad_(False).eval()
    parts = trained_parts(model)
    return TrainState(parts, MuonAdamW(parts, vectors=VECTORS), state, decay)


@torch.no_grad()
def averaged(model: UniPicModel, state: TrainState) -> UniPicModel:
    """A copy of the model with averaged weights."""
    copy = UniPicModel(model.config).to(model.device).eval()
    copy.load_state_dict(model.state_dict())
    state.ema.copy_to(trained_parts(copy))
    return copy
