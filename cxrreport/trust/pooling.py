"""Groups that are too small to be told are told together, so that none can be named, nor taken out of the whole again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SMALL = 20  # studies
READERS = 3  # fewer are not told apart
ALL, OTHERS, NOBODY = "all", "all others", "not reviewed"
ALL_READERS = "all readers"
Pools = list[tuple[str, list[str]]]  # what each row is called, and the groups in it; a tag may hold any name


def pool(sizes: Mapping[str, int], small: int = SMALL) -> Pools:
    """Tell large groups by name and the others as one.

    That one is of two groups and of `small` studies at least, if need be with the least of the large ones; otherwise it would
    be the small group, known as what all studies have more than those that are told.
    """
    hidden = [name for name, studies in sizes.items() if studies < small]
    large = sorted(set(sizes) - set(hidden), key=lambda name: (sizes[name], name))
    while hidden and large and (len(hidden) < 2 or sum(sizes[name] for name in hidden) < small):
        hidden.append(large.pop(0))
    if not large:
        return [(ALL, sorted(sizes))] if sizes else []
    told = [(name, [name]) for name in sorted(large)]
    return [*told, (OTHERS, sorted(hidden))] if hidden else told


def pool_in_order(sizes: Mapping[str, int], small: int = SMALL) -> Pools:
    """Join each group with those that follow it in the order of their names, until they are of `small` studies or there are
    none; what is left at the end goes to the last."""
    runs: list[list[str]] = []
    for name in sorted(sizes):
        if runs and _size(runs[-1], sizes) < small:
            runs[-1].append(name)
        else:
            runs.append([name])
    if len(runs) > 1 and _size(runs[-1], sizes) < small:
        last = runs.pop()
        runs[-1] += last
    return [(names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}", names) for names in runs]


def pool_readers(sizes: Mapping[str, int], small: int = SMALL) -> Pools:
    """As `pool`; readers are people: where there are not three that can be told, all are one, and of fewer nothing is told."""
    told, people = pool(sizes, small), sorted(set(sizes) - {NOBODY})
    if sum(name in people for name, names in told if names == [name]) >= READERS:
        return told
    others = _size([NOBODY], sizes) if NOBODY in sizes else 0
    if len(people) < READERS or _size(people, sizes) < small or 0 < others < small:
        return [(ALL, sorted(sizes))] if sizes else []
    return [(ALL_READERS, people), *([(NOBODY, [NOBODY])] if others else [])]


def _size(names: Sequence[str], sizes: Mapping[str, int]) -> int:
    return sum(sizes[name] for name in names)
