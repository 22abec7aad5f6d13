"""What every command gets beside its arguments."""

from __future__ import annotations

import argparse
from functools import cached_property
from pathlib import Path

from unipic_tui import paths
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
        """The checkpoint's folder: by flag, environment or settings; ``None``: the embedded one."""
        if args.checkpoint:
            return paths.absolute(args.checkpoint)
        return paths.from_environment(paths.CHECKPOINT_VARIABLE) or self.settings.checkpoint

    def library(self, args: argparse.Namespace) -> Path:
        """The library's folder: by flag or settings, else the usual place."""
        if args.library:
            return paths.absolute(args.library)
        return self.settings.library or paths.data_dir()

    def options(
        self, args: argparse.Namespace, preview_seconds: float | None = None
    ) -> BackendOptions:
        """The backend's options from flags, then settings."""
        return BackendOptions(
            checkpoint=self.checkpoint(args),
            device=device_name(args.device or self.settings.device),
            dtype=args.dtype or self.settings.dtype,
            preview_seconds=preview_seconds,
        )


def _create_backend(options: BackendOptions) -> Backend:
    from unipic_tui.inference.pipeline import create_backend

    return create_backend(options)
