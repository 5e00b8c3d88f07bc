"""How far MLX's own CPU kernels are from the true values, for tests/ops/test_accuracy*.c.

Needs the wheels mlx[cpu]==0.30.4 and numpy, and an x86-64 machine (long double for the truth of
float64). Writes accuracy.json beside this script: by group a case a line, with all that the tests
need to make the same inputs and measure the same errors of ours.

Numbers come from a hash of their place (see `bits`), as values that are exact in every step:
  ["linear", lo, hi]   lo + (hi - lo) u, lo and hi multiples of 1/16; float64 has digits below u's
  ["log", lo, hi]      +-2^e m, e in [lo, hi), 1 <= m < 2; of float64 arguments all 52 bits
  ["positive", lo, hi] the same without minus
  ["all"]              every number of a 16-bit format
rounded to the case's dtype. Elementwise errors are in units in the last place of the true value
(subnormals count as the least normal number's), and "max" is over all cases of the operation and
dtype; of complex numbers, in 2^-24 of the true modulus. Products of rows are measured alike; all
others in the dtype's half ulp of 1 relative to the true result's RMS.
"""
import ctypes
import json
import math
import pathlib

import mlx.core as mx
import numpy as np

mx.set_default_device(mx.cpu)
L = np.longdouble
DTYPES = {"float32": mx.float32, "float16": mx.float16, "bfloat16": mx.bfloat16,
          "float64": mx.float64, "complex64": mx.complex64}
DIGITS = {"float32": 24, "float16": 11, "bfloat16": 8, "float64": 53, "complex64": 24}
LEAST = {"float32": -126, "float16": -14, "bfloat16": -126, "float64": -1022, "complex64": -126}
REALS = ["float32", "float16", "bfloat16", "float64"]
out = {}

# ---- inputs ----


def bits(seed, n):
    """64 bits each of splitmix64's n numbers from the seed on."""
    with np.errstate(over="ignore"):
        z = (np.uint64(seed) << np.uint64(32)) + np.arange(1, n + 1, dtype=np.uint64)
        z = z * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def numbers(range_, n, seed, dtype):
    """float64 values, before rounding to the dtype."""
    b = bits(seed, n)
    if range_[0] == "linear":
        lo, hi = range_[1:]
        x = lo + (hi - lo) * ((b >> np.uint64(24)).astype(np.float64) * 2.0**-40)
        if dtype == "float64":
            x = x + (b & np.uint64(0xFFFFFF)).astype(np.float64) * 2.0**-68
        return x
    if range_[0] == "all":
        return None
    m = 1 + (b >> np.uint64(12)).astype(np.float64) * 2.0**-52
    if dtype != "float64":
        m = 1 + (b >> np.uint64(41)).astype(np.float64) * 2.0**-23
    lo, hi = range_[1:]
    x = np.ldexp(m, lo + ((b & np.uint64(0x7FF)) % np.uint64(hi - lo)).astype(np.int64))
    return np.where((b & np.uint64(0x800)) > 0, -x, x) if range_[0] == "log" else x


def array(range_, n, seed, dtype):
    """The case's numbers as an mx.array [n] and as NumPy sees their values."""
    if range_ == ["all"]:
        a = mx.array(np.arange(65536, dtype=np.uint16)).view(DTYPES[dtype])
    elif dtype == "complex64":
        x = numbers(range_, 2 * n, seed, dtype).astype(np.float32)
        a = mx.array(x.view(np.complex64))
    elif dtype == "float64":
        a = mx.array(numbers(range_, n, seed, dtype), dtype=mx.float64)
    else:
        a = mx.array(numbers(range_, n, seed, dtype).astype(np.float32)).astype(DTYPES[dtype])
    return a, wide(a)


def wide(a):
    """The exact values, in a type that has room for the truth."""
    if a.dtype == mx.complex64:
        return np.array(a).astype(np.complex128)
    if a.dtype == mx.float64:
        return np.array(a).astype(L)
    return np.array(a.astype(mx.float32)).astype(np.float64)


# ---- errors ----


def entry(group, case, errors):
    errors = np.asarray(errors, dtype=np.float64)
    worst = errors.max()
    assert math.isfinite(worst), case
    case = dict(case)
    case["max"] = float(f"{worst * 1.000005:.6g}")
    case["rms"] = float(f"{math.sqrt((errors**2).mean()):.6g}")
    out.setdefault(group, []).append(case)
    print(json.dumps(case))


def ulps(got, want, dtype):
    """Of elements whose true value is in range."""
    if dtype == "complex64":
        size = np.abs(want)
        good = np.isfinite(want) & (size > 2.0**-100) & (size < 2.0**126)
        return np.abs(got - want)[good] / size[good] * 2.0**24
    with np.errstate(all="ignore"):
        a = np.abs(want)
        top = {"float16": 65504.0, "float64": 1.7e308}.get(dtype, 3.38e38)
        good = np.isfinite(want) & (a <= top)
        _, exponent = np.frexp(np.where(good, want, 1))
        unit = np.ldexp(np.ones_like(a), np.maximum(exponent, LEAST[dtype] + 1) - DIGITS[dtype])
        return (np.abs(got - want) / unit)[good]


def relative(got, want, dtype):
    scale = np.sqrt((np.abs(want) ** 2).mean())
    return np.abs(got - want) / scale * 2.0 ** DIGITS[dtype]


# ---- elementwise ----

libm = ctypes.CDLL("libm.so.6")


def through(name):
    f64, f80 = getattr(libm, name), getattr(libm, name + "l")
    f64.argtypes, f64.restype = [ctypes.c_double], ctypes.c_double
    f80.argtypes, f80.restype = [ctypes.c_longdouble], ctypes.c_longdouble

    def f(x):
        if x.dtype == L:  # ctypes hands long doubles over as doubles; arguments are
            return np.array([f80(float(v)) for v in x], dtype=L)
        return np.array([f64(v) for v in x])

    return f


def erfinv(x):
    """Newton's steps from a rough guess, on the side where erf is not flat."""
    erf, erfc = through("erf"), through("erfc")
    x = np.asarray(x, dtype=np.float64)
    a = np.abs(x)
    w = -np.log((1 - a) * (1 + a))
    y = np.where(w < 5, a * (0.886227 + w * (0.232 + w * (0.0105 - w * 0.0021))), np.sqrt(w) - 0.3)
    for _ in range(20):
        e = np.where(a < 0.5, erf(y) - a, (1 - a) - erfc(y))
        step = e * math.sqrt(math.pi) / 2 * np.exp(y * y)
        y = y - step / (1 + y * step)
    return np.copysign(y, x)


def sigmoid(x):
    e = np.exp(np.where(x.real < 0, x, -x))
    return np.where(x.real < 0, e, 1) / (1 + e)


NEAR = {"float32": ["log", -40, -2], "float64": ["log", -70, -2], "complex64": ["log", -20, -2]}
UNIT = ["linear", -1, 1]
WIDE = {"float32": ["positive", -149, 127], "float64": ["positive", -1021, 1023],
        "complex64": ["log", -30, 30]}
# name: truth, and what it is measured on beside numbers near 0 and (for log) all magnitudes
UNARY = {
    "exp": (np.exp, ["linear", -87, 88]),
    "expm1": (np.expm1, ["linear", -20, 80]),
    "log": (np.log, ["linear", 0, 4]),
    "log2": (np.log2, ["linear", 0, 4]),
    "log10": (np.log10, ["linear", 0, 4]),
    "log1p": (np.log1p, ["linear", -1, 4]),
    "sin": (np.sin, ["linear", -100, 100]),
    "cos": (np.cos, ["linear", -100, 100]),
    "tan": (np.tan, ["linear", -100, 100]),
    "arcsin": (np.arcsin, UNIT),
    "arccos": (np.arccos, UNIT),
    "arctan": (np.arctan, ["linear", -8, 8]),
    "sinh": (np.sinh, ["linear", -80, 80]),
    "cosh": (np.cosh, ["linear", -80, 80]),
    "tanh": (np.tanh, ["linear", -9, 9]),
    "arcsinh": (np.arcsinh, ["linear", -8, 8]),
    "arccosh": (np.arccosh, ["linear", 1, 8]),
    "arctanh": (np.arctanh, UNIT),
    "erf": (through("erf"), ["linear", -4, 4]),
    "erfinv": (erfinv, UNIT),
    "sigmoid": (sigmoid, ["linear", -80, 80]),
    "sqrt": (np.sqrt, ["linear", 0, 100]),
    "rsqrt": (lambda x: 1 / np.sqrt(x), ["linear", 0, 100]),
    "square": (lambda x: x * x, ["linear", -100, 100]),
    "reciprocal": (lambda x: 1 / x, ["linear", -100, 100]),
}
POSITIVE = ("log", "log2", "log10", "sqrt", "rsqrt")
NOT_NEAR = ("arccosh", "erfinv") + POSITIVE
NO_COMPLEX = ("erf", "erfinv")


# Beyond which MLX overflows early or, for large angles, has no digits at all; tests/kernels compare
# those arguments with libm.
WITHIN = {**dict.fromkeys(("sin", "cos", "tan"), 8192), "arctanh": 1, "erfinv": 1,
          **dict.fromkeys(("exp", "expm1", "sigmoid", "sinh", "cosh"), 87)}


def unary(name, dtype, range_, n, seed):
    a, x = array(range_, n, seed, dtype)
    truth = UNARY[name][0]
    with np.errstate(all="ignore"):
        inside = np.isfinite(x) & (np.abs(x) <= WITHIN.get(name, np.inf))
        want = truth(np.where(inside, x, x.dtype.type(0.5)))
        inside &= np.isfinite(want)
        got = wide(getattr(mx, name)(a))
        errors = ulps(got[inside], want[inside], dtype)
    case = {"op": name, "dtype": dtype, "range": range_, "seed": seed}
    case["n"] = n
    if name in WITHIN:
        case["within"] = WITHIN[name]
    entry("elementwise", case, errors)


def all_unary():
    for name, (_, range_) in UNARY.items():
        for dtype in ("float16", "bfloat16"):
            unary(name, dtype, ["all"], 65536, 0)
        for seed, dtype in enumerate(("float32", "float64", "complex64")):
            if dtype == "complex64" and name in NO_COMPLEX:
                continue
            n = {"float32": 20000, "float64": 4000, "complex64": 4000}[dtype]
            if name == "erfinv" and dtype == "float64":
                continue  # the truth would have no more digits
            main = range_
            if dtype == "complex64" and range_[2] > 8:
                main = ["linear", -8, 8]
            unary(name, dtype, main, n, 1 + seed)
            if name not in NOT_NEAR:
                unary(name, dtype, NEAR[dtype], n // 2, 11 + seed)
            if name in POSITIVE:
                unary(name, dtype, WIDE[dtype], n // 2, 21 + seed)
            if name.startswith("log") and dtype != "complex64":
                unary(name, dtype, ["linear", -0.5, 1] if name == "log1p" else ["linear", 0.5, 2], n, 23 + seed)


def logaddexp(x, y):
    high, low = np.maximum(x, y), np.minimum(x, y)
    return high + np.log1p(np.exp(low - high))


BINARY = {
    "power": (np.power, [["positive", -20, 20], ["linear", -4, 4]], [["linear", 0, 4], ["linear", -20, 20]],
              [["linear", 1, 4], ["linear", -60, 60]]),
    "arctan2": (np.arctan2, [["linear", -8, 8]] * 2, [["log", -30, 30]] * 2),
    "logaddexp": (logaddexp, [["linear", -10, 10]] * 2),
    "divide": (np.divide, [["linear", -100, 100]] * 2, [["log", -30, 30]] * 2),
    "remainder": (np.remainder, [["linear", -100, 100], ["linear", 1, 8]]),
    "add": (np.add, [["linear", -100, 100]] * 2),
    "multiply": (np.multiply, [["linear", -100, 100]] * 2),
}


def all_binary():
    for name, (truth, *pairs) in BINARY.items():
        for dtype in DTYPES:
            for pair in pairs:
                if dtype == "float16" and pair[0][-1] == 30:
                    continue
                if dtype == "complex64":
                    if name in ("arctan2", "remainder", "logaddexp"):
                        continue
                    pair = [["linear", -8, 8], ["linear", -2, 2] if name == "power" else ["linear", -8, 8]]
                n = 10000 if dtype == "float32" else 4000
                a, x = array(pair[0], n, 31, dtype)
                b, y = array(pair[1], n, 32, dtype)
                with np.errstate(all="ignore"):
                    want = truth(x, y)
                    errors = ulps(wide(getattr(mx, name)(a, b)), want, dtype)
                entry("elementwise", {"op": name, "dtype": dtype, "range": pair[0], "range2": pair[1], "seed": 31,
                       "n": n}, errors)
                if dtype == "complex64":
                    break


# ---- compiled chains: MLX's are its operations one after the other, or its compiler's code ----

CHAINS = {
    "gelu": (lambda x: x * (1 + mx.erf(x / math.sqrt(2))) / 2,
             lambda x: x * (1 + through("erf")(x / math.sqrt(2))) / 2),
    "gelu_tanh": (lambda x: 0.5 * x * (1 + mx.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))),
                  lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))),
    "silu": (lambda x: x * mx.sigmoid(x), lambda x: x * sigmoid(x)),
    "erf_twice": (lambda x: mx.erf(mx.erf(x)), lambda x: through("erf")(through("erf")(x))),
    "tanh_exp": (lambda x: mx.tanh(mx.exp(x)), lambda x: np.tanh(np.exp(x))),
    "sin_cos": (lambda x: mx.sin(x) * mx.cos(x), lambda x: np.sin(x) * np.cos(x)),
}


def all_chains():
    for name, (f, truth) in CHAINS.items():
        for dtype in ("float32", "float16", "bfloat16"):
            a, x = array(["linear", -6, 6], 20000, 41, dtype)
            want = truth(x)
            fused = relative(wide(mx.compile(f)(a)), want, dtype)
            plain = relative(wide(f(a)), want, dtype)
            errors = min(fused, plain, key=lambda e: (e**2).sum())
            entry("chains", {"op": name, "compiled": True, "dtype": dtype, "range": ["linear", -6, 6], "seed": 41,
                   "n": 20000}, errors)


# ---- rows ----


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def logsumexp(x):
    m = x.max(-1, keepdims=True)
    return m[..., 0] + np.log(np.exp(x - m).sum(-1))


def logcumsumexp(x):
    m = x.max(-1, keepdims=True)
    return m + np.log(np.cumsum(np.exp(x - m), -1))


ROWS = {
    "sum": (lambda a: mx.sum(a, -1), lambda x: x.sum(-1), UNIT),
    "mean": (lambda a: mx.mean(a, -1), lambda x: x.mean(-1), ["linear", 0, 4]),
    "var": (lambda a: mx.var(a, -1), lambda x: x.var(-1), ["linear", 3, 5]),
    "prod": (lambda a: mx.prod(a, -1), lambda x: x.prod(-1), ["linear", 0.5, 1.5]),
    "cumsum": (lambda a: mx.cumsum(a, -1), lambda x: x.cumsum(-1), UNIT),
    "cumprod": (lambda a: mx.cumprod(a, -1), lambda x: x.cumprod(-1), ["linear", 0.5, 1.5]),
    "logsumexp": (lambda a: mx.logsumexp(a, -1), logsumexp, ["linear", -8, 8]),
    "logcumsumexp": (lambda a: mx.logcumsumexp(a, -1), logcumsumexp, ["linear", -8, 8]),
    "softmax": (lambda a: mx.softmax(a, -1), softmax, ["linear", -8, 8]),
    "softmax_precise": (lambda a: mx.softmax(a, -1, precise=True), softmax, ["linear", -8, 8]),
}


def all_rows():
    for name, (f, truth, range_) in ROWS.items():
        for dtype in REALS:
            for rows, n in ((256, 100), (1024, 256) if "prod" in name else (256, 1000)):
                a, x = array(range_, rows * n, 51, dtype)
                want = truth(x.reshape(rows, n))
                measure = ulps if "prod" in name else relative
                errors = measure(wide(f(a.reshape(rows, n))), want, dtype)
                entry("rows", {"op": name, "dtype": dtype, "range": range_, "seed": 51, "shape": [rows, n]}, errors)


def all_norms():
    for dtype in ("float32", "float16", "bfloat16"):
        for rows, n in ((32, 256), (8, 4096)):
            a, x = array(["linear", -3, 5], rows * n, 61, dtype)
            w, wx = array(["linear", 0.5, 1.5], n, 62, dtype)
            b, bx = array(UNIT, n, 63, dtype)
            a, x = a.reshape(rows, n), x.reshape(rows, n)
            rms = x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * wx
            layer = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * wx + bx
            case = {"dtype": dtype, "seed": 61, "shape": [rows, n]}
            entry("norms", {"op": "rms_norm", **case}, relative(wide(mx.fast.rms_norm(a, w, 1e-5)), rms, dtype))
            entry("norms", {"op": "layer_norm", **case}, relative(wide(mx.fast.layer_norm(a, w, b, 1e-5)), layer, dtype))


def all_ropes():
    heads, tokens, dims = 2, 48, 64
    for dtype in ("float32", "float16", "bfloat16"):
        for offset in (0, 1000):
            for traditional in (False, True):
                a, x = array(UNIT, heads * tokens * dims, 71, dtype)
                x = x.reshape(heads, tokens, dims)
                angle = np.outer(np.arange(tokens) + offset, 10000.0 ** (-np.arange(0, dims, 2) / dims))
                c, s = np.cos(angle), np.sin(angle)
                want = np.empty_like(x)
                first, second = (slice(0, None, 2), slice(1, None, 2)) if traditional else (
                    slice(0, dims // 2), slice(dims // 2, None))
                want[..., first] = x[..., first] * c - x[..., second] * s
                want[..., second] = x[..., first] * s + x[..., second] * c
                got = mx.fast.rope(a.reshape(1, heads, tokens, dims), dims, traditional=traditional, base=10000.0,
                                   scale=1.0, offset=offset)
                entry("ropes", {"op": "rope", "dtype": dtype, "seed": 71, "shape": [heads, tokens, dims], "offset": offset,
                       "traditional": traditional}, relative(wide(got)[0], want, dtype))


def all_attention():
    heads, kv_heads, keys, d = 4, 2, 160, 64
    for dtype in ("float32", "float16", "bfloat16"):
        for queries in (1, 24):
            for mask in ("none", "causal", "bool", "added"):
                q, qx = array(["linear", -2, 2], heads * queries * d, 81, dtype)
                k, kx = array(["linear", -2, 2], kv_heads * keys * d, 82, dtype)
                v, vx = array(UNIT, kv_heads * keys * d, 83, dtype)
                m, m_wide = array(["linear", -4, 4], queries * keys, 84, dtype)
                m, m_wide = m.reshape(queries, keys), m_wide.reshape(queries, keys)
                qx = qx.reshape(kv_heads, heads // kv_heads, queries, d)
                kx, vx = kx.reshape(kv_heads, 1, keys, d), vx.reshape(kv_heads, 1, keys, d)
                scores = qx @ kx.swapaxes(-1, -2) * 0.125
                given = None
                if mask == "causal":
                    given = "causal"
                    seen = np.arange(keys) <= np.arange(queries)[:, None] + keys - queries
                    scores = np.where(seen, scores, -np.inf)
                elif mask == "bool":
                    given = m > -2
                    scores = np.where(m_wide > -2, scores, -np.inf)
                elif mask == "added":
                    given, scores = m, scores + m_wide
                want = (softmax(scores) @ vx).reshape(heads, queries, d)
                got = mx.fast.scaled_dot_product_attention(
                    q.reshape(1, heads, queries, d), k.reshape(1, kv_heads, keys, d),
                    v.reshape(1, kv_heads, keys, d), scale=0.125, mask=given)
                entry("attention", {"op": "attention", "dtype": dtype, "seed": 81, "shape": [heads, kv_heads, queries, keys, d],
                       "mask": mask}, relative(wide(got)[0], want, dtype))


# ---- products ----


def all_products():
    for dtype in DTYPES:
        for m, k, n in ((32, 16, 32), (24, 256, 40), (24, 4096, 40), (1, 2048, 512), (512, 2048, 1)):
            a, x = array(UNIT, m * k, 91, dtype)
            b, y = array(UNIT, k * n, 92, dtype)
            want = x.reshape(m, k) @ y.reshape(k, n)
            errors = relative(wide(mx.matmul(a.reshape(m, k), b.reshape(k, n))), want, dtype)
            entry("products", {"op": "matmul", "dtype": dtype, "seed": 91, "shape": [m, k, n]}, errors)


def quantized(dtype, bits_, group, transpose, m, n, k):
    """Random codes, scales about 2^-bits, and biases about the middle of the codes."""
    rows, columns = (n, k) if transpose else (k, n)
    words = rows * columns * bits_ // 32
    w = (bits(101, words) >> np.uint64(32)).astype(np.uint32)
    groups = rows * columns // group
    s, sx = array(["linear", 0.5, 1.5], groups, 102, dtype)
    s, sx = s * 2.0**-bits_, sx * 2.0**-bits_
    b, bx = array(["linear", -1, 0], groups, 103, dtype)
    x, xx = array(UNIT, m * k, 104, dtype)
    got = mx.quantized_matmul(x.reshape(m, k), mx.array(w.reshape(rows, -1)), s.reshape(rows, -1),
                              b.reshape(rows, -1), transpose, group, bits_)
    digits = np.unpackbits(w.view(np.uint8), bitorder="little").reshape(-1, group, bits_)
    codes = digits.astype(np.float64) @ (1 << np.arange(bits_)).astype(np.float64)
    matrix = (codes * sx[:, None] + bx[:, None]).reshape(rows, columns)
    want = xx.reshape(m, k) @ (matrix.T if transpose else matrix)
    entry("quantized", {"op": "quantized_matmul", "dtype": dtype, "bits": bits_, "group": group, "transpose": transpose,
           "seed": 101, "shape": [m, k, n]}, relative(wide(got), want, dtype))


def all_quantized():
    for dtype in ("float32", "float16", "bfloat16"):
        for bits_ in (2, 3, 4, 5, 6, 8):
            for group in (32, 64, 128):
                for transpose in (True, False):
                    quantized(dtype, bits_, group, transpose, 1, 512, 512)
        for bits_ in (4, 8):
            for m in (2, 8, 40):
                for transpose in (True, False):
                    quantized(dtype, bits_, 64, transpose, m, 512 if m == 2 else 128, 512)


all_unary()
all_binary()
all_chains()
all_rows()
all_norms()
all_ropes()
all_attention()
all_products()
all_quantized()
most = {}
for c in out["elementwise"]:
    most[c["op"], c["dtype"]] = max(most.get((c["op"], c["dtype"]), 0), c["max"])
for c in out["elementwise"]:
    c["max"] = most[c["op"], c["dtype"]]
path = pathlib.Path(__file__).parent / "accuracy.json"
groups = (f'"{name}": [\n' + ",\n".join(map(json.dumps, cases)) + "\n]" for name, cases in out.items())
path.write_text("{\n" + ",\n".join(groups) + "\n}\n")
