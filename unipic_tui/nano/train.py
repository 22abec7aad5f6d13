"""Train an embedded model: ``python -m unipic_tui.nano.train --folder DIR --minutes N``.

From nothing: first the autoencoder, then everything else on its latents. With ``--refine``, a
trained checkpoint learns from its own drawings. Stop it at any time; the same command goes on where
it was. Under ``torchrun --nproc-per-node 2`` two processes share the work.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path

import torch

from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.model.checkpoint import load_model, open_checkpoint
from unipic_tui.model.config import VaeConfig
from unipic_tui.model.native import save_native
from unipic_tui.model.unipic import UniPic
from unipic_tui.model.vae import Vae
from unipic_tui.nano.config import NANO_VAE, nano_config
from unipic_tui.nano.parallel import start
from unipic_tui.nano.refine import refine
from unipic_tui.nano.tokenizer import save_tokenizer, train_tokenizer
from unipic_tui.nano.train_joint import train_joint
from unipic_tui.nano.train_vae import train_vae
from unipic_tui.nano.world import corpus

CORPUS = 40_000
VAE_SHARE = 0.15
"""Part of the time that goes to the autoencoder."""


def prepare_tokenizer(folder: Path) -> PromptCodec:
    """Train the run's tokenizer unless it is there."""
    path = folder / "tokenizer.json"
    if not path.exists():
        save_tokenizer(train_tokenizer(corpus(CORPUS, 0)), folder)
    return PromptCodec.load(path)


def prepare_vae(folder: Path, minutes: float, device: str, seed: int, rank: int) -> Vae:
    """Train the run's autoencoder unless it is done."""
    done = folder / "vae_done.pt"
    if done.exists():
        kept = torch.load(done, weights_only=True)
        config = dict(kept["config"])
        config["multipliers"] = tuple(config["multipliers"])
        vae = Vae(VaeConfig(**config))
        vae.load_state_dict(kept["model"])
        return vae
    vae = train_vae(folder, NANO_VAE, minutes, device, seed)
    if rank == 0:
        torch.save({"config": dataclasses.asdict(vae.config), "model": vae.state_dict()}, done)
    return vae


def begin(folder: Path, minutes: float, device: str, seed: int, rank: int) -> UniPic:
    """A model whose autoencoder is trained and the rest is not."""
    codec = prepare_tokenizer(folder)
    vae = prepare_vae(folder, minutes, device, seed, rank)
    model = UniPic(nano_config(codec.vocabulary, vae.config))
    model.vae.load_state_dict(vae.state_dict())
    return model


def take_up(checkpoint: Path, folder: Path) -> UniPic:
    """A trained model to go on from, with its tokenizer copied into the run's folder."""
    opened = open_checkpoint(checkpoint)
    (folder / "tokenizer.json").write_bytes(opened.tokenizer.read_bytes())
    for event in load_model(opened, dtype=torch.float32):
        if isinstance(event, UniPic):
            return event
    raise AssertionError("loading ends with the model")


def run(
    folder: Path,
    out: Path,
    minutes: float,
    device: str,
    seed: int,
    *,
    init: Path | None = None,
    compiled: bool = False,
    refining: bool = False,
) -> None:
    """Train, or go on training, and write a checkpoint now and then.

    Args:
        folder: the run's states and logs.
        out: where checkpoints go, each in place of the last.
        minutes: for both stages together, over however many starts.
        init: a checkpoint to go on from, whose autoencoder stays as it is.
        compiled: whether to compile the second stage.
        refining: whether to refine ``init`` in place of training it.
    """
    rank = start()
    folder.mkdir(parents=True, exist_ok=True)
    share = 0.0 if init else VAE_SHARE
    model = take_up(init, folder) if init else begin(folder, minutes * share, device, seed, rank)
    codec = PromptCodec.load(folder / "tokenizer.json")
    tokenizer = (folder / "tokenizer.json").read_bytes()
    rest = minutes * (1 - share)
    if refining:
        stage = refine(folder, model, codec, rest, device, seed, compiled=compiled)
    else:
        stage = train_joint(
            folder, model, codec, rest, device, seed, fresh=init is None, compiled=compiled
        )
    for trained in stage:
        if rank == 0:
            out.mkdir(parents=True, exist_ok=True)
            save_native(trained, tokenizer, out)
            print(json.dumps({"checkpoint": str(out)}), flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m unipic_tui.nano.train", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/nano"), help="states and logs")
    parser.add_argument("--out", type=Path, help="checkpoints (default: FOLDER/checkpoint)")
    parser.add_argument("--minutes", type=float, default=240, help="time budget in all")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--init", type=Path, help="checkpoint to go on from, for a new run")
    parser.add_argument(
        "--refine", action="store_true", help="learn from own drawings that were right or wrong"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--compile", action="store_true", help="faster; needs a C++ compiler")
    parser.add_argument("--threads", type=int, default=1, help="threads of each process")
    args = parser.parse_args(arguments)
    if args.refine and args.init is None:
        parser.error("--refine goes on from a trained checkpoint: name its folder with --init")
    torch.set_num_threads(args.threads)
    out = args.out or args.folder / "checkpoint"
    # Every number of masked tokens and every length makes shapes of its own; the default of 1024
    # kernels is too few to keep them all.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "100000")
    run(
        args.folder,
        out,
        args.minutes,
        args.device,
        args.seed,
        init=args.init,
        compiled=args.compile,
        refining=args.refine,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
