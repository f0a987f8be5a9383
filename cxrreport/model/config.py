"""Configuration of DiffRGenNet and its three shipped sizes (model.md §1.0)."""

from __future__ import annotations

from typing import Any

from transformers import PretrainedConfig

from cxrreport.records import FINDINGS, State

STATES: tuple[State, ...] = tuple(State)  # class index order: blank, positive, negative, uncertain
BLANK, POSITIVE = STATES.index(State.BLANK), STATES.index(State.POSITIVE)
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PROMPT_TOKENS = ("[DEC]", "[BLA]", "[POS]", "[NEG]", "[UNC]")  # [DEC] begins a report, the others are states
PREFIX_LENGTH = 1 + len(FINDINGS)  # [DEC] s_1 .. s_14
VIEWS = 2  # frontal, lateral


class DiffRGenNetConfig(PretrainedConfig):  # type: ignore[misc]
    """Everything that shapes the network; stored beside its weights.

    Parameters
    ----------
    encoder, decoder, text : dicts for `AutoConfig.for_model` of the image encoder, the report decoder (BERT) and the
        text tower of the retrieval encoder (BERT).
    image_size : side of the input in pixels; the encoder must map it to a `grid` x `grid` feature map.
    encoder_width : channels of that map.
    d_model, heads, ffn, dropout : width, heads, feed-forward width and dropout of the FAM stacks (A12).
    masks_per_layer : p_k, the number of attention windows each DRA layer routes among (A9).
    anchor : how a query finds its anchor patch: "peak", "cyclic" (paper) or "identity" (A6).
    metrics : which of l2, cos, dot the Feature Difference module uses (Eq. 1).
    diff_content : add the zero-initialised content path W_c(e - f) to the difference (model.md §1.5).
    retrieved : N, the number of retrieved reports.
    d_retrieval : width of the retrieval space.
    label_prior : pi of the logit-adjusted loss, one value a finding, in (0, 1] (§1.8).
    thresholds : p(positive) from which a finding is called positive, chosen on validation data; None = argmax.
    loss_weights : of LM, SDL (lambda = 4, A13) and SCL (gamma = 0.1).
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
        masks_per_layer: tuple[int, ...] = (2, 4),
        anchor: str = "peak",
        metrics: tuple[str, ...] = ("l2", "cos", "dot"),
        diff_content: bool = True,
        retrieved: int = 21,
        d_retrieval: int = 512,
        d_scl: int = 128,
        max_report_tokens: int = 128,
        label_prior: list[float] | None = None,
        thresholds: list[float] | None = None,
        loss_weights: tuple[float, float, float] = (1.0, 4.0, 0.1),
        **kwargs: Any,
    ) -> None:
        self.encoder = encoder or {}
        self.decoder = decoder or {}
        self.text = text or {}
        self.image_size, self.grid, self.encoder_width = image_size, grid, encoder_width
        self.d_model, self.heads, self.ffn, self.dropout = d_model, heads, ffn, dropout
        self.masks_per_layer, self.anchor = tuple(masks_per_layer), anchor
        self.metrics, self.diff_content = tuple(metrics), diff_content
        self.retrieved, self.d_retrieval, self.d_scl = retrieved, d_retrieval, d_scl
        self.max_report_tokens = max_report_tokens
        self.label_prior = label_prior or [1.0] * len(FINDINGS)
        self.thresholds = thresholds
        self.loss_weights = tuple(loss_weights)
        super().__init__(**kwargs)

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
