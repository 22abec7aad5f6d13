"""Our own format of a checkpoint, and conversion to it."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from unipic_tui.checkpoint_folder import CONFIG_FILE, WEIGHTS_FILE
from unipic_tui.errors import CheckpointError
from unipic_tui.events import Loading
from unipic_tui.files import check_writable, shown_path, storage_error, write_atomic
from unipic_tui.model.checkpoint import TIED, TOKENIZER_FILE, load_model, open_checkpoint
from unipic_tui.model.config import PRESETS, UniPicConfig
from unipic_tui.model.generation import GENERATION_FILE, GenerationConfig
from unipic_tui.model.unipic import UniPicModel


def save_native(
    model: UniPicModel, tokenizer: bytes, folder: Path, generation: bytes | None = None
) -> None:
    """Write our own format: config, weights in bfloat16, tokenizer; the config comes last.

    Args:
        tokenizer: contents of ``tokenizer.json``.
        generation: contents of ``generation_config.json``, where there is one.

    Raises:
        StorageError: the folder cannot be written.
    """
    check_writable(folder)
    state = {
        key: value.detach().to("cpu", torch.bfloat16).contiguous()
        for key, value in model.state_dict().items()
        if key != TIED
    }
    target = folder / WEIGHTS_FILE
    temporary = folder / f".{WEIGHTS_FILE}.{os.getpid()}.part"
    try:
        # Not write_atomic: gigabytes should not pass through memory once more as bytes.
        temporary.touch()
        usual = temporary.stat().st_mode
        save_file(state, temporary, metadata={"format": "pt"})
        temporary.chmod(usual)  # safetensors makes files that only their owner can read
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    except (OSError, SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        cause = error if isinstance(error, OSError) else OSError(str(error))
        raise storage_error(cause, target, "write") from None
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    write_atomic(folder / TOKENIZER_FILE, tokenizer)
    if generation is not None:
        write_atomic(folder / GENERATION_FILE, generation)
    config = json.dumps(model.config.to_dict(), indent=2) + "\n"
    write_atomic(folder / CONFIG_FILE, config.encode())


def convert(
    source: Path, target: Path, presets: Mapping[str, UniPicConfig] = PRESETS
) -> Iterator[Loading]:
    """Write any checkpoint in our own format.

    Raises:
        CheckpointError: the source is none, or the target holds something already.
        StorageError: the target cannot be written.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CheckpointError(
            f"{shown_path(target)} is there already and not an empty folder: name a new one."
        )
    checkpoint = open_checkpoint(source, presets)
    if not checkpoint.tokenizer.is_file():
        raise CheckpointError(
            f"The tokenizer {shown_path(checkpoint.tokenizer)} is missing: download it too."
        )
    GenerationConfig.read(checkpoint.generation)  # so that nothing unusable is copied
    found = checkpoint.generation.is_file()
    decoding = checkpoint.generation.read_bytes() if found else None
    for event in load_model(checkpoint, dtype=torch.bfloat16):
        if isinstance(event, Loading):
            yield dataclasses.replace(event, fraction=event.fraction * 0.7)
        else:
            try:
                target.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise storage_error(error, target, "create") from None
            yield Loading(f"writing {shown_path(target)}", 0.75)
            save_native(event, checkpoint.tokenizer.read_bytes(), target, decoding)
    yield Loading(f"{shown_path(target)} is written", 1.0)
