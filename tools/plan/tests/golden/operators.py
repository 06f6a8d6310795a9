"""Writes operators-symbol.json: one node of each operator, as MXNet 1.9.1 writes a graph.

Run by hand: python3.11 -m venv VENV && VENV/bin/pip install mxnet==1.9.1 'numpy<1.24' && VENV/bin/python operators.py

Every variable is made by hand, so that no operator's attributes are copied onto it; the attributes given are those that tinpail
writes. The shapes fit nowhere: the file is for reading and writing alone.
"""
import os
import re

import numpy as np

np.bool = bool  # MXNet 1.9.1 still says np.bool
import mxnet as mx

S = mx.sym
V = S.Variable
data, label, lengths = V("data"), V("label"), V("lengths")
x = S.Embedding(V("tokens"), V("table", init=mx.init.Constant(0.5)), input_dim=7, output_dim=4, name="embed")
x = S.FullyConnected(x, V("w", shape=(0, 3), lr_mult=0.5), V("b", wd_mult=2.0), num_hidden=3, flatten=False, name="fc")
x = S.FullyConnected(x, V("w2"), num_hidden=3, no_bias=True, name="fc2")
for act in ("relu", "sigmoid", "tanh", "softrelu", "softsign"):
    x = S.Activation(x, act_type=act, name=act)
zeros = S.zeros(shape=(1, 0, 16), name="zeros", dtype="float32")
rnn = S.RNN(x, V("parameters"), zeros, zeros, mode="lstm", state_size=16, num_layers=2, p=0.25, state_outputs=True, name="rnn")
x = S.SequenceMask(rnn[0], lengths, use_sequence_length=True, value=-1.5, axis=1, name="mask")
x = S.SequenceLast(x, lengths, use_sequence_length=True, name="last")
x = S.mean(x, axis=(1, -1), keepdims=True, name="mean")
x = S.Reshape(x, shape=(-1, 3), name="reshape")
x = S.Reshape(x, shape=(-1,), reverse=True, name="reversed")
x = S.expand_dims(x, axis=-1, name="expand")
x = S.SwapAxis(x, dim1=0, dim2=2, name="swap")
parts = S.SliceChannel(x, num_outputs=12, axis=2, squeeze_axis=True, name="slice")
x = S.Concat(*[parts[i] for i in range(12)], dim=1, name="concat")
x = S.elemwise_add(x, x, name="add")
x = S.elemwise_sub(x, data, name="sub")
x = S.elemwise_mul(x, data, name="mul")
for op, scalar in ((S._internal._plus_scalar, 0.1), (S._internal._minus_scalar, 2.0), (S._internal._rminus_scalar, 1.0),
                   (S._internal._mul_scalar, -0.5), (S._internal._div_scalar, 3.0)):
    x = op(x, scalar=scalar, name=op.__name__.strip("_"))
x = S.Dropout(x, p=0.25, name="dropout")
softmax = S.SoftmaxOutput(x, label, grad_scale=0.5, ignore_label=0, use_ignore=True, preserve_shape=True,
                          normalization="valid", smooth_alpha=0.1, name="softmax")
multi = S.SoftmaxOutput(x, label, multi_output=True, normalization="batch", name="multi")
regression = S.LinearRegressionOutput(x, label, grad_scale=2.0, name="regression")
graph = S.Group([softmax, multi, regression, S.BlockGrad(rnn[2], name="cell")])
text = graph.tojson()
# Optional, and dependent on the build of MXNet.
text = re.sub(r'  "node_row_ptr": \[.*?\], \n', "", text, flags=re.S)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "operators-symbol.json"), "w") as file:
    file.write(text)
