"""Writes random/cases.safetensors: what MLX's CPU backend draws under given keys, for the calls of
tests/ops/test_random.c, by name.

Needs the wheel mlx[cpu]==0.30.4.
"""

from pathlib import Path

import mlx.core as mx

mx.set_default_device(mx.cpu)
key = mx.random.key(0x123456789ABCDEF)
out = {}
DTYPES = {"f32": mx.float32, "f16": mx.float16, "bf16": mx.bfloat16}

out["key"] = key
out["split"] = mx.random.split(key, 5)
mx.random.seed(7)
out["sequence"] = mx.stack([mx.random.uniform(shape=(3,)) for _ in range(3)])

low, high = mx.array([[-1.5], [2.0]]), mx.array([3.0, 4.5, 6.25])
out["low"], out["high"] = low, high
for t, dtype in DTYPES.items():
    for n in (1, 2, 7, 64):
        out[f"uniform.{n}.{t}"] = mx.random.uniform(shape=(n,), dtype=dtype, key=key)
    out[f"uniform.between.{t}"] = mx.random.uniform(low, high, (2, 3), dtype, key=key)
    out[f"normal.{t}"] = mx.random.normal((3, 67), dtype, key=key)
    out[f"normal.moved.{t}"] = mx.random.normal((2, 3), dtype, loc=low, scale=high, key=key)
    out[f"gumbel.{t}"] = mx.random.gumbel((3, 67), dtype, key=key)
    out[f"laplace.{t}"] = mx.random.laplace((101,), dtype, key=key)
    out[f"laplace.moved.{t}"] = mx.random.laplace((31,), dtype, loc=1.5, scale=0.25, key=key)
    out[f"truncated.{t}"] = mx.random.truncated_normal(low, high, (2, 3), dtype, key=key)
    out[f"truncated.one.{t}"] = mx.random.truncated_normal(-0.5, 2.0, (90,), dtype, key=key)
out["truncated.shapeless"] = mx.random.truncated_normal(low, high, key=key)
out["normal.complex"] = mx.random.normal((9,), mx.complex64, key=key).view(mx.float32)

for name, dtype in {"i32": mx.int32, "u8": mx.uint8, "i64": mx.int64, "bool": mx.bool_}.items():
    out[f"randint.{name}"] = mx.random.randint(0, 2 if name == "bool" else 200, (45,), dtype, key=key)
out["randint.broadcast"] = mx.random.randint(mx.array([[-9], [5]]), mx.array([9, 600, 7]), (2, 3), key=key)
p = mx.array([0.0, 0.25, 0.5, 1.0])
out["p"] = p
out["bernoulli"] = mx.random.bernoulli(p, (25, 4), key=key)
out["bernoulli.half"] = mx.random.bernoulli(p.astype(mx.float16), (25, 4), key=key)
out["bernoulli.own"] = mx.random.bernoulli(p, key=key)
logits = 2 * mx.random.normal((3, 4, 6), key=mx.random.key(1))
out["logits"] = logits
out["categorical"] = mx.random.categorical(logits, key=key)
out["categorical.axis"] = mx.random.categorical(logits, axis=1, key=key)
out["categorical.shape"] = mx.random.categorical(logits, axis=0, shape=(5, 4, 6), key=key)
out["categorical.samples"] = mx.random.categorical(logits, axis=-1, num_samples=7, key=key)
out["categorical.samples_axis"] = mx.random.categorical(logits, axis=1, num_samples=2, key=key)
out["categorical.half"] = mx.random.categorical(logits.astype(mx.float16), key=key)
out["permutation"] = mx.random.permutation(50, key=key)
out["permutation.rows"] = mx.random.permutation(logits, key=key)
out["permutation.last"] = mx.random.permutation(logits, axis=-1, key=key)
mx.save_safetensors(str(Path(__file__).parent / "random" / "cases.safetensors"), out)
