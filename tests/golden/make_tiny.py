"""Makes tests/golden/tiny/: what mlx_lm says, greedily, with the bundled model (models/tiny).

Needs the wheels mlx[cpu]==0.30.4 and mlx-lm==0.30.4. Run: python tests/golden/make_tiny.py

texts.json has a row a prompt: the messages (or, for a completion without the template, the prompt
alone), the rendered template, its ids, the ids and text that stream_generate yields with every scale
and norm widened to float32, the finish reason, and the smallest distance between the best two logits on
the way (`gap`). logits.safetensors has, for the first prompt: ids int32 [n]; logits float32 [1, V], those
of its last position as mlx_lm computes them in bfloat16; exact float32 [1, 4, V], those of the last four
positions in float32. To be made anew whenever models/tiny is.
"""

import json
from pathlib import Path

import mlx.core as mx
import numpy as np
from mlx.utils import tree_map
from mlx_lm import load, stream_generate

HERE = Path(__file__).resolve().parent
MODEL = HERE.parents[1] / "models" / "tiny"
MAX_TOKENS = 120


def user(*turns):
    roles = ["user", "assistant"]
    return [{"role": roles[i % 2], "content": turn} for i, turn in enumerate(turns)]


PROMPTS = [
    user("Tell me a story about a brave little fox."),
    user("What colour is the sky?"),
    user("What is 3 + 4?"),
    user("What day comes after Monday?"),
    user("What is the opposite of hot?"),
    user("What sound does a cow make?"),
    user("Write a short story about a rabbit and a lost ball."),
    user("Hello!", "Hello! How can I help you?", "How many legs does a spider have?"),
    [{"role": "system", "content": "You are a kind storyteller."}] + user("Tell me a bedtime story."),
    user("Erzähl mir bitte eine Geschichte über 🦊 und 雪!"),
    "Once upon a time, there was a",
]


def widen(model):
    model.update(tree_map(lambda w: w.astype(mx.float32) if mx.issubdtype(w.dtype, mx.floating) else w,
                          model.parameters()))


def complete(model, tokenizer, prompt):
    row = {"messages": prompt} if isinstance(prompt, list) else {"prompt": prompt}
    if isinstance(prompt, list):
        row["rendered"] = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
        row["prompt_ids"] = tokenizer.encode(row["rendered"], add_special_tokens=False)
    else:
        row["prompt_ids"] = tokenizer.encode(prompt)
    row |= {"ids": [], "text": "", "finish_reason": None}
    gap = np.inf
    for step in stream_generate(model, tokenizer, row["prompt_ids"], max_tokens=MAX_TOKENS):
        best = np.sort(np.array(step.logprobs.astype(mx.float32)))
        gap = min(gap, float(best[-1] - best[-2]))
        row["ids"].append(step.token)
        row["text"] += step.text
        row["finish_reason"] = step.finish_reason
    return row | {"gap": round(gap, 4)}


def main():
    out = HERE / "tiny"
    out.mkdir(exist_ok=True)
    model, tokenizer = load(str(MODEL))
    text = tokenizer.apply_chat_template(PROMPTS[0], tokenize=False, add_generation_prompt=True)
    ids = mx.array(tokenizer.encode(text, add_special_tokens=False))
    arrays = {"ids": ids.astype(mx.int32), "logits": model(ids[None])[:, -1].astype(mx.float32)}
    mx.eval(arrays)
    widen(model)
    arrays["exact"] = model(ids[None])[:, -4:]
    mx.save_safetensors(str(out / "logits.safetensors"), arrays)
    rows = [complete(model, tokenizer, prompt) for prompt in PROMPTS]
    (out / "texts.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    for row in rows:
        print(f"--- gap {row['gap']}, {row['finish_reason']}\n{row['text']}")


if __name__ == "__main__":
    main()
