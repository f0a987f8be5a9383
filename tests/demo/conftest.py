from pathlib import Path

import pytest

from cxrreport.demo.hospital import Hospital, build_hospital


@pytest.fixture(scope="session")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Hospital:
    """The whole demonstration hospital, small films."""
    directory: Path = tmp_path_factory.mktemp("hospital")
    return build_hospital(directory, seed=7, patients=12, side=128)
