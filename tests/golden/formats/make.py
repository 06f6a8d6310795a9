"""Writes the small files of this folder, one for each format that tools/convert reads.

    VENV/bin/pip install mxnet==1.9.1 'numpy<1.24' safetensors==0.8.0
    VENV/bin/python make.py

Files named mxnet-* and *.safetensors are written by the packages themselves; v0, v1 and v3 by hand after their layout
(drawn in tools/convert/src/params.rs), because MXNet 1.9.1 reads them but does not write them. MXNet itself then reads v0, v1
and v3 back, so the layouts are MXNet's and not ours.

All hold the same tensors: arg:w (2, 3) = [[0, 0.5, 1], [1.5, 2, 2.5]] and aux:m (2,) = [-1, 0.25], which every
dtype represents exactly.
"""

import os
import struct

import numpy as np

np.bool = bool
import mxnet as mx
import safetensors
import safetensors.numpy

HERE = os.path.dirname(os.path.abspath(__file__))
W = np.arange(6, dtype=np.float64).reshape(2, 3) / 2
M = np.array([-1, 0.25])


def path(name):
    return os.path.join(HERE, name)


def by_hand(name, head):
    """head(shape) gives an array's bytes up to its device."""
    out = struct.pack("<QQQ", 0x112, 0, 2)
    for a in (W, M):
        out += head(a.shape) + struct.pack("<iii", 2, 3, 0) + a.astype("<f4").tobytes()  # gpu(3): to be ignored
    out += struct.pack("<Q", 2)
    for n in (b"arg:w", b"aux:m"):
        out += struct.pack("<Q", len(n)) + n
    with open(path(name), "wb") as f:
        f.write(out)
    with mx.util.np_shape(name.startswith("v3")):
        read = mx.nd.load(path(name))
    assert (read["arg:w"].asnumpy() == W).all() and (read["aux:m"].asnumpy() == M).all()


by_hand("v0.params", lambda s: struct.pack("<I%dI" % len(s), len(s), *s))
by_hand("v1.params", lambda s: struct.pack("<Ii%dq" % len(s), 0xF993FAC8, len(s), *s))
by_hand("v3.params", lambda s: struct.pack("<Iii%dq" % len(s), 0xF993FACA, 0, len(s), *s))


def mxnet(name, w, m):
    mx.nd.save(path(name), {"arg:w": w, "aux:m": m})


for dtype in ("float32", "float16", "float64", "int32"):
    mxnet("mxnet-%s.params" % dtype, mx.nd.array(W, dtype=dtype), mx.nd.array(M, dtype=dtype))
mxnet("mxnet-row_sparse.params", mx.nd.array(W).tostype("row_sparse"), mx.nd.array(M))
mxnet("mxnet-csr.params", mx.nd.array(W), mx.nd.array(W).tostype("csr"))
mx.nd.save(path("mxnet-unnamed.params"), [mx.nd.array(W)])

for dtype in (np.float16, np.float32, np.float64, np.int32):
    tensors = {"arg:w": W.astype(dtype), "aux:m": M.astype(dtype)}
    safetensors.numpy.save_file(tensors, path("%s.safetensors" % np.dtype(dtype).name))
# numpy has no bf16: the upper halves of f32, under the library's own name for it.
halves = {n: (a.astype("<f4").view("<u4") >> 16).astype("<u2") for n, a in (("arg:w", W), ("aux:m", M))}
safetensors.serialize_file(
    {n: safetensors.TensorSpec(dtype="bfloat16", shape=a.shape, data_ptr=a.ctypes.data, data_len=a.nbytes)
     for n, a in halves.items()}, path("bfloat16.safetensors"))
