"""docs/hl7.md: what is read and written of HL7 v2, with examples that the code makes; `make docs` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from builders.hl7 import message
from builders.views import study_view
from cxrreport.export.coding import CHANGES, STATES, code_of, own_code
from cxrreport.export.hl7 import CODES, write_message
from cxrreport.export.site import Site
from cxrreport.findings import URGENCY
from cxrreport.reports.readers import hl7

READ = """# HL7 v2

Written by `make docs`; a test holds it equal to the code, which makes every example.

## What is read

`cxrreport index FOLDER` takes observation reports (ORU^R01) of the versions 2.3 to 2.8, one or many messages a file, with
or without MLLP's framing, in the character set that MSH-18 names. Anything else counts as `report.not_oru`. A message
that cannot be read is told, and the others of the file are imported. Unsigned reports are left out unless
`--preliminary` asks for them, and a draft of ours is never imported.

| what | from |
|---|---|
| patient | PID-3, the repetition of type MR, else PI, else the first, with its assigning authority; else PID-2 |
| accession number | the first of OBR-3, ORC-3 and OBR-18 that holds a digit |
| study UID | ZDS-1, IPC-3, or an OBX of code 113014 |
| time | OBR-22, else OBR-7, else MSH-7 |
| status | the weaker of OBR-25 and of OBX-11 of the texts; D, W and X withdraw |
| text | OBX of text types and NTE, by the section that OBX-3 codes or names; else a document of type ED |
| indication | its section, else OBR-31, OBR-13 or a note of type 1R, 2R or GR |

"""
WRITTEN = """
## What is written

```
cxrreport export DIR --format hl7
```

One message a study, `hl7/<study>.hl7`: ORU^R01, version 2.5.1, UTF-8, segments that end with a carriage return, no
framing (`--send mllp://…` frames it). The same draft gives the same bytes; the control id is made of the message, so that
a changed one has another. Nothing in it is final, also of a draft that a reader has accepted.

| field | holds |
|---|---|
| MSH-3 to MSH-6 | settings `hl7_sender`, `hl7_receiver` |
| MSH-7, OBR-22 | when the draft was made, UTC with its zone |
| MSH-10 | 20 digits of the SHA-256 of the message |
| PID-3, PID-7, PID-8 | number, issuer, type MR (blank: it named nobody); birth date; sex. PID-5 says "unspecified" |
| ORC-3, OBR-3 | accession number |
| OBR-4 | `procedure` of the table below |
| OBR-7, OBX-14 | when the film was made by the hospital's clock, without a zone; the date alone where no time is known |
| OBR-24, OBR-25 | RAD; P (preliminary) |
| NTE | label; priority; why there is no prior; what a reader must know of the draft |
| OBX 113014 | study UID |
| OBX `findings`, `impression`, `comparison` | the text, type FT, the label as its first line |
| OBX of a finding | present, absent or undetermined; OBX-9: probability of "present"; no row of what was not judged |
| OBX `change` | what became of it since the prior, with the OBX-4 of its finding; OBX-9: probability of the change |
| OBX-11 | P, in each |
| OBX-18 | 16 digits of the weights' SHA-256, and the release |

`|`, `^`, `&`, `~` and `\\` are escaped; a line ends with `\\.br\\`; a sign that nobody sees
is written as `\\Xhh\\` of its UTF-8.

The setting `hl7_codes` gives a row or finding the code of the site; then ours is not written:

```
[hl7_codes]
procedure = "XCHEST^Chest radiograph^LOCAL"
"pleural effusion" = "PEFF^Pleural effusion^LOCAL"
```

| row or finding | code |
|---|---|
"""
LIMITS = """
What the receiver must know: a RIS that ignores OBR-25 and OBX-11 would show a draft as a report, so try it with a test
patient first. Nothing withdraws what was sent: a draft that a reader rejects is exported no more, and stays where it is
as preliminary. A draft that is made anew is sent as another preliminary result of the same order. What a message has no
place for, such as boxes, is in the DICOM SR ([dicom-conformance.md](dicom-conformance.md)). Where the codes are from:
[fhir.md](fhir.md#codes).
"""
_READ = ("patient_id", "issuer", "accession", "reported_at", "findings", "impression", "indication", "status")


def reference() -> str:
    """Return docs/hl7.md as it must be."""
    told = message()
    written = write_message(study_view(), Site(hl7_sender="CXRREPORT|NORTH", hl7_receiver="RIS|NORTH"))[1]
    parts = [READ, _example(told), "\nis read as\n\n| field | value |\n|---|---|\n", *_read(told)]
    return "".join([*parts, WRITTEN, *_codes(), "\n### Example\n\n", _example(written), LIMITS])


def _example(told: str) -> str:
    lines = told.replace("\r", "\n")
    return f"```\n{lines}```\n"


def _read(told: str) -> Iterator[str]:
    with TemporaryDirectory() as folder:
        place = Path(folder) / "one.hl7"
        place.write_text(told, newline="")
        (report,) = hl7.read(place)
    yield from (f"| {name} | {getattr(report, name)} |\n" for name in _READ if getattr(report, name))


def _codes() -> Iterator[str]:
    for name, code in CODES.items():
        yield f"| `{name}` | `{code}` |\n"
    for finding in URGENCY:
        codings = dict.fromkeys((code_of(finding), own_code(finding)))
        yield f"| {finding} | {', '.join(f'`{one.code}^{one.display}^{one.scheme}`' for one in codings)} |\n"
    for state, one in STATES.items():
        yield f"| (value) {state} | `{one.code}^{one.display}^{one.scheme}` |\n"
    for change, one in CHANGES.items():
        yield f"| (value) {change} | `{one.code}^{one.display}^{one.scheme}` |\n"


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201
