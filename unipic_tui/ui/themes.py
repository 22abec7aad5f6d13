"""The app's own two themes: calm, one accent, readable in long sessions."""

from __future__ import annotations

import os

from textual.theme import Theme

DARK = Theme(
    name="unipic-dark",
    primary="#86b3d9",
    secondary="#a99bd8",
    accent="#e5b567",
    foreground="#d5d9e0",
    background="#15171c",
    surface="#1c1f26",
    panel="#262a33",
    success="#8fc49a",
    warning="#e5b567",
    error="#e2797f",
    dark=True,
    variables={
        "text-muted": "#9a9ea7",
        "border": "#86b3d9",
        "border-blurred": "#343a46",
        "block-cursor-foreground": "#15171c",
        "block-cursor-background": "#86b3d9",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-foreground": "#d5d9e0",
        "block-cursor-blurred-background": "#303642",
        "input-selection-background": "#86b3d9 35%",
        "scrollbar": "#3a404d",
        "scrollbar-hover": "#4a5160",
        "scrollbar-active": "#86b3d9",
        "scrollbar-background": "#1c1f26",
        "scrollbar-corner-color": "#1c1f26",
    },
)

LIGHT = Theme(
    name="unipic-light",
    primary="#2b6089",
    secondary="#64509e",
    accent="#86500f",
    foreground="#2a2d33",
    background="#fbfaf6",
    surface="#f2f0e9",
    panel="#e6e3d9",
    success="#266840",
    warning="#7d5200",
    error="#a82f37",
    dark=False,
    variables={
        "text-muted": "#5a5c61",
        "border": "#2b6089",
        "border-blurred": "#cfcbbf",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-background": "#2b6089",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-foreground": "#2a2d33",
        "block-cursor-blurred-background": "#dcd8cc",
        "input-selection-background": "#2b6089 25%",
        "scrollbar": "#cbc7ba",
        "scrollbar-hover": "#b8b3a4",
        "scrollbar-active": "#2b6089",
        "scrollbar-background": "#f2f0e9",
        "scrollbar-corner-color": "#f2f0e9",
    },
)


def usual_theme() -> str:
    """The theme for this terminal: light only where it says that its background is light."""
    background = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return LIGHT.name if background in {"7", "15"} else DARK.name
