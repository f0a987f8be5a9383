"""docs/fhir.md: what is read and written of FHIR, the codes, and examples that the code makes; `make docs` writes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from builders.views import study_view
from cxrreport.export import coding
from cxrreport.export.coding import Coding
from cxrreport.export.fhir import build
from cxrreport.export.site import Site
from cxrreport.findings import URGENCY

READ = """# FHIR

Written by `make docs`; a test holds it equal to the code, which makes every example.

## What is read

`cxrreport index FOLDER` takes DiagnosticReports of R4, R4B and R5: one resource, a Bundle, or one resource a line (NDJSON
of a bulk export), where references may lead to other files of the folder. Only the elements below are looked at, so that
what a validator would refuse is read too. Unsigned reports are left out unless `--preliminary` asks for them, and a draft
of ours is never imported.

| what | from |
|---|---|
| patient | `subject`: its identifier of type MR, else the first; systems are no issuers of DICOM, so there is none |
| accession number | the one identifier of type ACSN of the report, its ImagingStudy or its request |
| study UID | the identifier `urn:dicom:uid` of its one ImagingStudy |
| time | `issued`, else `effectiveDateTime`, else the start of `effectivePeriod` |
| status | `final`; `amended`, `corrected`, `appended`; `cancelled` and `entered-in-error` withdraw; all others: unsigned |
| text | `valueString` of `result` by a section's code (LOINC, DICOM) or name; else `presentedForm`; else the narrative |
| impression | its section, else `conclusion` |
| indication | its section, else `reasonCode` or `reason` of the request or the ImagingStudy, else a note there |

## What is written

```
cxrreport export DIR --format fhir
```

One transaction Bundle of R4B a study, `fhir/<study>.json`, checked by the models of fhir.resources before it is written.
Post it to the base URL of a server:

```
curl --fail -H 'Content-Type: application/fhir+json' --data-binary @DIR/fhir/7.json https://server.example/fhir
```

Every entry is a PUT, its id a UUID (version 5) of what it is: sent twice it doubles
nothing, and a newer draft of the study takes the place of the older one, whose versions the server keeps.

| resource | its id is made of | holds |
|---|---|---|
| Device | release, digests of weights and calibration, version of the preprocessing | these; other weights are another Device |
| ImagingStudy | study UID | study UID, accession number, day, description; nothing of its series |
| Observation, one a finding | study UID, finding | state, probability, change, organ, side where the text names one |
| DiagnosticReport | study UID | `preliminary`; text as `presentedForm`, narrative and `conclusion`, each with the label |
| Provenance | study UID | that the Device made all results from the study, its prior and the index; digest of the pixels |

* **Nothing is final.** DiagnosticReport and Observations are `preliminary`, also of a draft that a reader has accepted.
* **Marked as a machine's.** `meta.security` is AIAST alone; AIRPT has been removed from the guide AI Transparency on FHIR.
  The extension `AIconfidence` of that guide says how sure the system is of a state (p if present, 1 − p if absent; none
  where it cannot be decided) and of a change. The component "Probability" is always that of "present";
  it is calibrated where the Device names a calibration.
* **Patient**: a reference by number (type MR, the issuer as `assigner.display`; none where the header names nobody) and no
  resource, since a PUT would overwrite the one of the server. A server that resolves no such references needs them replaced.
* **Times**: FHIR allows no time without a zone, and films tell none. With the setting `timezone` a study has its time, else
  its day alone, so that two films of one day have no order. `issued` and `recorded` are ours, in UTC.
* **What was not judged** has a `dataAbsentReason` and no value, so that an older state does not stay on the server.
* **Nothing is withdrawn.** A draft that a reader rejects is exported no more; what was sent before stays as preliminary.
* **Left out**: names; boxes (see the DICOM SR); which reports were retrieved, since they are other patients'; a
  DocumentReference of the model card, since it has no address that a server could reach.
* Codes are checked against FHIR's own tables by npm's `fhir` in the tests. No server validates them against SNOMED CT.

## Codes

SNOMED CT needs a licence where your country has none. No code was chosen with a browser of SNOMED CT: "source" says where
it was found. A finding without a code that says just what it says has ours alone, system `{own}`
(DICOM and HL7 v2: `{scheme}`), which every other finding has beside.

| finding | system | code | display | source | ours | organ |
|---|---|---|---|---|---|---|
"""
VALUES = """
| what | value | system | code | display | source |
|---|---|---|---|---|---|
"""


def reference() -> str:
    """Return docs/fhir.md as it must be."""
    head = READ.format(own=f"urn:oid:{coding.OWN_UID}", scheme=coding.OWN)
    return "".join([head, *_findings(), VALUES, *_values(), "\n## Examples\n", *_examples()])


def _findings() -> Iterator[str]:
    for finding in URGENCY:
        one, site = coding.code_of(finding), coding.SITES.get(finding)
        own = coding.own_code(finding).code
        organ = f"{site.code} {site.display} ({site.source})" if site else ""
        yield f"| {finding} | {one.scheme} | {one.code} | {one.display} | {one.source} | {own} | {organ} |\n"


def _values() -> Iterator[str]:
    yield from _rows("state", coding.STATES.items())
    yield from _rows("change", coding.CHANGES.items())
    yield from _rows("side", coding.SIDES.items())
    named = {"probability": coding.PROBABILITY, "change": coding.CHANGE, "side": coding.LATERALITY, "device": coding.AI}
    yield from _rows("code of", named.items())


def _rows(what: str, values: Iterable[tuple[str, Coding]]) -> Iterator[str]:
    for value, one in values:
        yield f"| {what} | {value} | {one.scheme} | {one.code} | {one.display} | {one.source} |\n"


def _examples() -> Iterator[str]:
    """One entry of each kind; of the references to the findings the first."""
    shown: set[str] = set()
    for entry in build(study_view(), Site(timezone="Europe/Berlin"))["entry"]:
        kind, resource = entry["resource"]["resourceType"], entry["resource"]
        if kind in shown or (kind == "Observation" and resource["code"]["text"] != "pleural effusion"):
            continue
        shown.add(kind)
        for name in ("result", "target"):
            if name in resource:
                resource[name] = resource[name][:1]
        yield f"\n### {kind}\n\n```json\n{json.dumps(entry, indent=1, ensure_ascii=False)}\n```\n"


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201
