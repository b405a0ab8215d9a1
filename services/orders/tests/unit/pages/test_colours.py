"""The tokens keep their promise in light and dark: text 4.5:1, edges of controls 3:1 (WCAG 2.2 AA)."""

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).resolve().parents[3] / "src/orders/static/css/mercadito.css").read_text()
TEXT, EDGE = 4.5, 3.0
PAIRS = [
    *((ink, ground, TEXT) for ink in ("ink", "ink-soft", "leaf", "tomato", "amber") for ground in ("paper", "card")),
    *(("ink", wash, TEXT) for wash in ("leaf-wash", "tomato-wash", "amber-wash")),
    *(("ink-soft", wash, TEXT) for wash in ("leaf-wash", "tomato-wash")),
    ("leaf", "leaf-wash", TEXT),
    ("tomato", "tomato-wash", TEXT),
    ("amber", "amber-wash", TEXT),
    ("on-leaf", "leaf", TEXT),
    ("on-leaf", "leaf-deep", TEXT),
    ("edge", "paper", EDGE),
    ("edge", "card", EDGE),
    ("leaf", "paper", EDGE),
    ("meter-amber", "card", EDGE),
    *((line, "card", EDGE) for line in ("sky", "plum", "clay")),
]


def _tokens(scheme: str) -> dict[str, str]:
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
    )
    return light if scheme == "light" else light | dark


def _luminance(colour: str) -> float:
    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
def test_ink_stands_out_from_its_ground(scheme: str, ink: str, ground: str, least: float) -> None:
    tokens = _tokens(scheme)
    lighter, darker = sorted((_luminance(tokens[ink]), _luminance(tokens[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= least


def test_colours_come_from_the_tokens_alone() -> None:
    body = CSS.split("/* Ground */")[1]
    assert set(re.findall(r"#[0-9a-fA-F]{3,8}\b", body)) <= {"#000"}
