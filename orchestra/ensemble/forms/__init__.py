"""What answers are compared by: one normal form for each kind of answer, `None` where a text is not of that kind."""

from orchestra.ensemble.forms.data import code_form, json_form
from orchestra.ensemble.forms.dates import date_form
from orchestra.ensemble.forms.numbers import Quantity, number_form
from orchestra.ensemble.forms.words import boolean_form, choice_form, label_form, text_form

__all__ = [
    "Quantity",
    "boolean_form",
    "choice_form",
    "code_form",
    "date_form",
    "json_form",
    "label_form",
    "number_form",
    "text_form",
]
