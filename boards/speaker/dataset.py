"""Japanese Vowels: the .ts text files, the buckets, and the project's small binary form of both.

Used by train.py and choose.py; run by hand it writes the binary files that the firmware embeds:

    python dataset.py --data DIR_WITH_TS_FILES --out DIR

Layout of train.bin, test.bin and adapt.bin (all little endian; drawn in README.md as well):

    offset           size      what
    0                4         magic "TPSV"
    4                2         u16 version, 1
    6                2         u16 channels C, 12
    8                4         u32 count U of utterances
    12               4         u32 total steps S of all utterances
    16               8 * U     directory, one entry per utterance, in order:
                                 u32 first step (index into the step table below)
                                 u8 steps T (7..29), u8 label (speaker, 0..8), u16 zero
    16 + 8 U         4 * C * S step table: f32, row-major (S, C); an utterance is the
                               T consecutive rows from its first step, time ascending

train.bin and test.bin keep the order of the .ts files; adapt.bin has the 45 utterances of the fine-tuning in the order
in which they are trained on (see `adaptation`).

Every part is a multiple of 4 bytes, so a file embedded at an aligned address is read in place: utterance u
is the slice [first * C .. (first + T) * C] of the f32 table, with no copy and no parsing.

Layout of microphones.bin and microphones-dev.bin:

    0                4         magic "TPMC"
    4                2         u16 version, 1
    6                2         u16 channels C, 12
    8                4         u32 count K of matrices
    12               4         u32 zero
    16               4 * K     u32 seed of each matrix
    16 + 4 K         4 * K*C*C f32, row-major (K, C, C): M_s = I + 0.3 N

A step heard through microphone s is the row vector x times M_s: x'[j] = sum over i of x[i] * M_s[i][j].
"""

import argparse
import os
import struct

import numpy as np

CHANNELS = 12
SPEAKERS = 9
BUCKETS = (12, 16, 20, 29)
VERSION = 1
ADAPT_PER_SPEAKER = 5
# Utterance i of the training set's other 225 is held out in fold i mod 5 (train.py, choose.py).
FOLDS = 5
# The microphones of the demo, and those that hyperparameters may be chosen with (choose.py).
DEMO_SEEDS = tuple(range(1, 11))
DEV_SEEDS = tuple(range(101, 111))


def read_ts(path):
    """The utterances of a .ts file, in file order: a list of ((T, 12) float32 array, label in 0..9)."""
    utterances, in_data = [], False
    with open(path) as f:
        for line in f:
            line = line.strip()
            if in_data and line:
                *channels, label = line.split(":")
                rows = [np.array(c.split(","), dtype=np.float64) for c in channels]
                utterances.append((np.stack(rows, axis=1).astype(np.float32), int(label) - 1))
            elif line == "@data":
                in_data = True
    return utterances


def load(folder):
    """(train, test) from the folder that holds the two .ts files."""
    return tuple(read_ts(os.path.join(folder, "JapaneseVowels_%s.ts" % part)) for part in ("TRAIN", "TEST"))


def adaptation(train):
    """The 45 labelled utterances that the model may be fine-tuned on: the first five of each speaker in the order of the
    file. They come in rounds, every speaker once in each: training on them in this order, over and over, needs neither
    a shuffle nor a table."""
    of_speaker = [[u for u in train if u[1] == speaker][:ADAPT_PER_SPEAKER] for speaker in range(SPEAKERS)]
    return [of_speaker[speaker][i] for i in range(ADAPT_PER_SPEAKER) for speaker in range(SPEAKERS)]


def bucket_of(steps):
    """The smallest bucket that holds so many steps."""
    return min(key for key in BUCKETS if key >= steps)


def padded(x):
    """(T, C) -> (key, C) with zeros on the left: the last step stays the last step."""
    out = np.zeros((bucket_of(len(x)), x.shape[1]), x.dtype)
    out[len(out) - len(x):] = x
    return out


def microphone(seed):
    """M_s = I + 0.3 N as float32, N standard normal."""
    noise = np.random.default_rng(seed).standard_normal((CHANNELS, CHANNELS))
    return (np.eye(CHANNELS) + 0.3 * noise).astype(np.float32)


def write_utterances(path, utterances):
    first = 0
    directory = b""
    for x, label in utterances:
        directory += struct.pack("<IBBH", first, len(x), label, 0)
        first += len(x)
    with open(path, "wb") as f:
        f.write(struct.pack("<4sHHII", b"TPSV", VERSION, CHANNELS, len(utterances), first))
        f.write(directory)
        for x, _ in utterances:
            f.write(x.astype("<f4").tobytes())


def write_microphones(path, seeds):
    with open(path, "wb") as f:
        f.write(struct.pack("<4sHHII", b"TPMC", VERSION, CHANNELS, len(seeds), 0))
        f.write(struct.pack("<%dI" % len(seeds), *seeds))
        for seed in seeds:
            f.write(microphone(seed).astype("<f4").tobytes())


def main():
    args = argparse.ArgumentParser(description="writes train.bin, test.bin, adapt.bin, microphones.bin, microphones-dev.bin")
    args.add_argument("--data", required=True, help="folder with JapaneseVowels_TRAIN.ts and JapaneseVowels_TEST.ts")
    args.add_argument("--out", required=True, help="folder to write to")
    args = args.parse_args()
    train, test = load(args.data)
    os.makedirs(args.out, exist_ok=True)
    write_utterances(os.path.join(args.out, "train.bin"), train)
    write_utterances(os.path.join(args.out, "test.bin"), test)
    write_utterances(os.path.join(args.out, "adapt.bin"), adaptation(train))
    write_microphones(os.path.join(args.out, "microphones.bin"), DEMO_SEEDS)
    write_microphones(os.path.join(args.out, "microphones-dev.bin"), DEV_SEEDS)


if __name__ == "__main__":
    main()
