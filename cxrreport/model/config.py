"""Configuration of DiffRGenNet and its three sizes (docs/model.md, Sizes)."""

from __future__ import annotations

import inspect
from dataclasses import field
from functools import cache
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from transformers import PretrainedConfig

from cxrreport.findings import FINDINGS, State

STATES: tuple[State, ...] = tuple(State)  # class index order: blank, positive, negative, uncertain
BLANK, POSITIVE, UNCERTAIN = (STATES.index(state) for state in (State.BLANK, State.POSITIVE, State.UNCERTAIN))
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PROMPT_TOKENS = ("[DEC]", "[BLA]", "[POS]", "[NEG]", "[UNC]")  # [DEC] begins a report, the others are states
PREFIX_LENGTH = 1 + len(FINDINGS)  # [DEC] s_1 .. s_14
VIEWS = 2  # frontal, lateral: the order in which they are stacked everywhere
GRID = 7  # side of the encoder's last feature map, in patches
PATCHES = GRID**2  # of one view
DROPOUT = 0.1
REPORT_TOKENS = 128  # of a report that is learnt from or read
INDICATION_TOKENS = 32  # of why a film was made
FAM_ATTENTIONS = ("dra", "transformer", "trar", "concat", "mpsa")
ANCHORS = ("peak", "cyclic")
METRICS = ("l2", "cos", "dot")
_CONSTANTS = {  # keys of older config.json files, with the one value that this version builds
    "grid": GRID, "dropout": DROPOUT, "max_report_tokens": REPORT_TOKENS, "loss_weights": (1.0, 4.0, 0.1),
    "scl_queue": 256, "fcc_paper": False,
}  # fmt: skip
_OF_TRANSFORMERS = {"model_type", "torch_dtype", "name_or_path", "_name_or_path", "attn_implementation"}

Size = Annotated[int, Field(strict=True, gt=0)]
Side = Annotated[Size, Field(multiple_of=GRID)]
Number = Annotated[float, Field(strict=True)]
Switch = Annotated[bool, Field(strict=True)]


class DiffRGenNetConfig(PretrainedConfig):  # type: ignore[misc]
    """Everything that shapes the network; stored beside its weights. The second half is what ablations change.

    Raises
    ------
    ValueError : for values that describe no network, and for keys that this version does not know.
    """

    model_type = "diffrgennet"

    encoder: dict[str, Any] = field(default_factory=dict)  # of the image encoder, for `AutoConfig.for_model`
    decoder: dict[str, Any] = field(default_factory=dict)  # of the report decoder, a BERT
    text: dict[str, Any] = field(default_factory=dict)  # of the retrieval encoder's text tower, a BERT
    image_size: Side = 224  # of the input in pixels; the encoder maps it to GRID x GRID
    encoder_width: Size = 2048  # channels of that map
    d_model: Size = 512  # width of FAM, Feature Difference and selection
    heads: Size = 8  # attention heads of FAM
    ffn: Size = 2048  # feed-forward width of FAM
    retrieved: Size = 21  # N, the number of retrieved reports
    d_retrieval: Size = 512  # width of the retrieval space
    d_scl: Size = 128  # width of the space of L_SCL
    label_prior: list[Number] = field(default_factory=lambda: [1.0] * len(FINDINGS))  # pi of L_SDL, each in (0, 1]
    thresholds: list[Number] | None = None  # p(positive) from which a finding is called positive; None: argmax

    masks_per_layer: tuple[Size, ...] = (2, 4)  # p_k, the windows that each layer of FAM routes among; as long as K
    fam_attention: str = "dra"  # how reports meet patches; "mpsa" does so in the similar branch alone
    anchor: str = "peak"  # patch about which a report's windows lie: its greatest attention, or "cyclic" (Eq. 6)
    binarize: Switch = False  # in evaluation the router takes its likeliest window alone
    feature_difference: Switch = True  # False: FAM_dif gets the projected report vectors e
    metrics: tuple[str, ...] = METRICS  # which of them Feature Difference uses
    diff_content: Switch = True  # add the content path W_c(e - f) to the difference
    reports_in_memory: Switch = True  # the decoder reads the tokens of both branches
    reports_in_classifier: Switch = True  # the classifier reads the selected report s
    scl: Switch = True  # L_SCL is part of the loss
    fcc_weight: Number = 0.0  # of REVTAF's consistency loss; its paper has 0.5
    reads_indication: Switch = False  # the decoder reads why the film was made
    localises: Switch = False  # a head of its own tells where a finding is seen

    def __post_init__(self, **kwargs: Any) -> None:
        _check_keys(kwargs)
        known = {name: value for name, value in kwargs.items() if name not in _CONSTANTS}
        for name, kind in _kinds().items():
            setattr(self, name, _checked(name, getattr(self, name), kind))
        self._check_values()
        self._check_findings()
        super().__post_init__(**known)

    def _check_values(self) -> None:
        if self.fam_attention not in FAM_ATTENTIONS:
            raise ValueError(f"fam_attention must be one of {FAM_ATTENTIONS}.")
        if self.anchor not in ANCHORS:
            raise ValueError(f"anchor must be one of {ANCHORS}.")
        if not self.metrics or set(self.metrics) - set(METRICS):
            raise ValueError(f"metrics must be some of {METRICS}.")
        if not self.masks_per_layer or any(not 1 <= p <= GRID for p in self.masks_per_layer):
            raise ValueError("masks_per_layer must name at least one layer; its windows must be smaller than the grid.")
        if self.d_model % self.heads:
            raise ValueError("heads must divide d_model.")
        if self.fcc_weight < 0:
            raise ValueError("fcc_weight must not be negative.")
        if self.fcc_weight and self.fam_attention == "concat":
            raise ValueError('The consistency loss compares maps over patches, and fam_attention "concat" has none.')
        if not self.reports_in_memory and (self.scl or self.fcc_weight or self.feature_difference):
            raise ValueError("Without reports_in_memory there is no scl, fcc_weight or feature_difference (PromptMRG).")
        if self.reports_in_memory and not self.reports_in_classifier:
            raise ValueError("Reports that are in the memory are in the classifier too.")

    def _check_findings(self) -> None:
        prior, limits = self.label_prior, self.thresholds
        if len(prior) != len(FINDINGS) or not all(0 < p <= 1 for p in prior):
            raise ValueError(f"label_prior must hold {len(FINDINGS)} values, each above 0 and at most 1.")
        if limits is not None and (len(limits) != len(FINDINGS) or not all(0 <= limit <= 1 for limit in limits)):
            raise ValueError(f"thresholds must be null or hold {len(FINDINGS)} values from 0 to 1.")

    @property
    def decoder_width(self) -> int:
        """Hidden size of the decoder."""
        return int(self.decoder["hidden_size"])


@cache
def _kinds() -> dict[str, TypeAdapter[Any]]:
    return {name: TypeAdapter(kind) for name, kind in inspect.get_annotations(DiffRGenNetConfig, eval_str=True).items()}


def _checked(name: str, value: Any, kind: TypeAdapter[Any]) -> Any:
    """The value of a field, a list as the tuple that is wanted; ValueError names the field that is of another type."""
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        raise ValueError(f"{name} cannot be that: {error.errors()[0]['msg']}.") from None


def _check_keys(others: dict[str, Any]) -> None:
    """Refuse keys that are no field: unknown ones, and those of older files that do not hold their one value."""
    if unknown := sorted(others.keys() - _CONSTANTS.keys() - _OF_TRANSFORMERS):
        raise ValueError(f"The configuration has no {', '.join(unknown)}.")
    for name in others.keys() & _CONSTANTS.keys():
        value = tuple(others[name]) if isinstance(others[name], list) else others[name]
        if value != _CONSTANTS[name]:
            raise ValueError(f"{name} must be {_CONSTANTS[name]}: this version builds no other.")


def _bert(vocab_size: int, width: int, layers: int, heads: int, ffn: int, positions: int = 512) -> dict[str, Any]:
    return {
        "model_type": "bert", "vocab_size": vocab_size, "hidden_size": width, "num_hidden_layers": layers,
        "num_attention_heads": heads, "intermediate_size": ffn, "max_position_embeddings": positions, "pad_token_id": 0,
    }  # fmt: skip


def base(vocab_size: int) -> DiffRGenNetConfig:
    """The paper's size: ResNet-101 and BERT-base."""
    resnet101 = {"model_type": "resnet", "depths": [3, 4, 23, 3], "layer_type": "bottleneck"}
    bert = _bert(vocab_size, 768, 12, 12, 3072)
    return DiffRGenNetConfig(encoder=resnet101, decoder=bert, text=bert)


def mini(vocab_size: int) -> DiffRGenNetConfig:
    """Small enough to train and run on a CPU: MobileNetV2, three BERT layers of MiniLM's width each way."""
    mobilenet = {"model_type": "mobilenet_v2", "layer_norm_eps": 1e-5, "tf_padding": False}
    bert = _bert(vocab_size, 384, 3, 12, 1536)
    return DiffRGenNetConfig(
        encoder=mobilenet, decoder=bert, text=bert, encoder_width=1280, d_model=256, ffn=1024, d_retrieval=256
    )


def tiny(vocab_size: int) -> DiffRGenNetConfig:
    """For tests: a few thousand weights, the same parts."""
    sizes = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"}
    resnet = {"model_type": "resnet", **sizes}
    bert = _bert(vocab_size, 32, 2, 4, 64, 160)
    return DiffRGenNetConfig(
        encoder=resnet, decoder=bert, text=bert, image_size=56, encoder_width=16, d_model=32, heads=4, ffn=64,
        retrieved=5, d_retrieval=16, d_scl=8,
    )  # fmt: skip


SIZES = {"base": base, "mini": mini, "tiny": tiny}
