"""The code as a person types it (section 6.1)."""

import re
import unicodedata

from wire import Refused

_DAMM = [
    "0317598642", "7092154863", "4206871359", "1750983426", "6123045978",
    "3674209581", "5869720134", "8945362017", "9438617205", "2581436790",
]  # fmt: skip
_NAMEPLATE = {**{str(first): 3 for first in range(8)}, "8": 5, "9": 7}
SECRET_DIGITS = {1: (6,), 2: (6,), 3: (12, 39)}
"""By purpose: view, agent, link; for the last typed by a person, and read by a camera."""

# One run: digits with any spaces, dashes and dots between them.
_RUN = re.compile(r"\d(?:[\s\u00ad\u2010-\u2015\u2212\u200b.\u00b7\-]*\d)*")


def check_digit(digits):
    interim = 0
    for digit in digits:
        interim = int(_DAMM[interim][int(digit)])
    return str(interim)


def is_code(digits, purpose=1):
    secret = len(digits) - _NAMEPLATE[digits[0]] - 1
    return secret in SECRET_DIGITS[purpose] and check_digit(digits) == "0"


def find_code(typed, purpose=1):
    """The digits of the one code in what was typed."""
    runs = ["".join(str(unicodedata.decimal(each)) for each in run if each.isdecimal()) for run in _RUN.findall(typed)]
    codes = [run for run in runs if is_code(run, purpose)]
    if len(codes) != 1:
        raise Refused("code-mistyped", "the code")
    return codes[0]


def read_code(typed, purpose=1):
    """(nameplate, secret), both as ASCII digits."""
    digits = find_code(typed, purpose)
    length = _NAMEPLATE[digits[0]]
    return digits[:length], digits[length:-1]


def grouped(digits):
    """In groups of three, with as many groups of four at the end as leave no shorter group."""
    fours = len(digits) % 3
    threes = (len(digits) - 4 * fours) // 3
    groups = [digits[3 * i : 3 * i + 3] for i in range(threes)]
    groups += [digits[3 * threes + 4 * i : 3 * threes + 4 * i + 4] for i in range(fours)]
    return " ".join(groups)
