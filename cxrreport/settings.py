"""Settings of one run: defaults < TOML file < CXRREPORT_* environment < flags."""

from __future__ import annotations

import os
import re
from os import PathLike
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from cxrreport.errors import ConfigurationError
from cxrreport.files import printable
from cxrreport.findings import FINDINGS, NO_FINDING

_PASSWORD = re.compile(r"(://[^:/@\s]*):\S*@")  # up to the last @: a password may itself hold an @ or a /
_HL7_SYSTEM = re.compile(r"[^|\r\n]*(?:\|[^|\r\n]*)?")
_HL7_CODE = re.compile(r"[^|~\r\n^]+(?:\^[^|~\r\n^]*){2,5}")
_HL7_ROWS = {"procedure", "findings", "impression", "comparison", "change", *FINDINGS} - {FINDINGS[NO_FINDING]}
_PREFIX = "CXRREPORT_"
_OTHERS = {"CXRREPORT_TEST_DATA"}  # variables of the tests
_PLACE = re.compile(r"\(at (line \d+, column \d+|end of document)\)")  # all that is told of what a TOML file holds
_FILE = "toml_file"  # argument of `Settings` that is no setting: where the least of the sources lies
_QUERY_PASSWORD = re.compile(r"(password=)[^&\s]*", re.IGNORECASE)


def mask_passwords(text: str) -> str:
    """Mask what follows the user in a URL, up to its last @, and every `password=` and `sslpassword=`."""
    return _PASSWORD.sub(r"\1:***@", _QUERY_PASSWORD.sub(r"\1***", text))


class Settings(BaseSettings):
    """Everything that can be configured. Frozen; unknown keys are refused; `describe` prints it without secrets."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("cxrreport")),
        description="Directory of all state: database, index, run manifests; an absolute path, or one below `~`.",
    )
    db: SecretStr | None = Field(None, description="Database URL; the embedded SQLite of the home where it is unset.")
    db_timeout_s: float = Field(30, gt=0, description="How long to wait for the database to answer, in seconds.")
    weights: Path | None = Field(None, description="Weights directory; the one of the package where it is unset.")
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?(,cuda:\d+)*)$",
        description="auto, cpu, cuda or cuda:i; several GPUs as cuda:0,cuda:1, each with a drafting process.",
    )
    drafters: int | None = Field(
        None,
        ge=1,
        le=256,
        description="Processes that draft side by side, each with one thread; 1 drafts in this process. Unset, one a core or"
        " GPU, as far as memory and the studies that are due go.",
    )
    engine: Literal["local", "ray"] = Field(
        "local", description="Where drafts are made: on this machine, or on those of a Ray cluster (docs/scale.md)."
    )
    ray_address: str | None = Field(
        None,
        pattern=r"^(auto|[A-Za-z0-9.\-]+:\d+|\[[0-9A-Fa-f:]+\]:\d+)$",
        description="Ray cluster that this machine is a part of: auto or host:port. Unset, one of this machine alone is"
        " started.",
    )
    batch_size: int = Field(16, ge=1, le=512, description="Studies drafted and stored together.")
    beams: int = Field(3, ge=1, le=16, description="Width of the beam search.")
    max_minutes: float | None = Field(
        None, gt=0, description="Begin no batch of drafts after this many minutes; the next run goes on."
    )
    metrics: Path | None = Field(None, description="File for Prometheus, written at the end of each `generate`.")
    max_new_tokens: int = Field(110, ge=8, le=400, description="Longest report, in tokens.")
    wording: Path | None = Field(
        None, description="YAML file with this site's sentences; those of the package where it is unset."
    )
    workers: int = Field(
        2,
        ge=0,
        le=128,
        description="Child processes that decode films and read reports; 0 does so in this process. Several drafting"
        " processes share them out, at least one each; beside a GPU there are as many for each.",
    )
    decode_timeout_s: float = Field(60, gt=0, description="Time for one film before its child is killed, in seconds.")
    decode_memory_mb: int = Field(4096, ge=512, description="Address space of a child that decodes films, in MiB.")
    report_timeout_s: float = Field(
        20, gt=0, description="How long reading a report file may give nothing before its child is killed, in seconds."
    )
    report_memory_mb: int = Field(2048, ge=512, description="Address space of a child that reads reports, in MiB.")
    max_pixels: int = Field(60_000_000, ge=10_000, description="Largest film, in pixels.")
    max_dataset_mb: int = Field(256, ge=1, description="Largest deflated data set once inflated, in MiB.")
    settle_s: float = Field(
        10,
        ge=0,
        description="Wait until a file was left alone for this many seconds; leave it for the next run if it changes.",
    )
    expect_files: bool = Field(
        False, description="End with 74 where a path of the export holds no file: a mount is gone."
    )
    shadow: bool = Field(
        False, description="Make drafts in shadow: stored and scored, and shown by no command and in no export."
    )
    withhold: Literal["nothing", "failed", "unproved"] = Field(
        "failed",
        description="What drafts keep from readers: nothing; findings and changes in which drafts have failed beside signed"
        " reports here; those in which they have not proved themselves here yet, too (docs/trust.md).",
    )
    trust: Path | None = Field(
        None, description="TOML file with this site's rule of the gates; that of the package where it is unset."
    )
    preliminary: bool = Field(False, description="Import reports that nobody has signed yet, too.")
    retriever: Literal["text", "image", "fused", "hyperbolic"] = Field(
        "text",
        description="How similar reports are found: by their texts, by their studies' films, by both with the ranks"
        " fused, or by the films in REVTAF's hyperbolic space.",
    )
    index_exact_up_to: int = Field(
        1_000_000,
        ge=0,
        description="Reports up to which the index is searched exactly; more are searched approximately.",
    )
    index_versions: int = Field(
        3, ge=1, le=1000, description="Versions of the index that are kept, the serving one among them."
    )
    retention_days: int = Field(
        400, ge=1, description="What `prune` leaves: superseded drafts, runs and old versions of the index, in days."
    )
    undated_reports: bool = Field(
        False,
        description="Retrieve reports without a date and study too, although they may be the patient's own or later.",
    )
    columns: dict[str, str] = Field(default_factory=dict, description="Our report fields -> column names of a table.")
    timezone: str | None = Field(
        None,
        description="Zone of the hospital's clock (`Europe/Berlin`); without it a study in FHIR has its day alone.",
    )
    hl7_sender: str = Field(
        "CXRREPORT", description="`application|facility` that HL7 messages are from (MSH-3, MSH-4)."
    )
    hl7_receiver: str = Field("", description="`application|facility` that they are for (MSH-5, MSH-6).")
    hl7_codes: dict[str, str] = Field(
        default_factory=dict,
        description="Finding, `procedure`, `findings`, `impression`, `comparison` or `change` -> `code^text^system` of this"
        " site in HL7 messages.",
    )
    send_credentials: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="Host, and port where the URL of `--send` has one, of a DICOMweb service -> `user:password`, or a bearer"
        " token.",
    )
    send_ca: Path | None = Field(
        None,
        description="PEM file of the authorities that the certificates of targets are checked with; else the usual ones.",
    )
    send_certificate: Path | None = Field(
        None, description="PEM file of our certificate and its key, for targets that ask for one."
    )
    send_timeout_s: float = Field(5, gt=0, description="How long a target of `--send` may take to answer, in seconds.")
    send_retry_s: float = Field(
        30, ge=0, description="How long an object is tried again where its target does not answer, in seconds."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What the log on stderr shows.")
    log_format: Literal["text", "json"] = Field("text", description="Lines of key=value, or one JSON object a line.")

    @field_validator("home", "weights", "wording", "trust", "metrics", "send_ca", "send_certificate", mode="after")
    @classmethod
    def _expand(cls, value: Path | None) -> Path | None:
        """`~` is the home of the user."""
        return value.expanduser() if value else None

    @field_validator("home", mode="after")
    @classmethod
    def _is_absolute(cls, value: Path) -> Path:
        """Refuse one that would be another place for every working directory; a flag is made absolute before."""
        if not value.is_absolute():
            raise ValueError("it must be absolute")
        return value

    @field_validator("timezone", mode="after")
    @classmethod
    def _is_a_zone(cls, value: str | None) -> str | None:
        try:
            return value and ZoneInfo(value).key
        except (ValueError, LookupError, OSError):
            raise ValueError("it must name a zone of the IANA's data, which must be installed") from None

    @field_validator("hl7_sender", "hl7_receiver", mode="after")
    @classmethod
    def _names_a_system(cls, value: str) -> str:
        if not _HL7_SYSTEM.fullmatch(value):
            raise ValueError("it must be application|facility")
        return value

    @field_validator("hl7_codes", mode="after")
    @classmethod
    def _are_codes(cls, value: dict[str, str]) -> dict[str, str]:
        if not value.keys() <= _HL7_ROWS or not all(map(_HL7_CODE.fullmatch, value.values())):
            raise ValueError("it must hold findings or rows, and code^text^system of each")
        return value

    @property
    def devices(self) -> list[str]:
        """The devices that are named, at least one."""
        return self.device.split(",")

    @property
    def index_directory(self) -> Path:
        """Where the versions of the retrieval index lie."""
        return self.home / "index"

    @property
    def database_url(self) -> str | None:
        """The URL with its password, for the database driver alone."""
        return self.db.get_secret_value() if self.db else None

    def describe(self) -> dict[str, Any]:
        """All settings as JSON values, the password masked."""
        facts = self.model_dump(mode="json")
        facts["db"] = mask_passwords(self.db.get_secret_value()) if self.db else None
        return facts

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags before environment before file; no .env, no secrets directory."""
        assert isinstance(init_settings, InitSettingsSource)
        file: Path | None = init_settings.init_kwargs.pop(_FILE, None)
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file)


def load_settings(config: str | PathLike[str] | None = None, **flags: Any) -> Settings:
    """Gather settings; flags that are None count as not given.

    Raises
    ------
    ConfigurationError : unreadable file, unknown key or variable, a value out of range; names the keys, never a value.
    """
    _refuse_unknown_variables()
    if flags.get("home") is not None:
        flags["home"] = Path(flags["home"]).expanduser().absolute()
    try:
        if config is not None:
            open(config, "rb").close()  # one that is not there would be passed over
        return Settings(**{_FILE: config, **{key: value for key, value in flags.items() if value is not None}})
    except SettingsError:  # an environment variable that is to hold JSON does not
        raise ConfigurationError(
            "An environment variable CXRREPORT_* is no valid JSON.", "configuration.settings"
        ) from None
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        )
        raise ConfigurationError(f"The settings do not fit: {reasons}.", "configuration.settings") from None
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise _bad_file(config, f"cannot be opened: {reason}") from error
    except ValueError as error:
        place = _PLACE.search(str(error))
        raise _bad_file(config, f"is no TOML{f': see {place[1]}' if place else ''}") from error


def _bad_file(config: str | PathLike[str] | None, what: str) -> ConfigurationError:
    return ConfigurationError(f"The configuration file {printable(config)} {what}.", "configuration.file")


def _refuse_unknown_variables() -> None:
    known = {f"{_PREFIX}{name}".upper() for name in Settings.model_fields} | _OTHERS
    unknown = sorted(name for name in os.environ if name.upper().startswith(_PREFIX) and name.upper() not in known)
    if unknown:
        said = ", ".join(map(printable, unknown))
        raise ConfigurationError(f"No setting has the name of the variable {said}.", "configuration.settings")
