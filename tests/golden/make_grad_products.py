"""Golden derivatives of products of plain and quantised matrices, from MLX: see grad_cases.py.

Writes grad/products.json beside this script. MLX's jvp of addmm passes over alpha and beta, and
gather_mm has none: these are not taken.
"""
import mlx.core as mx

from grad_cases import Writer, eighths

INDICES = mx.array([[1, 0], [2, 2]], mx.uint32)


def quantized(transpose, bits):
    def fn(x, w, scales, biases):
        return mx.quantized_matmul(x, w, scales, biases, transpose=transpose, group_size=32,
                                   bits=bits)
    return fn


FUNCTIONS = {
    "matmul": mx.matmul,
    "addmm": lambda c, a, b: mx.addmm(c, a, b, alpha=0.5, beta=2.0),
    "gather_mm": lambda a, b: mx.gather_mm(a, b, rhs_indices=INDICES),
    "gather_mm_left": lambda a, b: mx.gather_mm(a, b, lhs_indices=INDICES),
    "qmm_rows": quantized(True, 4),
    "qmm_columns": quantized(False, 3),
    "gather_qmm": lambda x, w, s, b: mx.gather_qmm(x, w, s, b, rhs_indices=INDICES, group_size=32,
                                                   bits=4),
    "dequantize": lambda w, s, b: mx.dequantize(w, s, b, group_size=32, bits=4),
    "outer": mx.outer,
    "inner": mx.inner,
    "tensordot": lambda a, b: mx.tensordot(a, b, 1),
}


def plain(shape, dtype="float32", view=""):
    return eighths(shape, dtype), view


w = Writer(__file__)
f = FUNCTIONS
for a, b in [(((2, 3), ""), ((3, 4), "")), (((3, 2), "T"), ((3, 8), "S")),
             (((1, 3), "B"), ((4, 3), "T")), (((3,), ""), ((3, 2), "")), (((2, 3), ""), ((3,), "")),
             (((3,), ""), ((3,), "")), (((2, 2, 3), ""), ((3, 2), "")),
             (((2, 1, 2, 3), ""), ((2, 3, 1), "")), (((2, 0), ""), ((0, 3), ""))]:
    w.add("matmul", f["matmul"], [plain(a[0], view=a[1]), plain(b[0], view=b[1])])
for dtype in ("float16", "bfloat16", "complex64"):
    w.add("matmul", f["matmul"], [plain((2, 3), dtype), plain((3, 2), dtype)])
for c, a, b in [((2, 4), (2, 3), (3, 4)), ((4,), (2, 2, 3), (3, 4)), ((2, 1), (3, 2, 3), (3, 3, 2))]:
    w.add("addmm", f["addmm"], [plain(c), plain(a), plain(b)], "jvp")
w.add("gather_mm", f["gather_mm"], [plain((2, 1, 1, 3)), plain((3, 3, 2))], "jvp")
w.add("gather_mm_left", f["gather_mm_left"], [plain((3, 2, 2)), plain((2, 2, 2, 1))], "jvp")
wq = {bits: mx.quantize(eighths((3, 64), "float32"), group_size=32, bits=bits) for bits in (3, 4)}
as_inputs = lambda q: [(a, "") for a in q]
for x in ((64,), (2, 64), (2, 1, 64)):
    w.add("qmm_rows", f["qmm_rows"], [plain(x)] + as_inputs(wq[4]), smooth=[0])
    if len(x) > 1:
        w.add("qmm_rows", f["qmm_rows"], [plain(x)] + as_inputs(wq[4]), "jvp", [0, 2, 3])
w.add("qmm_columns", f["qmm_columns"], [plain((2, 3))] + as_inputs(wq[3]), smooth=[0])
w.add("qmm_columns", f["qmm_columns"], [plain((2, 3))] + as_inputs(wq[3]), "jvp", [2, 3])
w.add("dequantize", f["dequantize"], as_inputs(wq[4]), smooth=[1, 2])
experts = mx.quantize(eighths((3, 2, 32), "float32"), group_size=32, bits=4)
w.add("gather_qmm", f["gather_qmm"], [plain((2, 1, 1, 32))] + as_inputs(experts), "jvp", [0, 2, 3])
w.add("outer", f["outer"], [plain((2,)), plain((3,))])
w.add("inner", f["inner"], [plain((2, 3)), plain((2, 3))])
w.add("tensordot", f["tensordot"], [plain((2, 3)), plain((3, 2, 2))])
w.write()
