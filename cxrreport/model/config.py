"""Configuration of DiffRGenNet and its three shipped sizes (model.md §1.0)."""

from __future__ import annotations

from typing import Any

from transformers import PretrainedConfig

from cxrreport.findings import FINDINGS, State

STATES: tuple[State, ...] = tuple(State)  # class index order: blank, positive, negative, uncertain
BLANK, POSITIVE, UNCERTAIN = (STATES.index(state) for state in (State.BLANK, State.POSITIVE, State.UNCERTAIN))
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PROMPT_TOKENS = ("[DEC]", "[BLA]", "[POS]", "[NEG]", "[UNC]")  # [DEC] begins a report, the others are states
PREFIX_LENGTH = 1 + len(FINDINGS)  # [DEC] s_1 .. s_14
VIEWS = 2  # frontal, lateral
FAM_ATTENTIONS = ("dra", "transformer", "trar", "concat", "mpsa")
ANCHORS = ("peak", "cyclic", "identity")
METRICS = ("l2", "cos", "dot")


class DiffRGenNetConfig(PretrainedConfig):  # type: ignore[misc]
    """Everything that shapes the network; stored beside its weights.

    Parameters
    ----------
    encoder, decoder, text : dicts for `AutoConfig.for_model` of the image encoder, the report decoder (BERT) and the
        text tower of the retrieval encoder (BERT).
    image_size : side of the input in pixels; the encoder must map it to a `grid` x `grid` feature map.
    encoder_width : channels of that map.
    d_model, heads, ffn, dropout : width, heads, feed-forward width and dropout of the FAM stacks (A12).
    fam_attention : how reports and patches meet: "dra" (the paper's), or one of Table A's "transformer", "trar" and
        "concat", or REVTAF's "mpsa" in the similar branch; see `fam.py`.
    masks_per_layer : p_k, the number of attention windows each DRA layer routes among (A9); its length is K.
    anchor : how a query finds its anchor patch: "peak", "cyclic" (paper) or "identity" (A6).
    binarize : in evaluation the router takes its likeliest window alone (TRAR's hard routing, without its noise).
    feature_difference : False is Table 2's "w/o Feature Difference": FAM_dif gets the projected report vectors e.
    metrics : which of l2, cos, dot the Feature Difference module uses (Eq. 1, App. C).
    diff_content : add the zero-initialised content path W_c(e - f) to the difference (model.md §1.5).
    reports_in_memory, reports_in_classifier : whether the FAM tokens reach the decoder, and s the classifier.
    retrieved : N, the number of retrieved reports.
    d_retrieval : width of the retrieval space.
    label_prior : pi of the logit-adjusted loss, one value a finding, in (0, 1] (§1.8).
    thresholds : p(positive) from which a finding is called positive, chosen on validation data; None = argmax.
    loss_weights : of LM, SDL (lambda = 4, A13) and SCL (gamma = 0.1).
    scl, scl_queue : whether there is an SCL loss (a weight of 0 says the same), and how many earlier studies it
        compares a batch with (§1.10; 0 = none).
    fcc_weight, fcc_paper : weight of REVTAF's consistency loss (0 = none, the paper has 0.5), and whether in its
        printed form (§3.4).

    A part that nothing reads is not built: the parameters of an option exist only where it is on.

    Raises
    ------
    ValueError : for values that describe no network.
    """

    model_type = "diffrgennet"

    def __init__(
        self,
        encoder: dict[str, Any] | None = None,
        decoder: dict[str, Any] | None = None,
        text: dict[str, Any] | None = None,
        image_size: int = 224,
        grid: int = 7,
        encoder_width: int = 2048,
        d_model: int = 512,
        heads: int = 8,
        ffn: int = 2048,
        dropout: float = 0.1,
        fam_attention: str = "dra",
        masks_per_layer: tuple[int, ...] = (2, 4),
        anchor: str = "peak",
        binarize: bool = False,
        feature_difference: bool = True,
        metrics: tuple[str, ...] = METRICS,
        diff_content: bool = True,
        reports_in_memory: bool = True,
        reports_in_classifier: bool = True,
        retrieved: int = 21,
        d_retrieval: int = 512,
        d_scl: int = 128,
        max_report_tokens: int = 128,
        label_prior: list[float] | None = None,
        thresholds: list[float] | None = None,
        loss_weights: tuple[float, float, float] = (1.0, 4.0, 0.1),
        scl: bool = True,
        scl_queue: int = 256,
        fcc_weight: float = 0.0,
        fcc_paper: bool = False,
        **kwargs: Any,
    ) -> None:
        self.encoder = encoder or {}
        self.decoder = decoder or {}
        self.text = text or {}
        self.image_size, self.grid, self.encoder_width = image_size, grid, encoder_width
        self.d_model, self.heads, self.ffn, self.dropout = d_model, heads, ffn, dropout
        self.fam_attention, self.masks_per_layer = fam_attention, tuple(masks_per_layer)
        self.anchor, self.binarize = anchor, binarize
        self.feature_difference, self.metrics, self.diff_content = feature_difference, tuple(metrics), diff_content
        self.reports_in_memory, self.reports_in_classifier = reports_in_memory, reports_in_classifier
        self.retrieved, self.d_retrieval, self.d_scl = retrieved, d_retrieval, d_scl
        self.max_report_tokens = max_report_tokens
        self.label_prior = [1.0] * len(FINDINGS) if label_prior is None else label_prior
        self.thresholds = thresholds
        self.loss_weights = tuple(loss_weights)
        self.scl, self.scl_queue = scl, scl_queue
        self.fcc_weight, self.fcc_paper = fcc_weight, fcc_paper
        self._check()
        super().__init__(**kwargs)

    def _check(self) -> None:
        if self.fam_attention not in FAM_ATTENTIONS:
            raise ValueError(f"fam_attention must be one of {FAM_ATTENTIONS}.")
        if self.anchor not in ANCHORS:
            raise ValueError(f"anchor must be one of {ANCHORS}.")
        if not self.metrics or set(self.metrics) - set(METRICS):
            raise ValueError(f"metrics must be some of {METRICS}.")
        if not self.masks_per_layer or any(not 1 <= p <= self.grid for p in self.masks_per_layer):
            raise ValueError("masks_per_layer must name at least one layer; its windows must be smaller than the grid.")
        if self.scl_queue < 0 or self.fcc_weight < 0 or any(weight < 0 for weight in self.loss_weights):
            raise ValueError("The weights of losses and the length of the queue must not be negative.")
        if self.uses_fcc and self.fam_attention == "concat":
            raise ValueError('The consistency loss compares maps over patches, and fam_attention "concat" has none.')
        self._check_findings()

    def _check_findings(self) -> None:
        prior, limits = self.label_prior, self.thresholds
        if len(prior) != len(FINDINGS) or not all(0 < p <= 1 for p in prior):
            raise ValueError(f"label_prior must hold {len(FINDINGS)} values, each above 0 and at most 1.")
        if limits is not None and (len(limits) != len(FINDINGS) or not all(0 <= limit <= 1 for limit in limits)):
            raise ValueError(f"thresholds must be null or hold {len(FINDINGS)} values from 0 to 1.")

    @property
    def uses_scl(self) -> bool:
        """Whether L_SCL is part of the total loss."""
        return self.scl and self.loss_weights[2] > 0

    @property
    def uses_fcc(self) -> bool:
        """Whether REVTAF's consistency loss is part of the total loss."""
        return self.fcc_weight > 0

    @property
    def uses_similar(self) -> bool:
        """Whether anything reads FAM_sim."""
        return self.reports_in_memory or self.reports_in_classifier or self.uses_scl or self.uses_fcc

    @property
    def uses_different(self) -> bool:
        """Whether anything reads FAM_dif; what does also reads FAM_sim."""
        return self.reports_in_memory or self.uses_scl

    @property
    def decoder_width(self) -> int:
        """Hidden size of the decoder."""
        return int(self.decoder["hidden_size"])


def _bert(vocab_size: int, width: int, layers: int, heads: int, ffn: int, positions: int = 512) -> dict[str, Any]:
    return {
        "model_type": "bert",
        "vocab_size": vocab_size,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": ffn,
        "max_position_embeddings": positions,
        "pad_token_id": 0,
    }


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
    resnet = {
        "model_type": "resnet",
        "embedding_size": 8,
        "hidden_sizes": [8, 16],
        "depths": [1, 1],
        "layer_type": "basic",
    }
    bert = _bert(vocab_size, 32, 2, 4, 64, 160)
    return DiffRGenNetConfig(
        encoder=resnet, decoder=bert, text=bert, image_size=56, encoder_width=16, d_model=32, heads=4, ffn=64,
        retrieved=5, d_retrieval=16, d_scl=8,
    )  # fmt: skip


SIZES = {"base": base, "mini": mini, "tiny": tiny}
