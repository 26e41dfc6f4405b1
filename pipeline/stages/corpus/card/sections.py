"""What the card of a corpus says, section by section, from `funnel.json` and `profile.json`."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML

from pipeline.core.quantities import format_bytes
from pipeline.data.funnel import ledger
from pipeline.figures import corpus as figures
from pipeline.figures.drawing import svg
from pipeline.hub.record import public
from pipeline.stages.corpus.card.examples import dropped_quotes, kept_quotes, rewritten_quotes
from pipeline.stages.corpus.card.parts import Card, Chart, Section, Table, count, documents, share
from pipeline.stages.corpus.config import Config

MOST_COLUMNS = 4
"""Sources that each have a column in the account; with more of them, all are one."""
MOST_LANGUAGES, MOST_FILES = 20, 100

Found = Mapping[str, Any]


def card_of(config: Config, name: str, funnel: Found, profile: Found, tested: Sequence[Found] = ()) -> Card:
    """The card: `funnel` and `profile` are what the files of these names hold, `tested` what `benchmarks.json` does."""
    steps = funnel["steps"]
    sections = [
        sources(profile, steps), whereabouts(steps), splits(funnel, config), duplicates(config, steps, profile),
        benchmarks(config, steps, tested), *languages(config, profile), lengths(profile), files(profile),
        *examples(profile, steps),
    ]  # fmt: skip
    size = format_bytes(funnel["train_bytes"] + funnel["validation_bytes"])
    kept, read = funnel["documents"], funnel["documents_read"]
    sentence = f"{documents(kept)}, {size} of text, made by gristmill of {documents(read)}."
    yaml, settings = YAML(), io.StringIO()
    yaml.default_flow_style = False
    yaml.dump(public(config.model_dump(mode="json")), settings)
    return Card(name, sentence, list(tiles(config, funnel, profile, size)), sections, settings.getvalue())


def tiles(config: Config, funnel: Found, profile: Found, size: str) -> Iterator[tuple[str, str, str]]:
    """The few figures that stand for the corpus."""
    again = sum(sum(step["repeated"].values()) for step in funnel["steps"])
    kept = f"{share(funnel['documents'], funnel['documents_read'])} of those read"
    yield "documents", count(funnel["documents"]), f"{count(again)} of them taken again" if again else kept
    yield "text", size, f"{count(profile['characters'])} characters"
    yield "to train on", count(funnel["train_documents"]), format_bytes(funnel["train_bytes"])
    yield "held out", count(funnel["validation_documents"]), format_bytes(funnel["validation_bytes"])
    if config.deduplicate.exact or config.deduplicate.near:
        exact, near = (count(funnel["dropped"].get(f"{kind}_duplicate", 0)) for kind in ("exact", "near"))
        yield "copies dropped", exact, f"and {near} near ones"
    yield "files", count(len(profile["shards"])), "hashed below"


def sources(profile: Found, steps: Sequence[Found]) -> Section:
    """Where the text is from, under which licence, and how much of it there is."""
    whole = sum(source["bytes"] for source in profile["sources"])
    rows = [
        (
            public(source["address"]), source["license"], count(steps[0]["in_by_source"].get(source["address"], 0)),
            count(source["documents"]), format_bytes(source["bytes"]), share(source["bytes"], whole),
            source["description"] or "",
        )
        for source in profile["sources"]
    ]  # fmt: skip
    head = ["source", "licence", "read", "in the corpus", "text", "share of text", "what it is"]
    shown = len(head) if any(row[-1] for row in rows) else len(head) - 1
    return Section("Sources", tables=[Table(head[:shown], [row[:shown] for row in rows])])


def whereabouts(steps: Sequence[Found]) -> Section:
    """The funnel: where each document went, as an account that adds up."""
    entries = ledger(steps)
    names = list(entries[0].counts) if len(entries[0].counts) <= MOST_COLUMNS else []
    columns = names if len(names) > 1 else []
    rows = [
        (entry.title, *(count(entry.counts.get(name, 0)) for name in columns), count(entry.total)) for entry in entries
    ]
    read, *changes, kept = [entry.total for entry in entries]
    lost, more = -sum(n for n in changes if n < 0), sum(n for n in changes if n > 0)
    taken_again = f" + {count(more)} taken again" if more else ""
    text = f"{count(read)} read − {count(lost)} dropped{taken_again} = {count(kept)} in the corpus."
    table = Table(["documents", *map(public, columns), "all sources" if columns else "how many"], rows)
    return Section("Where each document went", text, _chart("The funnel", "funnel", figures.funnel(steps)), [table])


def splits(funnel: Found, config: Config) -> Section:
    """What is to train on, and what is held out."""
    how = "The end of each document is held out." if config.validation_from == "ends" else (
        "Documents are held out by a hash of their text.")  # fmt: skip
    rows = [
        (split, count(funnel[f"{split}_documents"]), format_bytes(funnel[f"{split}_bytes"]))
        for split in ("train", "validation")
    ]
    return Section("Splits", how, tables=[Table(["split", "rows", "text"], rows)])


def duplicates(config: Config, steps: Sequence[Found], profile: Found) -> Section:
    """How many copies were found, and how alike the near ones were."""
    wanted, found = config.deduplicate, {}
    for step in steps:
        found |= {reason: sum(counts.values()) for reason, counts in step["dropped"].items()}
    exact = f"{documents(found.get('exact_duplicate', 0))} dropped as exact copies" if wanted.exact else (
        "exact copies were not looked for")  # fmt: skip
    if wanted.near is None:
        return Section("Duplicates", f"{exact[:1].upper()}{exact[1:]}; near ones were not looked for.")
    near = f"{documents(found.get('near_duplicate', 0))} as near ones, from a similarity of {wanted.near.threshold} on"
    text = f"{exact[:1].upper()}{exact[1:]}, {near} (Jaccard, of runs of five words)."
    rows = [
        (f"{part['from']:.2f} to {part['to']:.2f}", count(part["documents"])) for part in profile["similarity"]
        if part["documents"]
    ]  # fmt: skip
    drawn = _chart("How alike", "similarity", figures.similarities(profile["similarity"], wanted.near.threshold))
    return Section("Duplicates", text, drawn, [Table(["similarity", "dropped"], rows)] if rows else [])


def benchmarks(config: Config, steps: Sequence[Found], tested: Sequence[Found]) -> Section:
    """What the corpus may be tested on, and how much of it was found."""
    if config.decontaminate is None:
        return Section("Benchmarks", "No benchmark was looked for.")
    dropped = sum(
        sum(counts.values()) for step in steps if step["step"] == "decontaminate" for counts in step["dropped"].values()
    )
    text = f"{documents(dropped)} dropped for a run of {config.decontaminate.ngram} words that stands in one of these."
    rows = [(public(found["address"]), count(found["items"]), count(found["too_short"])) for found in tested]
    return Section("Benchmarks", text, tables=[Table(["benchmark", "texts", "too short to be found"], rows)])


def languages(config: Config, profile: Found) -> Iterator[Section]:
    """The languages of the documents, the commonest first, where they are known."""
    found: Mapping[str, int] = profile["languages"]
    if not found:
        return
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    whole = sum(found.values())
    rows = [(code, count(number), share(number, whole)) for code, number in ordered[:MOST_LANGUAGES]]
    rest = ordered[MOST_LANGUAGES:]
    if rest:
        number = sum(number for _, number in rest)
        rows.append((f"{len(rest)} others", count(number), share(number, whole)))
    text = "As their sources say." if config.language is None else (
        "Identified by fastText's lid.176 (CC-BY-SA 3.0); `und` where it was not sure.")  # fmt: skip
    yield Section("Languages", text, tables=[Table(["language", "documents", "share"], rows)])


def lengths(profile: Found) -> Section:
    """How long the documents are."""
    rows = [(label, count(value)) for label, value in profile["length"].items()]
    return Section(
        "Lengths",
        "In characters; the mean is exact, the others to 9 %.",
        _chart("Lengths", "lengths", figures.lengths(profile["lengths"])),
        [Table(["documents", "characters"], rows)],
    )


def examples(profile: Found, steps: Sequence[Found]) -> Iterator[Section]:
    """Documents to look at: some of each source, three of each reason, three that each step changed."""
    yield Section("Examples of what is in it", "Drawn by lot, their beginnings.", quotes=kept_quotes(profile))
    dropped = dropped_quotes(steps)
    if dropped:
        yield Section("Examples of what was dropped", "The first of each reason.", quotes=dropped, folded=True)
    rewritten = rewritten_quotes(steps)
    if rewritten:
        yield Section("Examples of what was changed", "Around the first difference.", quotes=rewritten, folded=True)


def files(profile: Found) -> Section:
    """The hash of each file."""
    shards = profile["shards"]
    rows = [
        (name, count(shard["documents"]), format_bytes(shard["bytes"]), shard["sha256"])
        for name, shard in list(shards.items())[:MOST_FILES]
    ]
    beyond = (
        f" The first {MOST_FILES} of {count(len(shards))}; `profile.json` has all." if len(shards) > MOST_FILES else ""
    )
    table = Table(["file", "rows", "size", "sha256"], rows)
    return Section("Files", f"JSON lines, one document a row.{beyond}", tables=[table])


def _chart(title: str, name: str, figure: Any) -> list[Chart]:
    return [] if figure is None else [Chart(title, svg(figure, name, title))]
