"""A frame is whole, whatever it is wrapped into, or it is refused."""

import io
import struct
from itertools import product

import builders.dicom as builders
import imagecodecs
import numpy as np
import pytest
from PIL import Image
from pydicom.encaps import encapsulate

from cxrreport.errors import PixelError
from cxrreport.imaging.decode import _guarded
from cxrreport.imaging.pixels import read_frame

CODED = (builders.JPEG_LOSSLESS, builders.JPEG_LS, builders.JPEG_2000, builders.HTJ2K, builders.JPEG_EXTENDED)
DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"


def code_of(path):
    with pytest.raises(PixelError) as caught:
        read_frame(str(path))
    return caught.value.code


def values(path):
    return read_frame(str(path)).values


def even(frame):
    return frame + b"\0" * (len(frame) % 2)


def wrapped(tmp_path, frame, syntax):
    return builders.write_dicom(tmp_path / "a", syntax=syntax, PixelData=encapsulate([even(frame)]))


def item(content):
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", len(content)) + content


def with_pixel_element(tmp_path, element, syntax):
    """Write a file whose Pixel Data element, tag and all, is `element`."""
    path = builders.write_dicom(tmp_path / "a", syntax=syntax)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"\xe0\x7f\x10\x00")] + element)
    return path


UNDEFINED = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff"


@pytest.mark.parametrize(
    ("wrapping", "syntax"),
    [
        *product(("no delimiter", "no offset table", "explicit length", "fragments"), (*CODED, builders.RLE)),
        *product(("no items",), CODED),  # RLE has no start that tells it from an item
    ],
)
def test_how_a_whole_stream_is_wrapped_does_not_matter(tmp_path, syntax, wrapping):
    frame = even(builders.encode_frame(builders.chest(), syntax))
    half = len(frame) // 4 * 2
    element = {
        "no delimiter": UNDEFINED + item(b"") + item(frame),
        "no offset table": UNDEFINED + item(frame) + DELIMITER,
        "explicit length": UNDEFINED[:-4] + struct.pack("<I", len(frame) + 16) + item(b"") + item(frame),
        "no items": UNDEFINED[:-4] + struct.pack("<I", len(frame)) + frame,
        "fragments": UNDEFINED + item(b"\0\0\0\0") + item(frame[:half]) + item(frame[half:]) + DELIMITER,
    }[wrapping]
    expected = values(builders.write_dicom(tmp_path / "b", syntax=syntax))
    assert np.array_equal(values(with_pixel_element(tmp_path, element, syntax)), expected)


@pytest.mark.parametrize(
    ("end", "syntax"),
    [
        *product((b"\0\xff\xd9", b"\xff\xd9" + bytes(500)), CODED),
        *product(
            (b"\xff\xff\xd9",), (builders.JPEG_LOSSLESS, builders.JPEG_LS, builders.JPEG_EXTENDED)
        ),  # which know no fill bytes
    ],
)
def test_fill_bytes_and_zeros_around_the_end_marker_do_not_matter(tmp_path, syntax, end):
    frame = builders.encode_frame(builders.chest(), syntax)
    expected = values(builders.write_dicom(tmp_path / "b", syntax=syntax))
    spaced = frame[: frame.rindex(b"\xff\xd9")] + end
    assert np.array_equal(values(wrapped(tmp_path, spaced, syntax)), expected)


@pytest.mark.parametrize("syntax", [builders.EXPLICIT, builders.JPEG_2000])
def test_native_values_inside_an_item_are_read(tmp_path, syntax):
    pixels = builders.chest()
    frame = pixels.tobytes() if syntax == builders.EXPLICIT else even(builders.encode_frame(pixels, syntax))
    path = with_pixel_element(tmp_path, UNDEFINED + item(b"") + item(frame) + DELIMITER, builders.EXPLICIT)
    assert np.array_equal(values(path), pixels)
    cut = with_pixel_element(tmp_path, UNDEFINED + item(b"") + item(frame[:-2000]) + DELIMITER, builders.EXPLICIT)
    assert code_of(cut) == "pixels.truncated"


@pytest.mark.parametrize("syntax", [builders.IMPLICIT, builders.EXPLICIT])
def test_the_encoding_is_that_of_the_elements_not_that_of_the_syntax(tmp_path, syntax):
    path = builders.write_dicom(tmp_path / "a", syntax=syntax)
    other = builders.EXPLICIT if syntax == builders.IMPLICIT else builders.IMPLICIT
    told = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(even(other.encode()))) + even(other.encode())
    whole = path.read_bytes()
    stated = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(even(syntax.encode()))) + even(syntax.encode())
    assert stated in whole
    path.write_bytes(whole.replace(stated, told))
    assert np.array_equal(values(path), builders.chest())


@pytest.mark.parametrize("syntax", [builders.JPEG_LS, builders.JPEG_2000, builders.HTJ2K, builders.JPEG_LOSSLESS])
def test_the_codestream_tells_its_decoder(tmp_path, syntax):
    frame = builders.encode_frame(builders.chest(), syntax)
    for lie in {builders.JPEG_LOSSLESS, builders.JPEG_2000} - {syntax}:
        assert np.array_equal(values(wrapped(tmp_path, frame, lie)), builders.chest())


def tiled_plain(pixels):
    """Encode as JPEG 2000 of 64 x 64 tiles; 8 bits, for Pillow muddles tiles of 16."""
    written = io.BytesIO()
    Image.fromarray((pixels >> 4).astype(np.uint8)).save(written, "JPEG2000", tile_size=(64, 64), no_jp2=True)
    return written.getvalue()


def tiled_fast(pixels):
    return bytes(imagecodecs.htj2k_encode(pixels, reversible=True, tile=(64, 64)))


@pytest.mark.parametrize("encode", [tiled_plain, tiled_fast])
def test_jpeg_2000_tiles_are_each_required(tmp_path, encode):
    pixels = builders.chest()
    frame = encode(pixels)
    pixels = pixels >> 4 if encode is tiled_plain else pixels
    last = frame.rindex(b"\xff\x90\x00\x0a")
    endless = frame[: last + 6] + b"\0\0\0\0" + frame[last + 10 :]  # the last tile-part may leave its length open
    for whole in (frame, endless):
        assert np.array_equal(values(wrapped(tmp_path, whole, builders.HTJ2K)), pixels)
    for cut in (frame[:last], frame[:last] + b"\xff\xd9"):
        assert code_of(wrapped(tmp_path, cut, builders.HTJ2K)) == "pixels.truncated"


@pytest.mark.parametrize("syntax", [*builders.LOSSLESS, builders.JPEG_EXTENDED])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_a_cut_file_is_never_half_an_image(tmp_path, syntax, share):
    path = builders.write_dicom(tmp_path / "a", syntax=syntax)
    whole = path.read_bytes()
    tag = b"\x7f\xe0\x00\x10" if syntax == builders.BIG_ENDIAN else b"\xe0\x7f\x10\x00"
    start = 1000 if syntax == builders.DEFLATED else whole.rindex(tag) + 12
    path.write_bytes(whole[: start + int((len(whole) - start) * share)])
    assert code_of(path) == "pixels.truncated"


@pytest.mark.parametrize(
    "syntax",
    [
        *(builders.RLE, builders.JPEG_LOSSLESS, builders.JPEG_LS, builders.JPEG_2000, builders.HTJ2K),
        builders.JPEG_EXTENDED,
    ],
)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.97])
@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
def test_a_frame_cut_short_inside_a_whole_file_is_never_half_an_image(tmp_path, syntax, share, end):
    frame = builders.encode_frame(builders.chest(), syntax)
    cut = frame[: int(len(frame) * share)] + end
    assert code_of(wrapped(tmp_path, cut, syntax)) == "pixels.truncated"
    zeros = cut + bytes(len(frame) - len(cut))  # preallocated, and half copied
    assert code_of(wrapped(tmp_path, zeros, syntax)) == "pixels.truncated"


@pytest.mark.parametrize("syntax", [builders.JPEG_LOSSLESS, builders.JPEG_LS, builders.JPEG_EXTENDED])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.97])
def test_zeros_closed_by_an_end_marker_are_no_second_half(tmp_path, syntax, share):
    frame = builders.encode_frame(builders.chest(), syntax)
    forged = frame[: int(len(frame) * share)].ljust(len(frame) - 2, b"\0") + b"\xff\xd9"
    assert code_of(wrapped(tmp_path, forged, syntax)) == "pixels.truncated"
    twice = frame[: int(len(frame) * share)] + b"\xff\xd9" + bytes(500) + b"\xff\xd9"
    assert code_of(wrapped(tmp_path, twice, syntax)) == "pixels.truncated"


@pytest.mark.parametrize("syntax", CODED)
def test_a_hole_of_zeros_is_no_image(tmp_path, syntax):
    frame = builders.encode_frame(builders.chest(), syntax)
    holed = frame[:5000] + bytes(2000) + frame[7000:]
    assert code_of(wrapped(tmp_path, holed, syntax)) == "pixels.truncated"


@pytest.mark.parametrize("border", [0, 4095])
@pytest.mark.parametrize("syntax", [builders.JPEG_LOSSLESS, builders.JPEG_EXTENDED])
def test_a_stream_that_ends_with_a_border_is_whole(tmp_path, syntax, border):
    """The code words of an even border may be all zeros."""
    pixels = builders.chest()
    pixels[-60:] = border
    read = values(builders.write_dicom(tmp_path / "b", pixels, syntax=syntax))
    assert np.abs(read - pixels.astype(int))[-50:].max() == 0


def test_what_the_decoder_only_tells_of_is_an_error(monkeypatch, capfd):
    told = []
    monkeypatch.setattr("sys.unraisablehook", told.append)
    frame = builders.encode_frame(builders.chest(), builders.HTJ2K)
    for place in range(1800, len(frame) - 8, 250):
        damaged = frame[:place] + b"\xff\x7f" * 4 + frame[place + 8 :]
        imagecodecs.htj2k_decode(damaged)
        if told:
            break
    assert told, "the decoder has noticed nothing"
    capfd.readouterr()
    with pytest.raises(PixelError, match="whole"):
        _guarded(imagecodecs.htj2k_decode, damaged)
    assert capfd.readouterr().err == ""
