"""A lossless frame takes all the bits of its scan and no more, or it is not whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import builders.dicom as builders
import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrreport.imaging.codestream import END, before_end_marker
from cxrreport.imaging.decode import _end_of
from cxrreport.imaging.lossless import takes_all
from cxrreport.imaging.pixels import read_frame


def scan_of(pixels: npt.NDArray[Any], predictor: int, bits: int) -> bytes:
    """A stream up to its end marker."""
    stream = imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=predictor, bitspersample=bits)
    return before_end_marker(bytes(stream))


def decoded(scan: bytes) -> npt.NDArray[Any]:
    """The frame as the decoder gives it, filled where the scan ends early."""
    return np.asarray(imagecodecs.jpeg8_decode(scan + END))


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("predictor", range(1, 8))
def test_the_bits_of_a_whole_scan_are_those_of_its_frame(predictor: int, bits: int) -> None:
    pixels = builders.chest(bits=bits).astype(np.uint8 if bits == 8 else np.uint16)
    noise = np.random.default_rng(predictor).integers(0, 1 << bits, pixels.shape).astype(pixels.dtype)
    for whole in (pixels, noise, np.zeros_like(pixels), pixels[:1], pixels[:, :1]):
        scan = scan_of(np.ascontiguousarray(whole), predictor, bits)
        assert takes_all(scan, decoded(scan))


SCAN = scan_of(builders.chest(40, 34), 1, 12)


@given(cut=st.integers(1, len(SCAN) - 200))
def test_a_scan_that_ends_early_is_told_however_its_frame_was_filled(cut: int) -> None:
    scan = SCAN[:-cut].rstrip(b"\xff")
    assert not takes_all(scan, decoded(scan))


def test_bytes_that_the_frame_does_not_take_are_told() -> None:
    assert takes_all(SCAN, decoded(SCAN)) and not takes_all(SCAN + bytes(1), decoded(SCAN))


@pytest.mark.parametrize("predictor", [1, 4, 7])
def test_damage_inside_a_scan_passes_no_more_than_decoding_again_lets_pass(predictor: int) -> None:
    whole = scan_of(builders.chest(64, 56), predictor, 12)
    rng, start = np.random.default_rng(predictor), whole.index(b"\xff\xda") + 10
    passed = 0
    for _ in range(600):
        damaged = bytearray(whole)
        for place in rng.integers(start, len(whole) - 8, 6):
            damaged[place] = rng.integers(255)
        scan = bytes(damaged)
        try:
            frame = decoded(scan)
        except RuntimeError:
            continue
        if takes_all(scan, frame):
            assert _end_of(scan, frame) == scan and frame.max() < 1 << 12
            passed += 1
    assert passed < 30  # by chance the damaged bits are as many as before


def test_what_cannot_be_counted_is_not_held_to_be_whole() -> None:
    lossy = before_end_marker(bytes(imagecodecs.jpeg8_encode(builders.chest(), level=95, bitspersample=12)))
    start = SCAN.index(b"\xff\xda")
    restarts = SCAN[:start] + b"\xff\xdd\0\x04\0\x22" + SCAN[start:]
    for scan in (lossy, restarts, SCAN.replace(b"\xff\xc4", b"\xff\xe5", 1), SCAN[: start + 9]):
        assert not takes_all(scan, decoded(lossy))


def test_a_whole_lossless_film_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = builders.write_dicom(tmp_path / "a", syntax=builders.JPEG_LOSSLESS)
    calls, whole = list[bytes](), imagecodecs.jpeg8_decode

    def count(stream: bytes) -> Any:
        calls.append(stream)
        return whole(stream)

    monkeypatch.setattr(imagecodecs, "jpeg8_decode", count)
    assert np.array_equal(read_frame(str(path)).values, builders.chest()) and len(calls) == 1
