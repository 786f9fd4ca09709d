"""Whether a page can be used by everybody, as far as a program can tell: looked at as the browser renders it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

_LOOK = r"""
() => {
  const found = [];
  const say = (what, element) => found.push(`${what}: ${element.outerHTML.slice(0, 120)}`);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const seen = (element) => element.getClientRects().length && getComputedStyle(element).visibility === "visible";

  if (!document.documentElement.lang) say("no language", document.documentElement);
  if (!document.title) say("no title", document.documentElement);
  for (const landmark of ["main", "header", "footer"]) {
    if (all(landmark).length !== 1) say(`not one ${landmark}`, document.body);
  }
  const ids = all("[id]").map((element) => element.id);
  for (const element of all("[id]")) {
    if (ids.filter((id) => id === element.id).length > 1) say("a double id", element);
  }
  let level = 0;
  for (const heading of all("h1, h2, h3, h4, h5, h6")) {
    const now = Number(heading.nodeName[1]);
    if (now > level + 1) say(`a heading of level ${now} after one of level ${level}`, heading);
    level = now;
  }
  if (all("h1").length !== 1) say("not one h1", document.body);
  for (const element of all("[aria-labelledby]")) {
    if (!document.getElementById(element.getAttribute("aria-labelledby"))) say("labelled by nothing", element);
  }
  for (const control of all("input:not([type=hidden]), select, textarea")) {
    if (!control.labels.length) say("no label", control);
  }
  for (const element of all("a, button, summary, section, nav")) {
    const label = document.getElementById(element.getAttribute("aria-labelledby"));
    const name = (element.getAttribute("aria-label") || (label || element).textContent).trim();
    if (!name) say("no name", element);
  }
  for (const table of all("table")) {
    if (!table.caption || !table.caption.textContent) say("a table without caption", table);
    if (table.querySelector("thead th:not([scope=col])")) say("a column without scope", table);
    for (const row of table.querySelectorAll("tbody tr")) {
      if (!row.querySelector("th[scope=row]")) say("a row without a name", row);
      if (row.children.length !== table.querySelectorAll("thead th").length) say("a row with other columns", row);
    }
  }
  for (const element of all("[tabindex]")) {
    if (element.tabIndex > 0) say("an order of its own", element);
  }

  const pencil = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const once = (find, known = new Map()) => (key) => {
    if (!known.has(key)) known.set(key, find(key));
    return known.get(key);
  };
  const parsed = once((color) => {
    pencil.clearRect(0, 0, 1, 1);
    pencil.fillStyle = color;
    pencil.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = pencil.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  });
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const behind = once((element) => {
    const below = element.parentElement ? behind(element.parentElement) : [255, 255, 255, 1];
    return over(parsed(getComputedStyle(element).backgroundColor), below);
  });
  const luminance = (color) => {
    const [red, green, blue] = color.slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const element = text.parentElement;
    if (!text.data.trim() || !seen(element) || element.closest(".unseen, .skip, option")) continue;
    const style = getComputedStyle(element);
    const ground = behind(element);
    const [light, dark] = [luminance(over(parsed(style.color), ground)), luminance(ground)].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) say(`contrast ${ratio.toFixed(2)}`, element);
  }
  return found;
}
"""

_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def barriers(page: Page) -> list[str]:
    """What would keep somebody from using it."""
    found: list[str] = page.evaluate(_LOOK)
    return found


def overflow(page: Page) -> int:
    """Pixels that it is too wide, so that one would have to scroll sideways."""
    return int(page.evaluate(_WIDE))


def focused(page: Page) -> dict[str, Any]:
    """What has the focus: its name, and whether that can be seen."""
    found: dict[str, Any] = page.evaluate(
        """() => {
          const style = getComputedStyle(document.activeElement);
          return {
            tag: document.activeElement.nodeName,
            text: document.activeElement.id || document.activeElement.textContent.trim(),
            seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
          };
        }"""
    )
    return found
