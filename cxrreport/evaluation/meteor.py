"""METEOR 1.5 by its authors' Java program, which is not part of cxrreport: measured where both are at hand."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from cxrreport.errors import UnavailableError, UsageError

NOT_MEASURED = "not measured: METEOR needs Java and meteor-1.5.jar (--meteor-jar)"


def find_jar(given: Path | None) -> Path | None:
    """The jar named, or the one within an installed pycocoevalcap; None where there is none or no Java.

    Raises
    ------
    UsageError : the jar named is no file. UnavailableError : a jar is named and there is no Java.
    """
    if given is not None:
        if not given.is_file():
            raise UsageError("The METEOR jar is no file.")
        if shutil.which("java") is None:
            raise UnavailableError("METEOR needs Java, which is not installed.", "meteor.java")
        return given.resolve()
    package = importlib.util.find_spec("pycocoevalcap")
    if package is None or shutil.which("java") is None:
        return None
    jars = (Path(folder) / "meteor" / "meteor-1.5.jar" for folder in package.submodule_search_locations or ())
    return next((jar for jar in jars if jar.is_file()), None)


class Meteor:
    """The running program; use it as a context. One process for all rows: its paraphrase table takes seconds to load."""

    def __init__(self, jar: Path) -> None:
        self._process = subprocess.Popen(
            ["java", "-Xmx2G", "-jar", jar.name, "-", "-", "-stdio", "-l", "en", "-norm"],
            cwd=jar.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8",
        )  # fmt: skip
        self._known: dict[tuple[str, str], str] = {}

    def __enter__(self) -> Meteor:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def score(self, hypotheses: Sequence[str], references: Sequence[str]) -> float:
        """METEOR (0..1) of a corpus with one reference a text.

        Raises
        ------
        UnavailableError : the program has ended.
        """
        statistics = [self._statistics(h, r) for h, r in zip(hypotheses, references, strict=True)]
        self._say(" ||| ".join(["EVAL", *statistics]))
        for _ in statistics:  # the score of each text
            self._hear()
        return float(self._hear())

    def _statistics(self, hypothesis: str, reference: str) -> str:
        pair = (_line(hypothesis), _line(reference))
        if pair not in self._known:
            self._say(f"SCORE ||| {pair[1]} ||| {pair[0]}")
            self._known[pair] = self._hear()
        return self._known[pair]

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise UnavailableError("The METEOR program has ended.", "meteor.ended") from None

    def _hear(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise UnavailableError("The METEOR program has ended.", "meteor.ended")
        return line


def _line(text: str) -> str:
    """One line without the separator of the program."""
    return " ".join(text.replace("|||", "").split())
