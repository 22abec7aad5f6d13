"""A terminal for tests: runs a program in a pty, answers its questions, keeps what it writes."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import io
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]
CELL = (10, 20)

_QUERY = re.compile(rb"\x1b_G([^;\x1b]*a=q[^;\x1b]*)(?:;[^\x1b]*)?\x1b\\")
_GRAPHICS = re.compile(rb"\x1b_G([^;\x1b]*)(?:;([^\x1b]*))?\x1b\\")
_COLOUR = re.compile(r"\x1b\[0;38;2;(\d+);(\d+);(\d+)m\U0010eeee")


@dataclass
class Kitty:
    """What a kitty terminal would hold after reading some output."""

    images: dict[int, bytes] = field(default_factory=dict)
    placements: dict[int, tuple[int, int]] = field(default_factory=dict)
    freed: list[int] = field(default_factory=list)
    most: int = 0

    def read(self, output: bytes) -> None:
        loading: dict[int, list[bytes]] = {}
        for match in _GRAPHICS.finditer(output):
            keys = dict(part.split("=", 1) for part in match[1].decode().split(","))
            payload = match[2] or b""
            if keys.get("a") == "q":
                continue
            assert keys.get("q") == "2", f"an answer would be typed into the app: {keys}"
            picture = int(keys["i"])
            if keys.get("a") == "d":
                assert keys.get("d") == "I", "only d=I frees the pixels"
                loading.pop(picture, None)
                self.placements.pop(picture, None)
                self.images.pop(picture, None)
                self.freed.append(picture)
            elif keys.get("a") == "p":
                assert picture in self.images, "placed before it was sent"
                assert keys.get("U") == "1"
                self.placements[picture] = int(keys["c"]), int(keys["r"])
            else:
                assert set(loading) <= {picture}, "two transmissions are mixed"
                assert len(payload) <= 4096
                loading.setdefault(picture, []).append(payload)
                if keys.get("m", "0") == "0":
                    self.images[picture] = base64.b64decode(b"".join(loading.pop(picture)))
            self.most = max(self.most, len(self.images))

    def picture(self, number: int) -> Image.Image:
        return Image.open(io.BytesIO(self.images[number]))


class PtyTerminal:
    """Runs Python code in a terminal of its own.

    Args:
        code: the program.
        kitty, sixel: what the terminal says it can show.
        delay: seconds after which its first answers come.
        rate: bytes a second that the line carries; unlimited by default.
        answers: whether it answers anything at all.
        colours: how many a sixel picture may have.
        pixels: whether the driver knows the cell's size, or only the terminal itself.
    """

    def __init__(
        self,
        code: str,
        *,
        kitty: bool = False,
        sixel: bool = False,
        delay: float = 0.0,
        rate: float | None = None,
        answers: bool = True,
        pixels: bool = True,
        colours: int = 256,
        size: tuple[int, int] = (80, 24),
        environment: Mapping[str, str] | None = None,
        home: Path,
    ) -> None:
        self.kitty, self.sixel, self.answers = kitty, sixel, answers
        self.colours = colours
        self.answered = 0
        self.output = bytearray()
        self.rate = rate
        self._delay = delay
        self._stop = threading.Event()
        self._master, slave = pty.openpty()
        wide, high = (size[0] * CELL[0], size[1] * CELL[1]) if pixels else (0, 0)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", size[1], size[0], wide, high))
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TMUX", "STY", "COLORTERM", "TEXTUAL", "NO_COLOR", "TERM"))
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            start_new_session=True,
            env={
                **inherited,
                "TERM": "xterm-256color",
                "HOME": str(home),
                "UNIPIC_DATA": str(home / "data"),
                "PYTHONPATH": str(ROOT),
                "OMP_NUM_THREADS": "1",
                **(environment or {}),
            },
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> PtyTerminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._stop.set()
        self._reader.join()
        os.close(self._master)

    @property
    def text(self) -> str:
        return bytes(self.output).decode("utf-8", "replace")

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def hang_up(self) -> None:
        """Close the terminal, as when its window is closed."""
        self._stop.set()
        self._reader.join()
        os.dup2(os.open(os.devnull, os.O_RDWR), self._master)

    def wait_for(self, words: str, seconds: float = 20.0) -> None:
        self.wait_until(lambda: words in self.text, seconds, words)

    def wait_until(self, true: Callable[[], bool], seconds: float = 20.0, what: str = "it") -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"{what} did not come; output ends {self.text[-400:]!r}"
            time.sleep(0.01)

    def finish(self, seconds: float = 20.0) -> int:
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end; output ends {self.text[-2000:]!r}") from None
        time.sleep(0.1)
        self._stop.set()
        self._reader.join()
        return code

    def kitty_state(self) -> Kitty:
        state = Kitty()
        state.read(bytes(self.output))
        return state

    def placeholder_ids(self) -> set[int]:
        """Ids of the pictures whose placeholders were ever written."""
        return {
            int(red) << 16 | int(green) << 8 | int(blue)
            for red, green, blue in _COLOUR.findall(self.text)
        }

    def _read(self) -> None:
        pending = b""
        while not self._stop.is_set():
            if not select.select([self._master], [], [], 0.05)[0]:
                continue
            try:
                part = os.read(self._master, 4096)
            except OSError:  # the program has ended
                return
            if not part:
                return
            if self.rate:
                time.sleep(len(part) / self.rate)
            self.output += part
            pending = self._answer(pending + part)

    def _answer(self, data: bytes) -> bytes:
        """Answer every question in order; what may be the start of one is given back."""
        questions = [
            (b"\x1b[c", b"\x1b[?62;4;22c" if self.sixel else b"\x1b[?62;22c"),
            (b"\x1b[16t", b"\x1b[6;%d;%dt" % (CELL[1], CELL[0])),
            (b"\x1b[6n", b"\x1b[1;1R"),
            (b"\x1b[?1;1;0S", b"\x1b[?1;0;%dS" % self.colours),
            (b"\x1b[?2;4;0S", b"\x1b[?2;0;1000;1000S"),
            (b"\x1b[?1;3;256S", b"\x1b[?1;0;%dS" % self.colours),
        ]
        found: list[tuple[int, int, bytes]] = []
        for question, answer in questions:
            found += [(m.start(), m.end(), answer) for m in re.finditer(re.escape(question), data)]
        if self.kitty:
            found += [(m.start(), m.end(), b"\x1b_Gi=31;OK\x1b\\") for m in _QUERY.finditer(data)]
        done = max((end for _, end, _ in found), default=0)
        if self.answers and found:
            answers = [answer for _, _, answer in sorted(found)]
            # One timer for all: terminals answer in the order they are asked.
            threading.Timer(self._delay, self._send, answers).start() if self._delay else (
                self._send(*answers)
            )
        rest = data[done:]
        last = rest.rfind(b"\x1b")
        return rest[last:] if last >= 0 else b""

    def _send(self, *answers: bytes) -> None:
        with contextlib.suppress(OSError):
            for answer in answers:
                os.write(self._master, answer)
                self.answered += 1
