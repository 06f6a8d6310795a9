"""Operator cases that scenario j does not have, and unrolled cells of mx.rnn, run by MXNet 1.9.1:

    python more_ops.py DIR

writes DIR/more_ops.json and DIR/rnn_cells.json. Each case: the symbol as MXNet's JSON, the arguments, outputs in inference
and in training, head gradients, gradients (null: none is asked for)."""

import json
import sys

import mxnet as mx
import numpy as np

S = mx.sym
# Read as integers, or condition: no gradient.
NO_GRADIENT = ("label", "len", "cond")


def text(value):
    return float(np.format_float_positional(np.float32(value), unique=True))


def array(values):
    values = np.asarray(values, "f")
    return {"shape": list(values.shape), "data": [text(v) for v in values.ravel()]}


def run(rng, symbol, args, train=True):
    bound = {k: mx.nd.array(v) for k, v in args.items()}
    req = {k: "null" if k in NO_GRADIENT or not train else "write" for k in args}
    grads = {k: mx.nd.zeros(v.shape) for k, v in args.items() if req[k] == "write"}
    executor = symbol.bind(mx.cpu(), bound, args_grad=grads, grad_req=req)
    compact = json.dumps(json.loads(symbol.tojson()), separators=(",", ":"))
    case = {"symbol": compact, "args": {k: array(v) for k, v in args.items()}}
    case["outputs_infer"] = [array(o.asnumpy()) for o in executor.forward(is_train=False)]
    if train:
        case["outputs_train"] = [array(o.asnumpy()) for o in executor.forward(is_train=True)]
        heads = [rng.uniform(-1, 1, o.shape).astype("f") for o in executor.outputs]
        executor.backward([mx.nd.array(h) for h in heads])
        case["head_grads"] = [array(h) for h in heads]
        case["grads"] = {k: array(v.asnumpy()) for k, v in grads.items()}
    return case


def operators(rng):
    u = lambda *shape: rng.uniform(-1, 1, shape).astype("f")
    positive = lambda *shape: rng.uniform(0.2, 2, shape).astype("f")
    d, b, c = S.Variable("data"), S.Variable("b"), S.Variable("cond")
    lab, ln = S.Variable("label"), S.Variable("len")
    yield "exp", S.exp(d), {"data": u(2, 3)}
    yield "log", S.log(d), {"data": positive(2, 3)}
    yield "sqrt", S.sqrt(d), {"data": positive(2, 3)}
    yield "square", S.square(d), {"data": u(2, 3)}
    yield "abs", S.abs(d), {"data": u(2, 3)}
    yield "negative", -d, {"data": u(2, 3)}
    yield "identity", S.identity(d) * d, {"data": u(2, 3)}
    yield "relu", S.relu(d), {"data": u(2, 3)}
    yield "sigmoid", S.sigmoid(d), {"data": u(2, 3)}
    yield "tanh", S.tanh(d), {"data": u(2, 3)}
    yield "scalars", 1.5 - (d * 2 + 0.5) / 3, {"data": u(2, 3)}
    yield "div", d / b, {"data": u(2, 3), "b": positive(2, 3)}
    yield "ones", S.ones((2, 3)) + d, {"data": u(2, 3)}
    yield "ones_like", S.ones_like(d) * b, {"data": u(2, 3), "b": u(2, 3)}
    yield "where", S.where(c, d, b), {"data": u(2, 3), "b": u(2, 3), "cond": np.array([[0, 1, 2], [1, 0, 0]], "f")}
    yield "add_n", S.add_n(d, b, d), {"data": u(2, 3), "b": u(2, 3)}
    for name, shapes in [("bias", ((2, 3, 4), (1, 1, 4))), ("middle", ((2, 3, 4), (1, 3, 1))), ("both", ((2, 1, 4), (1, 3, 1)))]:
        for op in ["add", "sub", "mul", "div"]:
            broadcast = getattr(S, "broadcast_" + op)(d, b)
            yield "broadcast_%s_%s" % (op, name), broadcast, {"data": u(*shapes[0]), "b": positive(*shapes[1])}
    for axis in [None, 0, 1, (0, 2), -1]:
        for keepdims in [False, True]:
            yield "sum_%s_%s" % (axis, keepdims), S.sum(d, axis=axis, keepdims=keepdims), {"data": u(2, 3, 4)}
    yield "mean_1", S.mean(d, axis=1), {"data": u(2, 3, 4)}
    yield "transpose_reverse", S.transpose(d), {"data": u(2, 3, 4)}
    yield "transpose_turn", S.transpose(d, axes=(2, 0, 1)), {"data": u(2, 3, 4)}
    yield "transpose_four", S.transpose(d, axes=(3, 1, 0, 2)), {"data": u(2, 3, 2, 4)}
    yield "expand_dims", S.expand_dims(d, axis=1), {"data": u(2, 3)}
    yield "slice_axis", S.slice_axis(d, axis=1, begin=1, end=3), {"data": u(2, 4, 3)}
    yield "slice_axis_end", S.slice_axis(d, axis=-1, begin=-2, end=None), {"data": u(2, 4, 3)}
    yield "slice_axis_first", S.slice_axis(d, axis=0, begin=0, end=2), {"data": u(3, 4)}
    for axis in [0, 1, -1]:
        yield "stack_%d" % axis, S.stack(d, b, d, axis=axis), {"data": u(2, 3), "b": u(2, 3)}
    for axis in [0, 1, -1]:
        yield "softmax_axis_%d" % axis, S.softmax(d, axis=axis), {"data": 2 * u(2, 3, 4)}
        yield "log_softmax_axis_%d" % axis, S.log_softmax(d, axis=axis), {"data": 2 * u(2, 3, 4)}
    yield "softmax_temperature", S.softmax(d, temperature=2.5), {"data": 4 * u(2, 5)}
    yield "log_softmax_temperature", S.log_softmax(d, temperature=0.4), {"data": u(2, 5)}
    yield "leaky_default", S.LeakyReLU(d), {"data": 2 * u(3, 4)}
    yield "leaky_slope_0", S.LeakyReLU(d, act_type="leaky", slope=0.0), {"data": 2 * u(3, 4)}
    yield "elu_default", S.LeakyReLU(d, act_type="elu"), {"data": 2 * u(3, 4)}
    yield "gelu_wide", S.LeakyReLU(d, act_type="gelu"), {"data": 6 * u(3, 4)}
    yield "prelu_one", S.LeakyReLU(d, b, act_type="prelu"), {"data": 2 * u(2, 3, 2), "b": np.array([0.3], "f")}
    yield "prelu_2d", S.LeakyReLU(d, b, act_type="prelu"), {"data": 2 * u(4, 3), "b": u(3)}
    yield "prelu_4d", S.LeakyReLU(d, b, act_type="prelu"), {"data": 2 * u(2, 3, 2, 2), "b": u(3)}
    for axis, shape in [(0, (4, 2, 3)), (1, (2, 4, 3))]:
        lengths = np.array([2, 4], "f")
        yield "last_axis_%d" % axis, S.SequenceLast(d, ln, use_sequence_length=True, axis=axis), {"data": u(*shape), "len": lengths}
        yield "mask_axis_%d" % axis, S.SequenceMask(d, ln, use_sequence_length=True, value=0.5, axis=axis), {"data": u(*shape), "len": lengths}
    yield "reverse_all", S.SequenceReverse(d), {"data": u(4, 2, 3)}
    yield "reverse_lengths", S.SequenceReverse(d, ln, use_sequence_length=True), {"data": u(4, 3, 2), "len": np.array([1, 4, 3], "f")}
    yield "logistic_wide", S.LogisticRegressionOutput(d, lab), {"data": 4 * u(2, 5), "label": np.abs(u(2, 5))}
    yield "mae_equal", S.MAERegressionOutput(d, lab, grad_scale=0.5), {"data": np.array([[1, 2], [3, 4]], "f"), "label": np.array([[1, 3], [2, 4]], "f")}
    yield "linear_3d", S.LinearRegressionOutput(d, lab), {"data": u(2, 3, 2), "label": u(2, 3, 2)}
    for mode, gates in [("lstm", 4), ("gru", 3), ("rnn_tanh", 1), ("rnn_relu", 1)]:
        size = 2 * (2 + 3 + 2) * 3 * gates
        args = {"data": u(3, 2, 2), "parameters": 0.7 * u(size), "state": u(2, 2, 3)}
        states = {"state": S.Variable("state")}
        if mode == "lstm":
            args["state_cell"] = u(2, 2, 3)
            states["state_cell"] = S.Variable("state_cell")
        symbol = S.RNN(d, parameters=S.Variable("parameters"), state_size=3, num_layers=1, bidirectional=True, mode=mode, state_outputs=False, **states)
        yield "rnn_%s_l1_bi" % mode, symbol, args


def cells():
    R = mx.rnn
    lstm, gru, rnn = (lambda p: R.LSTMCell(4, prefix=p)), (lambda p: R.GRUCell(4, prefix=p)), (lambda p: R.RNNCell(4, prefix=p))

    def stack(*parts):
        cell = R.SequentialRNNCell()
        for part in parts:
            cell.add(part)
        return cell

    yield "rnn_tanh", rnn("r_")
    yield "rnn_relu", R.RNNCell(4, activation="relu", prefix="r_")
    yield "lstm", lstm("l_")
    yield "gru", gru("g_")
    yield "sequential", stack(lstm("a_"), R.DropoutCell(0.0), gru("b_"))
    yield "bidirectional_lstm", R.BidirectionalCell(lstm("l_"), lstm("r_"))
    yield "bidirectional_gru", R.BidirectionalCell(gru("l_"), gru("r_"))
    yield "bidirectional_rnn", R.BidirectionalCell(rnn("l_"), rnn("r_"))
    yield "bidirectional_stack", stack(R.BidirectionalCell(lstm("l0_"), lstm("r0_")), R.BidirectionalCell(gru("l1_"), gru("r1_")))
    yield "residual", R.ResidualCell(R.GRUCell(3, prefix="g_"))
    yield "fused_bidirectional", R.FusedRNNCell(4, num_layers=2, mode="lstm", bidirectional=True, prefix="f_", get_next_state=True)
    yield "fused_gru", R.FusedRNNCell(4, num_layers=1, mode="gru", prefix="f_")
    yield "unfused", R.FusedRNNCell(4, num_layers=2, mode="lstm", bidirectional=True, prefix="f_").unfuse()
    yield "zoneout", R.ZoneoutCell(lstm("l_"), 0.2, 0.1)


def flat(states):
    for state in states:
        if isinstance(state, list):
            yield from flat(state)
        else:
            yield state


def unrolled(rng, cell, layout, merge):
    cell.reset()
    outputs, states = cell.unroll(3, inputs=S.Variable("data"), layout=layout, merge_outputs=merge)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    # Of a symbol that is a head twice MXNet takes the last head's gradient alone: each is a head once here.
    heads = {head.list_outputs()[0] if len(head.list_outputs()) == 1 else id(head): head for head in outputs + list(flat(states))}
    symbol = S.Group(list(heads.values()))
    shape = (2, 3, 3) if layout == "NTC" else (3, 2, 3)
    shapes, _, _ = symbol.infer_shape(data=shape)
    scale = 0.7
    return symbol, {k: scale * rng.uniform(-1, 1, s).astype("f") for k, s in zip(symbol.list_arguments(), shapes)}


def write(path, cases):
    with open(path, "w") as file:
        json.dump({"mxnet": mx.__version__, "cases": cases}, file, separators=(",", ":"), sort_keys=True)
        file.write("\n")


def main(folder):
    rng = np.random.RandomState(1)
    cases = {name: run(rng, symbol, args) for name, symbol, args in operators(rng)}
    # Its training ends MXNet with a segmentation fault.
    rrelu = S.LeakyReLU(S.Variable("data"), act_type="rrelu", lower_bound=0.1, upper_bound=0.3)[0]
    cases["rrelu"] = run(rng, rrelu, {"data": rng.uniform(-2, 2, (3, 4)).astype("f")}, train=False)
    write(folder + "/more_ops.json", cases)
    cases = {}
    for name, cell in cells():
        for layout, merge in [("NTC", True), ("TNC", True), ("NTC", False)]:
            # MXNet draws zoneout's masks in training; in inference there are none.
            case = run(rng, *unrolled(rng, cell, layout, merge), train=name != "zoneout")
            cases["%s_%s_%s" % (name, layout, "merged" if merge else "steps")] = case
    write(folder + "/rnn_cells.json", cases)


main(sys.argv[1])
