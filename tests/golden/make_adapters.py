"""Makes tests/golden/adapters/: LoRA and DoRA adapters and fully fine-tuned weights for checkpoints of
tests/golden/llama/, as mlx_lm's trainer saves them, each with the logits that mlx_lm computes with it.

Needs the wheels mlx[cpu]==0.30.4 and mlx-lm==0.30.4. Run: python tests/golden/make_adapters.py

A folder holds adapter_config.json, adapters.safetensors and expected.safetensors: prompt int32 [n],
logits float32 [1, n, V] of one forward pass, greedy int32 [16], the tokens that follow, and where not
all is float32 `exact`, the logits with all weights widened to it. cases.json lists the folders: name, base (the checkpoint), float32 (whether all is), gap (the smallest distance between
the best two logits on the greedy path).
"""

import json
import shutil
from pathlib import Path

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten, tree_map
from mlx_lm.generate import generate_step
from mlx_lm.tuner.utils import linear_to_lora_layers, load_adapters
from mlx_lm.utils import load_model

HERE = Path(__file__).resolve().parent
ROOT = HERE / "adapters"
ATTENTION = ["self_attn.q_proj", "self_attn.v_proj"]
EVERYWHERE = ATTENTION + ["mlp.down_proj", "model.embed_tokens"]

# name, checkpoint, kind, layers, keys (None: every linear layer of a block), dtype of the adapter
CASES = [
    ("lora", "gqa", "lora", 1, None, mx.float32),
    ("lora_keys", "attn_bias", "lora", -1, EVERYWHERE, mx.float32),
    ("lora_head", "q_untied", "lora", 16, ATTENTION + ["lm_head", "model.embed_tokens"], mx.float32),
    ("lora_mixed_bits", "q_override", "lora", 2, None, mx.float32),
    ("lora_bf16", "q4_bf16", "lora", 2, ATTENTION, mx.bfloat16),
    ("lora_wide", "q4_bf16", "lora", 2, ATTENTION, mx.float32),
    ("dora", "attn_bias", "dora", 2, None, mx.float32),
    ("dora_keys", "gqa", "dora", 1, EVERYWHERE, mx.float32),
    ("dora_packed", "q_untied", "dora", 2, ATTENTION + ["lm_head"], mx.float32),
    ("full", "gqa", "full", 0, None, mx.float32),
]


def drawn(name, w, random):
    """Weights as after some training: lora_b is no longer zero, magnitudes and weights have moved."""
    noise = mx.array(random.standard_normal(w.shape).astype(np.float32))
    if name.endswith(("lora_a", "lora_b")):
        return 0.15 * noise
    return w * (1 + 0.1 * noise)


def train(model, config, dtype, random):
    model.freeze()
    if config["fine_tune_type"] == "full":
        model.unfreeze()
    else:
        linear_to_lora_layers(model, config["num_layers"], config["lora_parameters"],
                              use_dora=config["fine_tune_type"] == "dora")
    return {name: drawn(name, w.astype(mx.float32), random).astype(dtype)
            for name, w in tree_flatten(model.trainable_parameters())}


def greedy(model, prompt):
    ids, gap = [], np.inf
    for token, logprobs in generate_step(mx.array(prompt), model, max_tokens=16):
        best = np.sort(np.array(logprobs.astype(mx.float32)))
        ids.append(int(token))
        gap = min(gap, float(best[-1] - best[-2]))
    return mx.array(ids, mx.int32), gap


def make(index, name, base, kind, layers, keys, dtype):
    random = np.random.default_rng(index)
    folder = ROOT / name
    folder.mkdir()
    parameters = {"rank": 4, "scale": 2.0, "dropout": 0.1} | ({"keys": keys} if keys else {})
    config = {"fine_tune_type": kind, "num_layers": layers, "lora_parameters": parameters}
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=4))
    model, _ = load_model(HERE / "llama" / base)
    mx.save_safetensors(str(folder / "adapters.safetensors"), train(model, config, dtype, random))

    model, about = load_model(HERE / "llama" / base)
    model = load_adapters(model, str(folder))
    model.eval()
    prompt = random.integers(0, about["vocab_size"], 12).astype(np.int32)
    logits = model(mx.array(prompt)[None]).astype(mx.float32)
    tokens, gap = greedy(model, prompt)
    arrays = {"prompt": mx.array(prompt), "logits": logits, "greedy": tokens}
    if "bf16" in base:
        model.update(tree_map(lambda w: w.astype(mx.float32) if w.dtype == mx.bfloat16 else w,
                              model.parameters()))
        arrays["exact"] = model(mx.array(prompt)[None])
    mx.save_safetensors(str(folder / "expected.safetensors"), arrays)
    return {"name": name, "base": base, "float32": "bf16" not in base, "gap": round(gap, 4)}


def main():
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir()
    rows = [make(i, *case) for i, case in enumerate(CASES)]
    (ROOT / "cases.json").write_text(json.dumps(rows, indent=1) + "\n")
    for row in rows:
        print(row)


if __name__ == "__main__":
    main()
