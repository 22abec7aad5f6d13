"""A picture's provenance as the library keeps it: as a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from unipic_tui.errors import InputError
from unipic_tui.job_json import job_to_dict
from unipic_tui.jobs import GenerateJob, Job
from unipic_tui.library.provenance.containers import read_texts
from unipic_tui.library.provenance.formats import OWN, own_record, read_format, read_own
from unipic_tui.library.provenance.result import Provenance
from unipic_tui.library.records import clean, lenient_job, now
from unipic_tui.library.sidecars import EntrySidecar, PictureSidecar
from unipic_tui.metadata import PictureMetadata, parse_record

FILE = "file"
"""Origin of a picture whose file says nothing of its making."""

_PROMPT_LIMIT = 20_000


def read_provenance(path: Path) -> Provenance:
    """How the picture in a file was made, as far as its file tells.

    Raises:
        InputError: the file is no picture, or is damaged or too large.
        StorageError: it is missing or cannot be read.
    """
    return read_format(read_texts(path))[0]


def read_metadata(path: str | Path) -> PictureMetadata | None:
    """The job that a picture file carries; ``None`` where it says nothing of its making.

    Nothing in the file is trusted: a job is only handed on when every field has its type and range.
    Where there is none, `PictureMetadata.problem` says why if it is one of our own files.

    Raises:
        InputError, StorageError: as `read_provenance` does.
    """
    texts = read_texts(path)
    record = own_record(texts)
    if not record:
        return PictureMetadata() if texts.get("parameters") or texts.get("UserComment") else None
    try:
        return parse_record(record)
    except InputError as error:
        return PictureMetadata(problem=error.message)


def read_making(
    path: Path, *, created: str = "", digest: str | None = None
) -> tuple[EntrySidecar, PictureSidecar, tuple[str, str] | None]:
    """How a picture file was made, as an entry with one picture that the library can keep.

    The entry's origin is the tool whose format the file has, or ``file`` where it says nothing; its
    job is what the file tells of one, with the file's name for a prompt that it does not tell.
    The third is the key and the text that told it, to be kept where the file itself is not.
    Of what is not known (``digest`` is the hash of its pixels), ``created`` is the present time.

    Raises:
        InputError, StorageError: as `read_provenance` does.
    """
    texts = read_texts(path)
    found, used = read_format(texts)
    own = read_own(texts)
    text = None
    if own is not None and own.job is not None:
        origin, model = OWN, own.model
        made: Job = own.job
        seed: int | None = made.seed
    else:
        origin, model = {"": FILE, OWN: "A1111"}.get(found.origin, found.origin), found.model or ""
        made = _job(found, path.stem)
        seed = made.seed if made.seed == found.seed else None
        if used is not None:
            key = used.key if used.key in _KEPT_KEYS else "parameters"
            text = (key, clean(used.text).replace("\0", ""))
    job, created = job_to_dict(made), created or now()
    entry = EntrySidecar(job=job, state="done", created=created, origin=origin)
    picture = PictureSidecar(job=job, seed=seed, model=model, created=created, hash=digest)
    return entry, picture, text


_KEPT_KEYS = frozenset({"prompt", "workflow", "parameters", "Comment", "Dream", "sd-metadata"})


def _job(found: Provenance, name: str) -> GenerateJob:
    """The job of what was found; the fields stay open that no job can have so."""
    told: Mapping[str, Any] = {
        "seed": found.seed,
        "guidance": found.guidance,
        "iterations": found.steps,
        "unconditional": found.negative and found.negative[:_PROMPT_LIMIT],
        "width": found.width,
        "height": found.height,
    }
    prompt = (found.prompt or name)[:_PROMPT_LIMIT].strip() or "picture"
    data = {key: value for key, value in told.items() if value is not None}
    job = lenient_job({"mode": "generate", "prompt": clean(prompt), **data})
    assert isinstance(job, GenerateJob)
    if (job.width is None) != (job.height is None):
        job = replace(job, width=None, height=None)
    return job
