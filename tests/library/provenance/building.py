"""Picture files with texts in them, put where tools put them."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

from PIL import Image

PROMPT, NEGATIVE = "a lighthouse in fog", "crowd, text"
SETTINGS = (
    "Steps: 30, Sampler: DPM++ 2M, CFG scale: 5.5, Seed: 424242, Size: 832x1216, Model: mistmix"
)
A1111 = f"{PROMPT}\nNegative prompt: {NEGATIVE}\n{SETTINGS}"


def chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def text_chunk(key: str, text: str | bytes, kind: str = "tEXt") -> bytes:
    body = text.encode() if isinstance(text, str) else text
    name = key.encode("latin-1") + b"\0"
    if kind == "tEXt":
        return chunk(b"tEXt", name + body)
    if kind == "zTXt":
        return chunk(b"zTXt", name + b"\0" + zlib.compress(body))
    packed = kind == "iTXt compressed"
    flags = b"\1\0" if packed else b"\0\0"
    return chunk(b"iTXt", name + flags + b"en\0\0" + (zlib.compress(body) if packed else body))


def png(path: Path, *before: bytes, after: tuple[bytes, ...] = ()) -> Path:
    """A PNG with chunks before and behind its pixels."""
    buffer = io.BytesIO()
    Image.new("RGB", (24, 16), (9, 90, 160)).save(buffer, "PNG")
    data = buffer.getvalue()
    header, pixels, end = data[:33], data[33:-12], data[-12:]
    path.write_bytes(header + b"".join(before) + pixels + b"".join(after) + end)
    return path


def with_texts(path: Path, **texts: Any) -> Path:
    """A PNG with texts; what is no text becomes JSON."""
    return png(
        path,
        *(
            text_chunk(key, text if isinstance(text, str) else json.dumps(text), "iTXt")
            for key, text in texts.items()
        ),
    )


def exif(tags: dict[int, bytes], order: str = ">", kind: int = 7) -> bytes:
    """An EXIF block; tags from 0x9000 on go into the inner directory."""
    inner = {tag: value for tag, value in tags.items() if tag >= 0x9000}
    outer = {tag: value for tag, value in tags.items() if tag < 0x9000}
    outer_size = 2 + 12 * (len(outer) + 1) + 4
    place = 8 + outer_size + 2 + 12 * len(inner) + 4
    bodies = b""

    def entries(items: dict[int, bytes]) -> bytes:
        nonlocal bodies
        made = b""
        for tag, value in sorted(items.items()):
            made += struct.pack(f"{order}HHII", tag, kind, len(value), place + len(bodies))
            bodies += value + b"\0" * (len(value) % 2)
        return made

    first = entries(outer) + struct.pack(f"{order}HHII", 0x8769, 4, 1, 8 + outer_size)
    second = entries(inner)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    end = struct.pack(f"{order}I", 0)
    return (
        mark
        + struct.pack(f"{order}I", 8)
        + struct.pack(f"{order}H", len(outer) + 1) + first + end
        + struct.pack(f"{order}H", len(inner)) + second + end
        + bodies
    )  # fmt: skip


def picture(path: Path, kind: str, block: bytes = b"", xmp: bytes = b"") -> Path:
    """A picture of any format with an EXIF block and XMP."""
    options: dict[str, Any] = {}
    if block:
        options["exif"] = b"Exif\0\0" + block
    if xmp:
        options["xmp"] = xmp
    if kind == "PNG":
        packet = text_chunk("XML:com.adobe.xmp", xmp, "iTXt") if xmp else b""
        return png(path, packet, chunk(b"eXIf", block) if block else b"")
    Image.new("RGB", (24, 16), (9, 90, 160)).save(path, kind, **options)
    return path


def xmp(inside: str, attributes: str = "") -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/" '
        f"{attributes}>{inside}</rdf:Description></rdf:RDF></x:xmpmeta>"
        '<?xpacket end="w"?>'
    ).encode()


def graph(**changes: Any) -> dict[str, Any]:
    """A plain graph of ComfyUI; nodes are added, or replaced, by their ids with an n in front."""
    nodes: dict[str, Any] = {
        "1": node("CheckpointLoaderSimple", ckpt_name="mistmix.safetensors"),
        "2": node("CLIPTextEncode", text=PROMPT, clip=["1", 1]),
        "3": node("CLIPTextEncode", text=NEGATIVE, clip=["1", 1]),
        "4": node("EmptyLatentImage", width=832, height=1216, batch_size=1),
        "5": node(
            "KSampler", seed=424242, steps=30, cfg=5.5, sampler_name="dpmpp_2m",
            scheduler="karras", denoise=1.0, model=["1", 0], positive=["2", 0],
            negative=["3", 0], latent_image=["4", 0],
        ),
        "6": node("VAEDecode", samples=["5", 0], vae=["1", 2]),
        "7": node("SaveImage", filename_prefix="x", images=["6", 0]),
    }  # fmt: skip
    return {**nodes, **{key.removeprefix("n"): value for key, value in changes.items()}}


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}
