"""What tells a checkpoint's folder from others by its names alone, before torch is loaded."""

from __future__ import annotations

from pathlib import Path

from unipic_tui.errors import CheckpointError
from unipic_tui.files import shown_path

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
PUBLISHED = ("pytorch_model.bin", WEIGHTS_FILE, "harmon_*.pth", "*.pth")
"""Weight files of published checkpoints, as patterns; the first that is there counts."""
_ENDINGS = {".bin", ".pth", ".pt", ".safetensors"}


def folder_of(path: Path) -> Path:
    """The folder of a checkpoint that is named by the folder or, as in the scripts, by its weights.

    Raises:
        CheckpointError: the folder holds further weights, which would be taken instead.
    """
    folder = path.parent
    if path.suffix.lower() not in _ENDINGS or path.is_dir():
        return path
    if not path.is_file():
        # A converted checkpoint may have taken the place of the published one.
        native = (folder / CONFIG_FILE).is_file() and (folder / WEIGHTS_FILE).is_file()
        return folder if native else path
    found = (file for name in PUBLISHED for file in sorted(folder.glob(name)))
    taken = next(found, path)
    if path.suffix == ".pth" and taken != path:
        raise CheckpointError(
            f"{shown_path(folder)} holds other weights too, {taken.name}: move {path.name} to a "
            "folder of its own, with kl16.ckpt and the Qwen folder."
        )
    return folder


def check_folder(folder: Path) -> None:
    """See that a folder may hold a checkpoint; raises `CheckpointError` where it cannot."""
    if not folder.is_dir():
        what = "a file, not a folder" if folder.exists() else "missing"
        raise CheckpointError(
            f"The checkpoint {shown_path(folder)} is {what}: name the folder that holds it."
        )
    names = (*PUBLISHED, *(f"{name}.index.json" for name in PUBLISHED))
    if not any(True for name in names for _ in folder.glob(name)):
        raise CheckpointError(
            f"{shown_path(folder)} holds no checkpoint: neither {WEIGHTS_FILE} with {CONFIG_FILE}, "
            "nor pytorch_model.bin, nor harmon_*.pth; see the README for where to get one."
        )
