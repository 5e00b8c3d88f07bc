"""Golden derivatives of the fast operations, from MLX: see grad_cases.py.

Writes grad/fast.json beside this script. (On the CPU, MLX differentiates its fallbacks.)
"""
import mlx.core as mx

from grad_cases import Writer, eighths

FREQS = mx.array([1.0, 7.0])


def attention(**how):
    return lambda q, k, v: mx.fast.scaled_dot_product_attention(q, k, v, scale=0.5, **how)


FUNCTIONS = {
    "rms_norm": lambda x, w: mx.fast.rms_norm(x, w, 1e-5),
    "rms_norm_plain": lambda x: mx.fast.rms_norm(x, None, 1e-5),
    "layer_norm": lambda x, w, b: mx.fast.layer_norm(x, w, b, 1e-5),
    "layer_norm_plain": lambda x: mx.fast.layer_norm(x, None, None, 1e-5),
    "rope": lambda x: mx.fast.rope(x, 4, traditional=False, base=10000.0, scale=1.0, offset=3),
    "rope_pairs": lambda x: mx.fast.rope(x, 4, traditional=True, base=100.0, scale=0.5, offset=0),
    "rope_freqs": lambda x, f: mx.fast.rope(x, 4, traditional=False, base=None, scale=1.0, offset=1,
                                            freqs=f),
    "attention": attention(),
    "attention_causal": attention(mask="causal"),
    "attention_mask": lambda q, k, v, m: attention(mask=m)(q, k, v),
    "attention_sinks": lambda q, k, v, s: attention(sinks=s)(q, k, v),
}


def plain(shape, dtype="float32", view=""):
    return eighths(shape, dtype), view


w = Writer(__file__)
f = FUNCTIONS
for dtype in ("float32", "float16", "bfloat16"):
    for shape, view in [((2, 8), ""), ((2, 16), "S"), ((1, 8), "B"), ((8,), "")]:
        w.add("rms_norm", f["rms_norm"], [plain(shape, dtype, view), plain((8,), dtype)])
        w.add("layer_norm", f["layer_norm"],
              [plain(shape, dtype, view), plain((8,), dtype), plain((8,), dtype)])
    w.add("rms_norm_plain", f["rms_norm_plain"], [plain((2, 2, 8), dtype)])
    w.add("layer_norm_plain", f["layer_norm_plain"], [plain((2, 2, 8), dtype)])
    w.add("rope", f["rope"], [plain((1, 2, 2, 6), dtype)])
    w.add("rope_pairs", f["rope_pairs"], [plain((2, 2, 4), dtype)])
    qkv = [plain((1, 4, 2, 4), dtype), plain((1, 2, 3, 4), dtype), plain((1, 2, 3, 4), dtype)]
    w.add("attention", f["attention"], qkv)
    w.add("attention_causal", f["attention_causal"], qkv, "jvp")  # MLX crashes
    w.add("attention_mask", f["attention_mask"], qkv + [plain((2, 3), dtype)])
    w.add("attention_sinks", f["attention_sinks"], qkv + [plain((4,), dtype)])
w.add("rope_freqs", f["rope_freqs"], [plain((1, 2, 4)), (FREQS, "")])
w.write()
