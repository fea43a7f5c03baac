"""Numbers, however they are written: separators, currencies, units, percent, fractions, words for large ones."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

PERCENT = "%"
SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "%": PERCENT, "°": "degree"}
UNITS = {
    "USD": "usd us$ dollar dollars buck bucks",
    "EUR": "eur euro euros",
    "GBP": "gbp sterling",
    "JPY": "jpy yen",
    "INR": "inr rupee rupees",
    "CHF": "chf franc francs",
    "CNY": "cny rmb yuan",
    PERCENT: "percent percentage pct",
    "m": "m metre metres meter meters",
    "km": "km kms kilometre kilometres kilometer kilometers",
    "cm": "cm centimetre centimetres centimeter centimeters",
    "mm": "mm millimetre millimetres millimeter millimeters",
    "in": "inch inches",
    "ft": "ft foot feet",
    "mi": "mi mile miles",
    "kg": "kg kgs kilogram kilograms kilo kilos",
    "g": "g gram grams",
    "lb": "lb lbs pound pounds",
    "oz": "oz ounce ounces",
    "l": "l litre litres liter liters",
    "ml": "ml millilitre millilitres milliliter milliliters",
    "s": "s sec secs second seconds",
    "min": "min mins minute minutes",
    "h": "h hr hrs hour hours",
    "day": "day days",
    "week": "week weeks",
    "month": "month months",
    "year": "yr yrs year years",
    "°C": "celsius °c",
    "°F": "fahrenheit °f",
}
UNIT = {word: unit for unit, words in UNITS.items() for word in words.split()}
SCALES = {"k": 3, "thousand": 3, "mn": 6, "million": 6, "bn": 9, "billion": 9, "trillion": 12}
LINKING = re.compile("a|an|and|at|each|every|for|from|in|is|of|on|out|per|the|to|total|when|with")
"""A unit ends before one of these: "18 dollars per day" is in dollars."""

SIGN = r"[-+]?"
PLAIN = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+,\d+|\d+,\d{1,2}(?!\d)|\d+(?:\.\d+)?|\.\d+)"
NUMBER = re.compile(
    rf"(?P<before>[A-Za-z]{{2,3}}\$?\s?(?=[-\d.$])|)(?P<sign>{SIGN})\s?(?P<money>US\$|[$€£¥₹]?)\s?(?P<sign2>{SIGN})"
    rf"(?P<digits>{PLAIN})(?:(?P<power>\s?[x×]\s?10\^?|[eE])(?P<exponent>[-+]?\d+)\b)?"
    rf"(?:(?:\s(?P<whole>\d+))?\s?/\s?(?P<below>\d+(?:\.\d+)?)(?![\d/]))?",
)
WORD = re.compile(r"[°]?[^\W\d_]+\$?|[$€£¥₹%°]")
MINUS = str.maketrans({"−": "-", "–": "-", "‑": "-", "⁄": "/", "\u00a0": " ", "\u202f": " "})  # they are what is mended
VULGAR = re.compile(r"(\d?)\s?([¼½¾⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])")
LONGEST = 300
"""Digits of a number, and its exponent; more make none."""
PROSE_CHARACTERS = 120
"""A longer text argues first: its last number counts. A short one says its answer first."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and its unit; `""` for a bare number. A percentage is in percent."""

    value: Fraction
    unit: str = ""

    def read_in(self, unit: str) -> Quantity:
        """A bare number read in a unit; of percent, one up to 1 is taken for a share."""
        if self.unit:
            return self
        share = unit == PERCENT and abs(self.value) <= 1
        return Quantity(self.value * 100 if share else self.value, unit)


def number_form(text: str, *, whole: bool = False) -> Quantity | None:
    """The number that a text gives as its answer; with `whole` only where the text is a number and nothing else.

    In a sum the number after the last `=` counts, in prose the last one.
    """
    found = list(islice(_numbers(text), 2 if whole else None))
    if not found:
        return None
    if whole:
        (first, begin, end) = found[0]
        return first if len(found) == 1 and _bare(text, begin, end) else None
    text = text.translate(MINUS)
    after = [quantity for quantity, begin, _ in found if 0 <= text.rfind("=") < begin]
    if after:
        return after[0]
    return found[-1 if len(text) > PROSE_CHARACTERS else 0][0]


def _numbers(text: str) -> Iterator[tuple[Quantity, int, int]]:
    """Each number of a text with where it begins and ends, its unit included."""
    text = VULGAR.sub(_vulgar, text.translate(MINUS).replace("\\$", "$").replace("\\%", "%"))
    for match in NUMBER.finditer(text):
        before = match["before"].strip().lower()
        named = UNIT.get(before, "") if before else ""
        value = _value(match)
        if value is None or (before and not named and match["before"] == match["before"].strip()):
            continue  # a part of a word, as in "gpt4", or a division by zero
        begin = match.start() if named or not before else match.start("sign")
        unit, scale, end = _unit(text, match.end())
        value *= 10**scale
        unit = SIGNS.get(match["money"].removeprefix("US"), "") or named or unit
        if "-" in (match["sign"], match["sign2"]) and not _joins(text, match.start("sign")):
            value = -value
        yield Quantity(value, unit), begin, end


def _value(match: re.Match[str]) -> Fraction | None:
    digits = match["digits"]
    if len(match[0]) > LONGEST or (match["exponent"] and abs(int(match["exponent"])) > LONGEST):
        return None
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+,\d+|\d+,\d{1,2}", digits):
        digits = digits.replace(".", "").replace(",", ".")
    value = Fraction(digits.replace(",", ""))
    if match["exponent"]:
        value *= Fraction(10) ** int(match["exponent"])
    if match["below"]:
        below = Fraction(match["below"])
        if not below:
            return None
        value = value + Fraction(match["whole"]) / below if match["whole"] else value / below
    return value


def _unit(text: str, at: int) -> tuple[str, int, int]:
    """The unit after a number, the power of ten that a word for it adds, and where both end."""
    unit, scale, end = "", 0, at
    for match in WORD.finditer(text, at):
        gap, word = text[end : match.start()], match[0].lower()
        if gap.strip(" -") or len(gap) > 1 or LINKING.fullmatch(word):
            break
        if not unit and word in SCALES and end == at:
            scale = SCALES[word]
        elif match[0] in SIGNS or word in UNIT:
            unit, end = SIGNS.get(match[0]) or UNIT[word], match.end()
            if unit == "degree":
                continue
            break
        else:
            unit = _singular(word)
        end = match.end()
    return unit, scale, end


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _joins(text: str, at: int) -> bool:
    """A minus at `at` stands between two words, as in "10-12" or "e-5"."""
    return at > 0 and (text[at - 1].isalnum() or text[at - 1] == ")")


def _vulgar(match: re.Match[str]) -> str:
    share = unicodedata.normalize("NFKC", match[2]).replace("⁄", "/")
    return f"{match[1]} {share}" if match[1] else share


def _bare(text: str, begin: int, end: int) -> bool:
    rest = VULGAR.sub(_vulgar, text.translate(MINUS).replace("\\$", "$").replace("\\%", "%"))
    around = rest[:begin] + rest[end:]
    return not around.strip(" \t\r\n.*_`'\"$()≈~")
