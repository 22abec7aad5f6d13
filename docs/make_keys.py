"""``docs/keys.md`` from the commands that the app declares: ``python docs/make_keys.py``."""

from __future__ import annotations

from pathlib import Path

from unipic_tui.ui.app import ALL_COMMANDS
from unipic_tui.ui.commands import keys_of, shown_key

PAGE = Path(__file__).parent / "keys.md"
_HEAD = """\
# Keys

<!-- Written by docs/make_keys.py from the commands that the app declares. -->

F1 shows the same list in the app, and Ctrl+P finds a command by its name. The keys of “The chosen
picture” act in the history and on the pictures, never while text is typed. An inner place may use a
key of an outer one for itself.

After every run the prompt stays, and is selected. Whoever iterates changes a word and runs again;
whoever asks or edits next types over it. One key does either: an arrow goes back into the prompt, a
character replaces it, and Alt+↑ goes on to the prompt before.

Jobs that were started together are one line of the history with their pictures under it, each named
by what differs (`guidance 2`, `seed 7`). `←` and `→`, or Enter, close and open it; longer than a
dozen begin closed.

To use other keys, name a command's id in the `[keys]` part of the settings file (`unipic-tui
settings` prints where it is), several keys joined by commas. An id that does not exist and a key
that two commands of one place share are reported at the start.

```toml
[keys]
run = "f7"
"picture.edit" = "e,f10"
```
"""


def page() -> str:
    """The whole page."""
    lines, group = [_HEAD], ""
    for entry in ALL_COMMANDS:
        if entry.group != group:
            group = entry.group
            lines += [
                f"\n## {group}\n",
                "| key | command | what it does | id |",
                "|---|---|---|---|",
            ]
        keys = ", ".join(_code(shown_key(key)) for key in keys_of(entry, {}))
        lines.append(f"| {keys} | {entry.title} | {entry.help} | `{entry.id}` |")
    return "\n".join(lines) + "\n"


def _code(key: str) -> str:
    return "`\\|`" if key == "|" else f"`{key}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
