"""Records how MXNet 1.9.1 trains the demo's model for one epoch: which batches, and the parameters after some of them.

Run by hand, in the environment of ../README.md:

    python make.py          # writes beside itself

It runs boards/speaker/train.py's own `fit`, from the same seed, and stops it after the first epoch. Written are
    batches.json               the batches in their order: bucket key, rows of boards/speaker/data/train.bin, rows of padding;
                               the rate of each update; the accuracy that fit logs
    after-0005.params          the parameters after five batches
    after-epoch.params         the parameters after the epoch
"""

import json
import os
import struct
import sys

here = os.path.dirname(os.path.abspath(__file__))
speaker = os.path.join(here, "../../../boards/speaker")
sys.path.insert(0, speaker)

import train  # sets MXNet's engine first
import mxnet as mx
import numpy as np

SOME = 5


def utterances(path):
    """The utterances of train.bin, whose layout boards/speaker/README.md draws."""
    with open(path, "rb") as f:
        magic, version, channels, count, steps = struct.unpack("<4sHHII", f.read(16))
        assert (magic, version) == (b"TPSV", 1)
        directory = [struct.unpack("<IBBH", f.read(8)) for _ in range(count)]
        table = np.frombuffer(f.read(), "<f4").reshape(steps, channels)
    return [(table[first:first + length], label) for first, length, label, _ in directory]


class Stop(Exception):
    pass


class Recorded(train.Batches):
    seen = []

    def next(self):
        batch = super().next()
        Recorded.seen.append({"bucket_key": batch.bucket_key, "rows": [int(i) for i in batch.index], "pad": batch.pad})
        return batch


class Module(mx.mod.BucketingModule):
    """Saves the parameters after SOME updates and keeps the rate of each."""
    rates = []

    def update(self):
        super().update()
        Module.rates.append(float(self._curr_module._optimizer.learning_rate))
        if len(Module.rates) == SOME:
            self.save_params(os.path.join(here, "after-%04d.params" % SOME))


result = {}


class Bounded(Module):
    """fit, stopped after the first epoch (train.py asks for all of them, over which the rate falls)."""

    def fit(self, data, **arguments):
        def epoch_end(epoch, symbol, args, aux):
            raise Stop

        def batch_end(param):
            result["accuracy"] = param.eval_metric.get_global()[1]
        try:
            super().fit(data, epoch_end_callback=epoch_end, batch_end_callback=batch_end, **arguments)
        except Stop:
            self.save_params(os.path.join(here, "after-epoch.params"))


initial = os.path.join(here, "initial.params")
train.Batches, mx.mod.BucketingModule = Recorded, Bounded
train.fit(utterances(os.path.join(speaker, "data/train.bin")), train.SEED, initial=lambda module: module.save_params(initial))
with open(initial, "rb") as ours, open(os.path.join(speaker, "model/speaker-0000.params"), "rb") as demos:
    assert ours.read() == demos.read(), "not the demo's initial values"
os.remove(initial)
# Every batch of the epoch, and no more: fit fetches none beyond it.
assert len(Recorded.seen) == len(Module.rates)
with open(os.path.join(here, "batches.json"), "w") as file:
    rows = ",\n".join(json.dumps(dict(batch, learning_rate=rate)) for batch, rate in zip(Recorded.seen, Module.rates))
    file.write('{"mxnet": "%s", "accuracy": %r, "batches": [\n%s\n]}\n' % (mx.__version__, result["accuracy"], rows))
