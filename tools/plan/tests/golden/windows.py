"""Writes windows-symbol.json: operators with windows and statistics, as MXNet 1.9.1 writes a graph. See operators.py."""
import os
import re

import numpy as np

np.bool = bool  # MXNet 1.9.1 still says np.bool
import mxnet as mx

S = mx.sym
V = S.Variable
data = V("data")
x = S.Convolution(data, V("w1"), V("b1"), kernel=(3,), num_filter=4, stride=(2,), pad=(1,), dilate=(2,), num_group=2, name="conv1")
x = S.Convolution(x, V("w2"), kernel=(3, 2), num_filter=6, no_bias=True, name="conv2")
x = S.BatchNorm(x, V("gamma1"), V("beta1"), V("mean1"), V("var1"), name="bn1")
x = S.BatchNorm(x, V("gamma2"), V("beta2"), V("mean2", init=mx.init.Zero()), V("var2", init=mx.init.One()), eps=0.01, momentum=0.8,
                fix_gamma=False, use_global_stats=True, axis=-1, name="bn2")
x = S.LayerNorm(x, V("gamma3"), V("beta3"), axis=1, eps=0.001, name="ln")
x = S.LRN(x, nsize=3, alpha=0.5, beta=0.5, knorm=1.0, name="lrn")
x = S.Pooling(x, pool_type="max", kernel=(2, 2), stride=(2, 1), pad=(1, 0), pooling_convention="full", name="max")
x = S.Pooling(x, pool_type="avg", kernel=(3,), count_include_pad=False, name="avg")
x = S.Pooling(x, pool_type="lp", kernel=(3,), p_value=2, pooling_convention="same", name="lp")
x = S.Pooling(x, pool_type="sum", global_pool=True, name="sum")
text = x.tojson()
# Optional, and dependent on the build of MXNet.
text = re.sub(r'  "node_row_ptr": \[.*?\], \n', "", text, flags=re.S)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "windows-symbol.json"), "w") as file:
    file.write(text)
