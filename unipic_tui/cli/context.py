"""What every command gets in addition to its arguments."""

from __future__ import annotations

import argparse
import gc
from functools import cached_property
from pathlib import Path

from unipic_tui import paths
from unipic_tui.checkpoint_folder import check_folder, folder_of
from unipic_tui.events import Backend, BackendFactory, BackendOptions
from unipic_tui.settings import Settings, device_name, load_settings


class Context:
    """The settings, read when a command first asks for them, and the way to a backend.

    Args:
        backend_factory: what makes the backend; ``None`` for the real one.
    """

    def __init__(self, backend_factory: BackendFactory | None = None) -> None:
        self.backend_factory = backend_factory or _create_backend

    @cached_property
    def settings(self) -> Settings:
        """The settings file's contents; raises `unipic_tui.errors.UnipicError` where it is bad."""
        return load_settings()

    def checkpoint(self, args: argparse.Namespace) -> Path | None:
        """The checkpoint's folder: by flag, environment or settings; ``None``: the embedded one.

        Raises:
            CheckpointError: a file of weights is named that would not be the one to be read.
        """
        if args.checkpoint:
            return folder_of(paths.absolute(args.checkpoint))
        named = paths.from_environment(paths.CHECKPOINT_VARIABLE) or self.settings.checkpoint
        return None if named is None else folder_of(named)

    def library(self, args: argparse.Namespace) -> Path:
        """The library's folder: by flag or settings, else the usual place."""
        if args.library:
            return paths.absolute(args.library)
        return self.settings.library or paths.data_dir()

    def options(
        self,
        args: argparse.Namespace,
        *,
        preview_seconds: float | None = None,
        check: bool = True,
    ) -> BackendOptions:
        """The backend's options from flags, then settings.

        Args:
            args: the command's arguments, those of `add_model` among them.
            preview_seconds: as `BackendOptions` has it.
            check: look at the checkpoint's folder at once, as loading torch takes seconds.

        Raises:
            CheckpointError: the folder holds no checkpoint.
        """
        checkpoint = self.checkpoint(args)
        if check and checkpoint is not None:
            check_folder(checkpoint)
        return BackendOptions(
            checkpoint=checkpoint,
            device=device_name(args.device or self.settings.device),
            dtype=args.dtype or self.settings.dtype,
            preview_seconds=preview_seconds,
        )


def _create_backend(options: BackendOptions) -> Backend:
    paths.leave_deleted()
    # While torch is imported collections find nothing and take a fifth of the time; frozen, its
    # objects are in no later one's way, that at the end least of all.
    gc.disable()
    try:
        from unipic_tui.inference.pipeline import create_backend
    finally:
        gc.freeze()
        gc.enable()
    return create_backend(options)
