"""Golden values for sorts and partitions, from MLX itself.

Needs the wheels mlx[cpu]==0.30.4 and numpy. Writes sort/cases.json beside this script. What a
partition leaves open is closed by sorting both sides of the kth place.
"""
import json
import pathlib

import mlx.core as mx
import numpy as np

from make_reduce import attempt, described, make_inputs

FORMS = [("plain", None), ("plain", -1), ("transposed", 0), ("sliced", 1), ("broadcast", 2),
         ("empty", -1)]


def cases(inputs):
    for name in inputs:
        if name in ("float16 special", "bfloat16 special"):
            continue  # MLX compares 16-bit NaNs as numbers
        for op in ["sort", "argsort"]:
            for how, axis in FORMS:
                if how == "empty":
                    continue
                case = {"op": op, "input": name, "view": how,
                        "axes": None if axis is None else [axis]}
                yield attempt(case, lambda a: getattr(mx, op)(a, axis=axis), inputs)
        if "special" in name or name == "bool":
            continue
        for op in ["partition", "argpartition"]:
            for how, axis, k in [("plain", None, 30), ("plain", -1, 2), ("transposed", 0, -1),
                                 ("sliced", 1, 0)]:
                case = {"op": op, "input": name, "view": how,
                        "axes": None if axis is None else [axis], "k": k}
                yield attempt(case, lambda a: closed(getattr(mx, op)(a, k, axis=axis), k,
                                                     0 if axis is None else axis), inputs)
        for how, axis, k in [("plain", None, 5), ("plain", -1, 6), ("sliced", 0, 1),
                             ("plain", 1, 0)]:
            case = {"op": "topk", "input": name, "view": how,
                    "axes": None if axis is None else [axis], "k": k}
            yield attempt(case, lambda a: closed_topk(a, k, axis), inputs)
    for op in ["sort", "argsort"]:
        yield attempt({"op": op, "input": "float32", "view": "plain", "axes": [3]},
                      lambda a: getattr(mx, op)(a, axis=3), inputs)
    for op in ["partition", "argpartition", "topk"]:
        for axis, k in [(3, 1), (-1, 7)]:
            yield attempt({"op": op, "input": "float32", "view": "plain", "axes": [axis], "k": k},
                          lambda a: getattr(mx, op)(a, k, axis=axis), inputs)


def closed_topk(a, k, axis):
    top = mx.topk(a, k, axis=axis)
    return mx.sort(top, axis=0 if axis is None else axis) if k else top


def closed(parted, k, axis):
    n = parted.shape[axis]
    k = k + n if k < 0 else k
    low, kth, high = mx.split(parted, [k, k + 1], axis=axis)
    sides = [s if s.size == 0 else mx.sort(s, axis=axis) for s in (low, high)]
    return mx.concatenate([sides[0], kth, sides[1]], axis=axis)


def main():
    inputs = make_inputs()
    folder = pathlib.Path(__file__).parent / "sort"
    folder.mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases(inputs))
    table = json.dumps({k: described(v) for k, v in inputs.items()}, separators=(",", ":"))
    (folder / "cases.json").write_text('{"inputs":' + table + ',\n"cases":[\n' + lines + "\n]}\n")


if __name__ == "__main__":
    main()
