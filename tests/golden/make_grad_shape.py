"""Golden derivatives of operations that move, cut and join, from MLX: see grad_cases.py.

Writes grad/shape.json beside this script. MLX's derivatives of full multiply by the value, and its
padding value has none: these are not taken.
"""
import mlx.core as mx

from grad_cases import Writer, eighths

FUNCTIONS = {
    "reshape": lambda x: mx.reshape(x, (3, -1)),
    "flatten": lambda x: mx.flatten(x, 0, -1),
    "unflatten": lambda x: mx.unflatten(x, 1, (3, -1)),
    "expand_dims": lambda x: mx.expand_dims(x, (0, 2)),
    "squeeze": lambda x: mx.squeeze(mx.expand_dims(x, 1)),
    "transpose": lambda x: mx.transpose(x),
    "broadcast_to": lambda x: mx.broadcast_to(x, (4, 2, 6)),
    "as_strided": lambda x: mx.as_strided(x, (3, 4), (2, 1), 1),
    "slice": lambda x: x[:, 1:5:2],
    "slice_back": lambda x: x[::-1, 4:0:-2],
    "split": lambda x: mx.split(x, 3, axis=1),
    "split_at": lambda x: mx.split(x, [1, 4], axis=1),
    "repeat": lambda x: mx.repeat(x, 2, axis=1),
    "tile": lambda x: mx.tile(x, (2, 2)),
    "roll": lambda x: mx.roll(x, 2, axis=1),
    "pad": lambda x: mx.pad(x, ((1, 0), (2, 1))),
    "pad_edge": lambda x: mx.pad(x, ((1, 0), (2, 1)), mode="edge"),
    "tril": lambda x: mx.tril(x, 1),
    "contiguous": lambda x: mx.contiguous(x),
}
TWO = {
    "concatenate": lambda a, b: mx.concatenate([a, b, a], axis=1),
    "stack": lambda a, b: mx.stack([a, b], axis=1),
    "broadcast_arrays": lambda a, b: mx.broadcast_arrays(a, b[0]),
    "slice_update": lambda a, b: mx.slice_update(a, b[:, :2], mx.array([0, 1]), (0, 1)),
}

skip = {"tril": "jvp", "pad_edge": "jvp"}
w = Writer(__file__)
for dtype in ("float32", "float16", "bfloat16", "complex64"):
    for name, fn in FUNCTIONS.items():
        for shape, view in [((2, 6), ""), ((6, 2), "T"), ((2, 12), "S")]:
            w.add(name, fn, [(eighths(shape, dtype), view)], skip.get(name, ""))
    for name, fn in TWO.items():
        for view, shape in [("", (2, 6)), ("T", (6, 2))]:
            w.add(name, fn, [(eighths(shape, dtype), view), (eighths((2, 6), dtype), "")])
for name in ("flatten", "transpose", "expand_dims", "contiguous"):
    w.add(name, FUNCTIONS[name], [(eighths((0, 3), "float32"), "")])
w.write()
