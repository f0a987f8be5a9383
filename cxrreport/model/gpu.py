"""What can befall a GPU in the middle of a run, as errors of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from cxrreport.errors import StorageError, UnavailableError

_LOST = (
    "CUDA error",
    "cuDNN error",
    "CUBLAS_STATUS",
)  # libraries of NVIDIA report what befell the device by a text alone


@contextmanager
def gpu_errors() -> Iterator[None]:
    """Tell that the GPU is lost, or too small for a single study, in one sentence.

    Raises
    ------
    StorageError : code "device.lost". UnavailableError : code "device.memory". Neither is to blame on a study.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise UnavailableError("A single study does not fit the memory of the GPU.", "device.memory") from None
    except RuntimeError as error:
        if not (isinstance(error, torch.AcceleratorError) or any(sign in str(error) for sign in _LOST)):
            raise
        raise StorageError("The GPU was lost: what was drafted before is stored.", "device.lost") from None
