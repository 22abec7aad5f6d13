"""Train the embedded model on its world of coloured shapes.

Training starts from scratch: first the autoencoder, then everything else on its latents. With
--init it continues from a checkpoint and leaves the autoencoder as it is; with --refine the
checkpoint learns from its own drawings, judged by the detector; with --widen it varies more what
prompts leave open and follows edits better; with --decoder only the decoder of its autoencoder is
trained, on its own drawings, so that outlines become sharper. It can be
stopped at any time: the same command resumes. To train in two processes, start it with
"torchrun --nproc-per-node 2 -m unipic_tui.nano.train".
"""

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Literal

import torch

from unipic_tui.errors import UnipicError
from unipic_tui.inference.prompts import PromptCodec
from unipic_tui.model.checkpoint import load_model, open_checkpoint
from unipic_tui.model.config import VaeConfig
from unipic_tui.model.native import save_native
from unipic_tui.model.unipic import UniPicModel
from unipic_tui.model.vae import Vae
from unipic_tui.nano.architecture import NANO_VAE, nano_config
from unipic_tui.nano.refine.decoder import train_decoder
from unipic_tui.nano.refine.refiner import refine
from unipic_tui.nano.refine.widen import widen
from unipic_tui.nano.tokenizer import corpus, save_tokenizer, train_tokenizer
from unipic_tui.nano.train.autoencoder import train_vae
from unipic_tui.nano.train.joint import train_joint
from unipic_tui.nano.train.loop import RunOptions
from unipic_tui.nano.train.parallel import rank

Stage = Literal["joint", "refine", "widen", "decoder"]

CORPUS = 40_000
VAE_SHARE = 0.15
"""Share of the time that goes to the autoencoder."""


def prepare_tokenizer(folder: Path) -> PromptCodec:
    """Train the run's tokenizer unless it is there."""
    path = folder / "tokenizer.json"
    if not path.exists():
        save_tokenizer(train_tokenizer(corpus(CORPUS)), folder)
    return PromptCodec.load(path)


def prepare_vae(options: RunOptions) -> Vae:
    """Train the run's autoencoder unless it is done."""
    done = options.folder / "vae_done.pt"
    if done.exists():
        saved = torch.load(done, weights_only=True)
        multipliers = tuple(saved["config"]["multipliers"])
        vae = Vae(VaeConfig(**{**saved["config"], "multipliers": multipliers}))
        vae.load_state_dict(saved["model"])
        return vae
    vae = train_vae(NANO_VAE, options)
    if rank() == 0:
        torch.save({"config": dataclasses.asdict(vae.config), "model": vae.state_dict()}, done)
    return vae


def untrained_model(options: RunOptions) -> UniPicModel:
    """A model of which only the autoencoder and the tokenizer are trained."""
    codec = prepare_tokenizer(options.folder)
    vae = prepare_vae(options)
    model = UniPicModel(nano_config(codec.vocabulary, vae.config))
    model.vae.load_state_dict(vae.state_dict())
    return model


def load_trained(checkpoint: Path, folder: Path) -> UniPicModel:
    """A trained model to continue from; its tokenizer is copied into the run's folder."""
    opened = open_checkpoint(checkpoint)
    (folder / "tokenizer.json").write_bytes(opened.tokenizer.read_bytes())
    for event in load_model(opened, dtype=torch.float32):
        if isinstance(event, UniPicModel):
            return event
    raise AssertionError("loading ends with the model")


def run(options: RunOptions, out: Path, init: Path | None, stage: Stage = "joint") -> None:
    """Train, or resume, and write each snapshot to ``out`` in place of the last.

    Args:
        options: ``minutes`` are for all stages together.
        init: a checkpoint to continue from.
        stage: what to do with ``init``: train it jointly, refine or widen it, or train its decoder.
    """
    options.folder.mkdir(parents=True, exist_ok=True)
    share = 0.0 if init else VAE_SHARE
    vae_options, options = (
        dataclasses.replace(options, minutes=options.minutes * part) for part in (share, 1 - share)
    )
    model = load_trained(init, options.folder) if init else untrained_model(vae_options)
    path = options.folder / "tokenizer.json"
    codec, tokenizer = PromptCodec.load(path), path.read_bytes()
    if stage == "refine":
        snapshots = refine(model, codec, options)
    elif stage == "widen":
        snapshots = widen(model, codec, options)
    elif stage == "decoder":
        snapshots = train_decoder(model, codec, options)
    else:
        snapshots = train_joint(model, codec, options, from_scratch=init is None)
    for trained in snapshots:
        if rank() == 0:
            out.mkdir(parents=True, exist_ok=True)
            save_native(trained, tokenizer, out)
            print(json.dumps({"checkpoint": str(out)}), flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m unipic_tui.nano.train", description=__doc__)
    add = parser.add_argument
    add(
        "--folder",
        type=Path,
        default=Path("runs/nano"),
        help="folder for the training state and the logs (default: runs/nano)",
    )
    add("--out", type=Path, help="folder for the checkpoint (default: FOLDER/checkpoint)")
    add(
        "--minutes",
        type=float,
        default=240,
        help="training time, summed over all starts (default: 240)",
    )
    add("--device", default="cpu", help="cpu (the default) or cuda")
    add("--init", type=Path, metavar="CHECKPOINT", help="start from this checkpoint's weights")
    stages = parser.add_mutually_exclusive_group()
    stages.add_argument(
        "--refine",
        dest="stage",
        action="store_const",
        const="refine",
        default="joint",
        help="learn from the model's own drawings; needs --init",
    )
    stages.add_argument(
        "--widen",
        dest="stage",
        action="store_const",
        const="widen",
        help="vary more what prompts leave open, and follow edits better; needs --init",
    )
    stages.add_argument(
        "--decoder",
        dest="stage",
        action="store_const",
        const="decoder",
        help="train only the decoder, on the model's own drawings; needs --init",
    )
    add("--seed", type=int, default=0, help="random seed (default: 0)")
    add("--compile", action="store_true", help="compile the model: faster, needs a C++ compiler")
    add("--threads", type=int, default=1, help="threads of each process (default: 1)")
    args = parser.parse_args(arguments)
    if args.stage != "joint" and args.init is None:
        parser.error(f"--{args.stage} needs a trained checkpoint: name its folder with --init")
    torch.set_num_threads(args.threads)
    # Every number of masked tokens and every length has its own shapes; the default of 1024
    # kernels is too few to keep them all.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "100000")
    options = RunOptions(args.folder, args.minutes, args.device, args.seed, compiled=args.compile)
    try:
        run(options, args.out or args.folder / "checkpoint", args.init, args.stage)
    except UnipicError as error:
        parser.exit(1, f"{error}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
