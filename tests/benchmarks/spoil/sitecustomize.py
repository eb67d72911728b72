"""Let a weight of this process be no number once a file is there: Python imports this module as it starts."""

import gc
import math
import os
import sys
import time
from pathlib import Path
from threading import Thread


def _wait() -> None:
    asked = Path(os.environ["SPOIL"])
    while True:
        time.sleep(0.1)
        learns = sys.modules.get("mgdist.train.torch_engine")
        if learns is None or not asked.exists():
            continue
        engines = [each for each in gc.get_objects() if isinstance(each, learns.TorchEngine)]
        if engines:
            asked.unlink(missing_ok=True)
            next(engines[0].network.parameters()).data.view(-1)[:] = math.nan
            return


if "SPOIL" in os.environ:
    Thread(target=_wait, name="spoil", daemon=True).start()
