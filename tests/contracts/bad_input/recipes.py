"""Faults of recipes. `BASE` is a good one; each row changes it and says which lines must come out.

A change is `swap(old, new, …)` in the text of BASE, `whole(text or bytes)` in its place, or overrides by `sets(…)`.
"""

from __future__ import annotations

from tests.contracts.bad_input.fault import Fault, fault

BASE = """\
recipe: 1
name: bad
seed: 5
runtime: {precision: fp32, threads: 1, micro_batch: 2}
stages:
  corpus:
    sources: [{data: "builtin:valley", documents: 400}]
    validation: 0.02
  tokenizer: {text: [corpus], vocab_size: 384}
  pretrain:
    corpus: corpus
    tokenizer: tokenizer
    decoder: {num_hidden_layers: 1, hidden_size: 64, num_attention_heads: 2, max_position_embeddings: 192}
    train: {steps: 40, global_batch_size: 4, learning_rate: 3e-3}
  sft:
    model: pretrain
    data: "builtin:valley-requests"
    validation: 0.1
    train: {epochs: 1, global_batch_size: 8}
  preferences: {policy: sft, prompts: {path: "builtin:valley-prompts", split: preference}, pairs: 160, held_out: 40}
  reward: {model: pretrain, preferences: preferences, train: {global_batch_size: 8}}
  ppo:
    policy: sft
    reward: reward
    prompts: {path: "builtin:valley-prompts", split: ppo}
    steps: 8
    global_batch_size: 8
  dpo: {model: sft, preferences: preferences, train: {global_batch_size: 8}}
  evaluate: {models: [sft, ppo], corpus: corpus, tasks: ["builtin:perplexity"]}
"""

FILES = {
    "chat.jsonl": '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n',
    "table.xlsx": "text\na\n",
    "empty.jsonl": "",
    "judge.py": "def polite(prompts, completions, **columns):\n    return [1.0] * len(completions)\nrude = 5\n",
    "broken.py": "def polite(:\n",
    "folder/notes.doc": "nothing to read",
    "split/train.jsonl": '{"text": "a"}\n',
}
"""What lies beside the recipe."""

Change = tuple[str | bytes | None, tuple[str, ...]]
"""The recipe's text, and the overrides."""


def swap(*pairs: str) -> Change:
    text = BASE
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert old in text, old
        text = text.replace(old, new, 1)
    return text, ()


def whole(content: str | bytes) -> Change:
    return content, ()


def sets(*overrides: str) -> Change:
    return BASE, overrides


def one_set(override: str, answer: str) -> Fault:
    """A fault that an override brings: every line names it."""
    return fault(f"--set {override[:60]}", sets(override), f"--set {override}: {answer}")


LAUGHS = "recipe: 1\nname: x\na: &a [l, l, l, l, l, l, l, l, l, l]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
)
"""Seven lines that stand for a hundred million values."""

YAML = [
    fault("a tab indents", swap("    corpus: corpus", "\tcorpus: corpus"), "bad.yaml:11:1: a tab indents this line; YAML takes spaces only"),
    fault("a tab after a colon", swap("name: bad", "name:\tbad"), "bad.yaml:2:6: not YAML: a tab; YAML takes spaces only"),
    fault("an indentation that fits nowhere", swap("    tokenizer: tokenizer", "   tokenizer: tokenizer"), "bad.yaml:12:4: not YAML: this indentation fits no line above; indent by as many spaces as the lines beside it"),
    fault("a quote that is not closed", swap('data: "builtin:valley-requests"', 'data: "builtin:valley-requests'), "bad.yaml:20:77: not YAML: …close every quote"),
    fault("a quote that is not closed to the end", swap('["builtin:perplexity"]', '["builtin:perplexity]'), "bad.yaml:30:1: not YAML: the text ends inside a quoted value; close the quote"),
    fault("a list that is not closed", swap("[corpus]", "[corpus"), "bad.yaml:9:45: not YAML: the list is not closed; write a ] at its end, a comma between its items (it opens at 9:21)"),
    fault("a mapping that is not closed", swap("vocab_size: 384}", "vocab_size: 384"), "bad.yaml:10:11: not YAML: the mapping is not closed; write a } at its end, a comma between its keys (it opens at 9:14)"),
    fault("a duplicate key", swap("    tokenizer: tokenizer", "    tokenizer: tokenizer\n    tokenizer: other"), 'bad.yaml:13:5: found duplicate key "tokenizer"; keep one of the two'),
    fault("two stages of one id", swap("  sft:\n", "  corpus: {}\n  sft:\n"), 'bad.yaml:15:3: found duplicate key "corpus"; keep one of the two'),
    fault("no space after a colon", swap("name: bad", "name:bad"), "bad.yaml:3:1: not YAML: no 'key: value' here; write a space after the colon"),
    fault("a colon in a value", swap("name: bad", "name: a: b"), "bad.yaml:2:8: not YAML: a second ': ' on this line; quote a value that holds one, and close every quote"),
    fault("a value that starts with %", swap("name: bad", "name: %bad"), "bad.yaml:2:7: not YAML: a value cannot start with this character; quote it"),
    fault("an unknown escape", swap("name: bad", 'name: "b\\q"'), "bad.yaml:2:10: not YAML: no such escape in a double-quoted value; write \\\\ for a backslash"),
    fault("an alias of nothing", swap("corpus: corpus", "corpus: *nowhere"), "bad.yaml:11:13: no anchor &nowhere above; quote the value if the * is text"),
    fault("a wildcard that is no alias", swap('"builtin:valley-requests"', "*.jsonl"), "bad.yaml:17:11: no anchor &.jsonl above; quote the value if the * is text"),
    fault("an alias of what it stands in", swap("[corpus]", "&a [*a]"), "bad.yaml:9:25: the alias *a stands inside what it stands for"),
    fault("a billion laughs", whole(LAUGHS), "bad.yaml:6:…: more than 10,000 values, aliases written out; no recipe is so long"),
    fault("a merge key", swap("train: {epochs: 1", "train: {<<: {epochs: 1}"), "bad.yaml:19:13: merge keys are no part of YAML 1.2; write the settings out, or give one key an alias: `train: *x`"),
    fault("two documents", whole(BASE + "---\nrecipe: 1\n"), "bad.yaml:30:1: a second document; a recipe is one, so remove the line ---"),
    fault("a directive", whole("%YAML 1.1\n---\n" + BASE), "bad.yaml:2:1: a directive; a recipe is plain YAML 1.2, so leave out the line that starts with %"),
    fault("a list at the top", whole("- a\n- b\n"), "bad.yaml:1:1: the file is not a mapping; a recipe has the keys recipe, name, stages"),
    fault("plain text", whole("hello\n"), "bad.yaml:1:1: the file is not a mapping; a recipe has the keys recipe, name, stages"),
    fault("an empty file", whole(""), "bad.yaml:1:1: the file is empty; a recipe has the keys recipe, name, stages"),
    fault("comments alone", whole("# nothing\n"), "bad.yaml:1:1: the file is empty; a recipe has the keys recipe, name, stages"),
    fault("a null character", whole(BASE.replace("bad", "b\0d")), "bad.yaml:2:8: the character '\\x00' has no place in a text; remove it"),
    fault("latin-1", whole(BASE.replace("bad", "bäd").encode("latin-1")), "bad.yaml:2:8: not UTF-8 text (byte 0xe4); save the file as UTF-8"),
    fault("UTF-16", whole(BASE.encode("utf-16")), "bad.yaml:1:1: not UTF-8 text (byte 0xff); save the file as UTF-8"),
    fault("half a surrogate pair", swap("name: bad", 'name: "\\ud800"'), "bad.yaml:2:1: name: '\\ud800' holds half of a surrogate pair; correct the escape"),
    fault("a number as key", swap("  sft:\n", "  5: {}\n  sft:\n"), 'bad.yaml:15:3: the key "5" is not text; quote it'),
    fault("a list as key", swap("steps: 40", "? [a, b] : 40"), "bad.yaml:14:15: the key … is not text; quote it"),
    fault("a Python object", swap("name: bad", 'name: !!python/object/apply:os.system ["echo broken"]'), "bad.yaml:2:1: name: the tag !!python/object/apply:os.system has no meaning in a recipe; quote the value if it is text"),
    fault("a tag of one's own", swap("train: {steps", "train: !mine {steps"), "bad.yaml:14:5: stages.pretrain.train: the tag !mine has no meaning in a recipe; quote the value if it is text"),
    fault("brackets without end", whole("recipe: 1\nname: x\nstages: " + "[" * 3000), "bad.yaml:3:…: more than 32 levels deep; is a bracket not closed?"),
    fault("a number of 5,000 digits", swap("steps: 40", "steps: 1" + "0" * 4999), "bad.yaml:14:13: stages.pretrain.train.steps: a number of 5000 characters; write at most 40"),
    fault("several faults of the text at once", swap("steps: 40", "steps: .inf", "epochs: 1", "epochs: !x 1"), "bad.yaml:14:13: stages.pretrain.train.steps: .inf is not a finite number", "bad.yaml:19:13: stages.sft.train.epochs: the tag !x has no meaning in a recipe; quote the value if it is text"),
]  # fmt: skip

TYPES = [
    one_set("pretrain.train.steps=700q", "stages.pretrain.train.steps: '700q' is not a count; write a whole number, or 700k, 3M, 2B"),
    one_set("pretrain.train.steps=-1", "stages.pretrain.train.steps: must be at least 1, but is -1"),
    one_set("pretrain.train.steps=0.0005k", "stages.pretrain.train.steps: '0.0005k' is not a whole number"),
    one_set("pretrain.train.steps=1e3", "stages.pretrain.train.steps: must be a whole number, but is 1000.0; write 1000"),
    one_set("pretrain.train.steps=99999999999999999999", "stages.pretrain.train.steps: must be at most 1000000000000000, but is 99999999999999999999"),
    one_set("pretrain.train.steps=true", "stages.pretrain.train.steps: must be a whole number, but is true"),
    one_set("pretrain.train.learning_rate=.nan", ".nan is not a finite number"),
    one_set("pretrain.train.learning_rate=1e999", "1e999 is not a finite number"),
    one_set("pretrain.train.learning_rate=fast", 'stages.pretrain.train.learning_rate: must be a number, but is "fast"'),
    one_set("pretrain.train.learning_rate=0", "stages.pretrain.train.learning_rate: must be greater than 0.0, but is 0"),
    one_set("pretrain.train.schedule=wds", "stages.pretrain.train.schedule: must be one of 'wsd', 'cosine', 'linear', 'constant' or 'inverse_sqrt', but is \"wds\""),
    one_set("pretrain.decoder.tie_word_embeddings=yes", 'stages.pretrain.decoder.tie_word_embeddings: must be true or false, but is "yes"'),
    one_set("sft.train=5", "stages.sft.train: must be a mapping with the keys tokens, steps, epochs, global_batch_size, learning_rate, schedule, …, but is 5"),
    one_set("sft.data=5", "stages.sft.data: must be an address such as './path', but is 5"),
    one_set("tokenizer.text=corpus", 'stages.tokenizer.text: must be a list, but is "corpus"'),
    one_set("tokenizer.text=[]", "stages.tokenizer.text: must have at least 1 item"),
    one_set("corpus.validation=1", "stages.corpus.validation: must be less than 1.0, but is 1"),
    one_set("sft.validation=5", "stages.sft.validation: must be less than 1.0, or an address such as './path', but is 5"),
    one_set("ppo.reward=[reward]", 'stages.ppo.reward.0: must be a mapping with the keys reward, weight, pattern, but is "reward"'),
    one_set("ppo.reward=[]", "stages.ppo.reward: must have at least 1 item, or must be an address such as './path', but is a list of 0"),
    one_set("preferences.held_out=0", "stages.preferences.held_out: must be at least 1, but is 0"),
    one_set("runtime.micro_batch=0", "runtime.micro_batch: must be at least 1, or one of 'auto', but is 0"),
    one_set("runtime.threads=many", "runtime.threads: must be a whole number, or one of 'auto', but is \"many\""),
    one_set("runtime=[]", "runtime: must be a mapping with the keys precision, micro_batch, threads…, but is a list of 0"),
    one_set("seed=-1", "seed: -1 is not a whole number from 0 to 4294967295"),
    one_set("pretrain.seed=null", "stages.pretrain.seed: null is not a whole number from 0 to 4294967295"),
    one_set("pretrain.checks=off", "stages.pretrain.checks: 'off' is not one of stop, warn"),
    one_set("stages=null", "stages: a recipe has at least one stage"),
    fault("a list where a stage should be", swap("  tokenizer: {text: [corpus], vocab_size: 384}", "  tokenizer: []"), "bad.yaml:9:3: stages.tokenizer: a stage is a mapping of settings, not a list of 0"),
    fault("a misspelt key", swap("learning_rate", "learning_rat"), "bad.yaml:14:46: stages.pretrain.train.learning_rat: unknown key; did you mean 'learning_rate'?"),
    fault("a misspelt key at the top", swap("runtime:", "runtimes:"), "bad.yaml:4:1: runtimes: unknown key; did you mean 'runtime'?"),
    fault("no version of the format", swap("recipe: 1\n", ""), "bad.yaml:1:1: recipe: is missing; this version reads `recipe: 1`"),
    fault("a later version of the format", swap("recipe: 1", "recipe: 2"), "bad.yaml:1:1: recipe: is 2; this version reads `recipe: 1`"),
    fault("no name", swap("name: bad\n", ""), "bad.yaml:1:1: name: is required: runs lie in runs/NAME"),
    fault("no stages", whole("recipe: 1\nname: x\n"), "bad.yaml:1:1: stages: a recipe has at least one stage"),
    fault("a kind that is a list", swap("  sft:\n", "  other: {kind: [sft]}\n  sft:\n"), "bad.yaml:15:11: stages.other.kind: there is no kind of stage a list of 1; did you mean 'sft'?"),
    fault("a stage without what it needs", swap('    sources: [{data: "builtin:valley", documents: 400}]\n', ""), "bad.yaml:6:3: stages.corpus.sources: is required"),
]  # fmt: skip

RELATIONS = [
    one_set("pretrain.decoder.num_attention_heads=3", "stages.pretrain.decoder.num_attention_heads: 64 cannot be shared among 3 heads; write a multiple of 3, or give head_dim too"),
    one_set("pretrain.decoder.num_key_value_heads=3", "stages.pretrain.decoder.num_key_value_heads: 3 does not divide the 2 heads of the queries"),
    one_set("pretrain.decoder.head_dim=33", "stages.pretrain.decoder.head_dim: rope turns pairs, so that a head's width must be even; it is 33"),
    one_set("pretrain.decoder.hidden_size=66", "stages.pretrain.decoder.hidden_size: rope turns pairs, so that a head's width must be even; it is 33"),
    one_set("pretrain.train.tokens=5k", "stages.pretrain.train.tokens: give one of tokens, steps, epochs and tokens_per_parameter, not tokens and steps"),
    one_set("pretrain.train.warmup_steps=40", "stages.pretrain.train.warmup_steps: 40 steps of warm-up leave none of the 40 steps; give fewer, or a share"),
    one_set("sft.train={steps: 40, decay_share: 0.5}", "stages.sft.train.decay_share: decay_share acts only with schedule: wsd, not linear; leave it out, or write 0.2"),
    one_set("pretrain.train.muon_momentum=0.9", "stages.pretrain.train.muon_momentum: muon_momentum acts only with optimizer: muon, not adamw; leave it out, or write 0.95"),
    one_set("tokenizer.algorithm=characters", "stages.tokenizer.algorithm: characters makes as many tokens as the text has characters: leave vocab_size out"),
    one_set("pretrain.train.tokens_per_parameter=0", "stages.pretrain.train.tokens_per_parameter: must be greater than 0.0, but is 0"),
    one_set("pretrain.decoder.depth=1001", "stages.pretrain.decoder.depth: must be at most 1000, but is 1001"),
    one_set("tokenizer.vocab_size=100", "stages.tokenizer.vocab_size: 100 is too small: 256 bytes and 7 special tokens need 263 or more"),
    one_set("corpus.filters={max_characters: 5}", "stages.corpus.filters.max_characters: max_characters 5 is below min_characters 20: no document could stay"),
    one_set("ppo.update.minibatches=3", "stages.ppo.update.minibatches: 8 answers cannot be shared among 3 minibatches; write a multiple of 3"),
    one_set("ppo.kl.estimator=k3", "stages.ppo.kl.estimator: k3 estimates the KL divergence but not its slope: in the reward it drives rare tokens to 0; write k1 (in the reward) or k2 (in the loss)"),
    one_set("ppo={kl_coefficient: 0, kl: {adaptive: {}}}", "stages.ppo.kl_coefficient: a coefficient of 0 stays 0 whatever the target"),
    one_set("dpo.label_smoothing=0.1", "stages.dpo.label_smoothing: acts only with loss_type robust and exo_pair, not sigmoid; leave it out"),
    one_set("dpo.loss_type=robust", "stages.dpo.loss_type: robust needs the share of wrong labels, above 0; its paper takes 0.1"),
    one_set("dpo.loss_type=simpo", "stages.dpo.loss_type: must be one of 'sigmoid', 'sigmoid_norm', … or 'discopop', but is \"simpo\""),
    one_set("dpo.beta=0", "stages.dpo.beta: must be greater than 0.0, but is 0"),
    one_set("dpo.model=reward", "stages.dpo.model: needs a Model, but stage 'reward' makes a RewardModel"),
    one_set("ppo.kl.adaptive={horizon: 7}", "stages.ppo.kl.adaptive.horizon: 7 answers are fewer than those of one update, 8"),
    one_set("ppo.reward=[{reward: reward, pattern: x}]", "stages.ppo.reward.0.pattern: only builtin:pattern looks for one, not reward"),
    one_set('ppo.reward=[{reward: "builtin:pattern", pattern: "("}]', "stages.ppo.reward.0.pattern: '(' is no regular expression: missing ), unterminated subpattern at position 0"),
    one_set("ppo.update.pretraining={coefficient: 1}", "stages.ppo.update.pretraining.text: is required"),
    one_set("ppo.critic.loss_weight=1", "stages.ppo.critic.loss_weight: acts only where critic.network is shared; a critic of its own has critic_learning_rate"),
    one_set("ppo.critic={network: shared, warmup_steps: 1}", "stages.ppo.critic.warmup_steps: a critic that shares the policy's network cannot learn alone; leave it out"),
    one_set("ppo={critic_learning_rate: 1e-3, critic: {network: shared}}", "stages.ppo.critic_learning_rate: a critic that shares the policy's network learns at its rate; leave it out"),
    one_set("ppo.critic.warmup_steps=8", "stages.ppo.critic.warmup_steps: 8 updates of warm-up leave none of the 8 to the policy"),
    one_set("ppo.sampling.max_new_tokens=192", "stages.ppo.sampling.max_new_tokens: an answer of 192 tokens leaves no room for a prompt in the model's context of 192; lower it, or raise max_position_embeddings"),
    one_set("preferences.max_new_tokens=500", "stages.preferences.max_new_tokens: an answer of 500 tokens leaves no room for a prompt in the model's context of 192; lower it, or raise max_position_embeddings"),
    one_set("evaluate.models=[sft, sft]", "stages.evaluate.models: names one model twice"),
    one_set("evaluate.corpus=null", "stages.evaluate.corpus: builtin:perplexity is measured on a corpus; name one with `corpus:`"),
    one_set('evaluate.win_rate={against: sft, judges: ["builtin:valley-judge"]}', "stages.evaluate.win_rate: win_rate compares answers to prompts; name some with `prompts:`"),
    fault("a micro-batch that divides no global batch", swap("micro_batch: 2", "micro_batch: 3", "global_batch_size: 4", "global_batch_size: 9"), *[f"bad.yaml:4:40: runtime.micro_batch: 3 does not divide the global batch of 8 of stage '{stage}'; write a divisor of it, or auto" for stage in ("sft", "reward", "ppo", "dpo")]),
]  # fmt: skip

REFERENCES = [
    one_set("pretrain.corpus=corpsu", "stages.pretrain.corpus: there is no stage 'corpsu'; did you mean 'corpus'?"),
    one_set("pretrain.corpus=pretrain", "stages.pretrain.corpus: stage 'pretrain' comes later; a stage takes what earlier ones made; move it up"),
    one_set("pretrain.corpus=tokenizer", "stages.pretrain.corpus: needs a Corpus, but stage 'tokenizer' makes a Tokenizer"),
    one_set("pretrain.corpus=builtin:valley", "stages.pretrain.corpus: 'builtin:valley' cannot stand here; needs Corpus: an earlier stage's id, './path'"),
    one_set("pretrain.corpus=./folder", "stages.pretrain.corpus: needs the folder of a Corpus; './folder' holds no train-*.jsonl"),
    one_set("pretrain.tokenizer=./chat.jsonl", "stages.pretrain.tokenizer: needs the folder of a Tokenizer; './chat.jsonl' is a file"),
    one_set("pretrain.tokenizer=./nowhere", "stages.pretrain.tokenizer: './nowhere': there is no such file or folder; put it at nowhere"),
    one_set("pretrain.tokenizer=hf://a/b/c", "stages.pretrain.tokenizer: 'hf://a/b/c' is no model on the Hub; write 'hf://org/name'"),
    one_set("pretrain.tokenizer=hf://../../x", "stages.pretrain.tokenizer: 'hf://../../x' is no model on the Hub; write 'hf://org/name'"),
    one_set("pretrain.tokenizer=hf://datasets/a/b", "stages.pretrain.tokenizer: 'hf://datasets/a/b' is no model on the Hub; write 'hf://org/name'"),
    one_set("pretrain.tokenizer=hf://a/b@", "stages.pretrain.tokenizer: 'hf://a/b@': '' is no revision; write a branch, a tag or a commit after the @"),
    one_set("pretrain.tokenizer=https://huggingface.co/a/b", "stages.pretrain.tokenizer: 'https://huggingface.co/a/b' cannot stand here; needs Tokenizer: an earlier stage's id, './path', 'hf://org/name'"),
    one_set("sft.data=chat.jsonl", "stages.sft.data: 'chat.jsonl' is no address; write './path', 'hf://datasets/org/name', 'https://…', 'builtin:name'; did you mean './chat.jsonl'?"),
    one_set("sft.data=corpus", "stages.sft.data: 'corpus' cannot stand here; needs data: './path', 'hf://datasets/org/name', 'https://…', 'builtin:name'; for a file or folder write './corpus'"),
    one_set("sft.data=s4://bucket/a.jsonl", "stages.sft.data: s4:// is not known to fsspec, which reads URLs; write s3://, gs://, https:// or the like"),
    one_set("sft.data=s3://bucket/a.jsonl", "stages.sft.data: s3:// needs a package that is not installed (Install s3fs to access S3)"),
    one_set("sft.data=hf://org/name", "stages.sft.data: 'hf://org/name' is no data set on the Hub; write 'hf://datasets/org/name'"),
    one_set("sft.data=builtin:valley-request", "stages.sft.data: there is no builtin data 'valley-request'; did you mean 'valley-requests'?"),
    one_set("sft.data={path: builtin:valley-requests, split: tset}", "stages.sft.data: builtin:valley-requests has no split 'tset'; did you mean 'test'?"),
    one_set("sft.data={path: builtin:valley-requests, name: x}", "stages.sft.data: `name` is the configuration of a data set on the Hub; it stands only beside an hf:// address"),
    one_set("sft.data={path: hf://datasets/a/b, trust_remote_code: true}", "stages.sft.data.trust_remote_code: unknown key; known: path, name, split, columns"),
    one_set("sft.data={path: ./chat.jsonl, columns: {messages: turns}}", "stages.sft.data: chat.jsonl:1: no column 'turns' (wanted as 'messages'); the row has messages"),
    one_set("sft.data={path: ./chat.jsonl, split: test}", "stages.sft.data: a single file has no split 'test'; name a folder with test.jsonl in it"),
    one_set("sft.data={path: ./split, split: test}", "stages.sft.data: ./split: no file of the split 'test'; name one test.jsonl, or test-00000.jsonl"),
    one_set("sft.data=./*.txt", "stages.sft.data: './*.txt': no file has such a name; ** stands for any folders, * for any name"),
    one_set("sft.data=./none/*.txt", "stages.sft.data: './none/*.txt': there is no folder none"),
    one_set("sft.data=./table.xlsx", "stages.sft.data: table.xlsx: cannot read this kind of file; give one that ends in .jsonl, …"),
    one_set("sft.data=./folder", "stages.sft.data: ./folder: no file here ends in .jsonl, …; put the data there"),
    one_set("sft.data=./empty.jsonl", "stages.sft.data: empty.jsonl: the file is empty; remove it or put rows in it"),
    one_set("sft.data=~nosuchuser/x.jsonl", "stages.sft.data: '~nosuchuser/x.jsonl': there is no such file or folder; put it at ~nosuchuser/x.jsonl"),
    one_set("sft.data=/dev/zero", "stages.sft.data: '/dev/zero' is neither a file nor a folder"),
    one_set("sft.data=./loop/x.jsonl", "stages.sft.data: './loop/x.jsonl': there is no such file or folder; put it at loop/x.jsonl"),
    one_set("ppo.reward=nowhere:polite", "stages.ppo.reward: there is no module 'nowhere' beside the recipe or on Python's path"),
    one_set("ppo.reward=judge:politee", "stages.ppo.reward: judge.py defines no 'politee' at its top level"),
    one_set("ppo.reward=broken:polite", "stages.ppo.reward: broken.py:1: not Python: invalid syntax"),
    one_set("ppo.reward=sft", "stages.ppo.reward: needs a RewardModel, but stage 'sft' makes a Model"),
    one_set("preferences.judge=reward", "stages.preferences.judge: stage 'reward' comes later; a stage takes what earlier ones made; move it up"),
    one_set("evaluate.tasks=[perplexity]", "stages.evaluate.tasks.0: 'perplexity' cannot stand here; needs task: 'builtin:name'; did you mean 'builtin:perplexity'?"),
    fault("stages that need each other", swap("  reward: {model: pretrain, preferences: preferences", "  reward: {model: ppo, preferences: preferences"), "bad.yaml:21:12: stages.reward.model: stage 'ppo' comes later; a stage takes what earlier ones made; move it up"),
    fault("all faulty references at once", swap("corpus: corpus", "corpus: corpsu", "model: pretrain", "model: corpus", "reward: reward", "reward: sft"), "bad.yaml:11:5: …did you mean 'corpus'?", "bad.yaml:16:5: …makes a Corpus", "bad.yaml:24:5: …makes a Model"),
]  # fmt: skip

NO_NAME = "is no name for a folder; use up to 100 letters, digits, . _ -, a letter or digit first"
NO_ID = "is no id; use a-z, 0-9, _ and -, a letter first"

NAMES = [
    one_set("name=../../x", f"name: '../../x' {NO_NAME}"),
    one_set("name=/etc", f"name: '/etc' {NO_NAME}"),
    one_set("name=.old", f"name: '.old' {NO_NAME}"),
    one_set("name=5", f"name: 5 {NO_NAME}"),
    fault("a name of 101 letters", swap("name: bad", "name: " + "a" * 101), f"bad.yaml:2:1: name: '{'a' * 56}… {NO_NAME}"),
    fault("ids that leave the run's folder", swap("  sft:\n", "  ../../x: {kind: sft}\n  /abs: {kind: sft}\n  sft:\n"), f"bad.yaml:15:3: stages.../../x: '../../x' {NO_ID}", f"bad.yaml:16:3: stages./abs: '/abs' {NO_ID}"),
    fault("an id that hides", swap("  sft:\n", "  .old: {kind: sft}\n  sft:\n"), f"bad.yaml:15:3: stages..old: '.old' {NO_ID}"),
    fault("an empty id", swap("  sft:\n", "  '': {kind: sft}\n  sft:\n"), f"bad.yaml:15:3: stages.: '' {NO_ID}"),
    fault("an id that differs in case alone", swap("  sft:\n", "  Sft: {kind: sft}\n  sft:\n"), f"bad.yaml:15:3: stages.Sft: 'Sft' {NO_ID}"),
    fault("an id that is another kind", swap("  sft:\n", "  instruct: {kind: sft}\n  sft:\n"), "bad.yaml:15:14: stages.instruct.kind: the id 'instruct' is a kind, so its kind is 'instruct', not 'sft'; give the stage another id"),
    fault("an id without a kind", swap("  sft:\n", "  warm: {}\n  sft:\n"), 'bad.yaml:15:3: stages.warm: there is no kind of stage \'warm\'; did you mean \'reward\'?; a stage whose id is no kind names it by `kind:`'),
]  # fmt: skip

OVERRIDES = [
    one_set("sft.train.learning_rate", "write it as KEY.KEY=VALUE"),
    one_set("sft..data=x", "write it as KEY.KEY=VALUE"),
    one_set("=x", "write it as KEY.KEY=VALUE"),
    one_set("ppo.kl_coefficient=", "no value after the =; write null for none"),
    one_set("pop.kl_coefficient=1", "there is no stage 'pop'; did you mean 'ppo'?"),
    one_set("stages.other.kind=sft", "there is no stage 'other'; known: corpus, tokenizer, pretrain, sft, preferences, reward, ppo, dpo, evaluate"),
    one_set("sft.learning_rat=1", "stages.sft.learning_rat: unknown key; …"),
    one_set("sft.train.learning_rate.x=5", "stages.sft.train.learning_rate: must be a number, but is a mapping"),
    one_set("pretrain.train.steps.x=5", "stages.pretrain.train.steps is 40 and has no keys under it"),
    one_set("tokenizer.text.5=corpus", "stages.tokenizer.text is a list of 1; 5 is not one of its places (the first is 0)"),
    one_set("tokenizer.text.-1=corpus", "stages.tokenizer.text is a list of 1; '-1' is not one of its places (the first is 0)"),
    one_set("sft.data=[", "a value is cut off; close the bracket or the quote"),
    one_set("sft.data=builtin:", "…quote a value that holds one, and close every quote"),
    fault("the last of two overrides", sets("sft.train.learning_rate=1", "sft.train.learning_rate=bad"), '--set sft.train.learning_rate=bad: stages.sft.train.learning_rate: must be a number, but is "bad"'),
    fault("a long override", sets("sft.data=./" + "x" * 4000), f"--set sft.data=./{'x' * 106}...: stages.sft.data: './{'x' * 38}...': 4,002 characters are too long for an address"),
]  # fmt: skip

TABLES = {
    "yaml": YAML,
    "types": TYPES,
    "relations": RELATIONS,
    "references": REFERENCES,
    "names": NAMES,
    "overrides": OVERRIDES,
}
