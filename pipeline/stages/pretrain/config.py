"""Settings of the pretrain stage; imports no torch."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ModelWrapValidatorHandler, model_validator

from pipeline.artifacts import CorpusInput, Model, TokenizerInput
from pipeline.core.errors import SettingError
from pipeline.core.quantities import Count
from pipeline.core.references import Reference
from pipeline.core.stage import Settings, Stage, StageConfig, not_identity
from pipeline.models.sizes import sizes_of
from pipeline.stages.pretrain.dial import turned
from pipeline.training.config import SHORTEST, Schedule, TrainConfig


class DecoderSettings(Settings):
    """The decoder's shape, in transformers' names; widths left out follow from `hidden_size`."""

    depth: Annotated[Count, Field(le=1000)] | None = Field(default=None, json_schema_extra=not_identity())
    """One dial: the layers, and by scaling rules whatever of these is not given: `hidden_size` (64 a layer), heads (of
    64), `learning_rate`, `global_batch_size`, and the length of training (20 tokens a parameter)."""
    num_hidden_layers: Count = 2
    """Layers."""
    hidden_size: Count = 128
    """Width of the states between layers."""
    intermediate_size: Count | None = None
    """Width inside the MLP; 8/3 of `hidden_size` when left out."""
    num_attention_heads: Count | None = None
    """Heads of the queries; as many as give a width of at most 64 when left out."""
    num_key_value_heads: Count | None = None
    """Heads of the keys and values, shared by groups of query heads; as many as those when left out."""
    head_dim: Count | None = None
    """Width of a head; `hidden_size` shared among the heads when left out."""
    max_position_embeddings: Count = Field(default=256, ge=8)
    """The context: tokens of a row in training, and at most in a prompt with its answer."""
    position_encoding: Literal["rope", "learned", "sinusoidal", "alibi", "none"] = "rope"
    """How the model knows where a token stands."""
    rope_theta: float = Field(default=10000.0, gt=1)
    """Base of the rotary frequencies."""
    partial_rotary_factor: float = Field(default=1.0, gt=0, le=1)
    """Share of a head that rope turns."""
    rope_scaling: dict[str, float | int | str] | None = None
    """transformers' `rope_parameters` of another type than the default, for instance {rope_type: yarn, factor: 4}."""
    sliding_window: Count | None = None
    """Tokens that a token sees, itself counted; all before it when left out."""
    attn_logit_softcapping: float | None = Field(default=None, gt=0)
    """Attention scores are kept within this by a tanh; slower, and no fused kernel on CPU knows it."""
    final_logit_softcapping: float | None = Field(default=None, gt=0)
    """Logits are kept within this by a tanh."""
    attention_bias: bool = False
    """Whether the projections of attention have biases."""
    qk_norm: bool = True
    """Whether each head's queries and keys are normalised."""
    value_embeddings: bool = False
    """Whether each layer adds a vector of the token's own to its values: a vocabulary of weights more in each layer,
    hardly any time, a lower loss. No other program opens such a model without our code."""
    hidden_act: str = "silu"
    """The activation, by transformers' name."""
    mlp_gated: bool = True
    """Whether the feed-forward network has a gate (SwiGLU with silu)."""
    mlp_bias: bool = False
    """Whether the feed-forward network has biases."""
    normalization: Literal["rmsnorm", "layernorm"] = "rmsnorm"
    """The kind of norm."""
    norm_position: Literal["pre", "post"] = "pre"
    """Whether a norm stands before each part of a layer, or after its sum."""
    norm_eps: float = Field(default=1e-6, gt=0)
    """Guard of the norms against dividing by zero."""
    norm_bias: bool = False
    """Whether a layernorm has a bias."""
    embedding_norm: bool = False
    """Whether the embeddings are normalised."""
    final_norm: bool = True
    """Whether the states are normalised before the output layer."""
    initialization: Literal[
        "normal", "gpt2", "zero_residual", "xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal"
    ] = "normal"
    """How fresh weights are drawn."""
    initializer_range: float = Field(default=0.02, gt=0)
    """Standard deviation of fresh weights, of embeddings in every scheme."""
    attention_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of attention probabilities dropped in training."""
    hidden_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of what a layer adds dropped in training."""
    embedding_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the embeddings dropped in training."""
    tie_word_embeddings: bool = True
    """Whether the output layer is the embedding itself."""
    lm_head_bias: bool = False
    """Whether the output layer has a bias; it then is not the embedding."""

    @model_validator(mode="after")
    def _widths_fit(self) -> DecoderSettings:
        """The rules of `models.decoder.configuration`, which imports transformers."""
        sizes = sizes_of(self.model_dump())
        heads, hidden = sizes.num_attention_heads, sizes.hidden_size
        if self.head_dim is None and (heads > hidden or hidden % heads):
            said = f"{hidden} cannot be shared among {heads} heads; write a multiple of {heads}, or give head_dim too"
            raise SettingError(said, "hidden_size", "num_attention_heads")
        if heads < 1:
            raise SettingError(
                f"{self.head_dim} is wider than hidden_size {hidden}; give num_attention_heads too", "head_dim"
            )
        if heads % sizes.num_key_value_heads:
            said = f"{sizes.num_key_value_heads} does not divide the {heads} heads of the queries"
            raise SettingError(said, "num_key_value_heads", "num_attention_heads")
        rotary = int(sizes.head_dim * self.partial_rotary_factor)
        if self.position_encoding == "rope" and sizes.head_dim % 2 == 0 and (rotary % 2 or not rotary):
            said = f"rope turns pairs: this share of a head's width of {sizes.head_dim} is {rotary}, and must be even"
            raise SettingError(said, "partial_rotary_factor")
        if self.position_encoding == "rope" and sizes.head_dim % 2:
            said = f"rope turns pairs, so that a head's width must be even; it is {sizes.head_dim}"
            raise SettingError(said, "head_dim" if self.head_dim else "hidden_size", "num_attention_heads")
        if self.norm_bias and self.normalization != "layernorm":
            raise SettingError("only a layernorm has a bias; write normalization: layernorm", "norm_bias")
        if self.lm_head_bias and self.tie_word_embeddings:
            raise SettingError("the output layer is the embedding, which has none; write tie_word_embeddings: false",
                               "lm_head_bias")  # fmt: skip
        return self


class PretrainTrain(TrainConfig):
    """How long and how to pretrain."""

    lengths: ClassVar[tuple[str, ...]] = (*TrainConfig.lengths, "tokens_per_parameter")

    tokens_per_parameter: Annotated[float, Field(gt=0)] | None = None
    """Length of training in tokens for each parameter of the model, embeddings counted; 20 spends compute best."""
    packing: Literal["best_fit", "windows"] = "best_fit"
    """What a row is. `best_fit`: whole documents, chosen to fill it, that do not see each other. `windows`: tokens as
    they follow one another, from anywhere; documents are cut and see what came before them."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """What moves the matrices of the layers; everything else is AdamW's."""
    muon_learning_rate: float = Field(default=0.02, gt=0)
    """The highest learning rate of Muon's matrices."""
    muon_momentum: float = Field(default=0.95, ge=0, lt=1)
    """Muon's momentum."""
    z_loss: float = Field(default=0.0, ge=0)
    """Weight of the squared log-normaliser in the loss, which keeps logits from drifting."""

    epochs: float | None = Field(default=1.0, gt=0)
    """Length of training in passes over the rows; rounded down to whole steps."""
    learning_rate: float = Field(default=3e-3, gt=0)
    """The highest learning rate."""
    schedule: Schedule = "wsd"
    """How the learning rate goes: `wsd` is warm-up, stable, decay."""
    adam_beta2: float = Field(default=0.95, ge=0, lt=1)
    """Decay of AdamW's mean of the squared gradients."""
    weight_decay: float = Field(default=0.1, ge=0)
    """AdamW's weight decay; norms are left out."""

    @model_validator(mode="after")
    def _muon_is_there(self) -> PretrainTrain:
        if self.optimizer != "muon":
            self.require_default("muon_learning_rate", "optimizer", "muon")
            self.require_default("muon_momentum", "optimizer", "muon")
        return self


class Config(StageConfig):
    """Settings of the pretrain stage."""

    corpus: CorpusInput = Reference(path="corpus")
    """The documents to train on, and the held-out ones."""
    tokenizer: TokenizerInput = Reference(path="tokenizer")
    """The tokenizer; the vocabulary is its own, padded to a multiple of 64."""
    decoder: DecoderSettings = DecoderSettings()
    """The model's shape."""
    train: PretrainTrain = PretrainTrain()
    """How long and how to train; a sequence is a row of `max_position_embeddings` tokens."""
    validation_documents: Count = 500
    """Held-out documents that the loss is measured on, at most."""
    evaluations: Annotated[int, Field(ge=0)] | Literal["auto"] = Field(default="auto", json_schema_extra=not_identity())
    """How often that is done in the course of training too, its end counted, with a few samples of what the model
    writes. A number reads all of the documents each time; `auto` is eight times, on as much as costs little."""

    @model_validator(mode="wrap")
    @classmethod
    def _dial(cls, values: Any, handler: ModelWrapValidatorHandler[Config]) -> Config:
        """Where `decoder.depth` is given: as the recipe says, and then with what the dial makes of it."""
        config = handler(values)
        if config.decoder.depth is None or not isinstance(values, dict):
            return config
        decoder, train = config.decoder.model_dump(exclude_unset=True), config.train.model_dump(exclude_unset=True)
        lengths, context_length = PretrainTrain.lengths, config.decoder.max_position_embeddings
        shape, training = turned(config.decoder.depth, decoder, train, lengths, context_length)
        return handler({**values, "decoder": {**decoder, **shape}, "train": {**train, **training}})


STAGE = Stage(
    kind="pretrain",
    config=Config,
    output=Model,
    run="pipeline.stages.pretrain.stage:run",
    check="pipeline.stages.pretrain.checks:check",
    estimate="pipeline.stages.pretrain.estimate:estimate",
    version=3,
    processes="all",
    seeded=True,
    smoke={**SHORTEST, "train.tokens_per_parameter": None, "validation_documents": 20},
)
