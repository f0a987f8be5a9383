import builders.dicom as builders
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from cxrreport.errors import PixelError
from cxrreport.imaging.pixels import read_frame


def code_of(path, **options):
    with pytest.raises(PixelError) as caught:
        read_frame(str(path), **options)
    assert str(path) not in caught.value.message
    return caught.value.code


def values(path):
    return read_frame(str(path)).values


@pytest.mark.parametrize(
    "tags",
    [
        {"RescaleSlope": 0, "RescaleIntercept": 7},
        {"RescaleSlope": "1e300", "RescaleIntercept": "1e309"},
        {"WindowCenter": "NaN", "WindowWidth": "NaN"},
        {"WindowCenter": 2048, "WindowWidth": 4096, "VOILUTFunction": ""},
        {"VOILUTSequence": Sequence([Dataset()]), "ModalityLUTSequence": Sequence([])},
        {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 4095},
        {"HighBit": 99},
        {"RescaleSlope": "1e-300", "RescaleIntercept": 1},
        {"PhotometricInterpretation": "monochrome2"},
        {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [80, 70], "RadiusOfCircularShutter": "1" + "0" * 200},
    ],
)
def test_a_tag_that_cannot_be_used_costs_no_image(tmp_path, tags):
    pixels = builders.chest()
    shown = values(builders.write_dicom(tmp_path / "a", pixels, **tags))
    assert np.corrcoef(shown.ravel(), pixels.ravel())[0, 1] > 0.98


def test_a_decimal_comma_is_read(tmp_path):
    comma = builders.write_dicom(tmp_path / "a", WindowCenter="2000.5", WindowWidth=1500)
    comma.write_bytes(comma.read_bytes().replace(b"2000.5", b"2000,5"))
    point = builders.write_dicom(tmp_path / "b", WindowCenter="2000.5", WindowWidth=1500)
    assert np.array_equal(values(comma), values(point)) and values(point).max() == 1


def lut(first, entries, bits=12):
    item = Dataset()
    item.LUTDescriptor = [len(entries), first, bits]
    item.LUTData = list(entries)
    item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
    return Sequence([item])


@pytest.mark.parametrize("syntax", builders.LOSSLESS)
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_every_lossless_syntax_gives_the_stored_values(tmp_path, syntax, bits):
    pixels = builders.chest(bits=bits)
    pixels = pixels.astype(np.uint8) if bits == 8 else pixels
    frame = read_frame(str(builders.write_dicom(tmp_path / "a", pixels, syntax, bits)))
    reference = read_frame(str(builders.write_dicom(tmp_path / "b", pixels, builders.EXPLICIT, bits)))
    assert frame.values.dtype == np.float32 and np.array_equal(frame.values, pixels)
    assert frame.stored_sha256 == reference.stored_sha256 == reference.pixel_sha256


@pytest.mark.parametrize(("syntax", "bits"), [(builders.JPEG_BASELINE, 8), (builders.JPEG_EXTENDED, 12)])
def test_lossy_jpeg_is_close(tmp_path, syntax, bits):
    pixels = builders.chest(bits=bits)
    pixels = pixels.astype(np.uint8) if bits == 8 else pixels
    shown = values(builders.write_dicom(tmp_path / "a", pixels, syntax, bits))
    assert np.abs(shown - pixels).mean() < (1 << bits) * 0.02


def test_the_digest_tells_images_apart(tmp_path):
    digests = {
        read_frame(str(builders.write_dicom(tmp_path / f"{seed}", builders.chest(seed=seed)))).pixel_sha256
        for seed in range(3)
    }
    assert len(digests) == 3


def test_signed_values_are_rescaled(tmp_path):
    pixels = builders.chest(bits=11).astype(np.int16) - 1024
    path = builders.write_dicom(tmp_path / "a", pixels, bits=12, RescaleSlope=2, RescaleIntercept=-5)
    assert np.array_equal(values(path), 2.0 * pixels - 5)


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted"),
    [
        ("MONOCHROME2", None, False),
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME1", None, True),
        ("MONOCHROME1", "INVERSE", True),
        ("MONOCHROME2", "INVERSE", True),
    ],
)
def test_air_is_dark_and_nothing_is_inverted_twice(tmp_path, photometric, shape, inverted):
    pixels = builders.chest()
    stored = 4095 - pixels if inverted else pixels
    path = builders.write_dicom(
        tmp_path / "a", stored, PhotometricInterpretation=photometric, PresentationLUTShape=shape
    )
    shown = values(path)
    assert np.corrcoef(shown.ravel(), pixels.ravel())[0, 1] > 0.999
    assert shown[:, 0].mean() < shown[:, shown.shape[1] // 2].mean()


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_a_window_keeps_order_and_clips_or_saturates(tmp_path, function):
    pixels = builders.chest()
    shown = values(
        builders.write_dicom(tmp_path / "a", pixels, WindowCenter=2000, WindowWidth=1500, VOILUTFunction=function)
    )
    order = np.argsort(pixels, axis=None)
    assert (np.diff(shown.ravel()[order]) >= 0).all() and shown.min() >= 0 and shown.max() <= 1
    middle = np.abs(pixels.astype(int) - 2000) < 50
    assert np.abs(shown[middle] - 0.5).max() < 0.1


def test_the_first_of_several_windows_is_used(tmp_path):
    many = values(builders.write_dicom(tmp_path / "a", WindowCenter=[2000, 10], WindowWidth=[1500, 4]))
    one = values(builders.write_dicom(tmp_path / "b", WindowCenter=2000, WindowWidth=1500))
    assert np.array_equal(many, one)


@pytest.mark.parametrize(("centre", "width"), [(60000, 10), (-9000, 100), (2000, 0), (2000, 1)])
def test_a_window_that_shows_nothing_of_the_image_is_passed_by(tmp_path, centre, width):
    pixels = builders.chest()
    assert np.array_equal(
        values(builders.write_dicom(tmp_path / "a", pixels, WindowCenter=centre, WindowWidth=width)), pixels
    )


def test_a_voi_lut_is_preferred_and_held_at_its_ends(tmp_path):
    pixels = builders.chest()
    entries = (np.linspace(0, 1, 2000) ** 2 * 4095).astype(int)
    path = builders.write_dicom(
        tmp_path / "a", pixels, VOILUTSequence=lut(1000, entries.tolist()), WindowCenter=5, WindowWidth=9
    )
    expected = entries[np.clip(pixels.astype(int) - 1000, 0, 1999)]
    assert np.array_equal(values(path), expected)


def test_a_modality_lut_comes_before_the_window(tmp_path):
    pixels = builders.chest()
    table = list(range(4095, -1, -1))
    path = builders.write_dicom(tmp_path / "a", pixels, ModalityLUTSequence=lut(0, table))
    assert np.array_equal(values(path), 4095 - pixels.astype(int))


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_becomes_the_darkest_value(tmp_path, photometric):
    pixels = builders.chest()
    pixels[pixels < 5] = 5
    pixels[:, :20] = 3
    path = builders.write_dicom(tmp_path / "a", pixels, PhotometricInterpretation=photometric, PixelPaddingValue=3)
    shown = values(path)
    assert (shown[:, :20] == shown[:, 20:].min()).all()


def test_padding_of_signed_values_may_be_written_unsigned(tmp_path):
    pixels = builders.chest().astype(np.int16) - 1024
    pixels[:, :20] = -2000
    path = builders.write_dicom(tmp_path / "a", pixels, bits=16, PixelPaddingValue=-2000)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"\x28\x00\x20\x01SS", b"\x28\x00\x20\x01US"))
    shown = values(path)
    assert (shown[:, :20] == shown[:, 20:].min()).all() and shown.min() > -2000


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"NumberOfFrames": 10000}, "pixels.frames"),
        ({"SamplesPerPixel": 3}, "pixels.colour"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "pixels.colour"),
        ({"Rows": 65535, "Columns": 65535}, "pixels.too_large"),
        ({"BitsAllocated": 32}, "pixels.bits"),
        ({"BitsAllocated": 1}, "pixels.bits"),
        ({"BitsStored": 17}, "pixels.malformed"),
        ({"Rows": 0}, "pixels.malformed"),
    ],
)
def test_what_is_no_single_grey_frame_is_refused(tmp_path, tags, code):
    assert code_of(builders.write_dicom(tmp_path / "a", **tags)) == code


def test_a_video_syntax_is_refused(tmp_path):
    path = builders.write_dicom(tmp_path / "a", syntax=builders.JPEG_2000)
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.4.90", b"1.2.840.10008.1.2.4.99"))
    assert code_of(path) == "pixels.syntax"


def test_a_codestream_larger_than_the_header_says_is_refused_before_decoding(tmp_path):
    for syntax in (builders.JPEG_LS, builders.JPEG_2000, builders.JPEG_LOSSLESS, builders.RLE):
        path = builders.write_dicom(tmp_path / "a", builders.chest(64, 64), syntax, Rows=60, Columns=60)
        assert code_of(path) in ("pixels.malformed", "pixels.truncated")


def test_a_foreign_file_says_so(tmp_path):
    (tmp_path / "a").write_bytes(b"no dicom")
    assert code_of(tmp_path / "a") == "pixels.malformed"
    assert code_of(tmp_path / "gone") == "pixels.unreadable"
