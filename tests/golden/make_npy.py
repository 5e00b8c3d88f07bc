"""Golden .npy files, from NumPy and from MLX itself.

Needs the wheels mlx[cpu]==0.30.4 and numpy. Writes npy/*.npy beside this script: one file for each
dtype, and one for each variant of the format (byte order, order of the axes, version, rank).
"""
import pathlib

import mlx.core as mx
import numpy as np

DTYPES = ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64",
          "float16", "float32", "float64", "complex64"]


def main():
    out = pathlib.Path(__file__).parent / "npy"
    out.mkdir(exist_ok=True)
    six = np.arange(6).reshape(2, 3)
    for dtype in DTYPES:
        np.save(out / f"{dtype}.npy", six.astype(dtype))
    np.save(out / "fortran.npy", np.asfortranarray(six.astype(np.float32)))
    for dtype in [">i4", ">f8", ">c8"]:
        np.save(out / f"big_{dtype[1:]}.npy", six.astype(dtype))
    np.save(out / "big_fortran.npy", np.asfortranarray(six.astype(">u2")))
    np.save(out / "scalar.npy", np.float32(7))
    np.save(out / "empty.npy", np.zeros((2, 0), np.float32))
    np.save(out / "vector.npy", six.reshape(6).astype(np.int16))
    for version in [(2, 0), (3, 0)]:
        with open(out / f"version{version[0]}.npy", "wb") as file:
            np.lib.format.write_array(file, six.astype(np.float32), version=version)
    mx.save(str(out / "bfloat16.npy"), mx.arange(6).reshape(2, 3).astype(mx.bfloat16))
    mx.save(str(out / "mlx.npy"), mx.arange(6).reshape(2, 3).astype(mx.float32))
    mx.save(str(out / "mlx_fortran.npy"), mx.arange(6).reshape(3, 2).astype(mx.float32).T)


if __name__ == "__main__":
    main()
