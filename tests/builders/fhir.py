"""A FHIR server as far as transactions need one, and what npm's validator says of resources."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from builders.programs import need

Resource = dict[str, Any]
_VALIDATE = """
let Fhir; try { ({Fhir} = require('fhir')) } catch { process.exit(3) }
const fhir = new Fhir();
const said = JSON.parse(require('fs').readFileSync(0)).map(one => fhir.validate(one, {errorOnUnexpected: true}));
console.log(JSON.stringify(said.map(one => one.messages.filter(m => m.severity == 'error' || m.severity == 'fatal'))));
"""


class Server:
    """Keeps each resource by type and id, with its versions; a transaction is taken whole or not at all."""

    def __init__(self) -> None:
        self.kept: dict[str, list[str]] = {}

    def transaction(self, bundle: Resource) -> None:
        """Put every entry where it says (FHIR R4B, http.html 3.1.0.11.2); references to entries become those to places."""
        assert bundle["type"] == "transaction"
        places = {entry["fullUrl"]: entry["request"]["url"] for entry in bundle["entry"]}
        assert len({*places.values()}) == len(bundle["entry"]), "two entries of one identity"
        for entry in bundle["entry"]:
            resource = entry["resource"]
            assert entry["request"] == {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}
            text = json.dumps(_resolved(resource, places), sort_keys=True)
            versions = self.kept.setdefault(entry["request"]["url"], [])
            if versions[-1:] != [text]:
                versions.append(text)

    @property
    def current(self) -> dict[str, Resource]:
        """Last version of each resource."""
        return {place: json.loads(versions[-1]) for place, versions in self.kept.items()}


def _resolved(part: Any, places: dict[str, str]) -> Any:
    if isinstance(part, list):
        return [_resolved(one, places) for one in part]
    if not isinstance(part, dict):
        return part
    own = {"reference": places[part["reference"]]} if "reference" in part else {}
    return {key: _resolved(value, places) for key, value in part.items()} | own


def references(part: Any) -> Iterator[str]:
    """Every reference by URL below a part."""
    if isinstance(part, dict):
        if "reference" in part:
            yield part["reference"]
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from references(one)


def errors_of(resources: list[Resource]) -> list[Any]:
    """What the validator of npm's `fhir` finds wrong; skips the test where it is not installed (`npm install -g fhir`)."""
    command = [need("node"), "-e", _VALIDATE]
    places = os.pathsep.join(filter(None, (os.environ.get("NODE_PATH"), "/usr/lib/node_modules")))
    told = subprocess.run(
        command, input=json.dumps(resources), capture_output=True, text=True, env={**os.environ, "NODE_PATH": places}
    )
    if told.returncode == 3:
        pytest.skip("npm's fhir is not installed")
    assert told.returncode == 0, told.stderr
    return [one for said in json.loads(told.stdout) for one in said]
