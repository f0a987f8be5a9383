"""Recipes: what a network is trained with, written in TOML; some are shipped in `recipes/`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from cxrreport.errors import UsageError
from cxrreport.model.ablations import ABLATIONS
from cxrreport.model.config import SIZES
from cxrreport.training.recipes import shipped_recipes

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=64)]
Rate = Annotated[float, Field(ge=1e-6, le=1e-2)]
Side = Annotated[int, Field(ge=0, le=512, multiple_of=32)]  # in pixels


class Round(BaseModel):
    """Epochs that the encoder learns for, under one cycle of learning rates, from films of one size."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    pixels: Side = 0  # a side; 0: as the network's own
    epochs: Annotated[int, Field(ge=1)] = 1
    lr: Rate = 4e-4  # peak
    laterals: bool = False  # each film once; without, frontal ones with a report twice


class Recipe(BaseModel):
    """Everything that decides what is learnt but the data. Epochs of 0 keep that part of the weights to start from."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    size: str = "mini"  # of the network: mini, tiny, base
    ablation: str | None = None  # a row of the papers' ablations instead of the whole network
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 9233  # of all random numbers
    batch: Annotated[int, Field(ge=2)] = 16  # studies a step of the later stages
    phantoms: Count = 0  # procedural studies to learn from as well

    encoder_rounds: Annotated[tuple[Round, ...], Field(strict=False)] = (
        Round(pixels=160, epochs=3, lr=4e-4),
        Round(pixels=224, epochs=1, lr=1.5e-4, laterals=True),
    )  # the encoder learns findings; none: it stays
    towers_epochs: Count = 2  # retrieval, and where findings are seen
    towers_lr: Rate = 1e-3  # peak learning rate, as are the others
    encoder_batch: Annotated[int, Field(ge=2)] = 32  # films a step of the encoder, studies and films of the towers
    network_epochs: Count = 10  # FAM, findings and decoder
    network_lr: Rate = 5e-4
    indication: bool = False  # the decoder learns to read why the film was made
    copies: Annotated[int, Field(ge=1, le=64)] = 3  # variants of each image, the plain one among them
    # samples are drawn by the share of their rarest finding ** -balance
    balance: Annotated[float, Field(ge=0, le=1)] = 0.0
    view_epochs: Count = 6  # view classifier

    pair_epochs: Count = 0  # what changed since the prior
    pair_lr: Rate = 5e-4
    phantom_pairs: Count = 0  # procedural pairs to learn that from
    film_pairs: Share = 2.0  # pairs with inserted lesions of each real frontal image; below 1: of that share of them
    follow_ups: Count = 100_000  # real pairs of labelled images, at most
    prior_epochs: Count = 0  # the decoder learns to read the prior and its report
    prior_lr: Rate = 1e-3
    upright_epochs: Count = 0  # how a frontal image lies

    checkpoint_minutes: Annotated[float, Field(ge=0)] = 10.0  # how often within an epoch; 0: after each only
    licence: str = "research use only"  # note in the manifest

    @property
    def trains_network(self) -> bool:
        """Whether what follows the network, such as the comparison of a study with its prior, has to be learnt again."""
        return bool(self.encoder_rounds or self.towers_epochs or self.network_epochs)

    @field_validator("film_pairs")
    @classmethod
    def _countable(cls, value: float) -> float:
        if value > 1 and not value.is_integer():
            raise ValueError("above 1 it is a whole number")
        return value

    @field_validator("size", "ablation")
    @classmethod
    def _known(cls, value: str | None, info: Any) -> str | None:
        known = sorted(SIZES) if info.field_name == "size" else sorted(ABLATIONS)
        if value is not None and value not in known:
            raise ValueError(f"known are {', '.join(known)}")
        return value


def load_recipe(asked: str) -> Recipe:
    """A shipped recipe by its name, or one of a TOML file, which may leave keys out that are as in `mini`.

    Raises
    ------
    UsageError : there is none, or it has unknown keys or values out of range.
    """
    path = shipped_recipes().get(asked, Path(asked))
    try:
        return Recipe(**tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError:
        message = f"The recipe cannot be read: name a TOML file or one of {', '.join(shipped_recipes())}."
        raise UsageError(message) from None
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {_sentence(one['msg'])}" for one in error.errors())
        raise UsageError(f"The recipe does not fit: {wrong}.") from None
    except (ValueError, TypeError):
        raise UsageError("The recipe is no TOML in UTF-8.") from None


def _sentence(message: str) -> str:
    known = {
        "Extra inputs are not permitted": "no such key",
        "Input should be a valid tuple": "a list of tables",
        "Input should be a valid dictionary or instance of Round": "a table such as { epochs = 1 }",
    }
    return known.get(message, message.removeprefix("Value error, "))
