"""Dates, however they are written."""

from __future__ import annotations

import re
from datetime import date, datetime

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
YEAR = r"(?P<year>\d{4})"
TIME = r"(?:[T ](?P<time>\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[-+]\d{2}:?\d{2})?))?"
FORMS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<!\d){YEAR}[-/.](?P<number>\d{{1,2}})[-/.](?P<day>\d{{1,2}})(?!\d){TIME}",
        rf"\b{MONTH}\s+{DAY}(?:,\s*|\s+){YEAR}\b",
        rf"(?<!\d){DAY}(?:\s+of)?[\s-]+{MONTH}[\s,-]+{YEAR}\b",
    )
)
SLASHED = re.compile(r"(?<!\d)(?P<first>\d{1,2})[-/.](?P<second>\d{1,2})[-/.](?P<year>\d{4})(?!\d)")

Form = date | datetime | tuple[str, int, int, int]


def date_form(text: str, *, whole: bool = False) -> Form | None:
    """The first date of a text, with its time where it gives one; with `whole` only where the text is nothing else.

    "03/05/2024" is the third of May or the fifth of March: it is the same as itself only.
    """
    found = [(match.start(), _dated(match), match) for form in FORMS if (match := form.search(text))]
    if match := SLASHED.search(text):
        found.append((match.start(), _slashed(match), match))
    valid = [(begin, form, match) for begin, form, match in found if form is not None]
    if not valid:
        return None
    _, form, match = min(valid, key=lambda row: row[0])
    around = text[: match.start()] + text[match.end() :]
    return form if not whole or not around.strip(" \t\r\n.*_`'\"") else None


def _dated(match: re.Match[str]) -> Form | None:
    about = match.groupdict()
    month = int(about["number"]) if about.get("number") else MONTHS.index(about["month"][:3].lower()) + 1
    try:
        day = date(int(about["year"]), month, int(about["day"]))
        return datetime.fromisoformat(f"{day}T{about['time'].upper()}") if about.get("time") else day
    except ValueError:
        return None


def _slashed(match: re.Match[str]) -> Form | None:
    first, second, year = int(match["first"]), int(match["second"]), int(match["year"])
    if first == second or first > 12 or second > 12:
        day, month = (first, second) if first > 12 else (second, first)
        try:
            return date(year, month, day)
        except ValueError:
            return None
    return ("either", first, second, year) if first and second else None
