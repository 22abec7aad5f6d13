"""What the app says of pictures that were made elsewhere: what is known, and no more."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import PngImagePlugin

from tests.fakes import gradient
from tests.ui.harness import running_app
from unipic_tui.library.html import page
from unipic_tui.ui.screens.contact_sheet import SheetScreen, SheetView
from unipic_tui.ui.widgets.captioned_picture import caption

TOLD = "a boat\nNegative prompt: fog\nSteps: 20, CFG scale: 7, Seed: 0, Size: 512x512"
UNTOLD = "a house\nSteps: 12, Sampler: Euler"


def drawn(folder: Path, name: str, parameters: str) -> Path:
    texts = PngImagePlugin.PngInfo()
    if parameters:
        texts.add_text("parameters", parameters)
    gradient(32, 48, name).save(folder / name, pnginfo=texts)
    return folder / name


async def test_an_unknown_seed_is_not_shown_as_0(tmp_path: Path) -> None:
    files = [drawn(tmp_path, "boat.png", TOLD), drawn(tmp_path, "house.png", UNTOLD)]
    files.append(drawn(tmp_path, "plain.png", ""))
    async with running_app(tmp_path / "library", size=(160, 40)) as driver:
        shown = []
        for file in files:
            await driver.write(str(file))
            shown.append(dict(re.findall(r"^(\w+) {2,}(.+)$", driver.details(), re.MULTILINE)))
        boat, house, plain = driver.state.current.pictures.values()
        assert shown[0]["Seed"] == "0"
        assert shown[0]["Guidance"] == "7"
        assert shown[0]["Iterations"] == "20"
        assert shown[0]["Size"] == "32×48"
        assert shown[1] == {"From": "A1111", "Size": "32×48", "Iterations": "12"}
        assert shown[2] == {"From": "file", "Size": "32×48"}
        assert "seed 0" in caption(boat)
        assert "seed" not in caption(house) + caption(plain)

        library, current = driver.app.library.opened, driver.state.current
        assert current.session is not None
        entries = library.entries.of_session(current.id)
        assert "".join(page(current.session, entries, [boat, house, plain])).count("seed ") == 1

        view = SheetView([boat, house, plain], boat.id, lambda picture: gradient(8, 8, "x"))
        sheet = SheetScreen(view)
        await driver.app.push_screen(sheet)
        await driver.settle_screen()
        texts = [*sheet.query_one(SheetView).sheet.labels, *sheet.query_one(SheetView).sheet.rows]
        assert texts
        assert not [text for text in texts if "seed 0" in text and "boat" not in text]
        driver.app.pop_screen()
