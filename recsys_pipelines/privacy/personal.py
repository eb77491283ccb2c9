"""What looks like personal data in a text: e-mail addresses, phone and card numbers, IP addresses, and telling keys.

Every value found is confirmed, not only matched: phone numbers by the numbering plan of their country (so only those
with an international prefix are found; others by their key), cards by issuer, length and check digit, IP addresses by
parsing. A release number behind a slash (``Chrome/120.0.0.0``) is no address. ``SUSPICIOUS`` is a pattern (of Rust's
regex, for Polars) that holds for every JSON text in which anything could be found, and for few others.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

import phonenumbers

from data_contracts.policies import PiiKind

SUSPICIOUS = (
    r"(?i)@|%40|::|(?:\+|00)\d[\d ().\-/]{5}|\d(?:[ \-]?\d){13}|\d\.\d{1,3}\.\d{1,3}\.\d|(?:[0-9a-f]{1,4}:){7}"
    r"|(?:name|mail|phone|mobile|telefon|tel|fax|msisdn|address|adresse|street|birth(?:day|date)?|dob|ssn|number|card|pan"
    r'|iban|passport|security|(?:tax|national|insurance)[_ -]?id|licen[cs]e|address[_ -]?line|plate)[_ -]?\d*"\s*:'
)
SUSPICIOUS_ID = r"@|%40|(?:\+|00)\d[\d ().\-/]{5}|^\d(?:[ \-]?\d){13,18}$"

_LOCAL, _DOMAIN = r"[\w.%+'-]{1,64}", r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_]{2,24}"
_EMAIL = re.compile(rf"(?<![\w.+-]){_LOCAL}?(?:@|%40){_DOMAIN}")
_PHONE = re.compile(r"(?<![\w.+-])(?:\+|00)\d[\d ().\-/]{5,20}\d(?!\w)")
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){13,18}(?![\w-])")
_IP = re.compile(
    r"(?<![\w.])(?<![^/]/)\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)"
    r"|(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4})(?![\w:])"
)
_ISSUERS = re.compile(  # Visa, Mastercard, American Express, Discover, Diners, JCB, UnionPay
    r"4(?:\d{15}|\d{18})|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"
)
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_MIN_PHONE_DIGITS, _MIN_CARD_DIGITS = 6, 8

_ENDINGS: dict[str, PiiKind] = {  # the last words of a key, whatever stands before them
    **dict.fromkeys(("email", "e mail", "mail", "email address", "e mail address"), "email"),
    **dict.fromkeys(("phone", "phone number", "mobile", "mobile number", "telephone", "tel", "fax", "msisdn"), "phone"),
    **dict.fromkeys(("telefon", "tel number", "telephone number", "fax number", "contact number"), "phone"),
    **dict.fromkeys(("card number", "credit card", "debit card", "cc number", "pan", "iban", "account number"), "card"),
    **dict.fromkeys(("first name", "last name", "full name", "given name", "family name", "middle name"), "name"),
    **dict.fromkeys(("surname", "firstname", "lastname", "fullname", "maiden name", "user name", "username"), "name"),
    **dict.fromkeys(("customer name", "contact name", "holder name", "recipient name", "billing name"), "name"),
    **dict.fromkeys(("person name", "shipping name", "display name", "real name", "legal name", "nickname"), "name"),
    **dict.fromkeys(("address", "adresse", "street", "street address", "address line", "street name"), "name"),
    **dict.fromkeys(("birthday", "birth date", "birthdate", "date of birth", "dob"), "name"),
    **dict.fromkeys(("ssn", "social security", "social security number", "passport", "passport number"), "name"),
    **dict.fromkeys(("tax id", "national id", "insurance id", "license number", "license plate"), "name"),
    **dict.fromkeys(("driver license", "drivers license", "driver licence", "licence number"), "name"),
}
_WHOLE: dict[str, PiiKind] = {"name": "name"}  # as the whole key only: `widget_name` names a widget
_IMPERSONAL = {"ip address", "mac address", "web address", "url address", "store address", "shop address"}


class Found(NamedTuple):
    """One value inside a text: from ``start`` to before ``end``."""

    kind: PiiKind
    start: int
    end: int


@lru_cache(maxsize=100_000)
def found_in(text: str) -> tuple[Found, ...]:
    """What a text holds, from left to right; what overlaps is told once, as what was looked for first."""
    found: list[Found] = []
    for kind, pattern, confirmed in _DETECTORS:
        for match in pattern.finditer(text):
            free = all(match.end() <= other.start or other.end <= match.start() for other in found)
            if free and confirmed(match.group()):
                found.append(Found(kind, *match.span()))
    return tuple(sorted(found, key=lambda each: each.start))


@lru_cache(maxsize=100_000)
def kind_of_id(text: str) -> PiiKind | None:
    """What an id gives away: that it holds an e-mail address, or is a phone or a card number; nothing else."""
    for kind, start, end in found_in(text):
        if kind == "email" or (kind in {"phone", "card"} and end - start == len(text)):
            return kind
    return None


@lru_cache(maxsize=10_000)
def kind_of_key(key: str) -> PiiKind | None:
    """What stands under a key, by its last words: ``billingEmail``, ``home_phone``, ``firstName``."""
    words = [word.lower() for word in _WORDS.findall(key)]
    while words and words[-1].isdigit():  # address_line_2
        words.pop()
    if " ".join(words) in _WHOLE:
        return _WHOLE[" ".join(words)]
    endings = [" ".join(words[at:]) for at in range(len(words))]
    if any(ending in _IMPERSONAL for ending in endings):
        return None
    return next((_ENDINGS[ending] for ending in endings if ending in _ENDINGS), None)


def is_told(kind: PiiKind, value: object) -> bool:
    """Whether a value under a telling key can be what the key says: ``mobile: true`` is no number."""
    if value is None or isinstance(value, bool) or value == "":
        return False
    digits = sum(map(str.isdigit, str(value)))
    if kind == "phone":
        return digits >= _MIN_PHONE_DIGITS
    return digits >= _MIN_CARD_DIGITS if kind == "card" else True


def _is_phone(text: str) -> bool:
    spelled = f"+{text[2:]}" if text.startswith("00") else text
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(spelled, None))
    except phonenumbers.NumberParseException:
        return False


def _is_card(text: str) -> bool:
    digits = re.sub(r"[ -]", "", text)
    return _ISSUERS.fullmatch(digits) is not None and sum(_luhn(digits)) % 10 == 0


def _luhn(digits: str) -> Iterator[int]:
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + place % 2)
        yield doubled - 9 if doubled > 9 else doubled  # noqa: PLR2004  (two digits, added)


def _is_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_loopback)


_DETECTORS: tuple[tuple[PiiKind, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("email", _EMAIL, lambda _: True),
    ("card", _CARD, _is_card),
    ("phone", _PHONE, _is_phone),
    ("ip", _IP, _is_address),
)
