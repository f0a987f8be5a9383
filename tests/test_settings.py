import json
import os

import pytest

from cxrreport.errors import ConfigurationError
from cxrreport.settings import Settings, load_settings

SECRET = "hunter2"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("CXRREPORT_")]:
        monkeypatch.delenv(name)


@pytest.fixture()
def toml(tmp_path):
    def write(text):
        path = tmp_path / "cxrreport.toml"
        path.write_text(text)
        return path

    return write


def _refused(*values, **arguments):
    """Load settings that do not fit; none of `values` may be told."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings(**arguments)
    error = caught.value
    assert error.exit_code == 78
    assert not any(value in error.message for value in values)
    assert error.__suppress_context__ or not any(value in str(error.__context__) for value in values)
    return error


def test_defaults_are_enough():
    settings = load_settings()
    assert (settings.batch_size, settings.beams, settings.device, settings.db) == (16, 3, "auto", None)
    assert settings.index_directory == settings.home / "index"
    assert settings.database_url is None


def test_flags_before_environment_before_file_before_defaults(toml, monkeypatch):
    config = toml("batch_size = 2\nbeams = 2\nworkers = 5\n")
    monkeypatch.setenv("CXRREPORT_BATCH_SIZE", "3")
    monkeypatch.setenv("CXRREPORT_BEAMS", "4")
    settings = load_settings(config, batch_size=7, beams=None)  # None: not given
    assert (settings.batch_size, settings.beams, settings.workers, settings.max_new_tokens) == (7, 4, 5, 110)


def test_a_file_serves_one_load_only(toml):
    assert load_settings(toml("beams = 9\n")).beams == 9
    _refused(config=toml("beams = 9\nnonsense = 1\n"))
    assert load_settings().beams == 3
    assert Settings().beams == 3


def test_columns_from_a_table_and_from_the_environment(toml, monkeypatch):
    assert load_settings(toml('[columns]\nfindings = "TEXT"\n')).columns == {"findings": "TEXT"}
    monkeypatch.setenv("CXRREPORT_COLUMNS", '{"findings": "BODY"}')
    assert load_settings().columns == {"findings": "BODY"}


def test_a_zone_is_one_that_is_known():
    assert load_settings(timezone="Europe/Berlin").timezone == "Europe/Berlin"
    for name in ("Nowhere/Else", "../etc/passwd", "/etc/localtime", "Europe"):
        with pytest.raises(ConfigurationError, match="timezone"):
            load_settings(timezone=name)


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        load_settings().beams = 4


def test_unknown_key_is_refused_by_name(toml):
    error = _refused(SECRET, config=toml(f'pasword = "{SECRET}"\n'))
    assert "pasword" in error.message and error.code == "configuration.settings"
    assert "pasword" in _refused(SECRET, pasword=SECRET).message


@pytest.mark.parametrize(
    ("key", "value"),
    [("batch_size", 0), ("beams", 17), ("device", "DOE^JANE"), ("log_level", "DOE^JANE"), ("workers", "DOE^JANE")],
)
def test_a_value_out_of_range_is_refused_and_not_told(key, value):
    assert key in _refused("DOE^JANE", **{key: value}).message


def test_values_of_the_environment_are_checked_and_not_told(monkeypatch):
    monkeypatch.setenv("CXRREPORT_COLUMNS", f"{{{SECRET}")
    assert _refused(SECRET).code == "configuration.settings"
    monkeypatch.delenv("CXRREPORT_COLUMNS")
    monkeypatch.setenv("CXRREPORT_BATCH_SIZE", SECRET)
    assert "batch_size" in _refused(SECRET).message


@pytest.mark.parametrize("text", [f'db = "{SECRET}', f"{SECRET}", "\x00", "beams = 1\nbeams = 2"])
def test_a_file_that_is_no_toml(toml, text):
    path = toml(text)
    error = _refused(SECRET, config=path)
    assert error.code == "configuration.file" and f"{path} is no TOML: see " in error.message


def test_a_file_that_is_not_there_or_no_text(tmp_path):
    assert f"{tmp_path}/none.toml cannot be opened: No such file" in _refused(config=tmp_path / "none.toml").message
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    assert _refused(config=tmp_path / "binary.toml").code == "configuration.file"


def test_an_unknown_variable_is_refused_as_a_key_of_the_file_is(monkeypatch):
    monkeypatch.setenv("CXRREPORT_BATCHSIZE", SECRET)
    assert "CXRREPORT_BATCHSIZE" in _refused(SECRET).message


def test_a_home_is_expanded_and_never_relative(toml, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_settings(toml('home = "~/xx"\n')).home == tmp_path / "xx"
    assert "home: it must be absolute" in _refused("yy", config=toml('home = "yy"\n')).message
    monkeypatch.chdir(tmp_path)
    assert load_settings(home="zz").home == tmp_path / "zz"  # a flag: the shell has a working directory


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgresql+psycopg://cxr:{SECRET}@db.example:5432/cxr", "postgresql+psycopg://cxr:***@db.example:5432/cxr"),
        (f"postgresql://cxr:{SECRET}@db/cxr?sslmode=require", "postgresql://cxr:***@db/cxr?sslmode=require"),
        (f"postgresql://:{SECRET}@db/cxr", "postgresql://:***@db/cxr"),
        ("postgresql://cxr@db/cxr", "postgresql://cxr@db/cxr"),
        ("sqlite:////srv/cxr.db", "sqlite:////srv/cxr.db"),
    ],
)
def test_password_is_masked_and_the_rest_is_told(url, shown):
    settings = load_settings(db=url)
    assert settings.describe()["db"] == shown
    assert settings.database_url == url
    assert SECRET not in repr(settings) + str(settings) + json.dumps(settings.describe())


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://cxr:a@{SECRET}@db/cxr",
        f"postgresql://cxr:a/{SECRET}@db/cxr",
        f"postgresql://cxr:a:{SECRET}@db/cxr",
        f"postgresql://db/cxr?user=cxr&password={SECRET}",
        f"postgresql://cxr@db/cxr?password={SECRET}&sslmode=require",
        f"postgresql://cxr@db/cxr?sslpassword={SECRET}",
    ],
)
def test_a_password_hides_wherever_it_stands(url):
    assert SECRET not in json.dumps(load_settings(db=url).describe())


def test_description_is_json_of_every_setting():
    described = json.loads(json.dumps(load_settings().describe()))
    assert set(described) == set(Settings.model_fields)
