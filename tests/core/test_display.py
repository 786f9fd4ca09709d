"""What of a value is shown, and that a secret is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.display import MASK, looks_secret, masked, secret_values, shown, without, without_credentials


@pytest.mark.parametrize(
    "name",
    ["DB_PASSWORD", "MYSQL_PWD", "STRIPE_KEY", "signing-key", "apiKey", "AUTH", "SENTRY_DSN", "GithubToken"],
)
def test_names_of_secrets_are_known(name: str) -> None:
    assert looks_secret(name)
    assert masked(name, "hunter2") == MASK


@pytest.mark.parametrize("name", ["USER", "KEYBOARD", "KEY_COUNT", "MONKEY", "PATH"])
def test_other_names_are_not(name: str) -> None:
    assert not looks_secret(name)
    assert masked(name, "en") == "en"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgres://u:pa@ss@host/db", "postgres://***@host/db"),
        ("redis://:pa/ss@host", "redis://***@host"),
        ("from https://a:b@x to https://c:d@y now", "from https://***@x to https://***@y now"),
        ("http://host:80/path and mail@example.com", "http://host:80/path and mail@example.com"),
        ("http://", "http://"),
    ],
)
def test_urls_are_shown_without_their_credentials(text: str, expected: str) -> None:
    assert without_credentials(text) == expected
    assert shown("url", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run --password=hunter2 --user=shop", "run --password=*** --user=shop"),
        ("-Dapi.token=abc=def", "-Dapi.token=***"),
        ("--password and no-token=x", "--password and no-token=x"),
        ("--url=db://a:b@host --pwd-file=/run/x", "--url=db://***@host --pwd-file=***"),
    ],
)
def test_options_with_names_of_secrets_are_shown_without_their_values(text: str, expected: str) -> None:
    assert without_credentials(text) == expected


def test_of_arguments_what_follows_an_option_with_such_a_name_is_not_shown() -> None:
    command = ("serve", "--db-password", "hunter2", "--password=hunter2", "hunter", "--port", "80", 5)
    assert shown("command", command) == "[serve, --db-password, ***, --password=***, hunter, --port, 80, 5]"


@given(st.text("-a=", max_size=200))
def test_texts_without_a_secret_name_stay_as_they_are(text: str) -> None:
    assert without_credentials(text) == text


WORD = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1)


@given(password=WORD, host=st.from_regex(r"[a-z]{1,9}(:[0-9]{2})?(/[a-z]{1,5})?", fullmatch=True))
def test_no_part_of_a_password_survives_in_a_url(password: str, host: str) -> None:
    assert without_credentials(f"at db://user:{password}@{host} today") == f"at db://***@{host} today"


def test_a_long_text_of_unfinished_urls_takes_no_time() -> None:
    for text in ("://" * 300_000, "--a" * 300_000, "-a=" * 300_000, "--" * 300_000, "-" + "a" * 900_000):
        assert without_credentials(text) == text


def test_values_of_secret_variables_are_taken_out_of_texts() -> None:
    values = secret_values(
        {"DB_PASSWORD": "hunter2", "OLD_PASSWORD": "hunter2-old", "USER": "shop", "PIN_KEY": "123"}
    )
    assert without("shop: hunter2-old, hunter2, 123", values) == "shop: ***, ***, 123"
    assert without("nothing to hide", ()) == "nothing to hide"


def test_the_lines_of_a_long_secret_are_secret_one_by_one() -> None:
    values = secret_values({"TLS_PRIVATE": "BEGIN\n  c2VjcmV0\t\n\nEND"})
    assert without("read c2VjcmV0", values) == "read ***"
    assert without("END", values) == "END"


@given(st.dictionaries(st.sampled_from(["A_TOKEN", "B_KEY", "C_PWD"]), st.text("abc.*\\", min_size=4), min_size=1))
def test_no_secret_value_survives(environment: dict[str, str]) -> None:
    text = without(" ".join(environment.values()), secret_values(environment))
    assert text.replace(MASK, "").strip() == ""


def test_of_an_argument_that_gives_a_secret_no_word_is_shown() -> None:
    """A passphrase has spaces; as an argument of its own it ends where that does."""
    assert shown("command", ("app", "--passphrase=correct horse", "--name=a b")) == (
        "[app, --passphrase=***, --name=a b]"
    )
