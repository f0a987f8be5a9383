"""The registry of datasets, and what its names are to those who type them."""

import re

from cxrreport.cli.options import DATASETS

from cxrreport.datasets.directory import LISTS, READERS


def test_help_names_every_dataset_that_there_is():
    assert re.split(", | or ", DATASETS) == [*READERS, *LISTS]
