"""Writes schedules.json: the rates of MXNet 1.9.1's schedulers, update by update, after `set`, the optimizer's learning_rate.

Run as `python schedules.py > schedules.json`, with mxnet==1.9.1 and numpy<1.24.
"""
import itertools
import json

from mxnet import lr_scheduler as lr

UPDATES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 30, 31, 100]
STARTS = [{}, dict(base_lr=0.3), dict(base_lr=0.3, warmup_steps=1),
          dict(base_lr=0.3, warmup_steps=4, warmup_begin_lr=0.03),
          dict(base_lr=0.3, warmup_steps=4, warmup_begin_lr=0.03, warmup_mode="constant"),
          dict(base_lr=0.3, warmup_steps=40, warmup_begin_lr=0.03)]
KINDS = [("Factor", dict(step=1, factor=0.5)), ("Factor", dict(step=3, factor=0.9)),
         ("Factor", dict(step=2, factor=0.1, stop_factor_lr=1e-3)),
         ("MultiFactor", dict(step=[1, 2, 6], factor=0.5)), ("MultiFactor", dict(step=[8, 30], factor=0.1)),
         ("Poly", dict(max_update=10)), ("Poly", dict(max_update=31, pwr=3, final_lr=0.002)),
         ("Poly", dict(max_update=10, pwr=1)), ("Poly", dict(max_update=10, pwr=0)),
         ("Cosine", dict(max_update=10)), ("Cosine", dict(max_update=31, final_lr=0.002)),
         ("Cosine", dict(max_update=1))]

runs = []
for (kind, args), start, base in itertools.product(KINDS, STARTS, [None, 0.07]):
    if args.get("max_update") == start.get("warmup_steps", 0):
        continue
    for updates in [UPDATES, UPDATES[-3:]]:
        arguments = {k: list(v) if isinstance(v, list) else v for k, v in args.items()}
        schedule = getattr(lr, kind + "Scheduler")(**arguments, **start)
        if base is not None:
            schedule.base_lr = base
        runs.append({"kind": kind, "args": args, "start": start, "set": base,
                     "rates": [[t, schedule(t)] for t in updates]})
print('{"mxnet": "1.9.1", "runs": [\n' + ",\n".join(json.dumps(r) for r in runs) + "\n]}")
