import polars as pl
import pytest

from recsys_pipelines.privacy.personal import SUSPICIOUS, SUSPICIOUS_ID, found_in, kind_of_id, kind_of_key


def told(text):
    return [(found.kind, text[found.start : found.end]) for found in found_in(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("jane@example.com", [("email", "jane@example.com")], id="an address"),
        pytest.param("mail Jane.Doe+x@mail.example.co.uk!", [("email", "Jane.Doe+x@mail.example.co.uk")], id="inside"),
        pytest.param("/login?u=jane%40example.com&x=1", [("email", "jane%40example.com")], id="encoded for a url"),
        pytest.param("call +49 30 901820 now", [("phone", "+49 30 901820")], id="a phone number of Berlin"),
        pytest.param("0049 30 901820", [("phone", "0049 30 901820")], id="with two zeros"),
        pytest.param("4111 1111 1111 1111", [("card", "4111 1111 1111 1111")], id="a card"),
        pytest.param("378282246310005", [("card", "378282246310005")], id="another card"),
        pytest.param("from 203.0.113.7.", [("ip", "203.0.113.7")], id="an IPv4 address"),
        pytest.param("http://203.0.113.7/a", [("ip", "203.0.113.7")], id="in a url"),
        pytest.param("2001:db8::7", [("ip", "2001:db8::7")], id="an IPv6 address"),
        pytest.param("a@b.de, c@d.de", [("email", "a@b.de"), ("email", "c@d.de")], id="two"),
        pytest.param("4111111111111112", [], id="a wrong check digit"),
        pytest.param("1700000000000008", [], id="the check digit of a card, but no issuer's number"),
        pytest.param("+999 123456789", [], id="no such country"),
        pytest.param("Chrome/120.0.0.0 Safari/537.36", [], id="a release"),
        pytest.param("300.1.2.3", [], id="no address"),
        pytest.param("127.0.0.1", [], id="the machine itself"),
        pytest.param("2026-01-02T10:11:12", [], id="a time"),
        pytest.param("12:30:45", [], id="a time of day"),
        pytest.param("@home", [], id="no domain"),
        pytest.param("SKU-4111-1111-1111-1111", [], id="an article number"),
    ],
)
def test_a_text_holds(text, expected):
    assert told(text) == expected


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        ("jane@example.com", "email"),
        ("shop-jane@example.com", "email"),
        ("+4930901820", "phone"),
        ("4111111111111111", "card"),
        ("user-42", None),
        ("203.0.113.7", None),
        ("1700000000000", None),
        ("f81d4fae-7dec-11d0-a765-00a0c91e6bf6", None),
    ],
)
def test_an_id_gives_away(id, expected):
    assert kind_of_id(id) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("email", "email"),
        ("billingEmail", "email"),
        ("customer_e_mail", "email"),
        ("emailAddress", "email"),
        ("homePhone", "phone"),
        ("creditCard", "card"),
        ("name", "name"),
        ("Name", "name"),
        ("firstName", "name"),
        ("last_name", "name"),
        ("address_line_2", "name"),
        ("dateOfBirth", "name"),
        ("userSSN", "name"),
        ("widget_name", None),
        ("itemName", None),
        ("email_verified", None),
        ("phoneModel", None),
        ("ip_address", None),
        ("locale", None),
    ],
)
def test_a_key_tells(key, expected):
    assert kind_of_key(key) == expected


KEYS = ["email", "eMail", "phoneNumber", "msisdn", "tel", "creditCard", "cc_number", "accountNumber", "IBAN", "name"]
KEYS += ["family_name", "userName", "addressLine2", "address_line_1", "streetName", "birthday", "DateOfBirth", "ssn"]
KEYS += ["socialSecurity", "passportNumber", "taxId", "national_id", "insuranceId", "driversLicense", "licensePlate"]
VALUES = ["jane@example.com", "x%40example.com", "+49 30 901820", "004930901820", "4111-1111-1111-1111"]
VALUES += ["30569309025904", "203.0.113.7", "2001:db8::7", "2001:db8:0:0:0:0:0:7"]


@pytest.mark.parametrize("text", [*(f'{{"{key}": "x"}}' for key in KEYS), *(f'{{"a":"{value}"}}' for value in VALUES)])
def test_every_text_that_holds_something_is_suspected(text):
    suspected = pl.Series([text]).str.contains(SUSPICIOUS).item()
    key, value = text.split('"')[1], text.split('"')[3]

    assert kind_of_key(key) or found_in(value)
    assert suspected


@pytest.mark.parametrize(
    "id", ["jane@example.com", "x%40example.com", "+4930901820", "004930901820", "4111111111111111"]
)
def test_every_id_that_gives_something_away_is_suspected(id):
    assert kind_of_id(id)
    assert pl.Series([id]).str.contains(SUSPICIOUS_ID).item()


@pytest.mark.parametrize(
    "text", ['{"session_id":"s-1","device":"phone"}', '{"at":"2026-01-02T10:11:12Z"}', '{"page":{"rank":3}}']
)
def test_ordinary_texts_are_not_even_parsed(text):
    assert not pl.Series([text]).str.contains(SUSPICIOUS).item()
