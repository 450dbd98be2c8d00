"""Which passwords are refused (NIST SP 800-63B-4, section 3.1.1.2; R-XCT-01/password)."""

from __future__ import annotations

import pytest

from holdfast.access.passwords import require_hard_to_guess
from holdfast.problems import NotAllowed

ABOUT = ["maya.okafor@harbourstreet.example", "Maya Okafor", "Harbour Street Lending"]


@pytest.mark.parametrize(
    "password",
    [
        "Maya Okafor Maya Okafor",
        "maya.okafor2026!!",
        "okafor.maya@harbourstreet",
        "harbourstreet-harbourstreet",
        "H@rb0urStr33t 2026!",
        "teertsruobrah-2026",
        "HarbourStreetLending1",
        "Holdfast Holdfast 24",
        "h0ldf@st-h0ldf@st-1",
        "aaaaaaaaaaaaaaaaaaaa",
        "abcabcabcabcabcabc",
        "maya123maya123maya123",
        "123456789012345",
        "qwertyuiopasdfghjkl",
        "password12345678",
        "Passw0rd!Passw0rd!",
        "111222333444555666",
        "20262026202620262026",
        "correct horse battery staple",
        "Correct-Horse-Battery-Staple-2026",
        "November2026November",
        "november-december-2026",
        "thequickbrownfox",
        "zaq12wsxcde34rfvbgt5",
        "a1a2a3a4a5a6a7a8",
        "1a2b3c4d5e6f7g8h",
        "мояпарольмояпароль",
        "моя пароль моя пароль моя",
        "密碼密碼密碼密碼密碼密碼密碼密碼",
        "incident response",
        "credit decision",
        "Credit Decision 2026!",
        "to be or not to be 1",
    ],
)
def test_a_password_that_somebody_would_try_first_is_refused(password: str) -> None:
    with pytest.raises(NotAllowed, match="use a few plain words that do not belong together"):
        require_hard_to_guess(password, ABOUT)


@pytest.mark.parametrize(
    "password",
    [
        "plain words do nicely",
        "harbour-lights-at-four",
        "velvet otter paints seven bridges",
        "the credit of my late uncle's boat",
        "november rain on a tin roof",
        "bananas and mangoes by bus",
        "3fa2-91bc-77de-0a1c",
        "wer jeden Tag um sieben geht",
        "слово за слово вечером дома",
        "x" * 3 + "Qz7!kP2#vL9&mR4$" + "tJ6",
    ],
)
def test_a_few_plain_words_or_random_ones_are_taken(password: str) -> None:
    require_hard_to_guess(password, ABOUT)


def test_length_is_bounded_on_both_sides() -> None:
    with pytest.raises(NotAllowed, match="at least 15 characters"):
        require_hard_to_guess("kurz & bündig", ABOUT)
    with pytest.raises(NotAllowed, match="at most 512 characters"):
        require_hard_to_guess("long words " * 100, ABOUT)
