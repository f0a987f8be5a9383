"""Pairs tell the truth about their films: what changed, where, and that nothing else did."""

from functools import cache
from itertools import islice

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cxrreport.datasets.pairs.inserted import identical_pairs, inserted_pairs
from cxrreport.datasets.pairs.phantom import attenuation, phantom_pairs, pixels_of
from cxrreport.datasets.pairs.sample import IMPROVED, UNCHANGED, UNSTATED, WORSENED, truth_of
from cxrreport.datasets.pairs.timelines import random_visits, truth_of_visits
from cxrreport.datasets.sample import make_sample
from cxrreport.findings import FINDINGS, PARENTS, State
from cxrreport.imaging.preprocess import preprocess
from cxrreport.phantoms.canvas import Canvas
from cxrreport.phantoms.exposure import Exposure
from cxrreport.phantoms.inserted.retake import Retake
from cxrreport.phantoms.painters import PAINTERS
from cxrreport.phantoms.patient import Lesion, Patient
from cxrreport.phantoms.phantom import draw_frontal
from cxrreport.phantoms.report_text import STEP
from cxrreport.reports.labels import label

NORMAL = "The heart is normal in size. The lungs are clear. No pleural effusion or pneumothorax."


def at(finding):
    return FINDINGS.index(finding)


@cache
def bases():
    """Phantom films in place of real ones, with reports: normal, one finding, one doubt."""
    reports = [NORMAL] * 3 + ["There is moderate cardiomegaly.", "Possible small left pleural effusion."]
    films = [preprocess(draw_frontal(seed, (), exposure_seed=seed, side=256).pixels) for seed in range(6, 11)]
    return [make_sample(str(n), f"p{n}", [film, None], text, "") for n, (film, text) in enumerate(zip(films, reports))]


@cache
def phantoms():
    return list(phantom_pairs(12, 5))


@cache
def inserted():
    return list(inserted_pairs(bases(), 8, 5))


@cache
def every():
    found = [phantoms(), inserted(), list(identical_pairs(bases(), 5))]
    assert all(found)
    return [pair for kind in found for pair in kind]


def same(a, b):
    fields = ("current", "prior", "now", "before", "known", "progression")
    told = ("key", "patient", "boxes", "days", "report", "prior_report", "place")
    return all(np.array_equal(getattr(a, f), getattr(b, f)) for f in fields) and all(
        getattr(a, f) == getattr(b, f) for f in told
    )


def test_films_are_as_the_network_takes_them():
    for pair in every():
        for film in (pair.current, pair.prior):
            assert film.dtype == np.uint8 and film.shape == (256, 256) and film.std() > 20
        assert not np.array_equal(pair.current, pair.prior)
        assert all(flags.dtype == np.bool_ and flags.shape == (14,) for flags in (pair.now, pair.before, pair.known))


def test_a_course_is_told_only_of_what_is_on_both_films():
    for pair in every():
        assert pair.progression.dtype == np.int64 and set(pair.progression.tolist()) <= {
            UNSTATED,
            WORSENED,
            UNCHANGED,
            IMPROVED,
        }
        assert not (pair.progression != UNSTATED)[~(pair.now & pair.before & pair.known)].any()
        assert pair.progression[at("no finding")] == UNSTATED


def test_boxes_belong_to_what_changed_and_to_all_of_it():
    for pair in every():
        moved = (pair.now != pair.before) | (pair.progression == WORSENED) | (pair.progression == IMPROVED)
        moved[at("no finding")] = False
        assert {box[0] for box in pair.boxes} == set(np.flatnonzero(moved))
    assert any(pair.boxes for pair in inserted()) and any(pair.boxes for pair in phantoms())


def test_boxes_lie_on_the_film():
    assert any(pair.boxes for pair in every())
    for pair in every():
        for _, x, y, w, h in pair.boxes:
            assert 0 <= x < 1 and 0 <= y < 1 and 0 < w <= 1 - x + 1e-9 and 0 < h <= 1 - y + 1e-9


def test_about_one_pair_in_eight_is_unchanged():
    rng = np.random.default_rng(3)
    steady = [not any(one.changed for one in random_visits(rng, list(PAINTERS))) for _ in range(1500)]
    assert 0.09 < np.mean(steady) < 0.15


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=60, deadline=None)
def test_courses_are_such_as_a_reader_sees_and_do_not_imply_each_other(seed):
    visits = random_visits(np.random.default_rng(seed), list(PAINTERS))
    names = [one.lesion.finding for one in visits]
    assert len(visits) <= 3 and len(set(names)) == len(names)
    assert not any(parent in names for name in names for parent in PARENTS.get(name, ()))
    for one in visits:
        if one.before and one.now:
            step = abs(one.now.severity - one.before.severity)
            assert step == 0 or step >= 0.28 > STEP
            assert (one.now.side, one.now.zone) == (one.before.side, one.before.zone)
    truth = truth_of_visits(visits)
    assert truth.before[at("no finding")] == (
        not {n for v in visits if v.before for n in [v.before.finding]} - {"support devices"}
    )


def test_truth_of_severities():
    truth = truth_of({"cardiomegaly": 0.3, "pneumonia": 0.6}, {"cardiomegaly": 0.7, "pneumothorax": 0.2})
    assert truth.progression[at("cardiomegaly")] == WORSENED and truth.progression[at("pneumonia")] == UNSTATED
    assert truth.before[at("pneumonia")] and not truth.now[at("pneumonia")] and truth.now[at("pneumothorax")]
    unknown = {FINDINGS[i] for i in np.flatnonzero(~truth.known)}
    assert unknown == {"enlarged cardiomediastinum", "consolidation", "lung opacity"}


def test_what_a_changed_finding_implies_has_no_course_of_its_own():
    truth = truth_of({"lung opacity": 1, "pneumonia": 0.2}, {"lung opacity": 1, "pneumonia": 0.8})
    assert (
        truth.now[at("lung opacity")]
        and truth.known[at("lung opacity")]
        and truth.progression[at("lung opacity")] == UNSTATED
    )


def test_the_same_seed_gives_the_same_pairs_and_another_others():
    assert all(same(a, b) for a, b in zip(phantoms(), phantom_pairs(3, 5)))
    assert all(same(a, b) for a, b in zip(inserted(), islice(inserted_pairs(bases(), 8, 5), 4)))
    assert all(same(a, b) for a, b in zip(identical_pairs(bases(), 5), identical_pairs(bases(), 5)))
    assert not same(phantoms()[0], next(phantom_pairs(1, 6)))
    assert not same(inserted()[0], next(inserted_pairs(bases(), 8, 6)))


def test_pairs_come_one_by_one():
    assert len(list(islice(phantom_pairs(10**9, 1), 2))) == 2


def test_keys_are_unique_and_patients_are_those_of_the_films():
    keys = [pair.key for pair in every()]
    assert len(set(keys)) == len(keys)
    assert {pair.patient for pair in inserted()} <= {sample.patient for sample in bases()}
    assert len({pair.patient for pair in phantoms()}) == len(phantoms())


def test_a_phantom_pair_is_drawn_as_phantoms_are():
    lesions = [
        Lesion("pleural effusion", "right", 0.5),
        Lesion("cardiomegaly", "midline", 0.6),
        Lesion("edema", "both", 0.4),
    ]
    exposure = Exposure.from_seed(4, 9, "frontal")
    total = attenuation(Canvas(256, exposure.pose), Patient.from_seed(4), lesions)
    assert np.array_equal(
        pixels_of(total, exposure), preprocess(draw_frontal(4, lesions, exposure_seed=9, side=256).pixels)
    )


def test_reports_say_what_the_films_show():
    for pair in [pair for pair in [*phantoms(), *inserted()] if pair.report]:
        said = label(pair.prior_report)
        for i in np.flatnonzero(pair.known)[:-1]:
            assert (said[FINDINGS[i]] is State.POSITIVE) == pair.before[i], (FINDINGS[i], pair.prior_report)
    changed = [p for p in phantoms() if p.boxes]
    assert any(
        "new" in p.report.lower() or "worse" in p.report.lower() or "increas" in p.report.lower() for p in changed
    )


def test_inserted_films_say_nothing_of_a_report_that_names_findings_itself():
    assert {pair.patient for pair in inserted()} >= {"p0", "p3"}
    assert all(not pair.report and not pair.prior_report for pair in inserted() if pair.patient in ("p3", "p4"))
    assert all(pair.report and pair.prior_report for pair in inserted() if pair.patient in ("p0", "p1", "p2"))


def test_what_the_film_shows_itself_stays_and_what_is_doubted_is_unknown():
    heart, doubt = ([p for p in inserted() if p.patient == name] for name in ("p3", "p4"))
    assert heart and doubt
    assert all(p.now[at("cardiomegaly")] and p.progression[at("cardiomegaly")] == UNCHANGED for p in heart)
    assert not any(p.known[at("pleural effusion")] or p.now[at("pleural effusion")] for p in doubt)


def test_the_films_differ_most_where_a_resolved_lesion_was():
    """Seen on pairs of which one thing changed, both films brought to one pose, beside the same place elsewhere."""
    inside, outside = [], []
    for pair in [p for p in inserted() if len({b[0] for b in p.boxes}) == 1 and p.boxes[0][0] in map(at, LOCAL)]:
        difference = np.abs(level(pair.current) - level(pair.prior))
        boxed = np.zeros((256, 256), bool)
        for _, x, y, w, h in pair.boxes:
            boxed[round(256 * y) : round(256 * (y + h)), round(256 * x) : round(256 * (x + w))] = True
        middle = np.zeros_like(boxed)
        middle[40:200, 40:216] = True
        inside.append(difference[boxed].mean())
        outside.append(difference[middle & ~boxed].mean())
    assert len(inside) >= 3 and np.mean(np.array(inside) > np.array(outside)) > 0.75


LOCAL = ("consolidation", "pneumonia", "pleural effusion", "lung lesion", "pneumothorax")


def level(film):
    """A film smoothed beyond what the two poses differ by."""
    small = Image.fromarray(film).resize((16, 16), Image.Resampling.BOX)
    smooth = np.asarray(small.resize((256, 256), Image.Resampling.BICUBIC), np.float32)
    return smooth - smooth[40:200, 40:216].mean()


def test_identical_pairs_change_nothing():
    pairs = list(identical_pairs(bases(), 2))
    assert len(pairs) == len(bases())
    for pair in pairs:
        assert pair.boxes == () and np.array_equal(pair.now, pair.before)
        assert set(pair.progression[pair.now][:-1].tolist()) <= {UNCHANGED}


@given(st.integers(0, 2**31 - 1), st.integers(0, 255))
@settings(max_examples=15, deadline=None)
def test_a_retake_is_a_small_move(seed, grey):
    retake = Retake.random(np.random.default_rng(seed))
    spot = np.zeros((256, 256), np.float32)
    spot[124:132, 124:132] = 1
    moved = retake.move(spot, bordered=True)
    rows, columns = np.nonzero(moved > 0.5)
    assert abs(rows.mean() - 127.5 - 256 * retake.dy) < 1.5 and abs(columns.mean() - 127.5 - 256 * retake.dx) < 1.5
    assert (retake.move(np.full((256, 256), grey, np.float32), bordered=False) == grey).all()


def test_samples_without_a_frontal_image_or_without_lungs_are_passed_over():
    pixels = np.random.default_rng(0).integers(0, 256, (256, 256), dtype=np.uint8)
    lateral, noise = (make_sample("x", "x", views, NORMAL, "") for views in ([None, pixels], [pixels, None]))
    assert list(identical_pairs([lateral], 1)) == list(inserted_pairs([lateral, noise], 2, 1)) == []
