"""Chooses the hyperparameters of the on-device fine-tuning, in numpy, without looking at the test set.

    python train.py  --data DIR_WITH_TS_FILES --out FOLDS --cross-validate
    python choose.py --data DIR_WITH_TS_FILES --folds FOLDS/batch10-lr0.2-wd0.001 --model model/speaker-0060.params

The setting: the microphone changes, so that every step x becomes x M_s (dataset.py). The model may train on 45 labelled
utterances, the first five of each speaker in the file of the training set, one at a time (batch 1), for 540 steps, with
back-propagation through every step of the bucket, padding included.

Candidates are compared on the other 225 training utterances under microphones 101..110. Each of those is judged by a model that
never saw it: one of the five that train.py trained without a fold of the 225. The best mean accuracy is taken. Only then the
winners run under microphones 1..10 on the test set, from the demo's own model. numpy only, f32: the firmware's own figures are
close to these, not equal.

One run per candidate, fold and microphone; they differ in their weights and inputs only, so all are computed side by side along a
leading axis K of every array.
"""

import argparse
import struct

import numpy as np

import dataset

H = 16
STEPS = 540
PER_SPEAKER = dataset.ADAPT_PER_SPEAKER
WEIGHTS = ("gru_i2h_weight", "gru_i2h_bias", "gru_h2h_weight", "gru_h2h_bias", "fc_weight", "fc_bias")


def read_params(path):
    """name -> f32 array, from a dense f32 .params file (format V2)."""
    with open(path, "rb") as f:
        raw = f.read()
    at = 0

    def take(fmt):
        nonlocal at
        values = struct.unpack_from("<" + fmt, raw, at)
        at += struct.calcsize("<" + fmt)
        return values if len(values) > 1 else values[0]

    magic, _, count = take("QQQ")
    assert magic == 0x112
    arrays = []
    for _ in range(count):
        assert take("I") == 0xF993FAC9 and take("i") == 0
        shape = [take("q") for _ in range(take("i"))]
        _, _, dtype = take("iii")
        assert dtype == 0
        size = int(np.prod(shape))
        arrays.append(np.frombuffer(raw, "<f4", size, at).reshape(shape))
        at += 4 * size
    names = []
    for _ in range(take("Q")):
        length = take("Q")
        names.append(raw[at:at + length].decode().removeprefix("arg:"))
        at += length
    return dict(zip(names, arrays))


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def forward(w, x):
    """x (K, N, T, 12) -> probabilities (K, N, 9) and what backward needs."""
    saved = []
    h = np.zeros(x.shape[:2] + (H,), np.float32)
    wi, wh = w["gru_i2h_weight"].transpose(0, 2, 1), w["gru_h2h_weight"].transpose(0, 2, 1)
    for t in range(x.shape[2]):
        i = x[:, :, t] @ wi + w["gru_i2h_bias"][:, None]
        g = h @ wh + w["gru_h2h_bias"][:, None]
        rz = sigmoid(i[..., :2 * H] + g[..., :2 * H])
        r, z = rz[..., :H], rz[..., H:]
        n = np.tanh(i[..., 2 * H:] + r * g[..., 2 * H:])
        saved.append((h, r, z, n, g[..., 2 * H:]))
        h = (1 - z) * n + z * h
    y = h @ w["fc_weight"].transpose(0, 2, 1) + w["fc_bias"][:, None]
    e = np.exp(y - y.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True), saved, h


def gradients(w, x, label, last_layer_only=False):
    """Of the cross entropy summed over N; label is one class for all K (N = 1)."""
    p, saved, h = forward(w, x)
    d = p.copy()
    d[:, :, label] -= 1
    g = {"fc_weight": d.transpose(0, 2, 1) @ h, "fc_bias": d.sum(axis=1)}
    if last_layer_only:
        return g
    dh = d @ w["fc_weight"]
    for name in WEIGHTS[:4]:
        g[name] = np.zeros_like(w[name])
    for t in reversed(range(x.shape[2])):
        before, r, z, n, gn = saved[t]
        dn = dh * (1 - z) * (1 - n * n)
        dz = dh * (before - n) * z * (1 - z)
        dr = dn * gn * r * (1 - r)
        di = np.concatenate([dr, dz, dn], axis=-1)
        dg = np.concatenate([dr, dz, dn * r], axis=-1)
        g["gru_i2h_weight"] += di.transpose(0, 2, 1) @ x[:, :, t]
        g["gru_h2h_weight"] += dg.transpose(0, 2, 1) @ before
        g["gru_i2h_bias"] += di.sum(axis=1)
        g["gru_h2h_bias"] += dg.sum(axis=1)
        dh = dh * z + dg @ w["gru_h2h_weight"]
    return g


ORDERS = {
    # The order of adapt.bin: one speaker after the other, the utterance changing every nine steps.
    "round": lambda s: s % 45,
    # The order of the file, speaker by speaker.
    "file": lambda s: s % PER_SPEAKER * 9 + s % 45 // PER_SPEAKER,
}
SCHEDULES = {
    "constant": lambda s: 1.0,
    "linear": lambda s: 1 - s / STEPS,
}


def grid(**axes):
    rows = [{}]
    for name, values in axes.items():
        rows = [dict(row, **{name: v}) for row in rows for v in values]
    return rows


ALL_LAYERS = (
    grid(order=("round",), lr=(0.003, 0.005, 0.01), momentum=(0.9,), clip=(np.inf,), wd=(0, 0.01), schedule=SCHEDULES)
    + grid(order=("round",), lr=(0.01,), momentum=(0.9,), clip=(0.25,), wd=(0, 0.01), schedule=SCHEDULES)
    + grid(order=("round",), lr=(0.02, 0.05), momentum=(0.5,), clip=(np.inf,), wd=(0,), schedule=("constant",))
    + grid(order=("file",), lr=(0.005,), momentum=(0.9,), clip=(np.inf,), wd=(0,), schedule=("constant",)))
LAST_LAYER = grid(order=("round",), lr=(0.003, 0.01, 0.03), momentum=(0.9,), clip=(np.inf,), wd=(0,), schedule=SCHEDULES)


def fine_tune(w, utterances, rows, last_layer_only=False):
    """Every run at once. w: name -> (K, ...); utterances: [(x (K, T, 12), label)]; rows: K candidates, all of one
    order. MXNet's SGD: g = clip(g); m = momentum m - lr (g + wd w); w += m; no wd on biases."""
    candidates = {k: np.array([row[k] for row in rows]) for k in ("lr", "momentum", "clip", "wd")}
    order = ORDERS[rows[0]["order"]]
    w = {k: v.copy() for k, v in w.items()}
    trained = WEIGHTS[4:] if last_layer_only else WEIGHTS
    m = {k: np.zeros_like(w[k]) for k in trained}
    for s in range(STEPS):
        x, label = utterances[order(s)]
        g = gradients(w, x[:, None], label, last_layer_only)
        lr = candidates["lr"] * np.array([SCHEDULES[row["schedule"]](s) for row in rows], np.float32)
        for k in trained:
            def wide(v):
                return v.astype(np.float32).reshape((-1,) + (1,) * (w[k].ndim - 1))
            clip = wide(candidates["clip"])
            decay = wide(candidates["wd"]) * w[k] if k.endswith("weight") else 0
            m[k] = wide(candidates["momentum"]) * m[k] - wide(lr) * (np.clip(g[k], -clip, clip) + decay)
            w[k] = w[k] + m[k]
    return w


def repeat(w, count):
    return {k: np.repeat(v[None], count, axis=0) for k, v in w.items()}


def heard(utterances, microphones):
    """[((K, T, 12) padded, label)] with one row of K per microphone; padding is added after the microphone."""
    return [(np.stack([dataset.padded(x @ m) for m in microphones]), label) for x, label in utterances]


def accuracies(w, utterances):
    """(K,) share of utterances classified right; utterances as `heard` returns them."""
    right = np.zeros(len(utterances[0][0]))
    for key in dataset.BUCKETS:
        of_key = [u for u in utterances if u[0].shape[1] == key]
        x = np.stack([x for x, _ in of_key], axis=1)
        labels = np.array([label for _, label in of_key])
        right += (forward(w, x)[0].argmax(axis=-1) == labels).sum(axis=1)
    return right / len(utterances)


def renormalised(utterances, microphones, adapt, train):
    """As `heard`, each channel shifted and scaled so that the 45 utterances, heard through the same
    microphone, have the mean and standard deviation of the whole clean training set. Needs no label."""
    clean = np.concatenate([x for x, _ in train])
    steps = np.concatenate([x for x, _ in adapt])
    out = []
    for x, label in utterances:
        rows = []
        for m in microphones:
            y = steps @ m
            rows.append(dataset.padded(((x @ m - y.mean(0)) / y.std(0) * clean.std(0) + clean.mean(0)).astype(np.float32)))
        out.append((np.stack(rows), label))
    return out


def run(bases, rows, microphones, adapt, judged, last_layer_only=False):
    """(len(rows), len(microphones)) accuracies after fine-tuning: of bases[i] on judged[i], together."""
    out = []
    for row in rows:
        runs = [(base, m) for base in bases for m in microphones]
        w = {k: np.stack([base[k] for base, _ in runs]) for k in WEIGHTS}
        tuned = fine_tune(w, heard(adapt, [m for _, m in runs]), [row] * len(runs), last_layer_only)
        right = 0
        for i, part in enumerate(judged):
            of_base = {k: v[i * len(microphones):(i + 1) * len(microphones)] for k, v in tuned.items()}
            right = right + accuracies(of_base, heard(part, microphones)) * len(part)
        out.append(right / sum(len(part) for part in judged))
    return np.array(out)


def line(name, a):
    print("%-100s median %.3f  mean %.3f  worst %.3f" % (name, np.median(a), np.mean(a), np.min(a)), flush=True)


def without_training(bases, microphones, adapt, judged, train):
    """The lines that need no training: as trained, and with inputs renormalised."""
    def mean_over_bases(score):
        return sum(score(base, part) * len(part) for base, part in zip(bases, judged)) / sum(len(part) for part in judged)

    k = len(microphones)
    clean = [np.eye(12, dtype=np.float32)]
    line("as trained, microphone unchanged", mean_over_bases(lambda b, p: accuracies(repeat(b, 1), heard(p, clean))))
    line("as trained", mean_over_bases(lambda b, p: accuracies(repeat(b, k), heard(p, microphones))))
    line("inputs renormalised",
         mean_over_bases(lambda b, p: accuracies(repeat(b, k), renormalised(p, microphones, adapt, train))))


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--data", required=True, help="folder with the .ts files")
    args.add_argument("--folds", required=True, help="the fold models' common path, up to -fold0.params")
    args.add_argument("--model", required=True, help="speaker-0060.params")
    args = args.parse_args()
    np.seterr(over="ignore")
    train, test = dataset.load(args.data)
    folds = [read_params("%s-fold%d.params" % (args.folds, f)) for f in range(dataset.FOLDS)]
    adapt = dataset.adaptation(train)
    adapt_ids = {id(u) for u in adapt}
    rest = [u for u in train if id(u) not in adapt_ids]
    held = [rest[f::dataset.FOLDS] for f in range(dataset.FOLDS)]
    dev = [dataset.microphone(s) for s in dataset.DEV_SEEDS]

    print("On held-out training utterances, microphones %d..%d" % (dataset.DEV_SEEDS[0], dataset.DEV_SEEDS[-1]))
    without_training(folds, dev, adapt, held, train)
    best = []
    for what, rows, last_layer_only in (("last layer", LAST_LAYER, True), ("all layers", ALL_LAYERS, False)):
        scored = []
        for row in rows:
            accuracy = run(folds, [row], dev, adapt, held, last_layer_only)[0]
            name = "%s: %s" % (what, ", ".join("%s %s" % kv for kv in row.items()))
            line(name, accuracy)
            scored.append((np.mean(accuracy), name, row, last_layer_only))
        best.append(max(scored, key=lambda s: s[0]))

    demo = [dataset.microphone(s) for s in dataset.DEMO_SEEDS]
    print("On the test set, microphones %d..%d" % (dataset.DEMO_SEEDS[0], dataset.DEMO_SEEDS[-1]))
    model = [read_params(args.model)]
    without_training(model, demo, adapt, [test], train)
    for _, name, row, last_layer_only in best:
        accuracy = run(model, [row], demo, adapt, [test], last_layer_only)[0]
        line(name, accuracy)
        print("    per microphone: %s" % " ".join("%.3f" % a for a in accuracy))


if __name__ == "__main__":
    main()
