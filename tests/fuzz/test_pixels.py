"""Pixels of damaged images, read in a child process as the product does."""

from functools import partial

import pytest
from builders.fuzz import fuzzed
from builders.fuzz_films import SYNTAXES, damaged_film, is_told, specimen
from hypothesis import given
from hypothesis import strategies as st

from cxrreport.engine.local import LocalEngine
from cxrreport.errors import PixelError
from cxrreport.imaging.load import LoadedImage, load_image

NEVER = ("pixels.timeout", "pixels.memory", "pixels.crash")  # of so small a file


@pytest.fixture(scope="module")
def load():
    """Reads one file: a `LoadedImage` or an error."""
    with LocalEngine(1, 20, 4096) as workers:

        def one(path):
            ((_, found),) = workers.map(partial(load_image, max_pixels=1 << 20), [str(path)])
            return found

        yield one


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_damaged_pixels(tmp_path, load, syntax):
    @given(data=damaged_film(syntax))
    @fuzzed(share=0.4)
    def check(data):
        path = tmp_path / "x.dcm"
        path.write_bytes(data)
        found = load(path)
        if isinstance(found, LoadedImage):
            assert found.pixels.shape == (256, 256) and load(path).pixel_sha256 == found.pixel_sha256
        else:
            assert is_told(found, "pixels.") and found.code not in NEVER

    check()


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_an_image_that_is_cut_off_is_refused_or_whole(tmp_path, load, syntax):
    whole, path = specimen(syntax), tmp_path / "x.dcm"
    path.write_bytes(whole)
    expected = load(path).pixel_sha256

    @given(left=st.integers(0, len(whole) - 1))
    @fuzzed(share=0.2)
    def check(left):
        path.write_bytes(whole[:left])
        found = load(path)
        assert isinstance(found, PixelError) or found.pixel_sha256 == expected

    check()
