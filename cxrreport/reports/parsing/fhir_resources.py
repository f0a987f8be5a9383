"""FHIR resources as JSON: references among those of one document, codes, attached texts. Any shape of JSON is accepted."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from cxrreport.reports.parsing import assemble, decode

Resource = dict[str, Any]
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


def texts(resource: Resource) -> str:
    """The report as presented: plain text before HTML before the narrative."""
    for kind in ("text/plain", "text/html", "application/xhtml+xml"):
        for form in items(resource.get("presentedForm")):
            if word(form.get("contentType")).partition(";")[0].lower() == kind and (text := _attached(form, kind)):
                return text
    narrative = resource.get("text")
    return assemble.without_tags(word(narrative.get("div"))).strip() if isinstance(narrative, dict) else ""


def _attached(form: Resource, kind: str) -> str:
    try:
        data = base64.b64decode("".join(word(form.get("data")).split()), validate=True)
    except (binascii.Error, ValueError):
        return ""
    text = decode.characters(data)
    return (text if kind == "text/plain" else assemble.without_tags(text)).strip()


class Resources:
    """The resources of one document: itself, those of a Bundle's entries, and what each contains."""

    def __init__(self, document: Resource | list[Any]) -> None:
        self._all: list[Resource] = []
        self._by_name: dict[str, Resource] = {}
        for url, resource in _top(document):
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
            target = contained.get(name) or self._by_name.get(name) or self._by_name.get("/".join(name.split("/")[-2:]))
            found.append(target or one)
        return found


def _top(document: Resource | list[Any]) -> Iterator[tuple[str, Resource]]:
    for one in items(document)[:MAX_RESOURCES]:
        if one.get("resourceType") == "Bundle":
            for entry in items(one.get("entry"))[:MAX_RESOURCES]:
                yield from ((word(entry.get("fullUrl")), resource) for resource in items(entry.get("resource")))
        else:
            yield "", one
