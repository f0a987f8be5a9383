import time

import pytest

from cxrreport.findings import FINDINGS, LABELS, State
from cxrreport.reports.labels import is_normal, label, label_all, label_in_order, signed_states, with_parents, words

P, N, U, B = State.POSITIVE, State.NEGATIVE, State.UNCERTAIN, State.BLANK


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No focal consolidation, pleural effusion, or pneumothorax.",
         {"consolidation": N, "pleural effusion": N, "pneumothorax": N}),
        ("Not assessed: pneumothorax, fracture. Changes not assessed: edema.", {}),
        ("The pleural effusion was not assessed.", {}),
        ("The pleural effusion was not seen.", {"pleural effusion": N}),
        ("There is edema. Not assessed: fracture.", {"edema": P}),
        ("No pneumothorax, small left pleural effusion.", {"pneumothorax": N, "pleural effusion": P}),
        ("There is no pneumothorax but there is an effusion.", {"pneumothorax": N, "pleural effusion": P}),
        ("No pneumothorax and left lower lobe atelectasis.", {"pneumothorax": N, "atelectasis": P}),
        ("Heart size is normal.", {"cardiomegaly": N}),
        ("The cardiac silhouette is not enlarged.", {"cardiomegaly": N}),
        ("The heart is mildly\nenlarged.", {"cardiomegaly": P}),
        ("Negative for pneumothorax.", {"pneumothorax": N}),
        ("Lungs are free of consolidation.", {"consolidation": N}),
        ("Cardiomegaly without edema.", {"cardiomegaly": P, "edema": N}),
        ("The pneumothorax has resolved.", {"pneumothorax": N}),
        ("Fracture no longer seen.", {"fracture": N}),
        ("The film no longer demonstrates a pneumothorax.", {"pneumothorax": N}),
        ("Effusion is not seen.", {"pleural effusion": N}),
        ("No change in moderate left pneumothorax.", {"pneumothorax": P}),
        ("Pneumonia cannot be excluded.", {"pneumonia": U}),
        ("Cannot exclude pneumonia.", {"pneumonia": U}),
        ("Edema is not excluded.", {"edema": U}),
        ("Suspicious for pneumonia.", {"pneumonia": U}),
        ("No suspicious nodules or masses.", {"lung lesion": N}),
        ("Opacity may represent pneumonia versus atelectasis.", {"lung opacity": P, "pneumonia": U, "atelectasis": U}),
        ("Possible small effusion, without consolidation.", {"pleural effusion": U, "consolidation": N}),
        ("Evaluate for pneumonia.", {"pneumonia": B}),
        ("History of pneumonia.", {"pneumonia": B}),
        ("Residuals of prior granulomatous infection.", {"pneumonia": B}),
        ("Large hydropneumothorax.", {"pneumothorax": P, "pleural effusion": P}),
        ("The right internal jugular catheter tip is in the SVC.", {"support devices": P}),
        ("Right PICC line has been removed.", {"support devices": B}),
        ("Old healed rib fractures.", {"fracture": P}),
        ("Apical pleural thickening.", {"pleural other": P}),
        ("The effusion has not resolved.", {"pleural effusion": P}),
        ("Nearly resolved left effusion.", {"pleural effusion": P}),
        ("Almost completely resolved apical pleural air collection.", {"pneumothorax": P, "pleural other": B}),
        ("Near-complete resolution of the pneumothorax.", {"pneumothorax": P}),
        ("No resolution of the edema.", {"edema": P}),
        ("Interval resolution of the edema.", {"edema": N}),
        ("No significant interval change in bibasilar atelectasis.", {"atelectasis": P}),
        ("Gram-negative pneumonia.", {"pneumonia": P}),
        ("Scarring from prior left lower lobe pneumonia.", {"pneumonia": B}),
        ("Calcified nodes suggest previous histoplasmosis infection.", {"pneumonia": B}),
        ("Prior granulomatous disease. New pneumonia.", {"pneumonia": P}),
        ("Clinical correlation to exclude pneumonia.", {"pneumonia": U}),
        ("Pneumonia is in the differential.", {"pneumonia": U}),
        ("Pulmonary edema difficult to entirely exclude.", {"edema": U}),
        ("Please note that fractures may not be demonstrated.", {"fracture": B}),
        ("Catheter fracture at the first rib.", {"fracture": B, "support devices": P}),
        ("Median sternotomy wires are intact.", {"support devices": P, "fracture": B}),
        ("Sternal sutures and mediastinal surgical clips.", {"support devices": P}),
        ("Sternotomy XXXX again noted.", {"support devices": P}),
        ("No evidence of pneumothorax, although the sensitivity for pneumothorax is diminished.", {"pneumothorax": N}),
        ("No evidence of pneumothorax, although the sensitivity of the exam is diminished.", {"pneumothorax": N}),
        ("? pneumothorax", {"pneumothorax": U}),
        ("Small effusion, if any.", {"pleural effusion": U}),
        ("Presumed pneumonia.", {"pneumonia": U}),
        ("Mild vascular congestion.", {"edema": U}),
        ("No vascular congestion.", {"edema": N}),
        ("No clips or wires.", {"support devices": N}),
    ],
)  # fmt: skip
def test_states_of_a_sentence(text, expected):
    states = label(text)
    assert {finding: states[finding] for finding in expected} == expected


@pytest.mark.parametrize(
    ("text", "name", "state"),
    [
        ("Free air under the diaphragm.", "other abnormality/free air", P),
        ("No free air.", "other abnormality/free air", N),
        ("Subcutaneous emphysema.", "other abnormality/subcutaneous emphysema", P),
        ("Collapsed left lung.", "other abnormality/collapsed lung", P),
        ("Possible hiatal hernia.", "other abnormality/hiatal hernia", U),
        ("Calcified granuloma.", "other abnormality/granuloma", P),
        ("Mild scoliosis.", "other abnormality/scoliosis", P),
        ("Left chest tube.", "support devices/chest tube", P),
        ("Endotracheal tube above the carina.", "support devices/endotracheal tube", P),
    ],
)
def test_other_abnormalities_and_kinds_of_devices_are_named(text, name, state):
    states = label_all(text)
    assert states[name] == states[name.split("/")[0]] == state
    assert label(text)["no finding"] == P and is_normal(text) == (state == N)
    assert tuple(states)[: len(LABELS)] == LABELS


EXAMPLES = {
    "pneumomediastinum": "Pneumomediastinum", "volume loss": "Volume loss on the left",
    "tracheal deviation": "Trachea is deviated", "mediastinal shift": "Mediastinal shift",
    "atherosclerosis": "Atherosclerotic aorta", "aortic aneurysm": "Aneurysm", "tortuous aorta": "Tortuous aorta",
    "pulmonary hypertension": "Pulmonary arterial hypertension", "hilar enlargement": "Enlarged right hilum",
    "lymphadenopathy": "Hilar adenopathy", "calcified lymph nodes": "Calcified hilar lymph nodes",
    "tuberculosis": "Tuberculosis", "sarcoidosis": "Sarcoid", "emphysema": "Emphysematous change",
    "bulla": "Apical blebs", "COPD": "Hyperinflated lungs", "bronchiectasis": "Bronchiectasis",
    "bronchitis": "Bronchitis", "low lung volumes": "Low lung volumes", "scarring": "Apical scarring",
    "lucency": "Basal lucency", "hernia": "Bochdalek hernia", "elevated diaphragm": "Elevated right hemidiaphragm",
    "blunted costophrenic angle": "Blunting of the angle", "pericardial effusion": "Pericardial effusion",
    "fat pad": "Epicardial fat pad", "goiter": "Goiter", "kyphosis": "Kyphosis", "DISH": "Flowing hyperostosis",
    "vertebral compression": "Vertebral height loss", "degenerative change": "Spondylosis",
    "osteopenia": "Osteopenia", "bone lesion": "Lytic lesion", "pectus deformity": "Pectus",
    "dislocation": "Subluxed shoulder", "deformity": "Clavicular deformity", "cervical rib": "Cervical rib",
    "aberrant anatomy": "Situs inversus", "postsurgical change": "Postsurgical changes",
    "breast implant": "Breast implants", "foreign body": "Bullet", "gallstones": "Gallstones",
    "contrast medium": "Residual contrast", "dilated bowel": "Dilated colon", "nipple shadow": "Nipple shadow",
    "calcification": "Calcifications", "thickening": "Wall thickening",
    "ventricular hypertrophy": "Left ventricular hypertrophy", "valvular disease": "Valvular disease",
}  # fmt: skip
DEVICES = {
    "tracheostomy": "Tracheostomy", "gastric tube": "NG tube", "PICC": "Left PICC",
    "dialysis catheter": "Dialysis catheter", "pulmonary artery catheter": "Swan-Ganz catheter",
    "port": "Port-a-cath", "central line": "Right IJ catheter", "pacemaker": "Dual chamber pacemaker",
    "heart monitor": "Loop recorder", "nerve stimulator": "Neurostimulator", "heart valve": "Prosthetic aortic valve",
    "stent": "Coronary stent", "balloon pump": "Balloon pump", "vena cava filter": "IVC filter", "shunt": "VP shunt",
    "spinal hardware": "Spinal rods", "joint prosthesis": "Arthroplasty", "sternal wires": "Sternal wires",
    "clips": "Surgical clips", "staples and sutures": "Sutures", "monitoring leads": "EKG leads",
    "orthopedic hardware": "Orthopedic hardware",
}  # fmt: skip


@pytest.mark.parametrize(
    ("label_of", "name", "said"),
    [
        *(("other abnormality", name, said) for name, said in EXAMPLES.items()),
        *(("support devices", name, said) for name, said in DEVICES.items()),
    ],
)
def test_every_name_is_found_and_denied(label_of, name, said):
    assert label_all(f"{said}.")[f"{label_of}/{name}"] == P
    assert label_all(f"No {said.lower()}.")[f"{label_of}/{name}"] == N


def test_every_name_of_the_dictionary_has_an_example():
    above = {"free air", "subcutaneous emphysema", "collapsed lung", "hiatal hernia", "granuloma", "scoliosis"}
    assert {*words()["other abnormalities"]} == {*EXAMPLES} | above
    assert {*words()["kinds of devices"]} == {*DEVICES} | {"chest tube", "endotracheal tube"}


@pytest.mark.parametrize("split", ["train", "val"])
def test_normal_is_what_people_coded_so(iu_rows, split):
    rows = [r for r in iu_rows if r["split"] == split and r["mesh"] not in ("", "No Indexing") and r["findings"]]
    ours = [is_normal(f"{r['findings']}\n\n{r['impression']}") for r in rows]
    coded = [r["mesh"] == "normal" for r in rows]
    assert 2 * sum(a and b for a, b in zip(ours, coded)) / (sum(ours) + sum(coded)) >= 0.9


def test_positive_wins_over_uncertain_over_negative():
    assert label("No effusion. Possible effusion.")["pleural effusion"] == U
    assert label("Possible effusion. No effusion. Left effusion.")["pleural effusion"] == P


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("Heart size is normal. Lungs are clear.", P),
        ("", P),
        ("Normal heart. A pacemaker is in place.", P),
        ("Possible pneumonia.", B),
        ("Cardiomegaly.", B),
    ],
)
def test_no_finding_is_what_is_left(text, state):
    assert label(text)["no finding"] == state


def test_all_findings_in_the_order_of_the_network():
    assert tuple(label("Clear lungs.")) == FINDINGS


def test_a_signed_report_is_what_its_labels_say_else_its_text():
    text = "There is edema. No pneumothorax."
    told, labelled = signed_states(text, {}), signed_states(text, {"pneumonia": U})
    assert (told["edema"], told["lung opacity"], told["pneumothorax"]) == (P, P, N)
    assert (labelled["edema"], labelled["consolidation"], labelled["lung opacity"]) == (B, U, U)
    assert list(told) == list(labelled) == list(FINDINGS)


def test_parents_are_implied_and_never_weakened():
    states = with_parents(label("Right lower lobe pneumonia. Lungs otherwise clear."))
    assert states["consolidation"] == states["lung opacity"] == P
    assert with_parents(label("Possible atelectasis. Left opacity."))["lung opacity"] == P
    assert with_parents(label("No pneumonia."))["consolidation"] == B


def _column(finding):
    name = "Pleural_Other" if finding == "pleural other" else "-".join(word.capitalize() for word in finding.split())
    return f"transchex_{name}"


def test_agrees_with_published_labels(iu_rows):
    rows = [row for row in iu_rows if row["split"] != "test" and row["transchex_No-Finding"]]
    labels = [with_parents(label(f"{row['findings']}\n\n{row['impression']}")) for row in rows]
    scores = {}
    for finding in FINDINGS:
        actual = [row[_column(finding)] == "1" for row in rows]
        predicted = [states[finding] == P for states in labels]
        both = sum(a and p for a, p in zip(actual, predicted))
        if sum(actual) >= 20:
            scores[finding] = 2 * both / (sum(actual) + sum(predicted))
    assert len(scores) == 13
    assert sum(scores.values()) / len(scores) >= 0.86, scores
    scores.pop("support devices")  # TransChex does not count sternotomy wires and surgical clips, CheXpert does
    assert min(scores.values()) >= 0.77, scores


@pytest.mark.parametrize("words", ["small left effusion, ", "no effusion and ", "x", "may be opacity "])
def test_a_report_of_one_endless_sentence_takes_its_length_not_the_square(words):
    text = (words * 300_000)[:300_000]
    start = time.process_time()
    label(text)
    assert time.process_time() - start < 5


def test_is_quick(iu_rows):
    texts = [row["findings"] for row in iu_rows]
    start = time.process_time()
    for text in texts:
        label(text)
    assert len(texts) / (time.process_time() - start) > 3000


@pytest.mark.parametrize(
    ("texts", "finding", "state"),
    [
        (["No pneumothorax.", "Small right apical pneumothorax."], "pneumothorax", State.POSITIVE),
        (["Large pneumothorax.", "There is no pneumothorax."], "pneumothorax", State.NEGATIVE),
        (["No pneumothorax.", "Small pneumothorax.", "No pneumothorax after all."], "pneumothorax", State.NEGATIVE),
        (["Small left effusion.", "The ward was told."], "pleural effusion", State.POSITIVE),
        (["Clear lungs.", "Small pneumothorax."], "no finding", State.BLANK),
        (["Small pneumothorax.", "No pneumothorax."], "no finding", State.POSITIVE),
        (["Large right pneumothorax.", "There is no left pneumothorax."], "pneumothorax", State.POSITIVE),
        (["Large right pneumothorax.", "There is no right pneumothorax."], "pneumothorax", State.NEGATIVE),
        (["Bilateral effusions.", "No effusion on the left."], "pleural effusion", State.POSITIVE),
        (["Pneumothorax.", "Film to rule out pneumothorax advised."], "pneumothorax", State.POSITIVE),
    ],
)
def test_what_an_addendum_says_of_a_finding_holds(texts, finding, state):
    assert label_in_order(texts)[finding] is state
