"""One HL7 v2 segment: fields, components, escapes and character sets (HL7 v2.8 chapter 2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cxrreport.reports.parsing import decode

# HL7 table 0211; ISO IR87 and IR159 need escape sequences, which this codec of Python knows.
_CHARACTER_SETS = {
    "ASCII": "", "": "", "UNICODE UTF-8": "utf-8", "UTF-8": "utf-8", "UNICODE": "utf-8", "ISO IR6": "",
    "ISO IR14": "shift_jis", "ISO IR87": "iso2022_jp", "ISO IR159": "iso2022_jp_1", "GB 18030-2000": "gb18030",
    "KS X 1001": "euc_kr", "CNS 11643-1992": "euc_tw", "BIG-5": "big5",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The separators that a message names in MSH-1 and MSH-2."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"

    def unescape(self, text: str) -> str:
        r"""Resolve \F\ \S\ \T\ \R\ \E\ \P\ \.br\ \.sp\ \Xhh\; formatting that has no meaning in plain text is dropped."""
        if not self.escape or self.escape not in text:
            return text
        e = re.escape(self.escape)
        return re.sub(rf"{e}([^{e}\s]{{1,64}}){e}", lambda match: self._meaning(match[1]), text)

    def _meaning(self, code: str) -> str:
        signs = {"F": self.field, "S": self.component, "T": self.subcomponent, "R": self.repetition, "E": self.escape}
        if code in signs:
            return signs[code]
        if code[0] == "X" and re.fullmatch(r"X(?:[0-9A-Fa-f]{2})+", code):
            return decode.characters(bytes.fromhex(code[1:])).replace("\r", "\n")
        if re.fullmatch(r"\.(?:br|sp|ce|fi|nf)[+]?\d*", code):
            return "\n"
        if re.fullmatch(r"[HN]|\.(?:in|ti|sk)[+-]?\d*|[CMZ][0-9A-Za-z]*", code):
            return " " if code.startswith(".sk") else ""
        return f"{self.escape}{code}{self.escape}"  # no escape at all: a path, a fraction

    def atoms(self, text: str) -> list[str]:
        """Components and subcomponents of all repetitions, in order."""
        for sign in (self.repetition, self.component):
            text = text.replace(sign, self.subcomponent)
        return [part.strip() for part in text.split(self.subcomponent)]

    def first_subcomponent(self, text: str) -> str:
        """What stands before the first subcomponent separator."""
        return text.split(self.subcomponent)[0].strip()


@dataclass(frozen=True, slots=True)
class Segment:
    """Name and fields; `fields[0]` is the name, so that numbers are HL7's own (of MSH too)."""

    name: str
    fields: tuple[str, ...]
    delimiters: Delimiters

    def field(self, number: int) -> str:
        """The field as sent, "" where there is none or HL7's null."""
        value = self.fields[number] if number < len(self.fields) else ""
        return "" if value == '""' else value

    def component(self, number: int, part: int) -> str:
        """One component of the first repetition as an identifier."""
        parts = self.field(number).split(self.delimiters.repetition)[0].split(self.delimiters.component)
        value = parts[part - 1] if part <= len(parts) else ""
        return decode.identifier(self.delimiters.unescape(self.delimiters.first_subcomponent(value)))

    def repetitions(self, number: int) -> list[list[str]]:
        """Components of every repetition."""
        unescape = self.delimiters.unescape
        return [
            [decode.identifier(unescape(part)) for part in one.split(self.delimiters.component)]
            for one in self.field(number).split(self.delimiters.repetition)
        ]

    def text(self, number: int) -> str:
        """Everything a field says on one line."""
        return " ".join(filter(None, map(self.delimiters.unescape, self.delimiters.atoms(self.field(number)))))

    def prose(self, number: int) -> str:
        """A field as text: repetitions are lines, of a coded value the text is taken."""
        lines = self.field(number).split(self.delimiters.repetition)
        if self.name == "OBX" and self.component(2, 1).upper() in ("CE", "CWE", "CNE"):
            lines = [[*line.split(self.delimiters.component), ""][1] or line for line in lines]
        return "\n".join(map(self.delimiters.unescape, lines))


def parse_message(lines: list[bytes]) -> list[Segment]:
    """Parse the lines of one message.

    Raises
    ------
    ValueError : the MSH segment names no separators; the message quotes nothing.
    """
    head = decode.characters(lines[0], "latin-1").rstrip()
    delimiters = _delimiters(head)
    encoding = _encoding(head.split(delimiters.field), delimiters)
    if encoding.startswith("iso8859") and _is_utf8(b"\r".join(lines)):
        encoding = "utf-8"
    segments = []
    for line in lines:
        fields = decode.characters(line, encoding).rstrip("\r\n\x00").split(delimiters.field)
        if fields[0] == "MSH":
            fields.insert(1, delimiters.field)
        segments.append(Segment(fields[0], tuple(fields), delimiters))
    return segments


def _delimiters(head: str) -> Delimiters:
    signs = head[3:8]
    names = signs[1:].split(signs[:1])[0] if signs else ""
    if len(names) < 2 or len(set(signs[:1] + names)) != len(names) + 1 or any(sign.isalnum() for sign in names):
        raise ValueError("names no separators in its MSH segment")
    four = [*names, "\x02", "\x03"]  # separators that the message does not name never occur
    return Delimiters(signs[0], *four[:4])


def _is_utf8(data: bytes) -> bool:
    """Tell UTF-8 that goes by another name: letters of several bytes, all of them valid, are never there by chance."""
    try:
        return not data.isascii() and bool(data.decode("utf-8"))
    except ValueError:
        return False


def _encoding(fields: list[str], delimiters: Delimiters) -> str:
    """Python's name of the first character set of MSH-18; "" where it is to be found out."""
    name = fields[17].split(delimiters.repetition)[0].strip().upper() if len(fields) > 17 else ""
    if name.startswith("8859/"):
        return f"iso8859-{name[5:]}" if name[5:].isdigit() else ""
    return _CHARACTER_SETS.get(name, "")
