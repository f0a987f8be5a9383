"""Every stable code of cxrreport: of errors and failures, of what is left out, of flags, and of why there is no prior.

Codes are a contract: they stand in the database, in JSON and in the log, and docs/codes.md is written from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Code:
    """What a code means and what mends it; `exit_code` is that of a command which it ends, or of a run that met it."""

    sentence: str
    mend: str
    exit_code: int


_AGAIN = "Export the file again from the PACS; a changed file is read again."
_NOTHING = "Nothing: it is left out on purpose."
_REINDEX = "Run `cxrreport index`."
_WEIGHTS = "Install the weights directory again, or train it again."
_DEFECT = "Report it with the line of the log, which holds no patient data."
NAMED = "The message names what to change."

# fmt: off
_BY_EXIT: dict[int, dict[str, tuple[str, str]]] = {
    0: {  # left out and counted
        "symlink": ("A symbolic link in the export is not followed.", "Name the folder it points to as a path of its own."),
        "special": ("A pipe, socket or device is not opened.", _NOTHING),
        "hidden": ("A hidden file or a file of the operating system.", _NOTHING),
        "empty": ("An empty file.", _AGAIN),
        "growing": ("The file changed while it was waited for (`settle_s`) or read.", "Nothing: the next run reads it."),
        "dicomdir": ("A DICOMDIR lists other files.", _NOTHING),
        "archive": ("A packed file by its name.", "Unpack it if it holds images."),
        "document": ("A document by its name.", _NOTHING),
        "image": ("A picture that is no DICOM, by its name.", _NOTHING),
        "not_dicom": ("The content is no DICOM.", _NOTHING),
        "not_image": ("A DICOM object without pixels, such as a report.", "Name its folder to `cxrreport index` if it is one."),
        "duplicate": ("The same bytes or pixels as an image of another path.", _NOTHING),
        "broken_copy": ("A copy, cut short or damaged, of an image of another path.", "Nothing, if the other one is whole."),
        "modality": ("The image is of another modality than radiography.", _NOTHING),
        "raw": ("The image is one for processing.", "Export the one for presentation."),
        "colour": ("The image is no grey-scale image.", _NOTHING),
        "frames": ("The image has several frames.", _NOTHING),
        "localizer": ("The image is a localizer.", _NOTHING),
        "small": ("The image is too small for a radiograph.", _NOTHING),
        "body_part": ("The tags name another part of the body and no chest.", "Correct the tags if it is a chest."),
        "view.other": ("The pixels show neither a frontal nor a lateral chest radiograph, or a page of text.", _NOTHING),
        "file.replaced": ("Another image, or none, lies at the path of this image now.", "Restore the file if it was lost."),
        "identity.study": ("The study is filed under another patient; this image is kept out.",
                           "Correct the patient's identifier in the PACS and export again."),
        "scope.age": ("The patient is under 18, and the network was made for adults.",
                      "Nothing, or pass `--allow-out-of-scope`: the draft is flagged, and withdrawn by a run without it."),
        "scope.not_chest": ("No image of the study can be used, and at least one shows no chest, by pixels and tags.",
                            "Nothing, or correct body part and view in the tags if it is a chest, and export again."),
        "study.no_frontal": ("The study has no usable frontal image.", "Export its frontal image."),
        "study.quarantined": ("Three attempts at the study have failed.",
                              "Mend the cause, then `cxrreport release STUDY`."),
        "report.preliminary": ("Nobody has signed the report yet.", "Set `preliminary` to import such reports too."),
        "report.draft": ("The report is a draft of cxrreport that nobody has signed.", _NOTHING),
        "report.not_chest": ("The report is of another examination than a chest radiograph.", _NOTHING),
        "report.partial": ("Results of a FHIR report, or its patient, are not among the files; the rest of it is read.",
                           "Export the Observations and Patients too, into the same folder."),
        "report.scanned": ("The PDF holds pictures of pages and no text.", "Export the text, or recognise it (OCR) first."),
        "report.copy": ("A PDF lies beside a file of the same name that holds the text.", _NOTHING),
        "report.date": ("The date of the report is none, or may be two days (03/04/2020); the report is stored without it.",
                        "Export dates as YYYY-MM-DD."),
        "report.undated": ("The report has no date, nor has a study that it is linked to: it may be the patient's own or a "
                           "later one, and is never retrieved.",
                           "Name the column of the date, or import its study; `--undated-reports` retrieves it all the same."),
        "report.addition": ("An addendum whose report is not in the archive is never retrieved.", "Import its report."),
        "report.nameless": ("The report names neither patient, accession number nor study: it is linked to none, and only its "
                            "date tells it from the patient's own.", "Name the columns: `--column accession=…`."),
        "report.not_oru": ("The HL7 message is no ORU.", _NOTHING),
        "report.not_sr": ("The DICOM object is no structured report.", _NOTHING),
        "report.language": ("The report is in another language than English, so nobody learns from it.", _NOTHING),
        "report.amended": ("The report has an addendum that may correct its words, so nobody learns from these.", _NOTHING),
        "film.view_unknown": ("No view is known of the image yet, so nobody trains on it.", "Run `cxrreport generate` first."),
        "film.unreadable": ("The frontal image of the study cannot be read, so nobody trains on it.", _AGAIN),
        "film.lateral": ("The lateral image of the study cannot be read; its frontal one is taken alone.", _AGAIN),
        "film.withheld": ("Pictures are left out of a pseudonymised export: names may be burnt into films.",
                          "Nothing, or pass `--with-pictures` once somebody has looked at the films."),
        "film.missing": ("The data set names no image of the study.", "Complete the data set."),
        "row.malformed": ("An identifier or a path of the data set is none.", "Correct the list of images."),
        "label.missing": ("The list of labels does not name the study, or has a value of its own.",
                          "Complete it, or leave the labels to the rules of cxrreport."),
        "split.unknown": ("The list of splits does not name the study.", "Complete the list of splits."),
    },
    2: {
        "usage": ("The command line asks for something impossible.", NAMED),
        "usage.path": ("A path of the command line does not exist.", "Correct the path; is the export mounted?"),
        "usage.few_studies": ("There are too few studies to learn from or to score.", "Import more signed reports."),
        "study.unknown": ("No study has this identifier.", "Give a StudyInstanceUID, an accession number or an id."),
        "patient.unknown": ("No patient of the archive has this number.", "Give the number as the PACS does."),
        "run.unknown": ("The archive knows no run of this id.", "See `cxrreport runs`; `cxrreport prune` removes old ones."),
        "gate.unknown": ("No gate has this name.", "See `cxrreport trust gates` for all of them."),
        "calibration.none": ("There is no fit to take back.", "Nothing: the calibration of the weights serves."),
        "calibration.network": ("The last fit, or the calibration before it, is of other weights than those in use.",
                                "Take it back with those weights (`--weights`), or remove `calibration.json` from the home:"
                                " then the calibration of the weights in use serves."),
        "export.key": ("The file of `--pseudonymise` holds no key to use.",
                       "Make one with `openssl rand -out KEYFILE 32 && chmod 600 KEYFILE`; keep it apart from the exports."),
        "export.names": ("The directory holds an export under other names: another key, or none.",
                         "Name another directory for each key."),
        "export.place": ("The directory of the export holds other things.", "Name an empty or a new directory."),
        "send.target": ("A URL of `--send` cannot be read, or holds a password.", NAMED),
        "review.file": ("The file holds no verdicts.",
                        "Give the file that the worklist of an export has saved, or a table with columns `study`, `status`."),
        "alarm.unknown": ("No alarm of this number stands.", "See `cxrreport trust drift`."),
        "draft.shadow": ("The draft of the study was made in shadow: no reader sees it.",
                         "Nothing, or set `shadow` to false and draft it again: `cxrreport generate --study STUDY --redo`."),
        "draft.unproved": ("The draft of the study is kept in shadow: drafts have proved themselves in no finding here yet.",
                           "Nothing: once a gate opens (`cxrreport trust gates`) the drafts of the next run are shown."),
        "draft.abstained": ("The tool abstained from the study: there is no text.", "Nothing: report it from the films."),
        "draft.none": ("There is no draft of the study.", "Run `cxrreport generate`."),
        "device.unknown": ("The name of the device is none.",
                           "Use auto, cpu, cuda or cuda:i; `generate` takes several: cuda:0,cuda:1."),
        "device.shared": ("One GPU is named for several processes of a training.", "Pass `--device auto` or `--device cuda`."),
        "training.processes": ("There are more processes than studies in a step of training.",
                               "Start fewer, or raise `batch` in the recipe."),
        "training.unlike": ("The processes of a training do not find the same studies or recipe.",
                            "Start them with the same options on the same data; nothing may be imported meanwhile."),
        "training.diverged": ("The loss is no number any more.", "Train with a lower learning rate in another `--out`."),
    },
    3: {  # one file or study; the run goes on
        "input": ("A file or study cannot be used.", NAMED),
        "path.name": ("A file or folder has a name that is not UTF-8.", "Rename it."),
        "path.unreadable": ("A file or folder of the export cannot be read.", "Mend its permissions or the mount."),
        "path.emptied": ("A path of the export held files before and holds none now.", "Is the export mounted?"),
        "export.unusual": ("The share of the new files that are refused is far above that of the nights before.",
                           "Look at `skipped` and `failed` of the run: has the export changed, or the tags?"),
        "path.long": ("The path of the file is too long for the database.", "Shorten the names of the folders."),
        "file.refused": ("The database refuses what the header of the file holds.", _AGAIN),
        "header.crash": ("Reading the header failed in a way that nobody foresaw.", _AGAIN),
        "header.memory": ("Reading the header took more memory than `decode_memory_mb`.", "Raise `decode_memory_mb`."),
        "header.timeout": ("Reading the header took longer than `decode_timeout_s`.", "Raise it, or mend a slow mount."),
        "header.malformed": ("The DICOM header cannot be trusted.", _AGAIN),
        "header.incomplete": ("The header lacks an identifier, or ends before the pixels.", _AGAIN),
        "header.nested": ("The header nests sequences too deeply.", _AGAIN),
        "header.not_image": ("The object holds no image.", _NOTHING),
        "header.too_large": ("The deflated data set is larger than `max_dataset_mb`.", "Raise `max_dataset_mb`."),
        "header.unreadable": ("The file cannot be read.", "Mend its permissions or the mount; the next run tries again."),
        "identity.conflict": ("Another file has the same SOP Instance UID but another study or patient, or both are whole"
                              " and differ in pixels; the first one seen is kept.",
                              "Find out in the PACS which of the two is right and delete the other; the next run reads again."),
        "identity.patient_conflict": ("The study is already filed under another patient; the image is kept out.",
                                      "Correct the patient's identifier in the PACS and export again."),
        "pixels.malformed": ("The pixel data cannot be decoded.", _AGAIN),
        "pixels.page": ("The image is a page of text.", _NOTHING),
        "pixels.truncated": ("The pixel data end too early.", _AGAIN),
        "pixels.changed": ("The file of the image changed after this run had looked at it.",
                           "Nothing: the next run reads it; no attempt counts."),
        "pixels.unreadable": ("The file of the image cannot be read.", "Mend its permissions or the mount; no attempt counts."),
        "pixels.blank": ("The image is of one grey value all over.", _AGAIN),
        "pixels.bits": ("The bits of a pixel are none of radiographs, or its values do not fit them.", _AGAIN),
        "pixels.colour": ("The pixels are coloured.", "Export the grey-scale image."),
        "pixels.frames": ("The pixels are of several frames.", "Export the single image."),
        "pixels.syntax": ("The transfer syntax cannot be decoded.", "Export with another one; see `cxrreport doctor`."),
        "pixels.too_large": ("The image has more pixels than `max_pixels`.", "Raise `max_pixels` if it is genuine."),
        "pixels.memory": ("Reading the image took more memory than `decode_memory_mb`.", "Raise `decode_memory_mb`."),
        "pixels.timeout": ("Reading the image took longer than `decode_timeout_s`.", "Raise it, or mend a slow mount."),
        "pixels.crash": ("The decoder crashed on the image.", _AGAIN),
        "model.invalid": ("The network gave no usable draft for the study.", "Nothing: the study is left to the radiologist."),
        "drafter.lost": ("The process that drafted the study was lost, also when it drafted this study alone.",
                        "Look into the system's log (was memory short?); the next run tries again, thrice in all."),
        "drafter.defect": ("Drafting the study failed in a way that nobody foresaw; the others are drafted.", _DEFECT),
        "run.interrupted": ("The run ended while this study was in work.", "Nothing: the next run tries again, thrice in all."),
        "export.crash": ("Writing a study failed in a way that nobody foresaw; the others are written.", _DEFECT),
        "review.malformed": ("A verdict lacks something, or holds what is none.", "Correct the entry that is named."),
        "review.outdated": ("The draft of a verdict does not stand any more.",
                            "Look at the newer draft, with `cxrreport show` or in a new export."),
        "review.unknown": ("A verdict is on no draft of the archive, or on one of another study.",
                           "Import it into the archive from which its export was made."),
        "drift.alarm": ("Films or drafts are not as in their reference period.", "See `cxrreport trust drift` for what to do."),
        "draft.stale": ("The images of the study or of its prior have changed since the draft.", "Run `cxrreport generate`."),
        "film.changed": ("An image is no longer as it was when the draft was made.", "Run `cxrreport generate`."),
        "film.class": ("The image is of a class that DICOM does not define, so that no object of DICOM can mark a place on it.",
                       "Nothing: the other formats tell of the study."),
        "browser.failed": ("Chromium could not print the page of the study within a minute.", "Export again; see its version."),
        "film.away": ("An image of the study or of its prior cannot be reached.", "Mend the mount."),
        "send.refused": ("A target does not take an object of a draft.",
                         "See its answer in `cxrreport deliveries`, and the log of the target; the next call tries again."),
        "send.answer": ("A target gave no answer to an object of a draft, or one that cannot be read; it may lie there.",
                        "Look into the log of the target; the next call sends the object again."),
        "report.crash": ("Reading a report file failed in a way that nobody foresaw; the rest of the file is lost.", _AGAIN),
        "report.empty": ("The report has neither findings nor impression.", "Nothing, or correct the export of reports."),
        "report.malformed": ("Something of a report file is broken; the message says where.", "Correct the export of reports."),
        "report.memory": ("Reading a report file took more memory than `report_memory_mb`.", "Raise it, or split the file."),
        "report.not_report": ("The file is a document of another kind.", "Name its `--format` if it is a report all the same."),
        "report.timeout": ("Reading a report file gave nothing for `report_timeout_s`.", "Raise it, or mend a slow mount."),
        "report.too_large": ("Something of a report file is larger than any report.", "Correct the export of reports."),
        "report.unknown_format": ("The file is of no known format of reports.", "Name the `--format`."),
        "report.unresolved": ("A FHIR report refers to a patient and a study that are not among the files of its folder.",
                              "Export Patient and ImagingStudy too, and name the folder that holds them all."),
        "report.unreadable": ("A report file cannot be read.", "Mend its permissions."),
    },
    69: {
        "unavailable": ("The database or another service does not answer, or refuses access.", "Start it, or mend its access."),
        "send.unreachable": ("A target of `--send` does not answer; what it has taken stays delivered.",
                             "Start it, or correct the URL; then call again, which goes on."),
        "send.denied": ("A target of `--send` takes nothing of this sender.",
                        "Mend AE titles, credentials, certificates or the path; then call again, which goes on."),
        "browser.missing": ("There is no Chromium, which prints a PDF.", "Install Chromium, or leave the format pdf out."),
        "drafter.dies": ("One drafting process after another was lost.",
                        "Look into the system's log (was memory short?); lower `drafters`."),
        "cluster": ("The Ray cluster does not answer.",
                    "Is it running, is this machine a part of it, is `ray_address` right? docs/scale.md tells how."),
        "cluster.room": ("No machine of the Ray cluster has what one drafting process needs.",
                         "Lower `workers`, or start Ray with more `--num-cpus` or `--num-gpus`."),
        "training.lost": ("Another process of a training on several devices has ended.",
                          "Look at what that one says; started again, the training goes on."),
        "device.missing": ("The device does not exist here.", "Use `--device cpu`, or mend the driver."),
        "device.memory": ("A single study does not fit the memory of the GPU.", "Free the GPU, or use `--device cpu`."),
    },
    70: {"internal": ("A defect of cxrreport.", _DEFECT)},
    74: {
        "io": ("The home, the database or the index cannot be read or written.", "Free the disk, or mend its permissions."),
        "device.lost": ("The GPU was lost in the middle of a run.", "Mend the GPU or its driver; the next run goes on."),
        "export.empty": ("A path of the export holds no file, and `expect_files` says that it must.", "Is the export mounted?"),
    },
    75: {"locked": ("Another run holds the archive.", "Wait for it; the message names its process.")},
    78: {
        "configuration": ("Settings, weights, index or schema do not fit together.", NAMED),
        "archive.none": ("There is no archive at this home.", "Correct `--home`; `cxrreport index` or `generate` makes one."),
        "database.rights": ("The role of PostgreSQL lacks rights.", "Grant them; the message says which."),
        "cluster.token": ("The Ray cluster has another token, or none is set here.",
                          "Set `RAY_AUTH_TOKEN_PATH`; see docs/scale.md."),
        "cluster.database": ("Several machines cannot share a file of SQLite.", "Name a PostgreSQL with `--db`."),
        "cluster.extra": ("Ray is not installed.", "pip install 'cxrreport[ray]'"),
        "drafter.differs": ("A drafting process found other weights, wording or index, or is another release, than the run.",
                           "Change none of them while a run is at work; have the same on each machine."),
        "configuration.file": ("The configuration file cannot be opened, or read as TOML.", "Correct the file of `--config`."),
        "configuration.settings": ("A setting is unknown or out of range.", "Correct it; docs/settings.md names them all."),
        "configuration.trust": ("The file of the setting `trust` cannot be used.", "Correct it as the message says."),
        "configuration.wording": ("The file of the setting `wording` cannot be used.", "Correct the sentence that is named."),
        "configuration.retriever": ("The weights do not hold this retriever.", "Choose another one with `--retriever`."),
        "send.extra": ("A package that sending needs is not installed.", "pip install 'cxrreport[pacs]'"),
        "send.clear": ("`send_credentials` are for a target of `http://`, where everybody on the way could read them.",
                       "Send by `https://`, or by `http://localhost` through a tunnel."),
        "send.certificate": ("A PEM file of `send_ca` or `send_certificate` cannot be used.", NAMED),
        "decoders": ("A decoder of images is missing.", "Reinstall imagecodecs."),
        "schema": ("The database has another schema than this version needs.", "Run `cxrreport db upgrade`."),
        "weights": ("The weights are missing, damaged or of another kind.", _WEIGHTS),
        "weights.config": ("The config.json describes no network.", _WEIGHTS),
        "weights.format": ("The file of weights is no safetensors file.", "Convert it."),
        "weights.manifest": ("The weights directory has no valid manifest.json.", _WEIGHTS),
        "weights.missing": ("A file of the weights cannot be read.", _WEIGHTS),
        "weights.sha256": ("A file of the weights has another digest than its manifest says.", _WEIGHTS),
        "weights.shape": ("A file of the weights does not fit its config.json.", _WEIGHTS),
        "weights.temporal": ("The weights compare no pairs.", "Choose weights that were trained on pairs."),
        "calibration.malformed": ("The calibration is damaged, or of another version.",
                                  "Fit it again: `cxrreport calibrate`, or take it back with `--undo`."),
        "calibration.other": ("The calibration is not the one of these weights.", _WEIGHTS),
        "weights.reference": ("The groups of training films are not those of the weights.", "Fit them: `cxrreport calibrate`."),
        "weights.vocabulary": ("The vocabulary does not fit the weights.", _WEIGHTS),
        "export.tables": ("Parquet is written by pyarrow, which is not installed.",
                          "Install it: `pip install 'cxrreport[tables]'`, or export CSV."),
        "index": ("The index is damaged, or built with other weights.", _REINDEX),
        "index.database": ("The index holds reports that this database does not have.", _REINDEX),
        "index.empty": ("There is no report to index.", "Import signed reports: `cxrreport index PATH`."),
        "index.language": ("Most reports are in another language than English.",
                           "Import English reports, or pass `--any-language`."),
        "index.missing": ("There is no index.", "Run `cxrreport index`, or pass `--without-retrieval`."),
        "index.no_films": ("The index holds no images.", "Run `cxrreport index` after `generate`, or use `--retriever text`."),
        "index.rollback": ("There is no older version of the index to go back to.", _REINDEX),
    },
}
# fmt: on
CODES: dict[str, Code] = {
    code: Code(*said, exit_code) for exit_code, codes in _BY_EXIT.items() for code, said in codes.items()
}


class Explained(StrEnum):
    """A code with its sentence."""

    sentence: str

    def __new__(cls, value: str, sentence: str = "") -> Explained:
        """Keep the sentence beside the value."""
        member = str.__new__(cls, value)
        member._value_, member.sentence = value, sentence
        return member


class PriorReason(Explained):
    """Why a draft has no prior (`draft.prior_reason`, which is "" where it has one)."""

    NONE = "prior.none", "no earlier study"
    NO_FRONTAL = "prior.no_frontal", "no earlier study has a frontal film"
    TIE = "prior.tie", "the order of two studies is not certain"
    DATE_MISSING = "prior.date_missing", "the study has no date"
    IDENTITY = "prior.identity", "birth date, sex or, without a birth date, name differ between the studies"
    UNREADABLE = "prior.unreadable", "the film of the prior cannot be read"
    ROTATED = "prior.rotated", "the film of the prior is turned"
    INVERTED = "prior.inverted", "the grey values of the prior are inverted"
    MIRRORED = "prior.mirrored", "the film of the prior is mirrored"
    OTHER_VIEW = "prior.other_view", "the film of the prior is another view than the current one"


class Flag(Explained):
    """What a reader of a draft must know (`draft.flags`)."""

    OUT_OF_SCOPE = "out_of_scope", "the patient is under 18, and the network was made for adults"
    FILM_INVERTED = "film_inverted", "the film is stored as a negative: the draft is made from its positive"
    FILM_TURNED = "film_turned", "the film is stored turned: the draft is made from it the right way up"
    FILM_MIRRORED = "film_mirrored", "the film looks mirrored: right and left may be exchanged"
    FILM_CROPPED = "film_cropped", "a part of the chest seems to be cut off"
    FILM_UNUSUAL = "film_unusual", "this does not look like a frontal chest film: do not rely on the draft"
    PRIOR_MENDED = "prior_mended", "the film of the prior is stored turned or as a negative and was compared upright"
    LATERAL_UNREADABLE = "lateral_unreadable", "the lateral film cannot be read: the draft is made from the frontal one"
    PRIOR_UNREGISTERED = (
        "prior_unregistered",
        "the film of the prior could not be laid over the current one: changes have no trustworthy place",
    )
    REGISTRATION_FAILED = "registration_failed", "laying the prior over the current film crashed or took too long"
    HIT_MAX_LENGTH = "hit_max_length", "the text reached the longest length and may be cut"
    REPEATED_SENTENCE = (
        "repeated_sentence",
        "a finding was told again, or apart from its change, or under a more general name; one sentence tells it",
    )
    MEASUREMENT_REMOVED = "measurement_removed", "a size was dropped: the network cannot measure"
    COMPARISON_REMOVED = "comparison_removed", "a comparison that no change of the table supports was dropped"
    SIDE_REMOVED = "side_removed", "a side was dropped on which no change is seen"
    DETAIL_REMOVED = "detail_removed", "a severity, place, count, cause or other detail that nothing shows was dropped"
    DENIAL_REMOVED = "denial_removed", "a firm no was dropped: the finding cannot be excluded"
    UNDECIDED_REMOVED = "undecided_removed", "a sentence about what the network does not judge was dropped"
    SENTENCE_REMOVED = "sentence_removed", "a sentence that contradicts the findings was dropped"
    SENTENCE_BROKEN = "sentence_broken", "a sentence that is no whole English was dropped"
    UNPROVED = "unproved_here", "drafts have proved themselves in no finding here yet: no reader sees this one"
    FINDING_NAMED = (
        "finding_named",
        "a finding, or its change, that the text left out was told in the wording of this site",
    )


class Abstained(Explained):
    """Why a study got no text for readers (`draft.abstained`, which is "" where it got one)."""

    UNUSUAL = "abstain.unusual", "the films are unlike those that the network has learnt from"
    QUALITY = "abstain.quality", "the films are too poor, or the wrong way up, for a draft to rest on"
    DOUBT = "abstain.doubt", "the network is undecided about too many findings"


def describe(kind: type[Explained], value: str) -> str:
    """Return the sentence of a stored flag or reason; "" for one of another version."""
    return kind(value).sentence if value in list(kind) else ""
