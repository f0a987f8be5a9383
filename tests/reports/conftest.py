import csv

import pytest
from builders.data import DATA

SHARED = DATA.parent


@pytest.fixture(scope="session")
def iu_rows():
    """Rows of the Indiana University collection, where it lies beside the repository."""
    path = SHARED / "data" / "iu-xray" / "studies.csv"
    if not path.is_file():
        pytest.skip("the Indiana University reports are not here")
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
