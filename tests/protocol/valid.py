"""Valid values of every message, made from the schemas themselves: whatever a schema allows, some test has read.

Chance is handed in (``random.Random``), so that making a value costs little and a seed makes it again.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from reconciler.protocol.message.common import Artifact
from reconciler.protocol.message.document import version_of
from reconciler.protocol.wire.codec import from_json
from reconciler.protocol.wire.rules import FILES, definitions

Value = dict[str, Any]
CHARACTERS = string.printable + "\0\x1f\x7fäß€漢🚀\u2028\ue000\U0001f680"
LARGEST = 2**53 - 1


def _from(characters: str, least: int, most: int, *, lead: str = "", end: str = "") -> Callable[[Random], str]:
    return lambda random: lead + "".join(random.choices(characters, k=random.randint(least, most))) + end


LOWER = string.ascii_lowercase + string.digits
PATTERNS: dict[str, Callable[[Random], str]] = {
    r"^sha256:[0-9a-f]{64}$": _from("0123456789abcdef", 64, 64, lead="sha256:"),
    r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$": _from(
        "0123456789abcdef", 12, 12, lead="7f1c2f0e-9f2b-4a55-8d0e-"
    ),
    r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$": _from(LOWER + "-", 0, 61, lead="a", end="9"),
    r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$": _from(LOWER + "-", 0, 62, lead="a", end="9"),
    r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$": _from(
        string.ascii_letters + "._-", 0, 126, lead="h", end="1"
    ),
    r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$": _from(string.ascii_letters + "._-", 0, 127, lead="_"),
    r"^[!-~]{1,200}$": _from(string.ascii_letters + string.punctuation, 1, 200),
    r"^[^\s=\u0000]{1,255}$": _from(string.ascii_letters + "ä漢./", 1, 255),
    r"^/[!-~]*$": _from(string.ascii_letters + "/?&%", 0, 40, lead="/"),
    r"^/[^\u0000-\u001f\u007f]*$": _from(string.ascii_letters + "/ ä.", 0, 40, lead="/"),
    r"^[^/\u0000-\u001f\u007f][^\u0000-\u001f\u007f]*$": _from(string.ascii_letters + "/ ä.", 0, 40, lead="f"),
    r"^0[0-7]{3}$": _from("01234567", 3, 3, lead="0"),
    r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$": lambda random: random.choice(
        ["", "QQ==", "QUI=", "QUJD", "+/+/" * 9]
    ),
}


def message(kind: str, random: Random) -> Value:
    """A value of this kind of message."""
    rules = definitions()[FILES[kind]]
    if kind == "AgentTask":
        case = random.choice(rules["allOf"])
        then = case["then"]
        properties = {**rules["properties"], **then["properties"], "type": case["if"]["properties"]["type"]}
        required = [*rules["required"], *then.get("required", ())]
        return _object({**rules, "properties": properties, "required": required}, random, 0)
    made: Value = value(rules, random)
    if kind == "TaskResult":
        made["success"] = made["outcome"] == "succeeded"
    if kind == "AssignedDocument":
        artifacts = tuple(from_json(Artifact, below) for below in made.get("artifacts", ()))
        made["version"] = version_of(made["text"], artifacts)
    return made


def plain(random: Random, depth: int = 0) -> Any:
    """Any JSON value that messages may hold."""
    made = random.randint(0, 4 if depth > 2 else 6)
    if made == 5:
        return [plain(random, depth + 1) for _ in range(random.randint(0, 3))]
    if made == 6:
        return {text(random, 0, 9): plain(random, depth + 1) for _ in range(random.randint(0, 3))}
    return [None, True, False, random.randint(-LARGEST, LARGEST), text(random, 0, 12)][made]


def text(random: Random, least: int, most: int) -> str:
    return "".join(random.choices(CHARACTERS, k=random.randint(least, max(least, min(most, least + 12)))))


def value(rules: Any, random: Random, depth: int = 0) -> Any:
    """A value that a schema allows; nothing that must be understood is in it."""
    while "$ref" in rules:
        rules = definitions()[rules["$ref"].removeprefix("#/$defs/")]
    if "const" in rules or "enum" in rules:
        return random.choice(rules.get("enum", [rules.get("const")]))
    match rules["type"]:
        case "boolean":
            return random.random() < 0.5
        case "integer":
            least, most = rules["minimum"], rules["maximum"]
            return random.choice([least, most, random.randint(least, most)])
        case "string":
            return _text(rules, random)
        case "array":
            return _list(rules, random, depth)
        case _:
            return _object(rules, random, depth)


def _text(rules: Mapping[str, Any], random: Random) -> str:
    if rules.get("title") == "Time":
        fraction = random.choice(["", ".5", ".000001", ".123456"])
        day = f"20{random.randint(10, 99)}-0{random.randint(1, 9)}-{random.randint(10, 28)}"
        return f"{day}T1{random.randint(0, 9)}:30:59{fraction}Z"
    if "pattern" in rules:
        return PATTERNS[rules["pattern"]](random)
    return text(random, rules.get("minLength", 0), rules["maxLength"])


def _list(rules: Mapping[str, Any], random: Random, depth: int) -> list[Any]:
    least = rules.get("minItems", 0)
    most = least + (1 if depth > 3 else 2)
    found = [value(rules["items"], random, depth + 1) for _ in range(random.randint(least, most))]
    return found if not rules.get("uniqueItems") else list({str(item): item for item in found}.values())


def _object(rules: Mapping[str, Any], random: Random, depth: int) -> Value:
    if "properties" not in rules:
        others = rules.get("additionalProperties")
        names = rules.get("propertyNames")
        return {
            value(names, random, depth) if names else text(random, 0, 9): plain(random, depth + 1)
            if others is True
            else value(others, random, depth + 1)
            for _ in range(random.randint(0, 2))
        }
    chosen = {
        key: below
        for key, below in rules["properties"].items()
        if key in rules["required"] or (key != "mustUnderstand" and random.random() < 0.5)
    }
    made = {key: value(below, random, depth + 1) for key, below in chosen.items()}
    if made.get("documentKind") == "Container":
        made = {"image": "registry.example.com/web", "digest": f"sha256:{'1' * 64}", **made}
    return made
