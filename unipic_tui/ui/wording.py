"""How jobs, pictures, times and sizes are put into words."""

from __future__ import annotations

import math
from datetime import datetime

from unipic_tui.events import Memory, Progress
from unipic_tui.job_settings import settings_of
from unipic_tui.jobs import Job
from unipic_tui.library.records import Entry, State, StoredPicture
from unipic_tui.text import printable

MUTED = "$text-muted"
"""Style of secondary text."""

STATE_WORDS: dict[State, str] = {
    "queued": "waiting",
    "paused": "held",
    "running": "running",
    "interrupted": "interrupted",
    "done": "done",
    "cancelled": "cancelled",
    "failed": "failed",
}


def when(moment: datetime, now: datetime) -> str:
    """A moment in at most six cells: ``14:32`` today, ``24 Nov`` this year, else the year."""
    local, today = moment.astimezone(), now.astimezone()
    if local.date() == today.date():
        return f"{local:%H:%M}"
    if local.year == today.year:
        return f"{local.day} {local:%b}"
    return f"{local:%Y}"


def moment(made: datetime, now: datetime) -> str:
    """``today 14:32``, ``24 Nov 14:32``, ``24 Nov 2025 14:32``."""
    local, today = made.astimezone(), now.astimezone()
    if local.date() == today.date():
        return f"today {local:%H:%M}"
    year = f" {local:%Y}" if local.year != today.year else ""
    return f"{local.day} {local:%b}{year} {local:%H:%M}"


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min``, ``2 h``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{math.ceil(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def memory(use: Memory) -> str:
    """``1.2 GB``, or ``1.2 of 80 GB``."""
    used = use.used / 1e9
    if use.total:
        return f"{used:.1f} of {use.total / 1e9:.0f} GB"
    return f"{used:.1f} GB"


def mode_glyph(job: Job, origin: str = "") -> str:
    """A sign for the kind of job."""
    return "+" if origin else job.glyph


def mode_word(job: Job, origin: str = "") -> str:
    """The kind of job in a word."""
    return "opened" if origin else job.done


def progress(step: Progress, narrow: bool = False) -> str:
    """How far a drawing is, in words."""
    tokens = f"{sum(step.known)} of {len(step.known)} tokens"
    iteration = f"iteration {step.iteration} of {step.iterations}"
    which = f"picture {step.picture + 1} of {step.pictures}" if step.pictures > 1 else ""
    if step.together > 1:
        which = f"{step.together} of {step.pictures} pictures at once"
    left = f"{duration(step.seconds_left)} left" if step.seconds_left is not None else ""
    parts = [which, iteration, "" if narrow else tokens, left]
    return ", ".join(part for part in parts if part)


def settings(job: Job) -> list[tuple[str, str]]:
    """A job's settings as pairs of name and value, in a fixed order."""
    pairs: list[tuple[str, str]] = []
    region = getattr(job, "region", None)
    if region is not None:
        pairs.append(("Region", f"{region.width}×{region.height} at {region.x},{region.y}"))
    for each in settings_of(type(job)):
        value = each.of(job)
        without_effect = each.needs and not getattr(job, each.needs)
        unknown = each.kind == "size" and (region is not None or value is None)
        if without_effect or unknown or each.kind == "side":  # an edit has its source's size
            continue
        if (each.advanced or each.usual is not None) and each.is_usual(value):
            continue
        pairs.append((each.label, f"{each.shown(value)} {each.unit}".rstrip()))
    return pairs


def picture_settings(picture: StoredPicture) -> list[tuple[str, str]]:
    """A picture's size and settings; of one from elsewhere, those that its file tells."""
    pairs = settings(picture.job)
    size = ("Size", f"{picture.width}×{picture.height}")
    if picture.origin:
        job = picture.job
        told = {each.label for each in settings_of(type(job)) if not each.is_usual(each.of(job))}
        told = told - {"Seed"} if picture.seed is None else told | {"Seed"}
        pairs = [size, *(pair for pair in pairs if pair[0] in told and pair[0] != "Size")]
        return [("From", printable(picture.origin)), *pairs]
    return pairs if any(name == "Size" for name, _ in pairs) else [size, *pairs]


def entry_title(entry: Entry) -> str:
    """The prompt or question of an entry, harmless."""
    return printable(entry.job.prompt, newlines=True)


def picture_title(picture: StoredPicture) -> str:
    """The prompt of a picture, harmless; the file's name where nothing is known of it."""
    return printable(picture.job.prompt, newlines=True) or printable(picture.path.name)
