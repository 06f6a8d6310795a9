"""That real MXNet 1.9.1 reads a checkpoint that tinpail wrote, and writes the same files again.

    PYTHON mxnet_reads.py PREFIX EPOCH

in the environment of tests/golden/README.md. `HostModule::save_checkpoint` writes one. Checked are mx.nd.load and
mx.sym.load of each file, BucketingModule.load, that it binds and predicts in every bucket, and that its own save_checkpoint gives
the same bytes of parameters and symbols (but for node_row_ptr, which depends on MXNet's build).
"""

import os
import re
import sys
import tempfile

import numpy as np

np.bool = bool  # MXNet 1.9.1 still says np.bool
import mxnet as mx


def read(path):
    with open(path, "rb") as file:
        return file.read()


def without_row_ptr(text):
    return re.sub(rb'  "node_row_ptr": \[.*?\], \n', b"", text, flags=re.S)


prefix, epoch = sys.argv[1], int(sys.argv[2])
params = mx.nd.load("%s-%04d.params" % (prefix, epoch))
keys = [int(key) for key in mx.nd.load(prefix + ".buckets")[0].asnumpy()]
symbols = {key: mx.sym.load("%s-%d-symbol.json" % (prefix, key)) for key in keys}
given = {name.split(":")[1] for name in params}
for key, symbol in symbols.items():
    missing = [name for name in symbol.list_arguments() + symbol.list_auxiliary_states() if name not in given]
    print("bucket", key, "outputs", symbol.list_outputs(), "data and labels", missing)

labels = [name for name in symbols[keys[0]].list_arguments() if name.endswith("label")]
data = [name for name in symbols[keys[0]].list_arguments() if name not in given and name not in labels]
module = mx.mod.BucketingModule.load(
    prefix, epoch, sym_gen=lambda key: (symbols[key], tuple(data), tuple(labels)), default_bucket_key=keys[0])
with tempfile.TemporaryDirectory() as folder:
    again = os.path.join(folder, "again")
    for key, symbol in symbols.items():
        symbol.save("%s-%d-symbol.json" % (again, key))
        ours = without_row_ptr(read("%s-%d-symbol.json" % (prefix, key)))
        assert without_row_ptr(read("%s-%d-symbol.json" % (again, key))) == ours, "symbol of bucket %d" % key
    mx.nd.save(again + ".params", params)
    assert read(again + ".params") == read("%s-%04d.params" % (prefix, epoch)), "parameters"
    mx.nd.save(again + ".buckets", mx.nd.array(np.array(keys), dtype=np.int32))
    assert read(again + ".buckets") == read(prefix + ".buckets"), "bucket keys"
print("MXNet %s reads %s, and writes the same bytes" % (mx.__version__, prefix))
