"""What make_grad_*.py share: derivatives of functions as MLX itself takes them, as JSON.

Needs the wheels mlx[cpu]==0.30.4 and numpy. A case names a function (the C test has one of the same
name) and lists its inputs: an array as it lies in memory, and the view of it that is passed
("T": transposed, "S": every second element of the last axis backwards, "B": its first axis, of
length 1, repeated three times). Then come the cotangents and tangents, and what MLX makes of them;
"" in place of an array where MLX is not to be followed.
"""
import json
import math
import pathlib

import mlx.core as mx
import numpy as np

mx.set_default_device(mx.cpu)
rng = np.random.default_rng(11)
VIEWS = {"": lambda a: a, "T": mx.transpose, "S": lambda a: a[..., ::-2],
         "B": lambda a: mx.broadcast_to(a, (3,) + a.shape[1:])}


def number(x):
    if isinstance(x, complex):
        return [number(x.real), number(x.imag)]
    if isinstance(x, float) and not math.isfinite(x):
        return repr(x)
    return x


def described(a):
    dtype = str(a.dtype).split(".")[-1].rstrip("_")
    if a.dtype in (mx.float16, mx.bfloat16):
        a = a.astype(mx.float32)
    values = np.array(a).reshape(-1).tolist()
    if dtype in ("float16", "bfloat16", "float32"):
        values = [float(str(np.float32(v))) for v in values]
    if dtype == "complex64":
        values = [complex(float(str(np.float32(v.real))), float(str(np.float32(v.imag))))
                  for v in values]
    return {"dtype": dtype, "shape": list(a.shape), "values": [number(v) for v in values]}


def eighths(shape, dtype, low=-16, high=17):
    """Multiples of 1/8 (integers for integer dtypes), exact in every dtype, without 0."""
    x = rng.integers(low, high, shape)
    if 1 < x.size <= high - low - 1:  # no ties
        x = rng.permutation(np.delete(np.arange(low, high), -low))[:x.size].reshape(shape)
    x = np.where(x == 0, 3, x)
    if dtype in ("int32", "uint32"):
        return mx.array(x, getattr(mx, dtype))
    x = x / 8
    if dtype == "complex64":
        x = x + 1j * rng.integers(-8, 9, shape) / 8
        return mx.array(x.astype(np.complex64))
    return mx.array(x.astype(np.float32)).astype(getattr(mx, dtype))


class Writer:
    def __init__(self, script):
        self.cases = []
        name = pathlib.Path(script).stem.removeprefix("make_grad_")
        self.path = pathlib.Path(script).parent / "grad" / f"{name}.json"

    def add(self, name, fn, inputs, skip="", smooth=None):
        """inputs: (array in memory, view). skip: "vjp" or "jvp". smooth: the inputs (by number)
        with derivatives, the others are held; all where None."""
        arrays = [VIEWS[view](a) for a, view in inputs]
        smooth = list(range(len(arrays))) if smooth is None else smooth

        def of_smooth(*some):
            filled = list(arrays)
            for i, a in zip(smooth, some):
                filled[i] = a
            out = fn(*filled)
            return list(out) if isinstance(out, (list, tuple)) else [out]

        primals = [arrays[i] for i in smooth]
        out = of_smooth(*primals)
        given = lambda a: eighths(a.shape, str(a.dtype).split(".")[-1])
        cotangents = [given(a) for a in out]
        tangents = [given(a) for a in primals]
        vjp = jvp = ""
        if skip != "vjp":
            vjp = [described(a) for a in mx.vjp(of_smooth, primals, cotangents)[1]]
        if skip != "jvp":
            jvp = [described(a) for a in mx.jvp(of_smooth, primals, tangents)[1]]
        self.cases.append({
            "fn": name, "inputs": [{"array": described(a), "view": v} for a, v in inputs],
            "smooth": smooth, "cotangents": [described(a) for a in cotangents],
            "tangents": [described(a) for a in tangents], "vjp": vjp, "jvp": jvp})

    def write(self):
        self.path.parent.mkdir(exist_ok=True)
        lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in self.cases)
        self.path.write_text('{"cases":[\n' + lines + "\n]}\n")
        print(self.path.name, len(self.cases), "cases")
