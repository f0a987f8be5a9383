import dataclasses
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.imaging.pairing import choose_frontal, choose_lateral, choose_prior, pair
from cxrreport.records import Image, Origin, Study, View

NOON = datetime(2024, 3, 5, 12)
quick = settings(max_examples=150, deadline=None)


def image(uid="1", view=View.PA, probability=1.0, height=100, width=100, origin=Origin.ORIGINAL):
    return Image(1, uid, "/a", 1, view, probability, height, width, origin=origin)


def study(uid, at=NOON, time_known=True, patient=1, frontal=True, birth=None, sex="", accession="", name=""):
    images = (image(uid + ".1"), image(uid + ".2", View.LATERAL)) if frontal else (image(uid + ".2", View.LATERAL),)
    return Study(int(uid), uid, patient, at, time_known, birth, sex, accession, images, name_sha256=name)


def days(count):
    return NOON + timedelta(days=count)


def test_the_surest_then_largest_image_is_chosen():
    images = [
        image("3", probability=0.8, height=900),
        image("2", View.AP, height=200),
        image("1", View.FRONTAL, height=200),
        image("4", View.LATERAL, height=900),
        image("5", None, height=900),
        image("6", View.OTHER, height=900),
    ]
    assert choose_frontal(images).sop_uid == choose_frontal(images[::-1]).sop_uid == "1"
    assert choose_lateral(images).sop_uid == "4"
    assert choose_frontal(images[3:]) is None and choose_lateral([]) is None


def test_an_original_image_goes_before_any_other_and_a_subtraction_behind_all():
    images = [image(str(n), origin=origin, height=100 + n) for n, origin in enumerate(Origin)]
    images[0] = dataclasses.replace(images[0], view_probability=0.6)
    assert [choose_frontal(images[n:]).sop_uid for n in range(4)] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    "others",
    [
        [study("1", days(-2)), study("2", days(-30)), study("3", days(-9)), study("4", days(3))],
        [
            study("1", NOON - timedelta(minutes=5)),
            study("2", NOON + timedelta(minutes=5)),
        ],  # on one day the times decide
        [study("1", days(-1)), study("2", NOON, frontal=False)],  # no tie with what nobody compares
    ],
)
def test_the_latest_earlier_study_is_the_prior(others):
    assert choose_prior(study("9"), others[::-1]) == (others[0], "")
    assert choose_prior(study("9", None), others) == (None, "prior.date_missing")


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ([], "prior.none"),
        ([study("1", days(1))], "prior.none"),
        ([study("1", days(-1), patient=2)], "prior.none"),
        ([study("1", None)], "prior.none"),
        ([study("1", days(-1), frontal=False)], "prior.no_frontal"),
        ([study("1", days(-1)), study("2", days(-1))], "prior.tie"),
        ([study("1", days(-1), False), study("2", days(-1) + timedelta(hours=1))], "prior.tie"),
        ([study("1", NOON)], "prior.tie"),
        ([study("1", NOON - timedelta(hours=1), False), study("2", days(-1))], "prior.tie"),
    ],
)
def test_doubt_means_no_prior_and_says_why(others, reason):
    assert choose_prior(study("9"), others) == (None, reason)


@pytest.mark.parametrize(
    ("known", "other", "conflict"),
    [
        ({"birth": date(1950, 1, 1)}, {"birth": date(1950, 1, 2)}, True),
        ({"birth": date(1950, 1, 1)}, {}, False),
        ({"sex": "F"}, {"sex": "M"}, True),
        ({"sex": "f"}, {"sex": "F"}, False),
        ({"sex": "F"}, {"sex": "O"}, False),
        ({"name": "a"}, {"name": "b"}, True),
        ({"name": "a", "sex": "F"}, {"name": "b", "sex": "F"}, True),
        ({"name": "a", "birth": date(1950, 1, 1)}, {"name": "b"}, True),
        ({"name": "a", "birth": date(1950, 1, 1)}, {"name": "b", "birth": date(1950, 1, 1)}, False),  # one has married
        ({"name": "a"}, {}, True),  # nothing but the number agrees
        ({}, {"name": "a"}, True),
        ({"name": "a", "sex": "F", "birth": date(1950, 1, 1)}, {}, True),
        ({"name": "a", "sex": "F"}, {"sex": "F"}, False),
        ({"name": "a", "birth": date(1950, 1, 1)}, {"birth": date(1950, 1, 1)}, False),
    ],
)
def test_another_identity_means_no_prior_not_an_older_one(known, other, conflict):
    older, latest = study("1", days(-9), **known), study("2", days(-1), **other)
    expected = (None, "prior.identity") if conflict else (latest, "")
    assert choose_prior(study("9", **known), [older, latest]) == expected


@pytest.mark.parametrize("known", [True, False])
def test_one_exam_under_two_study_uids_has_no_prior_in_itself(known):
    order = {"accession": "A1", "time_known": known}
    earlier, twin = study("1", days(-9), **order), study("2", NOON - timedelta(seconds=40), **order)
    assert choose_prior(study("9", **order), [earlier, twin]) == (earlier, "")  # an order may be for a series of days
    assert choose_prior(study("9", **order), [twin]) == (None, "prior.none")
    assert choose_prior(study("9"), [dataclasses.replace(twin, time_known=True)])[1] == ""


@pytest.mark.parametrize(
    ("known", "later", "same"), [(True, 1, False), (False, 1, True), (False, 0, True), (False, 2, False)]
)
def test_days_without_a_time_are_one_exam_if_they_follow_each_other(known, later, same):
    order = {"accession": "A1", "time_known": known}
    first, second = study("1", days(0), **order), study("2", days(later), accession="A1")
    assert choose_prior(second, [first]) == ((None, "prior.none") if same else (first, ""))


def test_a_pair_holds_the_images_of_both_studies():
    prior = study("1", days(-1))
    made = pair(study("9"), [prior])
    assert (made.prior, made.reason) == (prior, "")
    assert [made.frontal.sop_uid, made.lateral.sop_uid] == ["9.1", "9.2"]
    assert [made.prior_frontal.sop_uid, made.prior_lateral.sop_uid] == ["1.1", "1.2"]
    assert pair(study("9", frontal=False), [prior]) is None
    alone = pair(study("9"), [])
    assert (alone.prior, alone.prior_frontal, alone.reason) == (None, None, "prior.none")


moments = st.none() | st.integers(-4, 4).map(lambda half_days: NOON + timedelta(hours=12 * half_days))
fields = st.fixed_dictionaries(
    {
        "at": moments,
        "time_known": st.booleans(),
        "patient": st.integers(1, 2),
        "frontal": st.booleans(),
        "sex": st.sampled_from(["", "F", "M"]),
    }
)
archives = st.lists(fields, max_size=6).map(lambda found: [study(str(i + 1), **one) for i, one in enumerate(found)])


@quick
@given(fields, archives)
def test_a_prior_is_strictly_earlier_of_the_same_patient_with_a_frontal_image(one, others):
    current = study("99", **one)
    prior, reason = choose_prior(current, others)
    assert (prior is None) == bool(reason)
    if prior is not None:
        assert prior.patient_id == current.patient_id and choose_frontal(prior.images)
        assert prior.studied_at < current.studied_at
        assert prior.studied_at.date() < current.studied_at.date() or (prior.time_known and current.time_known)
        assert not {prior.sex, current.sex} >= {"F", "M"}


@quick
@given(fields, archives, st.randoms(use_true_random=False))
def test_the_order_of_the_archive_does_not_matter(one, others, random):
    shuffled = random.sample(others, len(others))
    assert choose_prior(study("99", **one), others) == choose_prior(study("99", **one), shuffled)


@quick
@given(fields, archives, st.integers(1, 9))
def test_later_studies_other_patients_and_itself_change_nothing(one, others, later):
    current = study("99", **one)
    more = [dataclasses.replace(current, id=5), study("50", days(-1), patient=3)]
    if current.studied_at is not None:
        more.append(study("51", current.studied_at + timedelta(days=later), patient=current.patient_id))
    assert choose_prior(current, others + more) == choose_prior(current, others)
