"""Quantised matrices and their products as MLX computes them, for tests/drivers/test_qmm.c.

Needs the wheel mlx[cpu]==0.30.4 and numpy. Beside this script it writes
  qmm/cases.bin: for each case six int32 (dtype as MLX numbers it, bits, group size, rows n, columns
    k, the generator's seed), then packed, scales, biases and the dequantised w;
  qmm/errors.bin: six int32 of the same meaning and a float64, the relative RMS distance of MLX's
    quantized_matmul from float64, for the x and w that the test makes too.
"""
import os
import struct

import mlx.core as mx
import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
DTYPES = {mx.float16: 9, mx.float32: 10, mx.bfloat16: 12}


def noise(seed, count):
    """The test's generator: sums of four 8-bit uniform numbers, centred, from a 32-bit LCG."""
    values = np.zeros(count * 4, dtype=np.uint64)
    s = seed
    for i in range(count * 4):
        s = (s * 1664525 + 1013904223) & 0xFFFFFFFF
        values[i] = s >> 24
    return (values.reshape(count, 4).sum(axis=1).astype(np.float32) - 510) * np.float32(0.00787)


def raw(a):
    if a.dtype in (mx.bfloat16, mx.float16):
        return np.array(a.view(mx.uint16)).tobytes()
    return np.array(a).tobytes()


def f64(a):
    return np.array(a.astype(mx.float32)).astype(np.float64)


def matrix(seed, n, k, dtype):
    return mx.array(noise(seed, n * k).reshape(n, k).astype(np.float32)).astype(dtype)


def write_case(f, dtype, bits, group, n, k, seed):
    values = noise(seed, n * k).reshape(n, k)
    values[1, :group] = 0.5  # a group of one value
    values[2, :group] = np.abs(values[2, :group])
    w = mx.array(values.astype(np.float32)).astype(dtype)
    q, s, b = mx.quantize(w, group, bits)
    f.write(struct.pack("<6i", DTYPES[dtype], bits, group, n, k, seed))
    for a in (q, s, b, mx.dequantize(q, s, b, group, bits)):
        f.write(raw(a))


def write_error(f, dtype, bits, group, n, k, seed):
    q, s, b = mx.quantize(matrix(seed, n, k, dtype), group, bits)
    x = matrix(99, 1, k, dtype)
    y = f64(mx.quantized_matmul(x, q, s, b, True, group, bits))[0]
    ones = np.unpackbits(np.array(q).view(np.uint8), axis=1, bitorder="little")
    codes = ones.reshape(n, -1, group, bits) @ (1 << np.arange(bits))
    exact = (codes * f64(s)[..., None] + f64(b)[..., None]).reshape(n, k) @ f64(x)[0]
    error = np.sqrt(((y - exact) ** 2).sum() / (exact**2).sum())
    f.write(struct.pack("<6id", DTYPES[dtype], bits, group, n, k, seed, error))


def main():
    out = os.path.join(here, "qmm")
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, "cases.bin"), "wb") as cases, open(
        os.path.join(out, "errors.bin"), "wb"
    ) as errors:
        for dtype in DTYPES:
            for bits in (2, 3, 4, 5, 6, 8):
                for group in (32, 64, 128):
                    write_case(cases, dtype, bits, group, 3, 192 if group < 128 else 384, bits + group)
                write_error(errors, dtype, bits, 64, 48, 1024, 5)


main()
