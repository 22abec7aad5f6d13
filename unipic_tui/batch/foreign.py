"""Settings of other tools that an entry may name and that nothing here goes by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from unipic_tui.library.provenance.result import FIELDS

_UNUSED = (
    *FIELDS["negative"],
    *FIELDS["sampler"],
    *("sampler_index", "schedule_type", "clip_skip", "eta", "vae", "lora", "loras", "refiner"),
    *("strength", "denoising_strength", "denoise", "hires_upscale", "enable_hr", "hr_scale"),
    *("restore_faces", "tiling", "override_settings", "sd_model_checkpoint"),
    *("count", "n_iter", "n_samples", "batch_size", "num_images", "num_images_per_prompt"),
)
"""Names that mean a setting wherever they stand; what may be a note of a person is left out."""


def unused_settings(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names, as written, of other tools' settings to which the entries give a value."""
    unused = set(map(_bare, _UNUSED))
    found = {
        name: None
        for fields in entries
        for name, value in fields.items()
        if value not in (None, "") and _bare(name) in unused
    }
    return list(found)


def _bare(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))
