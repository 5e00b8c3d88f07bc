"""Makes tests/golden/speculative.json: what speculative decoding gives between pairs of checkpoints of
tests/golden/llama/ in mlx_lm: tokens, and which of them the draft model had guessed.

Needs the wheels mlx[cpu]==0.30.4 and mlx-lm==0.30.4. Run: python tests/golden/make_speculative.py
"""

import json
from pathlib import Path

import mlx.core as mx
from mlx_lm.generate import speculative_generate_step
from mlx_lm.sample_utils import make_logits_processors
from mlx_lm.utils import load_model

HERE = Path(__file__).resolve().parent

# model, draft model, guesses at a time, most tokens, repetition penalty, part of the prompt at a time
CASES = [
    ("plain", "plain", 3, 24, 0, 512),
    ("plain", "q4_g64", 2, 24, 0, 512),
    ("gqa", "q8_g32", 4, 23, 0, 512),
    ("gqa", "rope_linear", 1, 24, 0, 7),
    ("gqa", "theta", 5, 24, 0, 512),
    ("q4_g32", "q6_g32", 3, 22, 0, 3),
    ("gqa", "theta", 3, 24, 1.6, 512),
    ("gqa", "gqa", 2, 24, 1.6, 6),
    ("q8_g64", "q3_g64", 2, 21, 1.3, 512),
]


def run(main, draft, guesses, tokens, penalty, part):
    model, drafter = (load_model(HERE / "llama" / name)[0] for name in (main, draft))
    prompt = mx.load(str(HERE / "llama" / main / "expected.safetensors"))["prompt"]
    steps = speculative_generate_step(
        prompt, model, drafter, num_draft_tokens=guesses, max_tokens=tokens, prefill_step_size=part,
        logits_processors=make_logits_processors(None, penalty) if penalty else None)
    out = [(int(token), bool(drafted)) for token, _, drafted in steps]
    return {"model": main, "draft": draft, "guesses": guesses, "penalty": penalty, "part": part,
            "tokens": [t for t, _ in out], "from_draft": [int(d) for _, d in out]}


rows = [run(*case) for case in CASES]
for row in rows:
    print(row["model"], row["draft"], sum(row["from_draft"]), "of", len(row["tokens"]))
text = ",\n".join(json.dumps(row) for row in rows)
(HERE / "speculative.json").write_text(f"[\n{text}\n]\n")
