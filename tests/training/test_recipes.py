import re

from cxrreport.cli.train import train

from cxrreport.training.recipes import shipped_recipes


def test_the_command_line_names_every_recipe_that_is_shipped():
    (option,) = (one for one in train.params if one.name == "recipe")
    assert {"mini", "films", "upright"} <= set(shipped_recipes()) <= set(re.findall(r"\w+", option.help))
