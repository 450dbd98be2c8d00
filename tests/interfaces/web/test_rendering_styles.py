"""The files every page is made of: readable in both schemes, and nothing a strict policy would refuse."""

from __future__ import annotations

import re

import pytest

from holdfast import charts
from holdfast.interfaces.web import rendering

STATIC = rendering.static_folder()
STYLES = STATIC.joinpath("app.css").read_text("utf-8")
TOKENS = STATIC.joinpath("tokens.css").read_text("utf-8")

TEXT = ("ink", "ink-2", "ink-3", "brand", "sev1", "sev2", "good")
SURFACES = ("paper", "desk", "hover")
ON_ITS_OWN = ("sev1", "sev2", "sev3", "sev4", "good", "brand")


def _luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` (WCAG 2.2, definition of relative luminance)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("text", "surface"),
    [
        *((text, surface) for text in TEXT for surface in SURFACES),
        *((tone, f"{tone}-soft") for tone in ON_ITS_OWN),
        *(("ink", f"{tone}-soft") for tone in ON_ITS_OWN),
        ("ink-2", "brand-soft"),
        ("ink-2", "sev4-soft"),
        ("on-brand", "brand"),
        ("on-sev1", "sev1"),
    ],
)
def test_text_contrasts_at_least_4_5_to_1_r_xct_02(scheme: charts.Scheme, text: str, surface: str) -> None:
    """R-XCT-02/contrast."""
    colours = charts.palette(scheme)
    assert _contrast(colours[text], colours[surface]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("surface", ["paper", "desk"])
@pytest.mark.parametrize("part", ["edge", "brand", "sev1", "good"])
def test_edges_of_fields_and_the_focus_ring_contrast_at_least_3_to_1_r_xct_02(
    scheme: charts.Scheme, surface: str, part: str
) -> None:
    colours = charts.palette(scheme)
    assert _contrast(colours[part], colours[surface]) >= 3


def test_every_colour_is_a_token() -> None:
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[^{}]*;)|\brgba?\(|\bhsla?\(", STYLES)


def test_every_variable_used_is_a_token() -> None:
    declared = set(re.findall(r"(--[\w-]+):", TOKENS + STYLES))
    templates = "".join(_templates().values())
    assert set(re.findall(r"var\((--[\w-]+)", STYLES + templates)) <= declared


def test_styles_fetch_only_files_that_are_shipped() -> None:
    addresses = re.findall(r"url\(\"?([^\")]+)\"?\)", STYLES + TOKENS)
    assert addresses
    for address in addresses:
        assert STATIC.joinpath(address).is_file(), address


def test_fonts_and_scripts_carry_their_licences() -> None:
    names = {file.name for folder in ("fonts", "vendor") for file in STATIC.joinpath(folder).iterdir()}
    assert {"Inter-OFL.txt", "JetBrainsMono-OFL.txt", "htmx-LICENSE.txt"} <= names


def _templates() -> dict[str, str]:
    environment = rendering.environment()
    assert environment.loader is not None
    return {
        name: environment.loader.get_source(environment, name)[0] for name in environment.list_templates()
    }


@pytest.mark.parametrize("name", sorted(_templates()))
def test_a_template_holds_nothing_the_content_security_policy_refuses(name: str) -> None:
    text = _templates()[name]
    assert not re.search(r"\sstyle\s*=", text), "style attributes are refused; use a class"
    assert not re.search(r"<style\b", text), "styles live in app.css"
    markup = re.sub(r"\{%.*?%\}", "", text)
    assert not re.search(r"\son[a-z]+\s*=", markup), "scripts live in app.js"
    assert not re.search(r"hx-on|javascript:|hx-vals='js:", text), "scripts live in app.js"
    assert not re.search(r"<script(?![^>]*\ssrc=)", text), "scripts live in app.js"
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text), "everything is served from here"
    assert "|safe" not in text, "everything is escaped"


def test_htmx_is_told_to_evaluate_nothing_and_to_stay_here() -> None:
    base = _templates()["base.html"]
    for setting in ('"includeIndicatorStyles":false', '"allowEval":false', '"selfRequestsOnly":true'):
        assert setting in base
