"""libyaml's complaints in words for people who do not know its insides."""

from __future__ import annotations

TAB = "a tab cannot be used for indentation; use spaces"
MERGE_CONFLICT = "a merge conflict is not resolved"
_WORDS = (
    ("found a tab character that violates indentation", TAB),
    ("mapping values are not allowed", '":" is not allowed here; quote the text, or check the indentation'),
    ("could not find expected ':'", 'a ":" is missing after the key'),
    ("did not find expected key", "the indentation does not fit the lines above, or a quote or comma is missing"),
    ("did not find expected '-' indicator", 'the indentation does not fit the list above, or a "-" is missing'),
    ("did not find expected ',' or ']'", 'a "," or the closing "]" is missing'),
    ("did not find expected ',' or '}'", 'a "," or the closing "}" is missing'),
    ("did not find expected node content", "a value is missing"),
    ("found unexpected end of stream", "a quote is not closed"),
    ("found unexpected document indicator", 'a quote is not closed before "---" or "..."'),
    ("block sequence entries are not allowed", 'a list item ("- ") is not allowed here; check the indentation'),
    ("found undefined tag handle", "tags are not allowed; quote the text"),
    ("found unknown escape character", "unknown escape in double quotes; use single quotes or a double backslash"),
    (
        "did not find expected <document start>",
        'the text does not belong to the document before; "---" is missing?',
    ),
)


def plain_words(problem: str, char: str) -> str:
    """``char`` is the character at the place of the complaint."""
    if problem.startswith("found character that cannot start any token"):
        return TAB if char == "\t" else f'"{char}" cannot begin a text; quote it'
    for known, words in _WORDS:
        if problem.startswith(known):
            return words
    return f"cannot be read as YAML: {problem}"
