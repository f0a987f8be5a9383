import json
from dataclasses import replace

import numpy as np
import pytest
from builders.calibration import NETWORK, made_up, made_up_calibration

from cxrreport.errors import WeightsError
from cxrreport.evaluation.reliability import by_finding
from cxrreport.findings import FINDINGS, NO_FINDING, State
from cxrreport.model.calibration import GROUPS, Calibration
from cxrreport.records import View
from cxrreport.trust.fit import cross_validated, fit_calibration

EDEMA = FINDINGS.index("edema")


def test_probabilities_of_new_films_mean_what_they_say():
    fitted, new = made_up_calibration(), made_up(4000, seed=1)
    probabilities, _ = fitted.apply_all(new.scores, new.views)
    raw, mended = (by_finding(p, new.positive, new.known) for p in (new.scores, probabilities))
    assert np.mean([row.ece for row in mended.values()]) < 0.03 < np.mean([row.ece for row in raw.values()])


def test_the_bounds_keep_their_promises_on_the_films_they_were_chosen_on():
    films, fitted = made_up(), made_up_calibration()
    _, states = fitted.apply_all(films.scores, films.views)
    for group in ("ap", "pa"):
        rows = films.groups == group
        called = np.array([row[EDEMA] is State.POSITIVE for row in states]) & rows
        denied = np.array([row[EDEMA] is State.NEGATIVE for row in states]) & rows
        truth = films.positive[:, EDEMA]
        assert truth[called].mean() >= 0.5 and called.any() and denied.any()
        assert (truth & denied).sum() <= 0.05 * (truth & rows).sum()


def test_a_view_of_few_films_goes_with_all_films():
    films = made_up()
    few = [View.LATERAL if i > 6 else View.AP for i in range(len(films.views))]
    facts = fit_calibration([replace(films, views=few)], NETWORK).document["findings"]["edema"]
    assert facts["ap"]["bounds_of"] == "all films" and facts["unknown"]["bounds_of"] == "this view"
    assert facts["ap"]["slope"] == pytest.approx(facts["pa"]["slope"], abs=0.4)
    assert facts["pa"]["films"] == 0


def test_what_a_collection_does_not_label_is_left_to_the_others():
    silent = replace(made_up(seed=3, slope=0.1, offset=3.0, name="silent"), known=np.zeros((600, 14), bool))
    together = fit_calibration([made_up(), silent], NETWORK).document["findings"]
    assert together == fit_calibration([made_up()], NETWORK).document["findings"]


def test_a_finding_without_labels_is_neither_called_nor_denied():
    known = np.ones((600, 14), bool)
    known[:, EDEMA] = False
    fitted = fit_calibration([replace(made_up(), known=known)], NETWORK)
    _, states = fitted.apply([0.999] * 14, View.PA)
    assert states[EDEMA] is State.UNCERTAIN
    assert fitted.apply([0.001] * 14, View.PA)[1][EDEMA] is State.UNCERTAIN


def test_a_fit_that_begins_from_another_keeps_its_bounds_where_there_is_little_to_learn():
    start = made_up_calibration()
    few = made_up(count=8, seed=5)
    fitted = fit_calibration([few], NETWORK, start)
    for group in GROUPS:
        assert fitted.curves["edema", group].positive == pytest.approx(start.curves["edema", group].positive, abs=1e-5)
        assert fitted.document["findings"]["edema"][group]["rule"] == "kept"


def test_what_ties_a_pair_stays_where_a_site_fits_its_own():
    start = fit_calibration([made_up()], NETWORK, pair={"margin": 0.25})
    assert fit_calibration([made_up(count=20)], NETWORK, start).document["pair"] == {"margin": 0.25}


def test_no_film_is_judged_by_a_fit_that_saw_its_patient():
    films = made_up(count=40)
    odd = films.positive.copy()
    odd[:2] = ~odd[:2]  # the first patient alone
    before, after = (cross_validated(replace(films, positive=y), []) for y in (films.positive, odd))
    assert np.array_equal(before[:2], after[:2]) and not np.array_equal(before, after)


def test_no_finding_follows_the_others():
    fitted = made_up_calibration()
    assert fitted.apply([0.001] * 14, View.AP)[1][NO_FINDING] is State.POSITIVE
    assert fitted.apply([0.999] * 14, View.AP)[1][NO_FINDING] is State.BLANK


def test_a_calibration_is_read_back_as_it_was(tmp_path):
    fitted = made_up_calibration()
    (tmp_path / "calibration.json").write_bytes(fitted.content)
    again = Calibration.load(tmp_path / "calibration.json")
    assert again == fitted and again.sha256 == fitted.sha256


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.update(version=99),
        lambda d: d["findings"].pop("edema"),
        lambda d: d["findings"]["edema"]["ap"].update(slope=-1),
        lambda d: d["findings"]["edema"]["ap"].update(offset=float("nan")),
        lambda d: d["findings"]["edema"].update(ap=[]),
    ],
)
def test_a_damaged_calibration_is_refused(spoil):
    document = json.loads(made_up_calibration().content)
    spoil(document)
    with pytest.raises(WeightsError) as refused:
        Calibration.parse(json.dumps(document).encode())
    assert refused.value.code == "calibration.malformed"
