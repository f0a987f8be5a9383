"""The stock of phrases from which signed demonstration reports are written. `{side}`, `{zone}` … are filled in."""

from __future__ import annotations

SEVERITY: dict[str, tuple[str, ...]] = {
    "default": ("mild", "moderate", "severe"),
    "pleural effusion": ("small", "moderate", "large"),
    "pneumothorax": ("small", "moderate", "large"),
    "consolidation": ("mild", "moderate", "dense"),
    "pneumonia": ("mild", "moderate", "extensive"),
    "lung opacity": ("faint", "moderate", "extensive"),
    "lung lesion": ("small", "medium-sized", "large"),
    "atelectasis": ("minimal", "mild", "moderate"),
    "fracture": ("minimally displaced", "mildly displaced", "displaced"),
    "pleural other": ("mild", "moderate", "marked"),
}

PRESENT: dict[str, tuple[str, ...]] = {
    "pleural effusion": (
        "There is a {severity} {side} pleural effusion.",
        "{severity} {side} pleural effusion with blunting of the costophrenic angle.",
        "{severity} layering {side} pleural effusion is present.",
    ),
    "consolidation": (
        "{severity} airspace consolidation in {place} with air bronchograms.",
        "There is {severity} consolidation in {place}.",
        "Focal consolidation is seen in {place}, {severity} in extent.",
    ),
    "pneumonia": (
        "{severity} patchy airspace disease in {place}, consistent with pneumonia.",
        "Patchy opacities in {place} are compatible with {severity} pneumonia.",
        "Findings of {severity} pneumonia in {place}.",
    ),
    "lung lesion": (
        "There is a {severity} rounded nodule in {place}.",
        "{severity} well-circumscribed pulmonary nodule projects over {place}.",
        "A {severity} solitary nodule is seen in {place}.",
    ),
    "pneumothorax": (
        "There is a {severity} {side} pneumothorax with a visible visceral pleural edge.",
        "{severity} {side} apical pneumothorax.",
        "A {severity} {side} pneumothorax is present without mediastinal shift.",
    ),
    "cardiomegaly": (
        "The cardiac silhouette is enlarged, {severity} in degree.",
        "There is {severity} cardiomegaly.",
        "{severity} enlargement of the heart.",
    ),
    "edema": (
        "{severity} pulmonary edema with perihilar opacities and Kerley B lines.",
        "Perihilar haziness and indistinct vessels consistent with {severity} pulmonary edema.",
        "There is {severity} bilateral pulmonary edema.",
    ),
    "atelectasis": (
        "{severity} linear atelectasis in {place}.",
        "There is {severity} plate-like atelectasis in {place} with elevation of the hemidiaphragm.",
        "{severity} bandlike opacities in {place} compatible with subsegmental atelectasis.",
    ),
    "enlarged cardiomediastinum": (
        "There is {severity} widening of the mediastinum.",
        "The superior mediastinum is widened, {severity} in degree.",
        "{severity} enlargement of the mediastinal contour.",
    ),
    "fracture": (
        "{severity} fracture of the {side} lateral {ribs} in the {zone} chest.",
        "There is a {severity} {side} rib fracture, {zone} chest.",
        "Acute {severity} {side} rib fracture is seen.",
    ),
    "lung opacity": (
        "There is a {severity} hazy opacity in {place}.",
        "{severity} ill-defined opacity in {place}.",
        "Hazy opacification of {place}, {severity}.",
    ),
    "pleural other": (
        "{severity} {side} pleural thickening with calcified plaque.",
        "There is {severity} pleural thickening along the {side} {zone} chest wall.",
        "{severity} {side} pleural plaques.",
    ),
}

DEVICES: dict[str, tuple[str, ...]] = {
    "picc": (
        "A right PICC terminates in the superior vena cava.",
        "Right upper extremity PICC with tip in the lower SVC.",
    ),
    "central line": (
        "A right internal jugular central venous catheter ends in the SVC.",
        "Right central line with tip at the cavoatrial junction.",
    ),
    "endotracheal tube": (
        "The endotracheal tube ends above the carina.",
        "Endotracheal tube tip is in satisfactory position above the carina.",
    ),
    "pacemaker": (
        "A left chest wall pacemaker with lead in the right ventricle.",
        "Left-sided single lead pacemaker is in place.",
    ),
    "sternal wires": (
        "Median sternotomy wires are intact.",
        "Midline sternotomy wires are noted.",
    ),
}

SHORT: dict[str, str] = {
    "pleural effusion": "{side} pleural effusion",
    "consolidation": "{side} {zone} lung consolidation",
    "pneumonia": "{side} {zone} lung pneumonia",
    "lung lesion": "{side} {zone} lung nodule",
    "pneumothorax": "{side} pneumothorax",
    "cardiomegaly": "cardiomegaly",
    "edema": "pulmonary edema",
    "atelectasis": "{side} {zone} lung atelectasis",
    "enlarged cardiomediastinum": "mediastinal widening",
    "fracture": "{side} rib fracture",
    "lung opacity": "{side} {zone} lung opacity",
    "pleural other": "{side} pleural thickening",
}

CHANGES: dict[str, tuple[str, ...]] = {
    "new": (
        "This is new since the prior study.",
        "The {noun} {be} new compared to prior.",
        "This was not seen previously.",
    ),
    "worsened": (
        "The {noun} {have} increased since the prior study.",
        "The {noun} {have} worsened in the interval.",
        "This has progressed compared to prior.",
    ),
    "unchanged": (
        "The {noun} {be} unchanged.",
        "This is stable compared to the prior study.",
        "No significant change in the {noun}.",
    ),
    "improved": (
        "The {noun} {have} decreased since the prior study.",
        "The {noun} {have} improved in the interval.",
        "This is smaller than on the prior study.",
    ),
}
RESOLVED: dict[str, tuple[str, ...]] = {
    "lesion": (
        "The previously seen {noun} {have} resolved.",
        "Interval resolution of the {noun}.",
        "The {noun} is no longer seen.",
    ),
    "device": ("The {noun} {have} been removed.", "Interval removal of the {noun}."),
}
IMPRESSIONS: dict[str, tuple[str, ...]] = {
    "new": ("New {noun}.", "Interval development of {noun}."),
    "worsened": ("Worsening {noun}.", "Increased {noun} since the prior study."),
    "unchanged": ("Unchanged {noun}.", "Stable {noun}."),
    "improved": ("Improving {noun}.", "Decreased {noun} since the prior study."),
    "resolved": ("Resolved {noun}.", "Interval resolution of {noun}."),
}

OPENINGS = (
    "The film is adequately exposed.",
    "Lung volumes are adequate.",
    "The trachea is midline.",
)
CLEAR: dict[str, tuple[str, ...]] = {
    "heart": (
        "The heart size and mediastinal contours are within normal limits.",
        "Heart size is normal. The mediastinum is unremarkable.",
        "The cardiomediastinal silhouette is normal.",
    ),
    "lungs": ("The lungs are clear.", "Lungs are clear bilaterally.", "The lungs are well expanded and clear."),
    "bones": ("The visualized osseous structures are intact.", "No acute bony abnormality."),
}
NORMAL = (
    "No acute cardiopulmonary abnormality.",
    "Normal chest radiograph.",
    "No acute cardiopulmonary process.",
    "No evidence of acute disease.",
)
UNCHANGED_NORMAL = ("No acute cardiopulmonary abnormality. No change from prior.", "Stable normal chest radiograph.")
COMPARISONS = (
    "Prior chest radiograph.",
    "Comparison is made to the prior chest radiograph.",
    "Chest radiograph, prior study.",
)
INDICATIONS = (
    "Cough.",
    "Shortness of breath.",
    "Chest pain.",
    "Fever.",
    "Preoperative evaluation.",
    "Follow-up.",
    "Dyspnea.",
)
