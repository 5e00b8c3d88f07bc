"""Golden derivatives of gathers and scatters, from MLX: see grad_cases.py.

Writes grad/index.json beside this script. MLX has no derivatives of scattered products and no
tangents of scatters; its cotangents of updates that others overwrite are not zero. These are not
taken.
"""
import mlx.core as mx

from grad_cases import Writer, eighths

PLACES = mx.array([[2, 0], [1, -1]])
FUNCTIONS = {
    "take": lambda x: mx.take(x, PLACES, axis=1),
    "take_flat": lambda x: mx.take(x, PLACES),
    "along_axis": lambda x: mx.take_along_axis(x, PLACES, axis=1),
    "pairs": lambda x: x[PLACES, mx.array([1, 0])],
}
STORES = {
    "put": (lambda x, u: mx.put_along_axis(x, PLACES, u, axis=1), (2, 2), ""),
    "add_at": (lambda x, u: x.at[:, PLACES].add(u), (2, 2, 2), "jvp"),
    "maximum_at": (lambda x, u: x.at[PLACES[:, 1]].maximum(u), (2, 3), "jvp"),
    "minimum_at": (lambda x, u: x.at[PLACES[:, 1]].minimum(u), (2, 3), "jvp"),
}

w = Writer(__file__)
for dtype in ("float32", "float16", "bfloat16", "complex64"):
    for name, fn in FUNCTIONS.items():
        for shape, view in [((3, 4), ""), ((4, 3), "T"), ((3, 8), "S")]:
            if name == "along_axis":
                shape = {"": (2, 4), "T": (4, 2), "S": (2, 8)}[view]
            w.add(name, fn, [(eighths(shape, dtype), view)])
    for name, (fn, updates, skip) in STORES.items():
        if dtype == "complex64" and name in ("maximum_at", "minimum_at"):
            continue
        shape = (2, 3) if name in ("put", "add_at") else (4, 3)
        w.add(name, fn, [(eighths(shape, dtype), ""), (eighths(updates, dtype), "")], skip)
        w.add(name, fn, [(eighths(shape[::-1], dtype), "T"), (eighths(updates, dtype), "")], skip)
w.write()
