"""Writes numpy.npz: the data of scenario a's last step as NumPy itself saves it.

int64 in Fortran order, deflated: what a user's script is likely to hand over. Run by hand with NumPy:

    python make.py
"""

import json
import os

import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
golden = os.path.join(here, "../../../../../tests/golden")
with open(os.path.join(golden, "a_lstm_lm.json")) as f:
    data = json.load(f)["steps"][-1]["data"]["data"]
array = np.array(data["data"], np.int64).reshape(data["shape"])
np.savez_compressed(os.path.join(here, "numpy.npz"), data=np.asfortranarray(array))
