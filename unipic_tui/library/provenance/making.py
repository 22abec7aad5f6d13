"""A picture's provenance as the library keeps it: as a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unipic_tui.errors import InputError
from unipic_tui.jobs import DrawingJob, GenerateJob
from unipic_tui.library.provenance.containers import read_texts
from unipic_tui.library.provenance.formats import OWN, own_record, read_format, read_own
from unipic_tui.library.provenance.result import Provenance
from unipic_tui.library.records import clean, lenient_job
from unipic_tui.metadata import PictureMetadata, parse_record

FILE = "file"
"""Origin of a picture whose file says nothing of its making."""

_PROMPT_LIMIT = 20_000


@dataclass(frozen=True, slots=True)
class Making:
    """How a picture was made.

    Attributes:
        origin: the tool whose format the file has, or ``file`` where it says nothing.
        job: the job that the file tells of, or as much of one as can be made of it.
        model: name of the model, "" where it is not told.
        seed_known: whether the job's seed is the picture's; it is not where the file tells none.
        text: the key and the text that told it, to be kept where the file itself is not.
    """

    origin: str
    job: DrawingJob
    model: str = ""
    seed_known: bool = False
    text: tuple[str, str] | None = None


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


def read_making(path: Path, name: str) -> Making:
    """How the picture in a file was made; ``name`` is its prompt where the file tells none.

    Raises:
        InputError, StorageError: as `read_provenance` does.
    """
    texts = read_texts(path)
    found, used = read_format(texts)
    own = read_own(texts)
    if own is not None and own.job is not None:
        return Making(OWN, own.job, own.model, seed_known=True)
    origin = {"": FILE, OWN: "A1111"}.get(found.origin, found.origin)
    job = _job(found, name)
    text = None
    if used is not None:
        key = used.key if used.key in _KEPT_KEYS else "parameters"
        text = (key, clean(used.text).replace("\0", ""))
    known = found.seed is not None and job.seed == found.seed
    return Making(origin, job, found.model or "", known, text)


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
