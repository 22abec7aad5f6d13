"""A session as one HTML page that needs nothing else: no script, no link, all text escaped."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from PIL import Image

from unipic_tui.errors import UnipicError
from unipic_tui.job_settings import caption as facts
from unipic_tui.library.records import Entry, Session, StoredPicture
from unipic_tui.pictures import load_image
from unipic_tui.text import amount, printable

LONGEST = 1280
"""Longest side, in pixels, of a picture on the page; larger ones are scaled down."""
_LOSSLESS = 256
_STYLE = """\
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-weight: 600; overflow-wrap: anywhere; }
article { margin: 1.5rem 0; padding-left: 1rem; border-left: 3px solid #8884; }
p { white-space: pre-wrap; overflow-wrap: anywhere; margin: .4rem 0; }
figure { display: inline-block; margin: .5rem 1rem .5rem 0; max-width: 100%; vertical-align: top; }
img { max-width: 100%; height: auto; border-radius: 4px; }
img.small { image-rendering: pixelated; min-width: 12rem; }
figcaption, .about { color: #888; font-size: .85rem; overflow-wrap: anywhere; }
.error { color: #c33; }
"""


def page(
    session: Session, entries: Sequence[Entry], pictures: Sequence[StoredPicture]
) -> Iterator[str]:
    """The page in pieces, picture by picture, so that it is never in memory as a whole."""
    name = _text(session.name)
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
        f"<title>{name}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n<h1>{name}</h1>\n"
        f'<p class="about">{session.created.astimezone():%d %B %Y}, '
        f"{amount(len(pictures), 'picture')}</p>\n"
    )
    yield from _articles(entries, pictures)
    yield "</body>\n</html>\n"


def _articles(entries: Sequence[Entry], pictures: Sequence[StoredPicture]) -> Iterator[str]:
    """Every entry below the picture it was made from; a stack, as chains may be of any length."""
    drawn: dict[int, list[StoredPicture]] = {}
    for picture in pictures:
        drawn.setdefault(picture.entry, []).append(picture)
    here = {picture.id for picture in pictures}
    below: dict[int | None, list[Entry]] = {}
    for entry in entries:
        below.setdefault(entry.parent if entry.parent in here else None, []).append(entry)
    stack: list[Entry | str] = list(reversed(below.get(None, [])))
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
            continue
        own = drawn.get(item.id, [])
        yield from _article(item, own)
        stack.append("</article>\n")
        for picture in reversed(own):
            stack += reversed(below.get(picture.id, []))


def _article(entry: Entry, pictures: Sequence[StoredPicture]) -> Iterator[str]:
    title = f"Imported ({_text(entry.origin)})" if entry.origin else entry.job.done.capitalize()
    yield f'<article id="job-{entry.id}">\n<p class="about">{title} '
    yield f"{entry.created.astimezone():%Y-%m-%d %H:%M}</p>\n<p>{_text(entry.job.prompt)}</p>\n"
    if entry.answer:
        yield f"<p><em>{_text(entry.answer)}</em></p>\n"
    if entry.error:
        yield f'<p class="error">{_text(entry.error)}</p>\n'
    yield from map(_figure, pictures)


def _figure(picture: StoredPicture) -> str:
    about = [picture.path.name, f"{picture.width}×{picture.height}"]
    about += facts(picture.job, seed_known=picture.seed_known)
    about += [picture.model] * bool(picture.model) + ["★"] * picture.favourite
    about += [f"#{tag}" for tag in picture.tags]
    caption = _text(", ".join(about))
    if picture.note:
        caption += f"<br>{_text(picture.note)}"
    try:
        source, kind = _data(picture.path)
    except UnipicError as error:
        return f'<figure><p class="error">{_text(error.message)}</p></figure>\n'
    small = ' class="small"' if max(picture.width, picture.height) <= _LOSSLESS else ""
    return (
        f'<figure><img{small} alt="{_text(picture.job.prompt)}" '
        f'src="data:image/{kind};base64,{source}"><figcaption>{caption}</figcaption></figure>\n'
    )


def _data(path: Path) -> tuple[str, str]:
    """The picture in base64, and its format: PNG for small ones, JPEG for the rest."""
    image: Image.Image = load_image(path, max_side=LONGEST)
    kind = "png" if max(image.size) <= _LOSSLESS else "jpeg"
    buffer = io.BytesIO()
    image.save(buffer, kind, **({} if kind == "png" else {"quality": 88}))
    return base64.b64encode(buffer.getvalue()).decode(), kind


def _text(text: str) -> str:
    return escape(printable(text, newlines=True))
