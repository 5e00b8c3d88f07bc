"""Writes what MLX computes element by element, on ordinary and special values of every dtype, to
elementwise/unary.safetensors, binary.safetensors and promotion.safetensors beside this script.

unary: "in.<dtype>" and "<op>.<dtype>". binary: "a.<kind>.<dtype>" [n, 1] and "b.<kind>.<dtype>"
[1, m], and "<op>.<dtype>" [n, m]; kinds keep clear of what crashes MLX (integer division by 0) or
what C leaves undefined (oversized shifts, negative integer powers). promotion: "<op>.<a>.<b>".
Needs the wheel mlx[cpu]==0.30.4.
"""
import json
import os
import struct

import mlx.core as mx

mx.set_default_device(mx.cpu)
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "elementwise")
os.makedirs(OUT, exist_ok=True)

inf, nan = float("inf"), float("nan")
UNSIGNED = "uint8 uint16 uint32 uint64".split()
SIGNED = "int8 int16 int32 int64".split()
FLOATS = "float16 float32 float64 bfloat16".split()
DTYPES = ["bool"] + UNSIGNED + SIGNED + FLOATS + ["complex64"]


def dtype(name):
    return mx.bool_ if name == "bool" else getattr(mx, name)


def make(values, name):
    source = mx.complex64 if any(isinstance(v, complex) for v in values) else (
        mx.float64 if any(isinstance(v, float) for v in values) else mx.int64)
    if name == "uint64":
        source = mx.uint64
    return mx.array(values, dtype=source).astype(dtype(name))


TAGS = {"bool": "BOOL", "float16": "F16", "float32": "F32", "float64": "F64", "bfloat16": "BF16", "complex64": "C64"}
TAGS.update({n: n[0].upper() + n.lstrip("uint") for n in UNSIGNED + SIGNED})


def save(name, arrays):
    """As mx.save_safetensors, which refuses float64."""
    header, data = {}, b""
    for key, x in arrays.items():
        raw = bytes(memoryview(mx.contiguous(x).reshape(-1).view(mx.uint8)))
        tag = TAGS[str(x.dtype).replace("mlx.core.", "").rstrip("_")]
        header[key] = {"dtype": tag, "shape": list(x.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(OUT, name), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


REAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -3.0, 10.0, -10.0, 80.0, -80.0, 1e-5, -1e-3, 1e4, 0.99, -0.99, 7.25,
        2.5, -1.5, 1234.5678, inf, -inf, nan]
COMPLEX = [complex(*z) for z in [(0, 0), (1, 0), (-1, 0), (0, 1), (0.5, -0.25), (-2, 3), (1e-4, 2e-4), (3, -4),
                                 (-0.75, -0.1), (10, 2), (1e3, -1e3), (2.5, 1.5)]]
VALUES = {"bool": [0, 1], "complex64": COMPLEX}
VALUES.update({n: REAL for n in FLOATS})
for n in UNSIGNED + SIGNED:
    bits = int(n.lstrip("uint"))
    top = 2 ** bits - 1 if n in UNSIGNED else 2 ** (bits - 1) - 1
    VALUES[n] = [0, 1, 2, 3, 7, 100, top, top - 1] + ([-1, -2, -7, -100, -top, -top - 1] if n in SIGNED else [])

UNARY = """abs arccos arccosh arcsin arcsinh arctan arctanh bitwise_invert ceil conjugate cos cosh degrees erf erfinv
exp expm1 floor imag isfinite isinf isnan isneginf isposinf log log10 log1p log2 logical_not negative radians real
reciprocal round rsqrt sigmoid sign sin sinh sqrt square tan tanh nan_to_num""".split()
MORE = {"round2": lambda x: mx.round(x, 2), "round_1": lambda x: mx.round(x, -1),
        "clip": lambda x: mx.clip(x, mx.array(-1.0), mx.array(2)), "where": lambda x: mx.where(x, x, mx.array(5))}

out = {}
for n in DTYPES:
    x = make(VALUES[n], n)
    out["in." + n] = x
    for op in UNARY + list(MORE):
        if n == "complex64" and op in ("erf", "erfinv"):
            continue  # ends the process
        try:
            y = (MORE.get(op) or getattr(mx, op))(x)
            mx.eval(y)
        except Exception:
            continue
        out[f"{op}.{n}"] = y
save("unary.safetensors", out)

ANY = "add subtract multiply maximum minimum equal not_equal less less_equal greater greater_equal logical_and logical_or".split()
KINDS = {
    "any": ANY + ["isclose"],
    "divide": ["remainder", "floor_divide", "divide", "divmod", "arctan2", "logaddexp"],
    "power": ["power"],
    "bits": ["bitwise_and", "bitwise_or", "bitwise_xor"],
    "shift": ["left_shift", "right_shift"],
}
SMALL_REAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 7.0, 100.25, inf, -inf, nan]


def second(kind, n):
    if n in FLOATS:
        return SMALL_REAL
    if n == "complex64":
        return COMPLEX[1:9] if kind == "divide" else COMPLEX[:8]
    if n == "bool":
        return [1] if kind == "divide" else [0, 1]
    if kind == "divide":
        return [v for v in VALUES[n] if v not in (0, -1)]
    if kind == "power":
        return [0, 1, 2, 3, 5]
    if kind == "shift":
        return [0, 1, 3, 7]
    return VALUES[n]


out = {}
for kind, ops in KINDS.items():
    for n in DTYPES:
        floating = n in FLOATS or n == "complex64"
        if floating and kind in ("bits", "shift"):
            continue
        first = SMALL_REAL if n in FLOATS else COMPLEX[:8] if n == "complex64" else VALUES[n]
        a, b = make(first, n).reshape(-1, 1), make(second(kind, n), n).reshape(1, -1)
        out[f"a.{kind}.{n}"], out[f"b.{kind}.{n}"] = a, b
        for op in ops:
            try:
                y = getattr(mx, op)(a, b)
                mx.eval(y)
            except Exception:
                continue
            if op == "divmod":
                out[f"quotient.{n}"], out[f"rest.{n}"] = y
            else:
                out[f"{op}.{n}"] = y
save("binary.safetensors", out)

out = {}
for m in DTYPES:
    for n in DTYPES:
        a, b = mx.array([0, 1, 3]).astype(dtype(m)), mx.array([2, 1, 0]).astype(dtype(n))
        for op in ("add", "divide", "less", "where"):
            out[f"{op}.{m}.{n}"] = mx.where(mx.array([True, False, True]), a, b) if op == "where" else getattr(mx, op)(a, b)
save("promotion.safetensors", out)
