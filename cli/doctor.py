"""`cxrreport doctor`: one line a part, with the mend."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cxrreport.settings import Settings

Check = Callable[["Settings"], str]
# what `imaging.decode` decodes with, in the names of imagecodecs
CODECS = {"JPEG": "JPEG8", "JPEG-LS": "JPEGLS", "JPEG 2000": "JPEG2K", "HTJ2K": "HTJ2K", "RLE": "DICOMRLE"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def doctor(settings: Settings, as_json: bool) -> int:
    """Check environment, decoders, device, weights, index and database; exit 78 where something must be mended."""
    from cxrreport.errors import CxrReportError

    found: dict[str, dict[str, Any]] = {}
    for name, check in CHECKS.items():
        try:
            found[name] = {"ok": True, "found": check(settings)}
        except CxrReportError as error:
            found[name] = {"ok": False, "found": error.message, "code": error.code}
        if not as_json:
            _print(name, **found[name])
    if as_json:
        click.echo(json.dumps(found))
    return 0 if all(part["ok"] for part in found.values()) else 78


def _print(name: str, ok: bool, found: str, code: str = "") -> None:
    click.echo(f"{'ok' if ok else 'MEND':<5} {name:<11} {found}{f' [{code}]' if code else ''}")


def _environment(_: Settings) -> str:
    from cxrreport.pipeline.run import library_versions

    return ", ".join(f"{name} {version}" for name, version in library_versions().items())


def _decoders(_: Settings) -> str:
    import imagecodecs

    from cxrreport.errors import ConfigurationError

    missing = [name for name, codec in CODECS.items() if not getattr(imagecodecs, codec).available]
    if missing:
        raise ConfigurationError(f"imagecodecs lacks {', '.join(missing)}: reinstall it.", "decoders")
    return f"{', '.join(CODECS)}; {imagecodecs.jpeg2k_version()}"


def _device(settings: Settings) -> str:
    from cxrreport.model.weights import resolve_device

    device = ", ".join(map(resolve_device, settings.devices))
    return device if device != "cpu" or settings.device == "cpu" else "cpu: no GPU is used; drafting is slower"


def _weights(settings: Settings) -> str:
    from cxrreport.model.weights import load_weights

    weights = load_weights(settings.weights)
    return f"{weights.manifest.get('name')} {weights.sha256[:12]}, licence: {weights.manifest.get('licence')}"


def _calibration(settings: Settings) -> str:
    from cxrreport.pipeline.serving import calibration_of

    used = calibration_of(settings)
    return used[:12] if used else "none: probabilities are the network's own scores"


def _abstention(settings: Settings) -> str:
    from cxrreport.trust.abstention import reasons

    found = reasons(settings)
    hold = ", ".join(code for code, lacks in found.items() if not lacks) or "none: every study is drafted"
    return "; ".join([hold, *(f"not {code}: {lacks}" for code, lacks in found.items() if lacks)])


def _index(settings: Settings) -> str:
    from cxrreport.model.manifest import default_directory, read_manifest, weights_sha256
    from cxrreport.retrieval.build import open_index

    manifest = read_manifest(settings.weights or default_directory())
    index = open_index(settings.index_directory, model_sha256=weights_sha256(manifest))
    if index is None:
        return "none yet: run `cxrreport index`"
    return f"{index.manifest.version}, {index.manifest.count} reports"


def _database(settings: Settings) -> str:
    from cxrreport.errors import ConfigurationError
    from cxrreport.store.engine import current, open_archive
    from cxrreport.store.mounts import network_kind

    try:
        with open_archive(settings, read_only=True) as engine:
            found = f"{engine.dialect.name}, schema {current(engine)}"
            kind = network_kind(Path(engine.url.database or "")) if engine.dialect.name == "sqlite" else None
    except ConfigurationError as error:
        if error.code != "archive.none":
            raise
        return "none yet: run `cxrreport index` or `generate`"
    advice = f"; it lies on a network mount ({kind}), where locks may fail: use a local disk, or PostgreSQL"
    return found + (advice if kind else "")


def _gates(settings: Settings) -> str:
    from cxrreport.cli.status import gates_line

    from cxrreport.errors import ConfigurationError
    from cxrreport.store.engine import open_archive, session
    from cxrreport.trust.gates import count_gates
    from cxrreport.trust.policy import load_policy
    from cxrreport.trust.used import in_use

    load_policy(settings.trust)
    try:
        with open_archive(settings, read_only=True) as engine, session(engine, read_only=True) as s:
            found: str = gates_line({**count_gates(s, in_use(settings)), "withhold": settings.withhold})
            return found
    except ConfigurationError as error:
        if error.code != "archive.none":
            raise
        return "none yet"


CHECKS: dict[str, Check] = {
    "software": _environment,
    "decoders": _decoders,
    "device": _device,
    "weights": _weights,
    "calibration": _calibration,
    "abstention": _abstention,
    "index": _index,
    "database": _database,
    "gates": _gates,
}
