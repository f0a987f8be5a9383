"""A lost GPU, and one that is too small, are told from defects."""

from __future__ import annotations

import pytest
import torch

from cxrreport.errors import CxrReportError
from cxrreport.model.gpu import gpu_errors


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (torch.AcceleratorError("CUDA error: unspecified launch failure"), "device.lost", 74),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), "device.lost", 74),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "device.memory", 69),
    ],
)
def test_what_befalls_a_gpu_has_its_code(error: Exception, code: str, exit_code: int) -> None:
    with pytest.raises(CxrReportError) as caught, gpu_errors():
        raise error
    assert (caught.value.code, caught.value.exit_code) == (code, exit_code)


def test_a_defect_stays_one() -> None:
    with pytest.raises(RuntimeError, match="size mismatch"), gpu_errors():
        raise RuntimeError("size mismatch")
