"""Faults that show only when a stage looks at its inputs with a model. Each row is a recipe's stages and the line that
must come out; `FOLDERS` says how a good model's folder, `./model` (context 64), is broken.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.contracts.bad_input.fault import Fault, fault


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def answer(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def with_tenth(rows: list[dict[str, Any]], tenth: dict[str, Any]) -> list[dict[str, Any]]:
    return [*rows[:9], tenth, *rows[9:]]


LONG = "why " * 80
CHAT = [{"messages": [user(f"q {i}"), answer(f"a {i}")]} for i in range(20)]
PROMPTS = [{"prompt": f"q {i}"} for i in range(20)]
PAIRS = [{"prompt": f"q {i}", "chosen": f"good {i}", "rejected": f"bad {i}"} for i in range(20)]

DATA = {
    "chat": CHAT,
    "two": CHAT[:2],
    "chat-long": with_tenth(CHAT, {"messages": [user(LONG), answer("x")]}),
    "prompts": PROMPTS,
    "prompts-long": with_tenth(PROMPTS, {"prompt": LONG}),
    "prompts-same": [PROMPTS[0], PROMPTS[0]],
    "prompts-empty": with_tenth(PROMPTS, {"prompt": ""}),
    "pairs": PAIRS,
    "pairs-long": with_tenth(PAIRS, {"prompt": "q", "chosen": LONG, "rejected": "b"}),
    "documents": [{"text": f"the mill and the river number {i} by the village"} for i in range(60)],
    "short": [{"text": "a"}],
    "one": [{"text": "the mill and the river by the village"}],
    "surrogate": [{"text": "the mill and the river by the village", "title": "\ud800"}],
}

JUDGE = """\
def few(prompts, completions, **columns): return [1.0]
def nan(prompts, completions, **columns): return [float("nan")] * len(completions)
def nothing(prompts, completions, **columns): return None
def dies(prompts, completions, **columns): raise KeyError("x")
def narrow(a): return [1.0]
value = 5
"""
CRASH = 'raise RuntimeError("no")\ndef f(prompts, completions, **columns): ...\n'


def half(name: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_bytes(
        (folder / name).read_bytes()[: (folder / name).stat().st_size // 2]
    )


def without(name: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).unlink()


def setting(name: str, key: str, value: Any) -> Callable[[Path], Any]:
    def change(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        content.pop(key, None)
        (folder / name).write_text(json.dumps(content | ({} if value is None else {key: value})))

    return change


def template(text: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / "chat_template.jinja").write_text(text)


def more_tokens(folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([f"<|more{number}|>" for number in range(9)])
    tokenizer.save_pretrained(folder)


SFT = "{model: ./MODEL, data: ./DATA.jsonl, train: {steps: 2, global_batch_size: 4}, max_new_tokens: 4}"
PREFERENCES = "{policy: ./model, prompts: ./DATA.jsonl, judge: 'JUDGE', pairs: 4, held_out: 2, max_new_tokens: 8}"
PPO = "{policy: ./model, reward: 'JUDGE', prompts: ./DATA.jsonl, steps: 1, global_batch_size: 4, sampling: {max_new_tokens: 8}}"


def sft(data: str, model: str = "model", more: str = "") -> str:
    settings = SFT.replace("DATA", data).replace("MODEL", model)
    return f"sft: {settings[:-1]}{', ' + more if more else ''}}}"


def preferences(data: str, judge: str = "builtin:valley-judge") -> str:
    return f"preferences: {PREFERENCES.replace('DATA', data).replace('JUDGE', judge)}"


def ppo(data: str, judge: str = "builtin:valley-judge") -> str:
    return f"ppo: {PPO.replace('DATA', data).replace('JUDGE', judge)}"


def dpo(data: str, more: str = "train: {steps: 2, global_batch_size: 4}", model: str = "model") -> str:
    return f"dpo: {{model: ./{model}, preferences: ./{data}.jsonl, {more}}}"


def corpus(data: str, more: str = "") -> str:
    return f"corpus: {{sources: [{{data: ./{data}.jsonl}}]{', ' + more if more else ''}}}"


TOO_LONG = (
    "{}.jsonl:10: 32… tokens and an answer of up to 8 do not fit the {} context of 64; shorten or remove the prompt…"
)

ROWS: list[Fault] = [
    fault("a conversation longer than the context", sft("chat-long"), "chat-long.jsonl:10: 328 tokens, the model's context is 64; shorten or remove the row, or train a model with a longer context"),
    fault("a held-out conversation longer than the context", sft("chat", more="validation: ./chat-long.jsonl"), "chat-long.jsonl:10: 328 tokens, the model's context is 64; …"),
    fault("a long conversation in a mixture", "instruct: {model: ./model, mixture: [{data: ./chat.jsonl}, {data: ./chat-long.jsonl}], train: {steps: 2}}", "chat-long.jsonl:10: 328 tokens, the model's context is 64; …"),
    fault("a pair longer than the context", "reward: {model: ./model, preferences: ./pairs-long.jsonl, train: {steps: 2}}", "pairs-long.jsonl:10: chosen: 328 tokens with its prompt, where the model's context is 64; shorten or remove the row"),
    fault("a pair longer than the context in dpo", dpo("pairs-long"), "pairs-long.jsonl:10: chosen: 328 tokens with its prompt, where the model's context is 64; shorten or remove the row"),
    fault("conversations for pairs in dpo", dpo("chat"), "chat.jsonl:1: no column 'chosen'; the row has messages; wanted: 'chosen' and 'rejected'"),
    fault("fewer pairs than a batch", dpo("pairs", "train: {global_batch_size: 32}"), "stages.dpo: 18 rows are fewer than one global batch of 32; lower train.global_batch_size or bring more data"),
    fault("a prompt that leaves no room in dpo's course", dpo("pairs", "course: {prompts: ./prompts-long.jsonl, max_new_tokens: 8}"), TOO_LONG.format("prompts-long", "model's")),
    fault("a prompt that leaves no room for pairs", preferences("prompts-long"), TOO_LONG.format("prompts-long", "model's")),
    fault("a prompt that leaves no room in ppo", ppo("prompts-long"), TOO_LONG.format("prompts-long", "policy's")),
    fault("a prompt that leaves no room in evaluation", "evaluate: {models: [./model], prompts: ./prompts-long.jsonl, max_new_tokens: 8}", TOO_LONG.format("prompts-long", "model's")),
    fault("fewer rows than a batch", sft("two", more="validation: 0"), "stages.sft: 2 rows are fewer than one global batch of 4; lower train.global_batch_size or bring more data"),
    fault("an adapter beside layers that are not there", sft("chat", more="lora: {targets: [query]}"), "stages.sft: lora.targets: no layer of this DecoderForCausalLM is meant by 'query'; it has q_proj, k_proj, v_proj, o_proj, up_proj, down_proj, gate_proj"),
    fault("nearly all rows held out", sft("chat", more="validation: 0.99"), "./chat.jsonl: validation: 0.99 of 20 rows leaves none to train on; lower it, or bring more data"),
    fault("more warm-up than steps", sft("chat").replace("steps: 2", "epochs: 1, warmup_steps: 50"), "stages.sft: train.warmup_steps: 50 steps of warm-up leave none of the 5 steps of this training; give fewer, or a share below 1"),
    fault("one prompt, twice", preferences("prompts-same"), "…prompts: 2 rows with 1 different prompts; training and validation share none, so there must be at least two"),
    fault("documents for prompts", ppo("documents"), "documents.jsonl:1: no column 'messages'; the row has text; wanted: 'prompt' or 'messages'"),
    fault("conversations for pairs", "reward: {model: ./model, preferences: ./chat.jsonl}", "chat.jsonl:1: no column 'chosen'; the row has messages; wanted: 'chosen' and 'rejected'"),
    fault("a language model as reward", ppo("prompts", "./model"), "stages.ppo: model: ['DecoderForCausalLM'] is no sequence classifier; give a reward model's folder"),
    fault("a reward model of two labels", ppo("prompts", "./two"), "stages.ppo: two: num_labels: 2: a reward model gives one score"),
    fault("a reward model of no numbers", ppo("prompts", "./ill"), "stages.ppo: ./ill: score nan for answer 0 is not a finite number; the answer: …"),
    fault("a reward of too few scores", ppo("prompts", "verdicts:few"), "stages.ppo: verdicts:few: returned 1 scores for 4 answers"),
    fault("a reward that raises", ppo("prompts", "verdicts:dies"), "stages.ppo: verdicts:dies: raised KeyError: 'x' while scoring 4 answers; …"),
    fault("nothing to verify by", ppo("prompts", "builtin:exact-answer"), "stages.ppo: builtin:exact-answer: the prompts have no column 'answer'; beside their `path`, `columns: {answer: theirs}` names the one to read"),
    fault("an empty prompt", ppo("prompts-empty"), "prompts-empty.jsonl:10: prompt: is empty; remove the row or fill it"),
    fault("a judge of too few scores", preferences("prompts", "verdicts:few"), "stages.preferences: verdicts:few: returned 1 scores for 8 answers"),
    fault("a judge of no numbers", ppo("prompts", "verdicts:nan"), "stages.ppo: verdicts:nan: score nan for answer 0 is not a finite number; the answer: …"),
    fault("a judge of nothing", preferences("prompts", "verdicts:nothing"), "stages.preferences: verdicts:nothing: returned NoneType, not a list of 8 scores"),
    fault("a judge that raises", preferences("prompts", "verdicts:dies"), "stages.preferences: verdicts:dies: raised KeyError: 'x' while scoring 8 answers; it is called as f(prompts=..., completions=..., **columns) with the columns (none)"),
    fault("a judge of other arguments", preferences("prompts", "verdicts:narrow"), "stages.preferences: verdicts:narrow: raised TypeError: narrow() got an unexpected keyword argument 'prompts' while scoring 8 answers; …"),
    fault("a judge that is a number", preferences("prompts", "verdicts:value"), "stages.preferences: verdicts:value: verdicts.py has no function 'value'"),
    fault("a judge whose module raises", preferences("prompts", "crash:f"), "stages.preferences: crash:f: importing crash raised RuntimeError: no"),
    fault("documents that are all too short", corpus("short"), "stages.corpus: the corpus is empty: step filters dropped all its documents (1 too_short); dropped/ holds them"),
    fault("documents that are all held out", corpus("one", "validation: 0.999999"), "stages.corpus: all documents fell into the validation split; lower `validation` or add documents"),
    fault("half a surrogate pair in a column", corpus("surrogate"), "./surrogate.jsonl:1: a column holds half of a surrogate pair; correct the row"),
]  # fmt: skip

ENDLESS = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"

POLICIES: list[Fault] = [
    fault("a policy whose template ends no turn", template(ENDLESS), "stages.ppo: broken: its chat template ends the assistant's turns by no special token, so that no answer could end; mend the template, or name one (adopt.template)"),
    fault("a policy of fewer tokens than its tokenizer", more_tokens, "stages.ppo: broken: the tokenizer has … tokens and the model an embedding of …; take the tokenizer that the model was trained with, or resize_token_embeddings and save both"),
    fault("a policy without a chat template", without("chat_template.jinja"), "stages.ppo: the tokenizer of broken has no chat template; …"),
    fault("a policy cut in half", half("model.safetensors"), "stages.ppo: broken: the weights cannot be opened (…); the folder is damaged, or was not saved by save_pretrained"),
]  # fmt: skip
"""Ways to break the policy's folder."""

OPENED = "cannot be opened (…); the folder is damaged, or was not saved by save_pretrained"

FOLDERS: list[Fault] = [
    fault("no weights", without("model.safetensors"), f"stages.sft: broken: the weights {OPENED}"),
    fault("weights cut in half", half("model.safetensors"), f"stages.sft: broken: the weights {OPENED}"),
    fault("weights of another size", setting("config.json", "hidden_size", 48), "stages.sft: broken: the weights cannot be opened (RuntimeError: their sizes are not those of config.json); …"),
    fault("a config cut in half", half("config.json"), "broken/config.json: damaged (…); restore it, or remove it"),
    fault("a config of an unknown model", setting("config.json", "model_type", "nonsense"), "stages.sft: broken/config.json: model_type: 'nonsense' is not known to the installed transformers; …"),
    fault("a config whose numbers do not fit", setting("config.json", "num_key_value_heads", 3), f"stages.sft: broken: config.json {OPENED}"),
    fault("no tokenizer", without("tokenizer.json"), f"stages.sft: broken: the tokenizer {OPENED}"),
    fault("a tokenizer cut in half", half("tokenizer.json"), f"stages.sft: broken: the tokenizer {OPENED}"),
    fault("a tokenizer larger than the embedding", more_tokens, "stages.sft: broken: the tokenizer has … tokens and the model an embedding of …; take the tokenizer that the model was trained with, or resize_token_embeddings and save both"),
    fault("a chat template that ends no turn", template(ENDLESS), "stages.sft: broken: its chat template ends the assistant's turns by no special token, so that no answer could end; mend the template, or name one (adopt.template)"),
    fault("no chat template", without("chat_template.jinja"), "stages.sft: the tokenizer of broken has no chat template; name one in the stage that trains it first (adopt: {template: chatml}), or use a model that was tuned for conversations"),
    fault("a chat template that is no template", template("{{ messages | bad"), "stages.sft: the chat template of broken refuses a conversation of the roles user, assistant: unexpected end of template, …; change the data, or the template"),
    fault("a chat template that refuses", template("{{ raise_exception('users alone') }}"), "stages.sft: the chat template of broken refuses a conversation of the roles user, assistant: users alone; change the data, or the template"),
    fault("a chat template without the answers", template("{% for m in messages %}{% if m.role == 'user' %}{% generation %}{% endgeneration %}{{ m.content }}{% endif %}{% endfor %}"), "stages.sft: broken: its chat template has no part for the assistant's words, so that there would be nothing to learn; mend the template, or name one (adopt.template)"),
]  # fmt: skip

UNMARKED = "{% for m in messages %}{% if m.role == 'user' %}{% generation %}{% endgeneration %}{% endif %}{{ m.content }}<|end|>{% endfor %}"

PAIRED: list[Fault] = [
    fault("a chat template that marks no answer of a pair", template(UNMARKED), "stages.dpo: broken: its chat template has no part for the assistant's words, …"),
    fault("a policy on pairs whose template ends no turn", template(ENDLESS), "stages.dpo: broken: its chat template ends the assistant's turns by no special token, so that no answer could end; mend the template, or name one (adopt.template)"),
]  # fmt: skip
"""Ways to break the folder of a policy that is trained on pairs."""
