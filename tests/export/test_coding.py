"""Codes of findings: each from where its source says, none twice, ours short enough for DICOM."""

import re
from uuid import UUID

import pytest
from pydicom.sr._concepts_dict import concepts
from pydicom.uid import UID

from cxrreport.export import coding as codes
from cxrreport.export.coding import CHANGES, OWN, OWN_UID, SIDES, SITES, STATES, Coding, code_of, own_code
from cxrreport.findings import CHANGED, FINDINGS, URGENCY, State

KNOWN = {
    (scheme, code): (meaning, lists)
    for scheme, names in concepts.items()
    for codes in names.values()
    for code, (meaning, lists) in codes.items()
    if lists
}
ALL = [*map(code_of, URGENCY), *SITES.values(), *STATES.values(), *SIDES.values(), codes.AI, codes.LATERALITY]


@pytest.mark.parametrize("coding", [one for one in ALL if "PS3.16" in one.source], ids=lambda one: one.code)
def test_a_code_of_dicom_means_there_what_it_means_here(coding: Coding) -> None:
    meaning, lists = KNOWN[coding.scheme, coding.code]
    assert meaning.lower() == coding.display.lower()
    assert int(coding.source.rsplit(" ", 1)[1]) in lists


def test_every_finding_has_a_code_of_its_own_and_a_source() -> None:
    assert len({(one.scheme, one.code) for one in map(code_of, URGENCY)}) == len(URGENCY) == len(FINDINGS) - 1
    assert len({own_code(finding).code for finding in FINDINGS}) == len(FINDINGS)
    assert all(one.source for one in ALL)
    assert STATES.keys() == {*State} - {State.BLANK} and CHANGES.keys() > CHANGED


def test_our_own_codes_are_private_and_fit_into_dicom() -> None:
    for one in (*map(own_code, FINDINGS), *CHANGES.values()):
        assert one.scheme == OWN and re.fullmatch(r"[A-Z]{1,16}", one.code)
        assert one.system == f"urn:oid:{OWN_UID}"
    assert len(OWN) <= 16 and UID(OWN_UID).is_valid and UUID(int=int(OWN_UID.removeprefix("2.25."))).version == 5


def test_codes_of_snomed_have_their_check_digit() -> None:
    for one in (one for one in ALL if one.scheme == "SCT"):
        assert _verhoeff(one.code) == 0, one


def _verhoeff(digits: str) -> int:
    """0 for a number whose last digit checks the others (Verhoeff 1969): group of the pentagon."""
    permuted = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
    while len(permuted) < 8:
        permuted.append([permuted[1][one] for one in permuted[-1]])
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = _composed(check, permuted[place % 8][int(digit)])
    return check


def _composed(one: int, other: int) -> int:
    """Product in the dihedral group of ten elements: 0-4 turn, 5-9 turn and mirror."""
    if one < 5:
        return (one + other) % 5 + (5 if other >= 5 else 0)
    return (one - other) % 5 + (0 if other >= 5 else 5)
