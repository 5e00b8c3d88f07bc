"""Golden values for indexing, from MLX itself.

Needs the wheels mlx[cpu]==0.30.4 and numpy. Writes index/cases.json beside this script: inputs by
dtype, index arrays by name, values, and cases that name them. MLX's CPU gather mixes up the
elements of column-major arrays: views are made contiguous for it.
"""
import json
import pathlib

import mlx.core as mx
import numpy as np

from make_reduce import attempt, described, make_inputs

ALL = ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64",
       "float16", "float32", "float64", "bfloat16", "complex64"]
SOME = ["int32", "float32", "bfloat16", "float32 special"]


def make_indices():
    return {
        "pairs": mx.array([[0, 2], [1, 1]], mx.uint32),
        "signed": mx.array([-1, 0, 2, -3], mx.int32),
        "long": mx.array([-2, 1], mx.int64),
        "bytes": mx.array([2, 0, 1], mx.uint8),
        "small": mx.array([[-1], [2]], mx.int8),
        "one": mx.array(1, mx.uint16),
        "none": mx.array([], mx.int32),
        "along 2": mx.array(np.array([[[3, 0, -1, 2], [5, 5, 1, -6], [0, 1, 2, 3]]] * 4), mx.int32),
        "along 1": mx.array(np.array([[[2, 0, 1, -1, 0, 2]]]), mx.int64),
        "along 0": mx.array(np.array([[[0], [3], [-2]], [[1], [1], [2]]]), mx.int16),
        "floats": mx.array([0.0, 1.0]),
    }


def cases(inputs, indices):
    for name in inputs:
        if name in SOME or name in ALL:
            takes = [("pairs", 1, "plain"), ("signed", None, "plain"), ("long", 2, "transposed"),
                     ("bytes", 0, "sliced"), ("small", -1, "broadcast"), ("one", 1, "plain"),
                     ("none", 1, "plain")]
            for index, axis, how in takes if name in SOME else takes[:3]:
                case = {"op": "take", "input": name, "view": how, "index": index, "axis": axis}
                yield attempt(case, lambda a: mx.take(mx.contiguous(a), indices[index], axis=axis),
                              inputs)
            alongs = [("along 2", 2, "plain"), ("along 1", 1, "plain"), ("along 0", 0, "plain")]
            for index, axis, how in alongs[:3] if name in SOME else alongs[:1]:
                case = {"op": "take_along_axis", "input": name, "view": how, "index": index,
                        "axis": axis}
                yield attempt(case, lambda a: mx.take_along_axis(a, indices[index], axis=axis),
                              inputs)
                case = {"op": "put_along_axis", "input": name, "view": how, "index": index,
                        "axis": axis, "value": 7}
                yield attempt(case, lambda a: mx.put_along_axis(
                    a, indices[index], mx.array(7), axis=axis), inputs)
        if name == "bool" or "special" in name:
            continue
        # a.at[i, j].add(v): scatter_add with axes (0, 1) and slices [1, 1, 6]
        for op, method in [("scatter_add", "add"), ("scatter_prod", "multiply"),
                           ("scatter_max", "maximum"), ("scatter_min", "minimum")]:
            case = {"op": op, "input": name, "view": "plain", "index": "signed", "second": "one",
                    "value": 2}
            yield attempt(case, lambda a: getattr(a.at[indices["signed"], indices["one"]], method)(
                mx.array(2, a.dtype)), inputs)
        case = {"op": "gather", "input": name, "view": "plain", "index": "signed", "second": "one"}
        yield attempt(case, lambda a: a[indices["signed"], indices["one"]], inputs)
    for index, axis in [("pairs", 3), ("floats", 0), ("pairs", -4)]:
        case = {"op": "take", "input": "float32", "view": "plain", "index": index, "axis": axis}
        yield attempt(case, lambda a: mx.take(mx.contiguous(a), indices[index], axis=axis), inputs)
    case = {"op": "take", "input": "float32", "view": "empty", "index": "pairs", "axis": 1}
    yield attempt(case, lambda a: mx.take(a, indices["pairs"], axis=1), inputs)
    for op in ["take_along_axis", "put_along_axis"]:
        for index, axis in [("along 2", 3), ("pairs", 0)]:
            case = {"op": op, "input": "float32", "view": "plain", "index": index, "axis": axis,
                    "value": 1}
            extra = [mx.array(1.0)] if op == "put_along_axis" else []
            yield attempt(case, lambda a: getattr(mx, op)(a, indices[index], *extra, axis=axis),
                          inputs)


def main():
    inputs, indices = make_inputs(), make_indices()
    folder = pathlib.Path(__file__).parent / "index"
    folder.mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases(inputs, indices))
    tables = [json.dumps({k: described(v) for k, v in t.items()}, separators=(",", ":"))
              for t in (inputs, indices)]
    (folder / "cases.json").write_text(
        '{"inputs":' + tables[0] + ',\n"indices":' + tables[1] + ',\n"cases":[\n' + lines + "\n]}\n")


if __name__ == "__main__":
    main()
