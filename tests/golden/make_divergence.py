"""Makes tests/golden/divergence.safetensors: for 16-bit checkpoints of tests/golden/llama, how far
MLX's own distributions lie from those of the same checkpoint evaluated in float32.

Needs the wheels mlx[cpu]==0.30.4 and mlx-lm==0.30.4; run make_llama.py first.
Run: python tests/golden/make_divergence.py

For each variant NAME:
  NAME.tokens  int32 [4, 32]        sequences of token ids
  NAME.exact   float32 [4, 32, V]   logits with every float weight, scale and bias widened to
                                    float32, whose float16 or bfloat16 value is kept
  NAME.kl      float32 []           MLX's mean KL(exact || 16-bit) over all positions, in nats; the
                                    same in one pass and token by token through a cache
"""

from pathlib import Path

import mlx.core as mx
import numpy as np
from make_llama import widen
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import load_model

ROOT = Path(__file__).resolve().parent
NAMES = ["bf16", "f16", "q3_bf16", "q4_bf16", "q4_f16", "q6_f16", "q8_bf16"]
SEQUENCES, LENGTH = 4, 32


def logprobs(logits):
    x = np.array(logits.astype(mx.float32)).astype(np.float64)
    x -= x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def mean_kl(exact, other):
    p, q = logprobs(exact), logprobs(other)
    return (np.exp(p) * (p - q)).sum(-1).mean()


def stepwise(model, tokens):
    cache = make_prompt_cache(model)
    parts = [model(tokens[:, i : i + 1], cache=cache) for i in range(tokens.shape[1])]
    return mx.concatenate(parts, axis=1)


def record(name, out):
    model, config = load_model(ROOT / "llama" / name)
    wide = widen(load_model(ROOT / "llama" / name)[0])
    rng = np.random.default_rng(4)
    tokens = mx.array(rng.integers(0, config["vocab_size"], (SEQUENCES, LENGTH)).astype(np.int32))
    exact = wide(tokens)
    kl = mean_kl(exact, model(tokens))
    assert abs(mean_kl(exact, stepwise(model, tokens)) - kl) < 0.01 * kl
    print(f"{name:8} {kl:.3g}; float32 through a cache {mean_kl(exact, stepwise(wide, tokens)):.1g}")
    out |= {f"{name}.tokens": tokens, f"{name}.exact": exact, f"{name}.kl": mx.array(kl)}


def main():
    out = {}
    for name in NAMES:
        record(name, out)
    mx.save_safetensors(str(ROOT / "divergence.safetensors"), out)


if __name__ == "__main__":
    main()
