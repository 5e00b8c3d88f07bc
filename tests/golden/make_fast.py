"""Writes fast/cases.safetensors: inputs of the fast operations, softmax and log-sum-exp, what MLX's
CPU backend makes of them ("<case>.mlx"), and the same computed in float64 ("<case>.true").

Needs the wheels mlx[cpu]==0.30.4 and numpy. Parameters are those of the table in
tests/ops/test_fast.c.
"""

from pathlib import Path

import mlx.core as mx
import numpy as np

mx.set_default_device(mx.cpu)
rng = np.random.default_rng(4)
out = {}
DTYPES = {"f32": mx.float32, "f16": mx.float16, "bf16": mx.bfloat16}


def draw(shape, dtype, scale=1.0):
    return mx.array(rng.standard_normal(shape).astype(np.float32) * scale).astype(dtype)


def wide(a):
    if a.dtype == mx.bool_:
        return np.array(a)
    return np.array(a.astype(mx.float32)).astype(np.float64)


def put(name, inputs, result, true):
    for key, value in inputs.items():
        if value is not None:
            out[f"{name}.{key}"] = value
    out[f"{name}.mlx"] = result
    assert tuple(result.shape) == np.shape(true), (name, result.shape, np.shape(true))
    out[f"{name}.true"] = mx.array(np.asarray(true, np.float32))
    if result.dtype == mx.float32:  # what float32 does not hold of the float64 result
        out[f"{name}.rest"] = mx.array((true - np.asarray(true, np.float32)).astype(np.float32))


def softmax64(x, axes):
    e = np.exp(x - x.max(axis=axes, keepdims=True))
    return e / e.sum(axis=axes, keepdims=True)


def logsumexp64(x, axes):
    m = x.max(axis=axes, keepdims=True)
    return np.squeeze(np.log(np.exp(x - m).sum(axis=axes, keepdims=True)) + m, axis=axes)


def softmaxes(t, dtype):
    for name, shape, axes in [
        ("last", (3, 3, 33), (2,)),
        ("first", (17, 2, 5), (0,)),
        ("middle", (3, 20, 5), (1,)),
        ("several", (4, 5, 6), (0, 2)),
        ("all", (4, 9), (0, 1)),
    ]:
        x = draw(shape, dtype, 3)
        put(f"softmax.{name}.{t}", {"x": x}, mx.softmax(x, axes, precise=True), softmax64(wide(x), axes))
        put(f"logsumexp.{name}.{t}", {"x": x}, mx.logsumexp(x, axes), logsumexp64(wide(x), axes))


def norms(t, dtype):
    for n in (80, 7):
        x, w, b = draw((2, 2, n), dtype, 2), draw((n,), dtype), draw((n,), dtype)
        x64, eps = wide(x), np.float64(np.float32(1e-5))
        rms = x64 / np.sqrt((x64**2).mean(-1, keepdims=True) + eps)
        centred = x64 - x64.mean(-1, keepdims=True)
        layer = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps)
        put(f"rms.{n}.{t}", {"x": x, "w": w}, mx.fast.rms_norm(x, w, 1e-5), rms * wide(w))
        put(f"rms.{n}.bare.{t}", {"x": x}, mx.fast.rms_norm(x, None, 1e-5), rms)
        put(
            f"layer.{n}.{t}",
            {"x": x, "w": w, "b": b},
            mx.fast.layer_norm(x, w, b, 1e-5),
            layer * wide(w) + wide(b),
        )
        put(f"layer.{n}.bare.{t}", {"x": x}, mx.fast.layer_norm(x, None, None, 1e-5), layer)


def rope64(x, dims, traditional, base, scale, offset, freqs):
    x = wide(x)
    shape = x.shape
    x = x.reshape(shape[0], -1, shape[-2], shape[-1])
    half = dims // 2
    inverse = 1 / wide(freqs) if freqs is not None else np.float64(base) ** (-np.arange(half) / half)
    at = np.arange(x.shape[2])[None, :] + np.broadcast_to(np.asarray(offset), (shape[0],))[:, None]
    angle = (at * scale)[:, None, :, None] * inverse
    c, s = np.cos(angle), np.sin(angle)
    a, b = (x[..., 0:dims:2], x[..., 1:dims:2]) if traditional else (x[..., :half], x[..., half:dims])
    turned = np.stack([a * c - b * s, a * s + b * c], -1 if traditional else -2)
    turned = turned.reshape(*x.shape[:-1], dims)
    return np.concatenate([turned, x[..., dims:]], -1).reshape(shape)


def ropes(t, dtype):
    freqs = mx.array(1.5 ** np.arange(16, dtype=np.float32))
    offsets = mx.array([3, 700])
    for name, shape, dims, traditional, base, scale, offset, given in [
        ("plain", (1, 2, 5, 64), 64, False, 10000.0, 1.0, 0, None),
        ("traditional", (2, 1, 3, 64), 64, True, 10000.0, 1.0, 5, None),
        ("partial", (1, 2, 5, 40), 24, False, 500000.0, 0.25, 9, None),
        ("partial_traditional", (1, 2, 5, 40), 24, True, 500000.0, 0.25, 9, None),
        ("freqs", (2, 2, 3, 32), 32, False, None, 1.0, 11, freqs),
        ("offsets", (2, 2, 3, 32), 32, False, 10000.0, 1.0, offsets, None),
        ("three", (2, 4, 32), 32, False, 10000.0, 1.0, 2, None),
        ("five", (2, 2, 2, 3, 16), 16, False, 10000.0, 1.0, 2, None),
        ("far", (1, 2, 3, 64), 64, False, 500000.0, 1.0, 8000, None),
    ]:
        x = draw(shape, dtype)
        result = mx.fast.rope(
            x, dims, traditional=traditional, base=base, scale=scale, offset=offset, freqs=given
        )
        true = rope64(x, dims, traditional, base, scale, np.array(offset), given)
        put(f"rope.{name}.{t}", {"x": x, "freqs": given}, result, true)


def attention64(q, k, v, scale, causal, mask, sinks):
    q, k, v = wide(q), wide(k), wide(v)
    repeats = q.shape[1] // k.shape[1]
    k, v = np.repeat(k, repeats, 1), np.repeat(v, repeats, 1)
    scores = np.float64(np.float32(scale)) * q @ k.swapaxes(-1, -2)
    queries, keys = scores.shape[-2:]
    if causal:
        mask = np.arange(queries)[:, None] + max(keys - queries, 0) >= np.arange(keys)[None]
    elif mask is not None:
        mask = wide(mask)
    if mask is not None:
        scores = np.where(mask, scores, -1e30) if mask.dtype == bool else scores + mask
    if sinks is not None:
        first = np.broadcast_to(wide(sinks)[None, :, None, None], scores.shape[:-1] + (1,))
        return softmax64(np.concatenate([first, scores], -1), -1)[..., 1:] @ v
    return softmax64(scores, -1) @ v


def attentions(t, dtype):
    some = rng.random((2, 4, 5, 21)) > 0.3
    some[0, 1, 3] = False  # a row that sees nothing
    for name, (b, heads, kv, queries, keys, d, dv), causal, mask, sinks in [
        ("one", (2, 2, 2, 1, 30, 16, 16), False, None, None),
        ("grouped", (1, 8, 2, 1, 30, 16, 24), False, None, None),
        ("many", (1, 2, 2, 18, 18, 16, 16), True, None, None),
        ("longer", (1, 4, 2, 9, 21, 16, 16), True, None, None),
        ("shorter", (1, 2, 1, 9, 5, 16, 16), True, None, None),
        ("bool", (2, 4, 2, 5, 21, 16, 16), False, mx.array(some), None),
        ("row", (2, 4, 2, 5, 21, 16, 16), False, mx.array(some[:1, :1, :1]), None),
        ("add", (2, 4, 2, 5, 21, 16, 16), False, draw((4, 5, 21), dtype, 2), None),
        ("heads", (1, 4, 2, 1, 21, 16, 16), False, draw((1, 4, 1, 1), dtype, 2), None),
        ("sinks", (1, 4, 2, 9, 21, 16, 16), True, None, draw((4,), dtype, 2)),
        ("sinks_one", (1, 4, 2, 1, 21, 16, 16), False, None, draw((4,), dtype, 2)),
    ]:
        q = draw((b, heads, queries, d), dtype, 1.5)
        k, v = draw((b, kv, keys, d), dtype, 1.5), draw((b, kv, keys, dv), dtype)
        result = mx.fast.scaled_dot_product_attention(
            q, k, v, scale=d**-0.5, mask="causal" if causal else mask, sinks=sinks
        )
        true = attention64(q, k, v, d**-0.5, causal, mask, sinks)
        put(f"attention.{name}.{t}", {"q": q, "k": k, "v": v, "mask": mask, "sinks": sinks}, result, true)


for t, dtype in DTYPES.items():
    softmaxes(t, dtype)
    norms(t, dtype)
    ropes(t, dtype)
    attentions(t, dtype)
mx.save_safetensors(str(Path(__file__).parent / "fast" / "cases.safetensors"), out)
