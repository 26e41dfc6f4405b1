"""What a visitor of the Hub does, without this package: run by `test_hub` in a process of its own. Prints JSON.

Arguments: the commits of the model, reward model, tokenizer, corpus and preferences repositories, and the card's program.
"""

import contextlib
import io
import json
import sys

sys.modules["pipeline"] = None  # type: ignore[assignment]  # an import of it would fail

import torch  # noqa: E402
from datasets import load_dataset  # noqa: E402
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer  # noqa: E402


def main(model: str, reward: str, tokenizer: str, corpus: str, preferences: str, program: str) -> None:
    policy = AutoModelForCausalLM.from_pretrained("alice/tiny", revision=model, trust_remote_code=True)
    encode = AutoTokenizer.from_pretrained("alice/tokenizer", revision=tokenizer)
    prompt = encode.apply_chat_template(
        [{"role": "user", "content": "Hello"}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    answer = policy.generate(**prompt, max_new_tokens=8, do_sample=False)
    scorer = AutoModelForSequenceClassification.from_pretrained("alice/judge", revision=reward, trust_remote_code=True)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(program, {})
    seen = {
        "parameters": {name: value.flatten()[:3].tolist() for name, value in policy.state_dict().items()},
        "checksum": sum(value.double().abs().sum().item() for value in policy.state_dict().values()),
        "new_tokens": answer.shape[1] - prompt["input_ids"].shape[1],
        "score": scorer(**prompt).logits.item(),
        "round_trip": encode.decode(encode("The mill.", add_special_tokens=False)["input_ids"]),
        "corpus": {split: len(rows) for split, rows in load_dataset("alice/valley", revision=corpus).items()},
        "pairs": {split: len(rows) for split, rows in load_dataset("alice/pairs", revision=preferences).items()},
        "quick_start": printed.getvalue(),
        "torch": torch.__version__,
    }
    print(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
