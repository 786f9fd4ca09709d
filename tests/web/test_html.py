"""HTML: whatever a text is, a browser reads that text and nothing else."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.display import printable
from reconciler.web.html import Element, h, page

ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


class Read(HTMLParser):
    """What a parser makes of it."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.said = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.said += data


@given(ANY, ANY)
def test_a_text_stays_a_text(said: str, title: str) -> None:
    read = Read(str(h("p", h("span", said, title=title, class_="a"))))
    assert read.tags == ["p", "span"]
    assert read.said == printable(said)
    assert read.attributes == [("title", printable(title)), ("class", "a")]


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (h("p"), "<p></p>"),
        (h("input", type="text", required=True, value=None, autocomplete=False), '<input type="text" required>'),
        (h("p", "a", None, ["b", [h("code", "c")]]), "<p>ab<code>c</code></p>"),
        (
            h("label", "x", for_="q", aria_label="y", data_z=3),
            '<label for="q" aria-label="y" data-z="3">x</label>',
        ),
        (h("p", "\x1b[31m\u202e"), "<p>\\x1b[31m\\u202e</p>"),
        (h("a", "&", href="/a?b=c&d=%3C#e"), '<a href="/a?b=c&amp;d=%3C#e">&amp;</a>'),
    ],
)
def test_elements_are_written_as_html(made: Element, text: str) -> None:
    assert str(made) == text


def test_a_page_says_that_it_is_html() -> None:
    assert page(h("html")) == "<!doctype html>\n<html></html>\n"


@pytest.mark.parametrize("tag", ["style", "iframe", "svg", "object", "P", "p onclick=x", ""])
def test_no_other_element_can_be_written(tag: str) -> None:
    with pytest.raises(ValueError, match="no element"):
        h(tag)


@pytest.mark.parametrize("tag", ["script", "input"])
def test_nothing_is_in_an_element_that_is_empty(tag: str) -> None:
    with pytest.raises(ValueError, match="no element"):
        h(tag, "alert(1)")


@pytest.mark.parametrize("name", ["onclick", "style", "srcdoc", "formaction", "xlink_href", "a b"])
def test_no_other_attribute_can_be_written(name: str) -> None:
    with pytest.raises(ValueError, match="no attribute"):
        h("p", **{name: "x"})


@pytest.mark.parametrize("name", ["href", "src", "action"])
@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "//evil.example", "/\\evil.example", "https://evil.example", "data:,", "", "a"],
)
def test_no_link_leaves_the_site(name: str, address: str) -> None:
    with pytest.raises(ValueError, match="does not stay"):
        h("a", **{name: address})
