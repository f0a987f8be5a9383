"""docs/dicom-conformance.md, from the code and from the objects of one made-up study; `make docs` writes it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.datadict import dictionary_description, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.multival import MultiValue
from pydicom.tag import Tag
from pydicom.uid import UID

from builders.views import study_view, write_films
from cxrreport.export import coding, source
from cxrreport.export.dicom import concepts
from cxrreport.export.films import Pictures
from cxrreport.export.sr import make
from cxrreport.export.study import StudyView
from cxrreport.export.subject import Subject
from cxrreport.findings import URGENCY
from cxrreport.imaging import decode, header, pixels

INTRODUCTION = """# DICOM conformance

Written by `make docs`; a test holds it equal to the code and to the objects of one made-up study. cxrreport reads
files and writes files: it is no archive and no viewer. It sends objects over the network only where `export --send`
names a receiver.

## What is read

**Films.** Every object with pixels whose Modality is blank, CR, DX, DR, RG, XR, OT or SC, of one grey frame, for
presentation, of at least 128 pixels a side, whose tags name no other part of the body; so Computed Radiography
(1.2.840.10008.5.1.4.1.1.1), Digital X-Ray for presentation (….1.1.1.1) and Secondary Capture (….1.1.7), and makers'
own classes as well. What is left out, and why, is counted ([codes](codes.md)); a study is drafted from an original
rather than from a derived or a captured image. Files need neither a preamble nor an extension. How pixels become an
image is told in [drafting.md](drafting.md).

**Reports.** `cxrreport index` reads structured reports (1.2.840.10008.5.1.4.1.1.88.*) and Encapsulated PDF
(….1.1.104.1). One that is not COMPLETE and VERIFIED, or is PRELIMINARY, is not signed and is left out unless the
setting `preliminary` asks for it. **A draft of ours that nobody has signed is never imported as a report**
(`report.draft`), and no draft is made from our own Secondary Capture (`colour`), so that an export may lie where the
next night looks.
"""

WRITTEN = """## What is written

```
cxrreport export --format sr DIRECTORY
```

writes for each study, in a folder of the study's database id, up to three objects. They are in **the study of the
film**, in two series of their own (documents and picture). None is final.

| file | class | what |
|---|---|---|
| `findings.dcm` | Comprehensive 3D SR, TID 1500 | state, probability, change, prior state; regions as polylines |
| `text.dcm` | Enhanced SR, TID 2000 | the draft as text, behind its label, its priority and its flags |
| `picture.dcm` | Secondary Capture | current film, registered prior, difference and boxes, with the label burnt in |

* **Status.** Completion Flag PARTIAL, Verification Flag UNVERIFIED, Preliminary Flag PRELIMINARY. The label stands in
  the Series Description, as TEXT in both documents, in the Contributing Equipment, and in the pixels of the picture.
  What the draft does not assess is TEXT in both documents, too, and a line below the picture.
* **Identifiers** are `2.25.` and 128 bits of a SHA-256 of everything else in the object, so that an export that is
  repeated gives the same objects byte by byte, and what says something else is another object. The series is that of
  one draft, and so is the Tracking Unique Identifier of a finding.
* **Times** of instance, content and capture are when the draft was made, in UTC; study date and time are the film's.
* **Device UID** (Contributing Equipment, Device Observer) is made of the digests of weights and calibration: other
  weights are another device. The algorithm's parameters name weights, calibration, index, preprocessing and inputs in
  full.
* **Patient and study** come from the archive; the patient's name, the Study ID, class and series come from the film's
  header, and are read when the object is written. Nothing is copied unchecked: a value that DICOM does not allow
  there (an accession number of more than 16 characters, a name of six parts, a sex "W") is left blank, and the study
  is still known by its UID. Text is UTF-8 (ISO_IR 192). With `--pseudonymise` only the class is read from the film,
  and the picture is left out unless `--with-pictures` is given ([pseudonyms.md](pseudonyms.md)); Patient Identity Removed
  is YES, with the Deidentification Method, and Longitudinal Temporal Information Modified is MODIFIED.
* **Places** are columns and rows of the film as it is stored (0\\0 is its upper left corner), not of the picture.
* **"Certainty of Finding"** is the calibrated probability that the finding is there, also where its state is
  "absent". What was not judged has a certainty and no state. Without a calibration it is the network's own score; the
  parameters say so.
* **The picture** is compressed once more (JPEG baseline, quality 90, Lossy Image Compression 01) and is at most 768
  pixels a film: it shows what the draft means and is not to be read in place of the film, which is in the study.

**A study is left out, and counted by its code,** where a film is away (`film.away`) or no longer the one of the draft
(`film.changed`, `draft.stale`), where its header lacks class or series (`header.incomplete`), and where a place is to
be marked on a film of a maker's own class (`film.class`). A film that cannot be drawn costs the picture alone.

**Viewers.** Many show the boxes of TID 1500 badly or not at all (OHIF has open issues on it: 1215, 3832, 4404, 5082)
and list every group, findings that are absent among them. The Secondary Capture is there for them; workstations that
do read TID 1500 may be told to hide it by its modality (OT) or its series number (9302).

**Measured** in November 2026: the 33 drafts of the demo (99 objects), and a made-up draft on each of 88 films of
public collections and of films with odd headers (262 objects). `dciodvfy` of dicom3tools finds no error in any of
them, and `dsrdump` of dcmtk reads all 242 documents. `dciodvfy` warns of what it does not know: private codes, and
Device UID in Contributing Equipment, where PS3.3 Table C.12-1 has it. A study takes about 0.2 s of one core besides
its pictures, and 180 kB. `dciodvfy` counts the bytes of a name where DICOM counts characters (PS3.5 6.2), and so
complains of one of more than 64 bytes. Templates were checked by highdicom alone, which reads the documents back;
conformance to an IHE profile is not claimed.
"""

CODES = """## Codes

A finding has a code of SNOMED CT or DICOM where one says just what the finding says, else one of our own (scheme
`99CXRREPORT`). No browser of SNOMED CT was at hand: the source of each code is named, and a site checks them before
it relies on them.
"""

NETWORK = """## Network

As a client alone, and only where `export --send` names a receiver: C-STORE as SCU (PS3.4 annex B), and STOW-RS as
user agent (PS3.18 10.5). Addresses, TLS, answers and retries are told in [sending.md](sending.md). cxrreport listens
to nothing; how films are received and priors fetched with Orthanc or dcmtk is told in [deploy.md](deploy.md).

* AE title: `CXRREPORT`, or that of `?calling=`. The called title is that of the URL. No user identity, no
  asynchronous operations, no extended negotiation. Longest PDU 16,382 bytes. Implementation class and version are
  those of pynetdicom.
* Presentation contexts: for each class Explicit and Implicit VR Little Endian in one; for the Secondary Capture JPEG
  Baseline (1.2.840.10008.1.2.4.50) in another. An archive that accepts no JPEG gets the pixels decompressed, under
  the same SOP Instance UID. A class is asked for when the first of its objects is sent.
* One association at a time; objects follow one another in it. One that ends is followed by another.
* Statuses 0x0000, 0xB000, 0xB006 and 0xB007 mean stored; any other one is a failure of that object alone.
* TLS (`dicom+tls`): 1.2 or newer as the Python of the machine offers it, the archive's certificate and host name
  checked, ours shown where `send_certificate` names one.
* STOW-RS: a request an object, `multipart/related; type="application/dicom"`, to `…/studies`; the answer is read as
  `application/dicom+json` or `application/dicom+xml`. Stored is what its Referenced SOP Sequence names.
"""
OF_THE_PICTURE = {"Rows", "Columns", "PixelData", "LossyImageCompressionRatio"}


def reference() -> str:
    """Return docs/dicom-conformance.md as it must be."""
    objects = example()
    lines = [INTRODUCTION, *_syntaxes(), *_tags(), WRITTEN]
    for name, title in (("findings", "Comprehensive 3D SR"), ("text", "Enhanced SR"), ("picture", "Secondary Capture")):
        lines += [f"### {title}: `{name}.dcm`", "", *_attributes(objects[name]), ""]
        if name != "picture":
            lines += ["The content; of several groups of a kind the first:", "", "```"]
            lines += [*_shown(objects[name]), "```", ""]
    lines += [CODES, *_codes(), NETWORK]
    return "\n".join(lines)


def example() -> dict[str, Dataset]:
    """The objects of the study of `builders.views`."""
    with tempfile.TemporaryDirectory() as folder:
        view = study_view(films=write_films(Path(folder), StudyID="S1"))
        return {Path(item.name).stem: dcmread(BytesIO(item.content)) for item in make(pictured(view))}


def pictured(view: StudyView) -> Subject:
    """The study with pictures of its own: nothing is decoded or registered."""
    grey = np.tile(np.arange(136, dtype=np.uint8), (160, 1))
    regions = view.held.draft.regions if view.held.draft else ()
    drawn = Pictures(grey, grey if view.films.prior else None, None, regions, (1.0, 1.0))
    return Subject(view, 10**8, drawn=drawn)


def _syntaxes() -> Iterator[str]:
    yield "**Transfer syntaxes** of films:\n"
    found = sorted(decode._NATIVE | decode._COMPRESSED, key=lambda uid: [int(part) for part in uid.split(".")])
    yield from (f"* {UID(uid).name} ({uid})" for uid in found)
    yield ""


def _tags() -> Iterator[str]:
    yield "**Attributes** that are read of a film, for the archive, for its pixels, and for an object beside it:\n"
    used = (source._SOP_CLASS, source._SERIES_UID, source._NAME, source._STUDY_ID)
    for title, tags in (("Archive", header._TAGS), ("Pixels", pixels._TAGS), ("Object beside it", used)):
        yield f"* {title}: {', '.join(f'{keyword_for_tag(tag) or _overlay(tag)} {Tag(tag)}' for tag in sorted(set(tags)))}."
    yield ""


def _overlay(tag: int) -> str:
    return dictionary_description(tag).replace(" ", "")


def _attributes(dataset: Dataset) -> Iterator[str]:
    yield "| attribute | tag | value here |\n|---|---|---|"
    for element in dataset:
        if element.keyword != "ContentSequence":
            yield f"| {element.name} | {element.tag} | {_value(element)} |"
    yield f"| Transfer Syntax UID | (0002,0010) | {dataset.file_meta.TransferSyntaxUID.name} |"


def _value(element: DataElement) -> str:
    if element.keyword in OF_THE_PICTURE:
        return "of the picture"
    if element.VR == "SQ":
        return "; ".join(_item(item) for item in element.value) or "no item"
    if element.VR == "UI" and UID(element.value).name != element.value:
        return f"{UID(element.value).name} ({element.value})"
    return _plain(element.value) or "blank"


def _item(item: Dataset) -> str:
    if "CodeValue" in item:
        return _code(item)
    return ", ".join(f"{element.name}: {_value(element)}" for element in item)


def _code(item: Dataset) -> str:
    return f'({item.CodeValue}, {item.CodingSchemeDesignator}, "{item.CodeMeaning}")'


def _plain(value: object) -> str:
    many = value if isinstance(value, MultiValue | list) else [value]
    text = "\\".join("" if one is None else str(one) for one in many)
    return "2.25.…" if text.startswith("2.25.") else text


def _shown(dataset: Dataset) -> Iterator[str]:
    """The tree, with one group of each kind."""
    yield f"CONTAINER {_code(dataset.ConceptNameCodeSequence[0])}"
    seen = set[str]()
    for child in dataset.ContentSequence:
        yield from _branch(child, 1, seen)


def _branch(item: Dataset, depth: int, seen: set[str]) -> Iterator[str]:
    template = item.ContentTemplateSequence[0].TemplateIdentifier if "ContentTemplateSequence" in item else ""
    if template and template in seen:
        return
    seen.add(template)
    name = f" {_code(item.ConceptNameCodeSequence[0])}" if item.get("ConceptNameCodeSequence") else ""
    yield f"{'  ' * depth}{item.RelationshipType} {item.ValueType}{name}{_said(item)}{f' TID {template}' if template else ''}"
    for child in item.get("ContentSequence", []):
        yield from _branch(child, depth + 1, seen)


def _said(item: Dataset) -> str:
    if item.ValueType == "CODE":
        return f" = {_code(item.ConceptCodeSequence[0])}"
    if item.ValueType == "NUM":
        return f" = {item.MeasuredValueSequence[0].NumericValue} %"
    if item.ValueType == "IMAGE":
        return f" = {item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID}"
    if item.ValueType == "SCOORD":
        return f" = {item.GraphicType} {_plain([f'{one:g}' for one in item.GraphicData])}"
    said = item.get("TextValue") or item.get("UID")
    return f" = {_plain(str(said))}" if said else ""


def _codes() -> Iterator[str]:
    named = [("finding", name, coding.code_of(name)) for name in URGENCY]
    named += [("site", name, site) for name, site in coding.SITES.items()]
    named += [("state", str(state), one) for state, one in coding.STATES.items()]
    named += [("change", str(change), one) for change, one in coding.CHANGES.items()]
    named += [("concept", "", one) for one in _concepts()]
    yield "| what | of | code | scheme | meaning | source |\n|---|---|---|---|---|---|"
    for what, name, one in named:
        yield f"| {what} | {name} | {one.code} | {one.scheme} | {one.display} | {one.source} |"
    yield ""


def _concepts() -> Iterator[coding.Coding]:
    for value in vars(concepts).values():
        for one in value.values() if isinstance(value, dict) else (value,):
            if isinstance(one, coding.Coding):
                yield one


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201
