"""Writes cases.json: networks that MXNet's rnn cells and operators make, and what MXNet 1.9.1 infers of them.

Run by hand: python3.11 -m venv VENV && VENV/bin/pip install mxnet==1.9.1 'numpy<1.24' && VENV/bin/python generate.py

cells:   {name: {symbol (as MXNet writes it), data {name: shape}, args {name: shape}, outputs {name: shape}}}
reshape: [[shape, codes, reverse, result or null if MXNet refuses]]
"""
import json
import os
import warnings

import numpy as np

np.bool = bool  # MXNet 1.9.1 still says np.bool
import mxnet as mx

warnings.simplefilter("ignore")
S = mx.sym
T, N, I, H = 4, 2, 5, 3
cells = {}


def case(name, build, data=None, axes="NTC"):
    with mx.name.NameManager():
        symbol = build()
    data = data or {"data": (N, T, I) if axes == "NTC" else (T, N, I)}
    args, outs, _ = symbol.infer_shape(**data)
    cells[name] = {
        "symbol": json.loads(symbol.tojson()),
        "data": data,
        "args": dict(zip(symbol.list_arguments(), args)),
        "outputs": dict(zip(symbol.list_outputs(), outs)),
    }


def unrolled(cell, layout="NTC", merge=True, head=None, begin=None):
    outputs, states = cell.unroll(T, inputs=S.Variable("data"), layout=layout, merge_outputs=merge, begin_state=begin)
    return head(outputs, states) if head else S.BlockGrad(outputs, name="out")


def stack(*cells_):
    both = mx.rnn.SequentialRNNCell()
    for cell in cells_:
        both.add(cell)
    return both


def lstm(i=0):
    return mx.rnn.LSTMCell(H, prefix="lstm_l%d_" % i)


def gru(i=0):
    return mx.rnn.GRUCell(H, prefix="gru_l%d_" % i)


for layout in ("NTC", "TNC"):
    for make in (lstm, gru):
        case("%s_%s" % (make.__name__, layout), lambda: unrolled(make(), layout), axes=layout)
    for act in ("tanh", "relu"):
        case("rnn_%s_%s" % (act, layout), lambda: unrolled(mx.rnn.RNNCell(H, act), layout), axes=layout)
case("rnn_sigmoid", lambda: unrolled(mx.rnn.RNNCell(H, "sigmoid")))
case("stack_dropout", lambda: unrolled(stack(lstm(0), mx.rnn.DropoutCell(0.25), lstm(1))))
case("mixed_stack", lambda: unrolled(stack(gru(0), mx.rnn.RNNCell(H + 1, prefix="rnn_"), lstm(1)), "TNC"), axes="TNC")
case("step_heads", lambda: unrolled(gru(), merge=False, head=lambda o, s: S.Group([S.BlockGrad(o[1], name="second"), o[-1]])))
case("all_states", lambda: unrolled(lstm(), head=lambda o, s: S.Group([o] + s)))
case("joined_rows", lambda: unrolled(gru(), merge=False, head=lambda o, s: S.Concat(*o, dim=0, name="rows")))
case("joined_columns", lambda: unrolled(gru(), merge=False, head=lambda o, s: S.Concat(*o, dim=1, name="columns")))
case("two_unrolls", lambda: unrolled(lstm(0), head=lambda o, s: mx.rnn.LSTMCell(H, prefix="b_").unroll(T, inputs=o, merge_outputs=True, begin_state=s)[0]))
case("bidirectional", lambda: unrolled(mx.rnn.BidirectionalCell(lstm(0), lstm(1)), merge=False, head=lambda o, s: S.Concat(*o, dim=1, name="out")))
case("residual", lambda: unrolled(stack(lstm(0), mx.rnn.ResidualCell(lstm(1)))))
case("begin_variables", lambda: unrolled(gru(), begin=[S.Variable("h0", shape=(0, H))]))
case("last_of_merged", lambda: unrolled(gru(), head=lambda o, s: S.SequenceLast(o, axis=1, name="last")))
for mode in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
    fused = lambda layers, **kw: mx.rnn.FusedRNNCell(H, num_layers=layers, mode=mode, prefix="f_", **kw)
    case("fused_%s_1" % mode, lambda: unrolled(fused(1)))
    case("fused_%s_2" % mode, lambda: unrolled(fused(2, dropout=0.5, get_next_state=True), "TNC", head=lambda o, s: S.Group([o] + s)), axes="TNC")
    case("fused_%s_last" % mode, lambda: unrolled(fused(2), "TNC", head=lambda o, s: S.SequenceLast(o, name="last")), axes="TNC")
case("fused_steps", lambda: unrolled(fused(1), merge=False, head=lambda o, s: S.FullyConnected(list(o)[-1], num_hidden=2, name="fc")))

shapes = [(2, 3, 4), (2, 6, 4), (10, 5, 4), (2, 3), (6,), (8, 3, 3)]
codes = [(-1, 0), (0, -1), (-1,), (-3, 0), (-3, -1), (0, -3), (6, -1), (5, -1), (-2,), (-2, 1, 1), (1, -2), (0, 0, 4), (0, 0), (0, 0, 0),
         (-1, -1), (4, 3, 2), (0, -4, 2, 3, 0), (0, -4, -1, 3, -2), (-4, -1, 1, 0, 0), (-4, 1, 2, -2), (-4, 2, 2, 0), (-5,), (-3,), (0, 0, 0, -1), (7, -1)]
table = []
for shape in shapes:
    for code in codes:
        for reverse in (False, True):
            try:
                result = S.Reshape(S.Variable("data"), shape=code, reverse=reverse).infer_shape(data=shape)[1][0]
            except mx.MXNetError:
                result = None
            if result is not None and np.prod(result) != np.prod(shape):
                result = None  # inferred, but refused when it runs
            table.append([shape, code, reverse, result])

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases.json"), "w") as f:
    rows = ",\n".join(json.dumps(name) + ":" + json.dumps(case, separators=(",", ":")) for name, case in cells.items())
    f.write('{"mxnet":"%s",\n"cells":{\n%s},\n"reshape":[\n%s]}\n' % (mx.__version__, rows, ",\n".join(json.dumps(row) for row in table)))
