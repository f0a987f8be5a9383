"""Which evaluations are runs of one configuration, and how another configuration differs from it."""

import json
import shlex
from collections.abc import Sequence
from typing import Any

# the network's configuration (without the vocabulary, which phantoms of another seed change) and the training command
Configuration = tuple[str, str]
_APART = ("--seed", "--out", "--device", "--licence")


def configuration(document: dict[str, Any]) -> Configuration:
    """What two evaluations must share to be runs of one configuration."""
    weights = document["weights"]
    network = {name: value for name, value in _flat(weights["network"]).items() if not name.endswith("vocab_size")}
    return json.dumps(network, sort_keys=True), _course(weights.get("command"))


def _course(command: Any) -> str:
    """The command line without what a seed may change; several commands are one after the other."""
    commands = command if isinstance(command, list) else [command or ""]
    return " ; ".join(shlex.join(_without(str(text))) for text in commands)


def _without(command: str) -> list[str]:
    words, kept = _split(command), list[str]()
    skip = False
    for word in words:
        if not skip and not word.startswith(tuple(f"{name}=" for name in _APART)) and word not in _APART:
            kept.append(word)
        skip = not skip and word in _APART
    return kept


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # a quotation mark left open in free text
        return command.split()


def differences(first: Configuration, others: Sequence[Configuration]) -> list[str]:
    """A name for each configuration: what differs from the first in the network, and in the course where that is not enough."""
    names = ["as it is" if other == first else ", ".join(_network(first, other)) for other in others]
    return [
        name
        if name and names.count(name) == 1
        else ", ".join(filter(None, [name, *_words(first, other)])) or f"setting {i}"
        for i, (name, other) in enumerate(zip(names, others, strict=True))
    ]


def _network(first: Configuration, other: Configuration) -> list[str]:
    ours, theirs = (json.loads(found[0]) for found in (first, other))
    names = sorted(name for name in ours | theirs if ours.get(name) != theirs.get(name))
    return [f"{name} {_said(theirs.get(name))}" for name in names]


def _flat(found: dict[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in found.items():
        flat |= _flat(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}": value}
    return flat


def _said(value: Any) -> str:
    if isinstance(value, list):
        return "+".join(map(_said, value)) or "none"
    if value is None:
        return "by default"
    return ("off", "on")[value] if isinstance(value, bool) else str(value)


def _words(first: Configuration, other: Configuration) -> list[str]:
    """Options of the other command that the first has not, with their values."""
    known = set(_options(first[1]))
    return [option for option in _options(other[1]) if option not in known] or (
        ["another course"] if first[1] != other[1] else []
    )


def _options(course: str) -> list[str]:
    options: list[str] = []
    for word in _split(course):
        if word.startswith("--"):
            options.append(word.removeprefix("--"))
        elif options:
            options[-1] += f" {word}"
    return options
