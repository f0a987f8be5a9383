import csv

import pytest
from builders.data import DATA

from cxrreport.reports import readers


@pytest.fixture(scope="session")
def iu_rows():
    """Rows of the Indiana University collection, where it lies beside the repository."""
    path = DATA / "iu-xray" / "studies.csv"
    if not path.is_file():
        pytest.skip("the Indiana University reports are not here")
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def read(tmp_path):
    """Writes one file and reads it as `index` does; preliminary reports count."""

    def write_and_read(name, content, form=None, columns=None, encoding="utf-8"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return list(readers.read_path(path, columns or {}, form, preliminary=True))

    return write_and_read


@pytest.fixture
def only(read):
    """As `read`, of a file that holds one report."""

    def write_and_read(*arguments, **more):
        (found,) = read(*arguments, **more)
        return found

    return write_and_read
