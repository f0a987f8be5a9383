"""FHIR resources as JSON: references among them, codes, attached texts. Any shape of JSON is accepted."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from cxrreport.reports import sections
from cxrreport.reports.parsing import assemble, decode, pdf

Resource = dict[str, Any]
Elsewhere = Callable[[str], Resource | None]
MAX_RESOURCES = 200_000


def word(value: Any) -> str:
    """A string, else ""."""
    return value.strip() if isinstance(value, str) else ""


def items(value: Any) -> list[Resource]:
    """The objects of a list; a lone object counts as a list of one."""
    if isinstance(value, dict):
        return [value]
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def codes(concept: Any) -> list[tuple[str, str]]:
    """(code, name) of each Coding of CodeableConcepts, CodeableReferences or Codings; the text last, without a code."""
    found: list[tuple[str, str]] = []
    for one in items(concept):
        inner = items(one.get("concept")) or [one]
        for each in inner:
            found += [(word(coding.get("code")), word(coding.get("display"))) for coding in items(each.get("coding"))]
            if "code" in each:
                found.append((word(each.get("code")), word(each.get("display"))))
            if "text" in each:
                found.append(("", word(each.get("text"))))
    return found


class Resources:
    """The resources of one document: itself, those of a Bundle's entries, and what each contains.

    elsewhere : finds a resource of another document of the same export by its name, "Patient/1".

    Raises
    ------
    OverflowError : there are more than `MAX_RESOURCES`.
    """

    def __init__(self, document: Resource | list[Any], elsewhere: Elsewhere = lambda name: None) -> None:
        self._elsewhere = elsewhere
        self._all: list[Resource] = []
        self._by_name: dict[str, Resource] = {}
        for url, resource in _top(document):
            if len(self._all) == MAX_RESOURCES:
                raise OverflowError("more resources than a document of reports has")
            self._all.append(resource)
            name = f"{word(resource.get('resourceType'))}/{word(resource.get('id'))}"
            self._by_name.setdefault(name, resource)
            if url:
                self._by_name.setdefault(url, resource)

    def of_type(self, kind: str) -> Iterator[Resource]:
        """Resources of one type, in order; contained ones are parts of others and are left out."""
        return (one for one in self._all if one.get("resourceType") == kind)

    def references(self, resource: Resource, element: str) -> list[Resource]:
        """What an element refers to; where the target is not here, the reference itself with its own identifier."""
        contained = {f"#{word(one.get('id'))}": one for one in items(resource.get("contained"))}
        found = []
        for one in items(resource.get(element)):
            name = word(one.get("reference"))
            found.append(contained.get(name) or self.find(name) or one)
        return found

    def find(self, url: str) -> Resource | None:
        """The resource of a URL, absolute or not, of any version; None where it is not here."""
        name = "/".join(url.partition("/_history/")[0].split("/")[-2:])
        return self._by_name.get(url) or self._by_name.get(name) or self._elsewhere(name)


def is_away(resources: list[Resource]) -> bool:
    """Is one of them the mere reference to what is not here, which does not even identify it?"""
    return any(word(one.get("reference")) and not items(one.get("identifier")) for one in resources)


def _top(document: Resource | list[Any]) -> Iterator[tuple[str, Resource]]:
    for one in items(document):
        if one.get("resourceType") == "Bundle":
            for entry in items(one.get("entry")):
                yield from ((word(entry.get("fullUrl")), resource) for resource in items(entry.get("resource")))
        else:
            yield "", one


# -- attached texts ---------------------------------------------------------------------------------------------------


def texts(resource: Resource, found: Resources) -> str:
    """The report as presented: plain text before RTF before HTML before PDF before the narrative.

    Of several attachments of the kind all are taken, but for those that are alike. An addendum alone is no report: the
    next kind is looked for, and it follows.
    """
    forms, added = list(_forms(resource, found)), list[str]()
    for kind, read in _READ.items():
        shown = [*dict.fromkeys(filter(None, (read(data).strip() for own, data in forms if own == kind)))]
        if any(map(_is_report, shown)):
            return "\n\n".join([*shown, *added])
        added += shown
    narrative = resource.get("text")
    told = assemble.without_tags(word(narrative.get("div"))).strip() if isinstance(narrative, dict) else ""
    return "\n\n".join(filter(None, [told, *added]))


def _is_report(text: str) -> bool:
    own = sections.split(assemble.plain(text))
    return bool(own.findings or own.impression)


def is_scan(resource: Resource, found: Resources) -> bool:
    """Is the report presented as a PDF of pictures?"""
    for kind, data in _forms(resource, found):
        with suppress(ValueError):
            if kind == _PDF and not pdf.text_of(data):
                return True
    return False


def _forms(resource: Resource, found: Resources) -> Iterator[tuple[str, bytes]]:
    """Kind and bytes of each attachment, its own or those of a Binary that it refers to."""
    for form in items(resource.get("presentedForm")):
        binary = found.find(word(form.get("url"))) or {}
        kind = word(form.get("contentType")) or word(binary.get("contentType"))
        coded = word(form.get("data")) or word(binary.get("data"))
        with suppress(ValueError):
            yield kind.partition(";")[0].strip().lower(), base64.b64decode("".join(coded.split()), validate=True)


def _of_html(data: bytes) -> str:
    return assemble.without_tags(decode.characters(data))


def _of_pdf(data: bytes) -> str:
    try:
        return pdf.report_in(data)
    except ValueError:
        return ""


_PDF = "application/pdf"
_READ: dict[str, Callable[[bytes], str]] = {
    "text/plain": decode.characters,
    "application/rtf": decode.characters,  # `assemble.plain` knows it by its first word
    "text/rtf": decode.characters,
    "text/html": _of_html,
    "application/xhtml+xml": _of_html,
    _PDF: _of_pdf,
}
