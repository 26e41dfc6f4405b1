"""The settings of the corpus stage."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.artifacts import Corpus, DataInput
from pipeline.core.errors import SettingError
from pipeline.core.extras import require_installed
from pipeline.core.quantities import Count
from pipeline.core.stage import Settings, Stage, StageConfig, not_identity
from pipeline.stages.corpus.languages import LANGUAGES


class Source(Settings):
    """One source of documents."""

    data: DataInput
    """Rows with a `text` or an `html` column, text files, or web pages."""
    documents: Count | None = None
    """Read the first so many alone; all when left out."""
    weight: float | None = Field(default=None, gt=0)
    """The share of training text that comes from here, as a part of all sources' weights; give all of them one, or
    none. Documents are left out or repeated, by a hash of their text, until the shares are met."""
    license: str | None = Field(default=None, min_length=1, json_schema_extra=not_identity())
    """What the text may be used for, by the Hub's identifier where it has one (cc-by-4.0, apache-2.0, other). Left out:
    what a builtin knows of itself or a data set on the Hub says in its card, else the corpus's card says `not stated`.
    It stands on the card and changes nothing else: one that is corrected later is there after `--rerun`."""
    description: str | None = Field(default=None, min_length=1, json_schema_extra=not_identity())
    """What the text is and where it is from, for the corpus's card."""


class Language(Settings):
    """Which languages stay. The model is fastText's lid.176 (compressed; CC-BY-SA 3.0), the column is `language`."""

    keep: list[str] | None = Field(default=None, min_length=1)
    """Codes such as `en`; documents in others are dropped as `other_language`. Null: none is dropped, the column says
    which it is."""
    min_confidence: float = Field(default=0.3, ge=0, le=1)
    """The model's own probability below which a document is in no language: `und` in the column, dropped as
    `unsure_language` where `keep` is given. Code and numbers stay below the default, most text is far above it."""

    @field_validator("keep")
    @classmethod
    def _check_codes(cls, keep: list[str] | None) -> list[str] | None:
        for code in keep or ():
            if code not in LANGUAGES:
                known = ", ".join(sorted(name for name in LANGUAGES if name[0] == code[:1].lower()))
                raise ValueError(f"{code!r} is no language that the model knows; it has {known or 'en, de, fr, zh …'}")
        return keep


class NearDuplicates(Settings):
    """When two documents are so alike that one is enough."""

    threshold: float = Field(default=0.7, ge=0.5, le=1)
    """Jaccard similarity of their sets of five-word runs from which the later one is dropped.

    Candidates come from 25 bands of 5 MinHash values: .998 of the pairs at .7 are found, fewer below.
    """


class Deduplicate(Settings):
    """Which copies are dropped."""

    exact: bool = True
    """Drop documents whose text is the same but for white space."""
    near: NearDuplicates | None = NearDuplicates()
    """Drop documents that are nearly the same; null to keep them."""


class Filters(Settings):
    """What a document must be to stay. The defaults drop what is hardly text and keep the rest."""

    min_characters: int = Field(default=20, ge=1)
    """Fewer characters than this are dropped as `too_short`."""
    max_characters: Count | None = None
    """More characters than this are dropped as `too_long`; no limit when left out."""
    max_duplicate_line_share: float | None = Field(default=0.5, ge=0, le=1)
    """Dropped as `repeated_lines` when a larger share of the non-empty lines repeats an earlier one; null: no limit."""
    max_top_phrase_share: float | None = Field(default=0.5, gt=0, le=1)
    """Dropped as `repeated_phrase` when the commonest run of five words stands there three times or more and
    makes up more of the words than this; null for no limit."""


class Safety(Settings):
    """What must not get into the corpus. Nothing is looked for by default: both change or drop sound text too, and
    what is harmful or private depends on where the text is from. Web text that is to be published wants all of `pii`.
    """

    blocklist: list[str] = Field(default=[])
    """Words and phrases; a document in which one stands, as whole words in any case, is dropped as `blocked`."""
    blocklist_from: DataInput | None = None
    """More of them: a text file with one a line, or data with a column `text`."""
    pii: list[Literal["email", "ip", "phone", "iban"]] = Field(default=[])
    """What is replaced by `<EMAIL>`, `<IP>`, `<PHONE>`, `<IBAN>`, the same each time. Private and reserved IP addresses
    stay, and so do versions such as 1.2.3.4; an IBAN's check digits must be right."""


QualityRule = Literal["gopher_quality", "gopher_repetition", "c4", "c4_paragraphs", "fineweb"]
_NOT_HERE = {
    "c4_badwords": "its word list is fetched from the network for each run; give yours as `safety: {blocklist: […]}`",
    "fasttext": "it needs a trained model; the rules here need none",
    "language": "that is `language: {keep: [en]}`",
}
"""Rules of datatrove's that are no choice here, and what to do instead."""
_SHORT_NGRAM = 10


class Decontaminate(Settings):
    """Which benchmarks must not be in the corpus."""

    against: list[DataInput] = Field(min_length=1)
    """The benchmarks: files, `builtin:` or `hf://datasets/…`, each with its split. All texts of their rows count."""
    ngram: int = Field(default=13, ge=1, le=100)
    """A document with so many words in a row from a benchmark is dropped as `benchmark`. Below 10 common phrases are
    hit, so that most of what is dropped is sound."""
    allow_short_ngram: bool = False
    """Allow an `ngram` below 10 all the same."""

    @model_validator(mode="after")
    def _check_ngram(self) -> Decontaminate:
        if self.ngram < _SHORT_NGRAM and not self.allow_short_ngram:
            said = f"runs of {self.ngram} words are common in all text (at 8, 9 in 100 rows of GSM8K's training part " \
                   "look like its test); take 10 or more, or set allow_short_ngram: true"  # fmt: skip
            raise SettingError(said, "ngram")
        return self


class Config(StageConfig):
    """Documents in, a corpus with two splits out."""

    sources: list[Source] = Field(min_length=1)
    """Where documents come from, in the order they are read."""
    extract: Literal["precise", "fast"] = "precise"
    """How the main text is taken out of web pages. `precise`: trafilatura (F1 .95 of the words on real pages). `fast`:
    resiliparse (.92, ten times as fast), of the extra `gristmill[web]`."""
    repair: bool = True
    """Mend text that was decoded wrongly, remove control characters and such as nobody sees (zero width, direction;
    not where a script or an emoji needs them), and write Unicode in its composed form (NFC)."""
    language: Language | None = None
    """Which languages stay; null: not looked at."""
    deduplicate: Deduplicate = Deduplicate()
    """Which copies are dropped."""
    filters: Filters = Filters()
    """What a document must be to stay."""
    quality: list[QualityRule] = Field(default=[])
    """Rules of thumb for English web text by name, in the order they are asked; none by default, since they refuse
    much that is sound (Gopher's nearly all technical text). `c4` also takes lines out of what it keeps: those that
    end without a full stop. A document is dropped for the rule's own reason, `gopher_quality-gopher_short_doc`."""
    safety: Safety = Safety()
    """What must not get into the corpus: a blocklist, personal data. Nothing is looked for by default."""
    decontaminate: Decontaminate | None = None
    """Benchmarks whose texts must not be in the corpus; null: none is looked for."""
    validation: float = Field(default=0.02, ge=0, lt=1)
    """Share of the text that is held out."""
    validation_from: Literal["documents", "ends"] = "documents"
    """What is held out. `documents`: whole ones, chosen by a hash of the text, so that it does not depend on their
    order. `ends`: the last part of each document, for a text that is one long document."""
    max_epochs: float = Field(default=4, ge=1)
    """How often a document may stand in the corpus, where sources have weights. Up to four times repeated text teaches
    nearly as much as new text (Muennighoff et al. 2023, arXiv:2305.16264)."""
    on_bad_row: Literal["fail", "drop"] = "fail"
    """A row that cannot be read, or has no text: end with an error that names its place, or drop it and count it."""
    tasks: int | None = Field(default=None, ge=1, le=100_000)
    """Into how many pieces the work is cut, which are the corpus's shards and what is done again after a stop; one for
    each 64 MiB of input when left out. Neither documents nor their order depend on it."""
    limit: Count | None = None
    """Read at most so many documents of each source, for a trial."""

    @field_validator("quality", mode="before")
    @classmethod
    def _is_here(cls, names: Any) -> Any:
        for name in names if isinstance(names, list) else ():
            if isinstance(name, str) and name in _NOT_HERE:
                raise ValueError(f"{name!r} is not among the rules: {_NOT_HERE[name]}")
        return names

    @field_validator("extract")
    @classmethod
    def _installed(cls, extract: str) -> str:
        if extract == "fast":
            require_installed("resiliparse", extra="web")
        return extract

    @model_validator(mode="after")
    def _check_lengths(self) -> Config:
        limit = self.filters.max_characters
        if limit is not None and limit < self.filters.min_characters:
            said = (
                f"max_characters {limit} is below min_characters {self.filters.min_characters}: no document could stay"
            )
            raise SettingError(said, "filters.max_characters", "filters.min_characters")
        return self

    @model_validator(mode="after")
    def _check_weights(self) -> Config:
        weights = [source.weight for source in self.sources]
        if None in weights and any(weights):
            without = weights.index(None)
            raise SettingError("has no weight, while others do: give all sources one, or none", f"sources.{without}")
        if any(weights) and self.validation_from == "ends":
            raise SettingError("ends are held out of whole documents; sources with weights repeat some and leave out "
                               "others: use `documents`", "validation_from")  # fmt: skip
        return self


STAGE = Stage(
    kind="corpus",
    config=Config,
    output=Corpus,
    version=2,
    run="pipeline.stages.corpus.stage:run",
    check="pipeline.stages.corpus.checks:check",
    estimate="pipeline.stages.corpus.estimate:estimate",
    processes="main",
    seeded=False,
    smoke={"limit": 500},
)
