"""Chooses the hyperparameters of the on-device fine-tuning, in numpy, without looking at the test set.

    python choose.py --data DIR_WITH_TS_FILES --model model/speaker-0060.params

The setting: the microphone changes, so that every step x becomes x M_s (dataset.py). The model may train on 45 labelled
utterances, the first five of each speaker in the file of the training set, one at a time (batch 1), for 540 steps.
Candidates are compared on the other 225 training utterances under microphones 101..110 alone; only the winners, printed last,
are then run once under microphones 1..10 on the test set. numpy only, f32; the firmware's own figures are the project's.

One run per (candidate, microphone); they differ in their weights only, so all runs are computed side by side along a leading
axis K of every array.
"""

import argparse
import struct

import numpy as np

import dataset

H = 16
STEPS = 540
PER_SPEAKER = 5
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
    # Row s mod 45 of the 45 utterances as they stand in the file, speaker by speaker.
    "file": lambda s: s % 45,
    # One speaker after the other, the utterance changing every nine steps.
    "round": lambda s: s % 9 * PER_SPEAKER + s // 9 % PER_SPEAKER,
    # A stride through the file order that is coprime to 45.
    "stride16": lambda s: s * 16 % 45,
}
SCHEDULES = {
    "constant": lambda s: 1.0,
    "linear": lambda s: 1 - s / STEPS,
    "half/180": lambda s: 0.5 ** (s // 180),
}


def fine_tune(w, utterances, candidates, order, last_layer_only=False):
    """Runs every candidate at once. w: name -> (K, ...); utterances: [(x (K, T, 12), label)];
    candidates: dict of (K,) arrays lr, momentum, clip, wd, and a list of schedules. MXNet's SGD:
    g = clip(g); m = momentum m - lr (g + wd w); w += m; no wd on biases."""
    w = {k: v.copy() for k, v in w.items()}
    trained = WEIGHTS[4:] if last_layer_only else WEIGHTS
    m = {k: np.zeros_like(w[k]) for k in trained}
    for s in range(STEPS):
        x, label = utterances[ORDERS[order](s)]
        g = gradients(w, x[:, None], label, last_layer_only)
        lr = candidates["lr"] * np.array([SCHEDULES[c](s) for c in candidates["schedule"]], np.float32)
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


def grid(**axes):
    rows = [{}]
    for name, values in axes.items():
        rows = [dict(row, **{name: v}) for row in rows for v in values]
    return rows


def run(weights, rows, microphones, adapt, judged, order, last_layer_only=False):
    """(len(rows), len(microphones)) accuracies on `judged` after fine-tuning."""
    chunk, out = 12, []
    for start in range(0, len(rows), chunk):
        part = rows[start:start + chunk]
        each = [row for row in part for _ in microphones]
        ms = [m for _ in part for m in microphones]
        candidates = {k: np.array([row[k] for row in each]) for k in ("lr", "momentum", "clip", "wd")}
        candidates["schedule"] = [row["schedule"] for row in each]
        tuned = fine_tune(repeat(weights, len(each)), heard(adapt, ms), candidates, order, last_layer_only)
        for i in range(len(part)):
            of_row = {k: v[i * len(microphones):(i + 1) * len(microphones)] for k, v in tuned.items()}
            out.append(accuracies(of_row, heard(judged, microphones)))
    return np.array(out)


def line(name, a):
    print("%-58s median %.3f  mean %.3f  worst %.3f" % (name, np.median(a), np.mean(a), np.min(a)), flush=True)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--data", required=True)
    args.add_argument("--model", required=True, help="speaker-0060.params")
    args = args.parse_args()
    np.seterr(over="ignore")
    train, test = dataset.load(args.data)
    weights = read_params(args.model)
    adapt = [u for speaker in range(9) for u in [u for u in train if u[1] == speaker][:PER_SPEAKER]]
    chosen_ids = {id(u) for u in adapt}
    rest = [u for u in train if id(u) not in chosen_ids]
    dev = [dataset.microphone(s) for s in dataset.DEV_SEEDS]
    demo = [dataset.microphone(s) for s in dataset.DEMO_SEEDS]

    print("On %d training utterances, microphones %d..%d" % (len(rest), dataset.DEV_SEEDS[0], dataset.DEV_SEEDS[-1]))
    line("as trained, microphone unchanged", accuracies(repeat(weights, 1), heard(rest, [np.eye(12, dtype=np.float32)])))
    line("as trained", accuracies(repeat(weights, 10), heard(rest, dev)))
    line("inputs renormalised", accuracies(repeat(weights, 10), renormalised(rest, dev, adapt, train)))
    best = {}
    for last_layer_only in (False, True):
        for order in ORDERS if not last_layer_only else ("round",):
            rows = grid(lr=LAST_LAYER_RATES if last_layer_only else RATES, momentum=MOMENTA, clip=CLIPS, wd=(0.0,), schedule=SCHEDULES)
            scores = run(weights, rows, dev, adapt, rest, order, last_layer_only)
            for row, a in zip(rows, scores):
                name = "%s %s %s" % ("last layer" if last_layer_only else "all layers", order,
                                     " ".join("%s %s" % kv for kv in row.items()))
                line(name, a)
                key = (np.mean(a), np.median(a))
                if last_layer_only not in best or key > best[last_layer_only][0]:
                    best[last_layer_only] = (key, row, order, name)

    print("On the test set, microphones %d..%d" % (dataset.DEMO_SEEDS[0], dataset.DEMO_SEEDS[-1]))
    line("as trained, microphone unchanged", accuracies(repeat(weights, 1), heard(test, [np.eye(12, dtype=np.float32)])))
    line("as trained", accuracies(repeat(weights, 10), heard(test, demo)))
    line("inputs renormalised", accuracies(repeat(weights, 10), renormalised(test, demo, adapt, train)))
    for last_layer_only in (True, False):
        _, row, order, name = best[last_layer_only]
        line(name, run(weights, [row], demo, adapt, test, order, last_layer_only)[0])


RATES = (0.005, 0.01, 0.02, 0.05)
LAST_LAYER_RATES = (0.01, 0.02, 0.05, 0.1)
MOMENTA = (0.0, 0.9)
CLIPS = (np.inf, 0.25)

if __name__ == "__main__":
    main()
