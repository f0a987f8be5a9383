"""The text that is stored: every claim of it is licensed by the table."""

from dataclasses import replace

import pytest
from builders.texts import WORDING, draft, stored, table

from cxrreport.drafts import Region
from cxrreport.findings import FINDINGS, URGENCY, Change, State
from cxrreport.reports.claims import read

EFFUSION, HEART = "pleural effusion", "cardiomegaly"


def test_all_steps_come_together_with_their_flags():
    text, flags = stored(
        draft(
            "There is a 12 mm nodule. The effusion has increased since the prior study. No edema. The trachea is midline."
            " The are intact. The heart is normal.",
            flags=("hit_max_length",),
        ),
        table("edema"),
    )
    assert text.endswith("The heart is normal.") and "edema" in text.lower() and "No edema" not in text
    assert flags == {
        "hit_max_length", "measurement_removed", "sentence_removed", "undecided_removed", "sentence_broken",
        "comparison_removed", "detail_removed", "finding_named",
    }  # fmt: skip


def test_only_a_draft_that_is_not_usable_gives_no_text():
    assert stored(draft("Clear.", valid=False), table("edema")) == ("", set())
    text, _ = stored(draft("There is a 3 cm mass."), table())
    assert text and read(text).states[EFFUSION] is State.NEGATIVE
    nothing, _ = stored(draft("The trachea is midline."), table(uncertain=FINDINGS))
    assert nothing == WORDING.nothing


@pytest.mark.parametrize(
    ("said", "positive", "kept"),
    [
        ("There is a small left pleural effusion.", EFFUSION, "There is a pleural effusion."),
        ("There are opacities in the left lower lobe.", "lung opacity", "There are opacities."),
        ("There is mild cardiomegaly.", HEART, "There is cardiomegaly."),
        ("There is an opacity, consistent with pneumonia.", "lung opacity", "There is an opacity."),
        ("There is edema due to overload. Follow-up is advised.", "edema", "There is edema."),
        ("The left pleural effusion has increased since the prior study.", EFFUSION, None),
        ("There is an endotracheal tube with the tip above the carina, recommend retraction.", "support devices", None),
        ("There are two nodules.", "lung lesion", "There are nodules."),
        ("There is an old fracture.", "fracture", "There is a fracture."),
    ],
)
def test_what_has_no_licence_goes_and_the_rest_stays_if_it_is_english(said, positive, kept):
    text, flags = stored(draft(said), table(positive))
    if kept:
        assert text == kept and "finding_named" not in flags
    else:
        assert read(text).states[positive] is State.POSITIVE and "finding_named" in flags
        assert not {"left", "retraction", "endotracheal", "increased"} & {*text.split()}


@pytest.mark.parametrize(
    "said",
    [
        "The trachea is midline.", "The osseous structures are unremarkable.", "There is a calcified granuloma.",
        "The are intact.", "And soft tissues are unremarkable.", "Cardiomegaly and mediastinal contour.",
        "The right chest tip is visualized.", "PA and lateral views of the chest were obtained.",
        "The lungs are hyperexpanded.", "Unremarkable.", "A pacemaker is present.", "No free air.",
    ],
)  # fmt: skip
def test_what_nobody_decided_or_is_no_english_goes(said):
    text, flags = stored(draft(f"{said} No pneumothorax."), table())
    assert text == "No pneumothorax." and {"undecided_removed", "sentence_broken"} & flags


@pytest.mark.parametrize(
    ("said", "uncertain"),
    [
        ("No pleural effusion.", EFFUSION),
        ("The lungs are clear.", "atelectasis"),
        ("No acute cardiopulmonary abnormality.", "pneumothorax"),
        ("Normal chest.", "fracture"),
        ("No acute bony abnormality.", "fracture"),
        ("The heart is normal in size.", HEART),
    ],
)
def test_nothing_is_denied_that_cannot_be_excluded(said, uncertain):
    assert stored(draft(said), table())[0] == said
    text, flags = stored(draft(said), table(uncertain=[uncertain]))
    assert said not in text and "denial_removed" in flags
    assert read(text).states[uncertain] is State.BLANK


def test_what_a_sentence_that_went_denies_is_still_said_of_the_rest():
    said = "No pneumothorax, pleural effusion or consolidation."
    text, _ = stored(draft(said), table(uncertain=[EFFUSION]))
    states = read(text).states
    assert states["pneumothorax"] is states["consolidation"] is State.NEGATIVE and states[EFFUSION] is State.BLANK


def test_an_uncertain_finding_is_only_doubted():
    rows = table(uncertain=["pneumonia", "consolidation", "lung opacity", "support devices"])
    text, _ = stored(draft("There is pneumonia. A support device is seen."), rows)
    assert text == WORDING.sentence("pneumonia", State.UNCERTAIN, "1.2.3")


def test_a_doubt_is_told_where_the_decoder_names_it_or_it_is_likely():
    rows = table(uncertain=["pneumothorax"])
    doubt = WORDING.sentence("pneumothorax", State.UNCERTAIN, "1.2.3")
    assert doubt not in stored(draft("The heart is normal."), rows)[0]
    assert doubt in stored(draft("There is a pneumothorax. The heart is normal."), rows)[0]
    likely = [replace(row, probability=0.45) if row.finding == "pneumothorax" else row for row in rows]
    assert doubt in stored(draft("The heart is normal."), likely)[0]
    unlikely = [replace(row, probability=0.2) if row.finding == "pneumothorax" else row for row in rows]
    assert doubt not in stored(draft("There is a pneumothorax."), unlikely)[0]


def test_what_is_absent_is_not_doubted_under_a_narrower_name():
    said = "The lungs are clear. There is pneumonia."
    text, _ = stored(draft(said), table(uncertain=["pneumonia"]))
    assert read(text).states["lung opacity"] is State.NEGATIVE and read(text).states["pneumonia"] is State.BLANK


def test_a_finding_is_told_once_and_devices_come_last():
    text, flags = stored(
        draft("There are support devices. There is edema. Pulmonary edema is seen. No effusion."),
        table("edema", "support devices"),
    )
    assert text == "There is edema. No effusion. There are support devices." and "repeated_sentence" in flags


def test_no_sentence_of_a_reference_is_said():
    reference = "There is interstitial edema of both lungs."
    text, flags = stored(draft("The heart is normal in size."), table("edema"), [reference])
    assert "interstitial" not in text and flags == {"finding_named"}


TELLS = "The effusion has increased since the prior study. The heart is normal."
SAID = f"There is an effusion. {TELLS}"


def test_a_comparison_is_said_where_the_table_has_it():
    worse = table(EFFUSION, changes={EFFUSION: Change.WORSENED}, before=[EFFUSION])
    assert stored(replace(draft(TELLS), compared=True), worse) == (TELLS, set())
    better = table(EFFUSION, changes={EFFUSION: Change.IMPROVED}, before=[EFFUSION])
    assert "increased" not in stored(replace(draft(SAID), compared=True), better)[0]
    new = table(EFFUSION, changes={EFFUSION: Change.WORSENED})  # nothing was there that could worsen
    assert "increased" not in stored(replace(draft(SAID), compared=True), new)[0]


@pytest.mark.parametrize("change", [Change.WORSENED, Change.UNCHANGED, Change.IMPROVED])
@pytest.mark.parametrize(
    "said", [SAID, "There is an effusion.", f"{TELLS} An effusion is seen.", "An effusion. It is larger."]
)
def test_one_sentence_tells_a_finding_and_its_change(said, change):
    text, _ = stored(
        replace(draft(said), compared=True), table(EFFUSION, changes={EFFUSION: change}, before=[EFFUSION])
    )
    (told,) = [one for one in read(text) if EFFUSION in {claim.finding for claim in one.claims}]
    assert told.comparisons and len(told.claims) == 1
    if change is Change.WORSENED and said != "There is an effusion." and "It is" not in said:
        assert read(text).of(told) == "The effusion has increased since the prior study."


def test_a_finding_is_not_told_again_under_a_more_general_name():
    rows = table("atelectasis", "lung opacity")
    assert stored(draft("There is a lung opacity. There is atelectasis."), rows)[0] == "There is atelectasis."
    both = "There is a lung opacity and atelectasis."
    assert stored(draft(both), rows)[0] == both
    named, flags = stored(draft("There is a lung opacity."), rows)
    assert (
        read(named).states["atelectasis"] is State.POSITIVE and "opacity" not in named and "repeated_sentence" in flags
    )


def test_what_has_resolved_is_not_denied_besides():
    rows = table(changes={EFFUSION: Change.RESOLVED}, before=[EFFUSION])
    text, _ = stored(draft("There is no pleural effusion or pneumothorax. The heart is normal."), rows)
    assert text.startswith(WORDING.sentence(EFFUSION, State.NEGATIVE, "1.2.3", change=Change.RESOLVED))
    assert sum(EFFUSION in {claim.finding for claim in one.claims} for one in read(text)) == 1
    assert read(text).states["pneumothorax"] is State.NEGATIVE


def test_a_pronoun_is_never_left_alone():
    said = "The heart is enlarged. There is an effusion. This is new since the prior study. No pneumothorax."
    assert stored(draft(said), table(HEART))[0] == "The heart is enlarged. No pneumothorax."
    text, _ = stored(draft(said), table(HEART, EFFUSION, changes={EFFUSION: Change.NEW}))
    assert "This" not in text and WORDING.sentence(EFFUSION, State.POSITIVE, "1.2.3", None, Change.NEW) in text


def test_what_is_there_comes_before_what_may_be_and_that_before_what_is_absent():
    said = "The heart is normal in size. No pneumothorax. There is edema. There is a pleural effusion."
    text, _ = stored(draft(said), table("edema", uncertain=[EFFUSION]))
    doubt = WORDING.sentence(EFFUSION, State.UNCERTAIN, "1.2.3")
    assert text == f"There is edema. {doubt} The heart is normal in size. No pneumothorax."


def test_a_side_is_said_where_a_region_of_change_shows_it():
    said = "The left pleural effusion is new."
    rows = table(EFFUSION, changes={EFFUSION: Change.NEW})
    left, right = (Region("change", x, 500, 100, 100, 0.9, EFFUSION) for x in (800, 100))
    assert stored(draft(said), rows, regions=[left])[0] == said
    text, flags = stored(draft(said), rows, regions=[right])
    assert text == "The pleural effusion is new." and "side_removed" in flags
    assert "left" not in stored(draft(said), rows, regions=[left, right])[0]


def test_of_a_compared_study_the_likeliest_text_stands_for_others_know_nothing_of_its_course():
    both = draft("There is effusion.", "An effusion is seen.")
    references = ["An effusion is seen."] * 3
    assert stored(both, table(EFFUSION), references)[0] == "An effusion is seen."
    assert stored(replace(both, compared=True), table(EFFUSION), references)[0] == "There is effusion."


def test_the_order_of_urgency_has_every_finding_once():
    assert sorted(URGENCY) == sorted(set(FINDINGS) - {"no finding"})
