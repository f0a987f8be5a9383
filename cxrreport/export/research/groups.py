"""Who a row may be: sex, age, view and device, as far as enough patients share them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from cxrreport.export.pseudonym import OTHER
from cxrreport.store.judged import Judged

FEW, SMALL = 5, 20  # patients who share a combination; who have a device
_OLD = 90  # years; of that age and older are few


@dataclass(frozen=True, slots=True)
class Traits:
    """Of one study; "" is not told, or shared by too few. age : in bands of ten years."""

    sex: str = ""
    age: str = ""
    view: str = ""
    device: str = ""


class Groups:
    """The patients of each combination; its memory grows with patients, not with drafts."""

    def __init__(self, drafts: Iterable[Judged]) -> None:
        """Count all drafts once."""
        self._devices, self._patients = defaultdict[str, set[int]](set), defaultdict[Traits, set[int]](set)
        seen = defaultdict[Traits, set[int]](set)
        for one in drafts:
            self._devices[one.device].add(one.patient_id)
            seen[_traits(one)].add(one.patient_id)
        for traits, patients in seen.items():
            self._patients[self._common(traits)] |= patients

    def of(self, one: Judged) -> Traits:
        """What is told of a draft: a device of fewer than 20 patients is "other", and where fewer than 5 share all that is
        left only the view stays."""
        traits = self._common(_traits(one))
        return traits if len(self._patients[traits]) >= FEW else Traits(view=traits.view)

    def _common(self, traits: Traits) -> Traits:
        small = traits.device and len(self._devices[traits.device]) < SMALL
        return Traits(traits.sex, traits.age, traits.view, OTHER if small else traits.device)


def _traits(one: Judged) -> Traits:
    return Traits(one.sex, _band(one.age_years), one.view, one.device)


def _band(age: float | None) -> str:
    if age is None:
        return ""
    decade = int(age) // 10 * 10
    return f"{_OLD} and over" if decade >= _OLD else f"{decade} to {decade + 9}"
