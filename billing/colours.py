"""Contrast between colours, by the formula of WCAG 2.2, and the nearest colour that can be read.

Colours are written `#0b5f52`.
"""

from __future__ import annotations

import colorsys
import re

READABLE = 4.5  # WCAG 2.2, success criterion 1.4.3, for text of any size


def is_colour(text: str) -> bool:
    """Is it written as we write colours?"""
    return re.fullmatch(r"#[0-9a-f]{6}", text) is not None


def contrast(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black on white)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def nearest_readable(colour: str, ground: str) -> str:
    """The colour, or where it cannot be read on this ground the nearest of its hue that can."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*_channels(colour))
    step = -1 if _luminance(ground) > 0.18 else 1  # away from the ground: at 0.18 black and white are read alike
    for moved in range(256):
        at = min(1.0, max(0.0, lightness + step * moved / 255))
        candidate = colour if moved == 0 else _written(*colorsys.hls_to_rgb(hue, at, saturation))
        if contrast(candidate, ground) >= READABLE:
            return candidate
    raise AssertionError("black or white is readable on any ground")


def _channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _written(*channels: float) -> str:
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in channels)


def _luminance(colour: str) -> float:
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
