"""Made-up labelled films, as a table of findings judges them."""

import numpy as np

from cxrreport.evaluation.films import Judged
from cxrreport.findings import FINDINGS, NO_FINDING


def made_up_films(count=400, seed=0):
    """Two films of each patient; what is likelier is called more often, a third is without any finding."""
    rng = np.random.default_rng(seed)
    positive = rng.random((count, len(FINDINGS))) < 0.2
    positive[: count // 3] = False
    positive[:, NO_FINDING] = ~positive[:, :NO_FINDING].any(1)
    probabilities = np.clip(rng.normal(0.35 + 0.2 * positive, 0.15), 0, 1)
    patients = np.array([f"p{i // 2}" for i in range(count)])
    known = np.ones(positive.shape, bool)
    return Judged(probabilities**2, probabilities, probabilities > 0.6, probabilities < 0.2, positive, known, patients)


def collection(directory, films, pairs=()):
    """A directory as NIH's. films: (id, patient, age, sex, view, labels); pairs: (patient, prior, current)."""
    from PIL import Image

    (directory / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for film in films:
        pixels = Image.fromarray(rng.integers(0, 256, (50, 40), dtype=np.uint8))
        pixels.save(directory / "images" / f"{film[0]}.jpg")
    lines = ["id,patient,age,sex,view,labels", *(",".join(film) for film in films)]
    (directory / "labels.csv").write_text("\n".join(lines) + "\n")
    if pairs:
        of = {film[0]: film for film in films}
        rows = [",".join([p, a, b, of[a][5], of[b][5], of[a][4], of[b][4]]) for p, a, b in pairs]
        header = "patient,id_prev,id_curr,labels_prev,labels_curr,view_prev,view_curr"
        (directory / "pairs.csv").write_text("\n".join([header, *rows]) + "\n")
    return directory
