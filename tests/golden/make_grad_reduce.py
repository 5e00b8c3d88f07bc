"""Golden derivatives of reductions, scans, sorts and softmax, from MLX: see grad_cases.py.

Writes grad/reduce.json beside this script. MLX's vjp of a sort permutes where it should scatter,
its jvp of logsumexp does not sum or is bool: these are not taken.
"""
import mlx.core as mx

from grad_cases import Writer, eighths

FUNCTIONS = {
    "sum_last": lambda a: mx.sum(a, axis=-1, keepdims=True),
    "sum_all": mx.sum,
    "prod_first": lambda a: mx.prod(a, axis=0),
    "prod_all": mx.prod,
    "max_last": lambda a: mx.max(a, axis=-1),
    "min_all": mx.min,
    "min_first": lambda a: mx.min(a, axis=0, keepdims=True),
    "mean_last": lambda a: mx.mean(a, axis=-1),
    "var_last": lambda a: mx.var(a, axis=-1, ddof=1),
    "std_all": mx.std,
    "cumsum_first": lambda a: mx.cumsum(a, axis=0),
    "cumsum_after": lambda a: mx.cumsum(a, axis=-1, reverse=True, inclusive=False),
    "cumprod_last": lambda a: mx.cumprod(a, axis=-1),
    "logcumsumexp_last": lambda a: mx.logcumsumexp(a, axis=-1),
    "sort_last": lambda a: mx.sort(a, axis=-1),
    "softmax_last": lambda a: mx.softmax(a, axis=-1),
    "softmax_first": lambda a: mx.softmax(a, axis=0),
    "logsumexp_last": lambda a: mx.logsumexp(a, axis=-1),
    "logsumexp_all": lambda a: mx.logsumexp(a),
}
SKIP = {"sort_last": "vjp", "cumprod_last": "jvp", "logcumsumexp_last": "jvp",
        "logsumexp_last": "jvp", "logsumexp_all": "jvp"}
COMPLEX = {"sum_last", "sum_all", "mean_last", "cumsum_first"}

w = Writer(__file__)
for name, fn in FUNCTIONS.items():
    skip = SKIP.get(name, "")
    for shape, view in [((3, 4), ""), ((4, 3), "T"), ((3, 8), "S"), ((1, 4), "B")]:
        if view == "B" and name == "sort_last":
            continue
        w.add(name, fn, [(eighths(shape, "float32"), view)], skip)
    for dtype in ["float16", "bfloat16"] + ["complex64"] * (name in COMPLEX):
        if dtype == "complex64" or not name.startswith(("var", "std")):
            w.add(name, fn, [(eighths((3, 4), dtype, -8, 9), "")], skip)
for name in ("sum_all", "mean_last", "cumsum_first"):
    w.add(name, FUNCTIONS[name], [(eighths((2, 3), "int32"), "")])
for name in ("sum_all", "prod_all", "min_all", "logsumexp_all"):
    w.add(name, FUNCTIONS[name], [(eighths((), "float32"), "")],
          "jvp" if name in ("min_all", "logsumexp_all") else "")
for name in ("sum_last", "softmax_last"):
    w.add(name, FUNCTIONS[name], [(eighths((0, 3), "float32"), "")])
zeros = mx.array([[0.0, 2, 0, 3], [1, 0, 2, 4], [5, 1, 2, 3]])
for name in ("prod_first", "prod_all", "cumprod_last"):
    w.add(name, FUNCTIONS[name], [(zeros, "")], SKIP.get(name, ""))
ties = mx.array([[2.0, 1, 2], [2, 2, 1], [1, 1, 1]])
for name in ("max_last", "min_all", "min_first"):
    w.add(name, FUNCTIONS[name], [(ties, "")])
w.write()
