import tomllib
from pathlib import Path

import pytest

from cxrreport.errors import UsageError
from cxrreport.training.options import TrainOptions
from cxrreport.training.recipe import Recipe, load_recipe
from cxrreport.training.recipes import shipped_recipes


def written(tmp_path, text):
    (tmp_path / "mine.toml").write_text(text)
    return str(tmp_path / "mine.toml")


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_can_be_trained(name):
    init = Path("weights") if name in ("films", "pairs", "upright") else None
    assert TrainOptions("iu-xray", Path("d"), Path("o"), load_recipe(name), init).recipe.size in {
        "mini",
        "base",
        "tiny",
    }


def test_mini_writes_every_key_out_as_it_is_left_out():
    text = shipped_recipes()["mini"].read_text()
    assert load_recipe("mini") == Recipe() and all(f"{name} = " in text for name in Recipe.model_fields)
    assert set(tomllib.loads(text)) == set(Recipe.model_fields) - {"ablation"}


def test_a_file_leaves_out_what_is_as_in_mini(tmp_path):
    assert load_recipe(written(tmp_path, "seed = 1\n")) == Recipe(seed=1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epochs = 3", "epochs: no such key"), ("batch = 1", "batch: Input should be greater than or equal to 2"),
        ("towers_lr = 1.0", "towers_lr: "),
        ("encoder_rounds = [{epochs = 0}]", "encoder_rounds.0.epochs: "),
        ("seed = 'one'", "seed: "), ("seed = -1", "seed: "), ("seed = 4294967296", "seed: "),
        ("encoder_rounds = { epochs = 1 }", "encoder_rounds: a list of tables"),
        ("encoder_rounds = [1]", "encoder_rounds.0: a table such as { epochs = 1 }"),
        ("size = 'huge'", "size: known are base, mini, tiny"),
        ("ablation = 'all'", "ablation: known are"), ("seed =", "no TOML"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_a_sentence(tmp_path, text, said):
    with pytest.raises(UsageError) as caught:
        load_recipe(written(tmp_path, text))
    assert said in caught.value.message and caught.value.exit_code == 2 and str(tmp_path) not in caught.value.message


def test_a_recipe_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="one of base, films, mini, pairs, tiny, upright") as caught:
        load_recipe(str(tmp_path / "none.toml"))
    assert str(tmp_path) not in caught.value.message


def test_pairs_of_a_share_of_the_films_or_a_whole_number_of_each(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text("film_pairs = 0.5")
    assert load_recipe(str(path)).film_pairs == 0.5
    path.write_text("film_pairs = 1.5")
    with pytest.raises(UsageError, match="film_pairs: above 1 it is a whole number"):
        load_recipe(str(path))
