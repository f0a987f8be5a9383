"""Codes of what a draft tells of itself: its flags, why it has no prior, why there is no text."""

from __future__ import annotations

from enum import StrEnum


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
