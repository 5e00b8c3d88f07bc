"""Golden values for reductions and scans, from MLX itself.

Needs the wheels mlx[cpu]==0.30.4 and numpy. Writes reduce/cases.json beside this script:
inputs by dtype, then cases {op, input, view, axes, ...} with the result's dtype, shape and values.
MLX adds and multiplies 16-bit floats in 16 bits; such cases are computed in float32 and rounded.
"""
import json
import math
import pathlib

import mlx.core as mx
import numpy as np

mx.set_default_device(mx.cpu)
SHAPE = (4, 3, 6)
DTYPES = ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64",
          "float16", "float32", "float64", "bfloat16", "complex64"]
MAIN = ["int32", "float32", "bfloat16"]  # with every form


def number(x):
    if isinstance(x, complex):
        return [number(x.real), number(x.imag)]
    if isinstance(x, float) and not math.isfinite(x):
        return repr(x)
    if isinstance(x, int) and abs(x) >= 2**53:
        return str(x)
    return x


def shortest(values, dtype):
    """Floats with no more digits than their dtype needs."""
    if "float16" in dtype or dtype == "float32":
        return [float(str(np.float32(v))) for v in values]
    if dtype == "complex64":
        return [complex(float(str(np.float32(v.real))), float(str(np.float32(v.imag))))
                for v in values]
    return values


def described(a):
    a = mx.array(a)
    if a.dtype == mx.bfloat16 or a.dtype == mx.float16:
        flat = a.astype(mx.float32)
    else:
        flat = a
    values = np.array(flat).reshape(-1).tolist()
    dtype = str(a.dtype).split(".")[-1].rstrip("_")
    return {"dtype": dtype, "shape": list(a.shape),
            "values": [number(v) for v in shortest(values, dtype)]}


def make_inputs():
    rng = np.random.default_rng(7)
    inputs = {}
    for name in DTYPES:
        dtype = getattr(mx, "bool_" if name == "bool" else name)
        low = 0 if name.startswith("u") or name == "bool" else -4
        x = rng.integers(low, 2 if name == "bool" else 6, SHAPE)
        if name == "complex64":
            x = x + 1j * rng.integers(-4, 6, SHAPE)
        elif "float" in name:
            x = np.round(rng.normal(0, 2, SHAPE) * 16) / 16
        inputs[name] = mx.array(x.astype(np.complex64 if name == "complex64" else np.float32)
                                if "float" in name or name == "complex64" else x).astype(dtype)
    for name in ["float16", "float32", "float64", "bfloat16"]:
        x = np.array(inputs[name].astype(mx.float32)).copy()
        x[1, 1, 2], x[0, 0, 0], x[3, 2, 5], x[2, 0, 1] = np.nan, np.nan, np.inf, -np.inf
        inputs[name + " special"] = mx.array(x).astype(getattr(mx, name))
    return inputs


def view(a, how):
    if how == "transposed":
        return mx.transpose(a)
    if how == "sliced":
        return a[::-1, :, 1::2]
    if how == "broadcast":
        return mx.broadcast_to(a[:, :1], (4, 5, 6))
    if how == "empty":
        return a[:, :0]
    if how == "scalar":
        return a[1, 2, 3]
    return a


ROUNDS = {"sum", "prod", "mean", "var", "std", "cumsum", "cumprod", "logcumsumexp"}


def attempt(case, compute, inputs):
    """compute(a) on the case's input, seen as the case says."""
    try:
        a = view(inputs[case["input"]], case["view"])
        if a.dtype in (mx.float16, mx.bfloat16) and case["op"] in ROUNDS:
            result = compute(a.astype(mx.float32)).astype(a.dtype)
        else:
            result = compute(a)
        case.update(described(result))
    except Exception as error:  # the message is what the case expects
        case["error"] = str(error).replace("7along", "7 along")
    return case


def reductions(inputs):
    ops = ["sum", "prod", "max", "min", "all", "any", "mean", "var", "std", "median"]
    forms = [("plain", None, False), ("plain", [1], True), ("transposed", [0, 2], False),
             ("sliced", [0], True), ("sliced", [-1], False), ("broadcast", [1], False),
             ("empty", [1], False), ("empty", [0], True), ("scalar", None, False),
             ("broadcast", [0, 1], False)]
    for name in inputs:
        for op in ops:
            if op == "std" and name not in MAIN:
                continue
            if "special" in name and op in ("median", "prod"):
                continue
            for how, axes, keepdims in forms[::1 if name in MAIN else 2]:
                case = {"op": op, "input": name, "view": how, "axes": axes, "keepdims": keepdims}
                yield attempt(case, lambda a: getattr(mx, op)(
                    a, axis=None if axes is None else tuple(axes), keepdims=keepdims), inputs)
    for op in ["var", "std"]:
        for ddof in [1, 4]:
            case = {"op": op, "input": "float32", "view": "plain", "axes": [0], "keepdims": False,
                    "ddof": ddof}
            yield attempt(case, lambda a: getattr(mx, op)(a, axis=0, ddof=ddof), inputs)


def arg_reductions(inputs):
    for name in inputs:
        for op in ["argmax", "argmin"]:
            for how, axis, keepdims in [("plain", None, False), ("plain", 2, False),
                                        ("transposed", 1, True), ("sliced", 0, False),
                                        ("broadcast", 1, False), ("scalar", None, False),
                                        ("empty", 0, False)]:
                case = {"op": op, "input": name, "view": how,
                        "axes": None if axis is None else [axis], "keepdims": keepdims}
                yield attempt(case, lambda a: getattr(mx, op)(a, axis=axis, keepdims=keepdims),
                              inputs)


def scans(inputs):
    for name in inputs:
        for op in ["cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"]:
            if op == "logcumsumexp" and ("special" in name or "float" not in name):
                continue  # of integers it overflows in MLX
            forms = [("sliced", None, False, True), ("transposed", 0, False, False),
                     ("sliced", 1, True, False), ("broadcast", 1, False, True),
                     ("plain", 2, True, True)]  # an empty one kills MLX
            for how, axis, reverse, inclusive in forms[:5 if name in MAIN else 3]:
                if name == "complex64" and not inclusive and op in ("cummax", "cummin"):
                    continue  # starts from an uninitialised limit there
                case = {"op": op, "input": name, "view": how,
                        "axes": None if axis is None else [axis], "reverse": reverse,
                        "inclusive": inclusive}
                yield attempt(case, lambda a: getattr(mx, op)(
                    a, axis=axis, reverse=reverse, inclusive=inclusive), inputs)


def failures(inputs):
    for op in ["sum", "prod", "max", "min", "all", "any", "mean", "median", "var"]:
        for axes in [[3], [-4], [1, 1]]:
            case = {"op": op, "input": "float32", "view": "plain", "axes": axes, "keepdims": False}
            yield attempt(case, lambda a: getattr(mx, op)(a, axis=tuple(axes)), inputs)
    for op in ["argmax", "argmin", "cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"]:
        case = {"op": op, "input": "float32", "view": "plain", "axes": [5], "keepdims": False,
                "inclusive": True}
        yield attempt(case, lambda a: getattr(mx, op)(a, axis=5), inputs)


def main():
    inputs = make_inputs()
    cases = []
    for part in (reductions, arg_reductions, scans, failures):
        cases += part(inputs)
    folder = pathlib.Path(__file__).parent / "reduce"
    folder.mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
    table = json.dumps({k: described(v) for k, v in inputs.items()}, separators=(",", ":"))
    (folder / "cases.json").write_text('{"inputs":' + table + ',\n"cases":[\n' + lines + "\n]}\n")


if __name__ == "__main__":
    main()
