"""``python mediapipe_python.py MODEL RAWS``: what MediaPipe alone answers in JSON, a score for each label.

Raw values are texts, or images (H, W, 3) from 0 to 255. A program of its own: nothing of mgdist is imported here.
"""

import json
import sys
from pathlib import Path
from typing import Any

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.text import TextClassifier, TextClassifierOptions
from mediapipe.tasks.python.vision import ImageClassifier, ImageClassifierOptions


def main(model: str, raws: list[Any]) -> None:
    base = BaseOptions(model_asset_path=model)
    if isinstance(raws[0], str):
        with TextClassifier.create_from_options(TextClassifierOptions(base_options=base)) as classifier:
            found = [classifier.classify(raw) for raw in raws]
    else:
        with ImageClassifier.create_from_options(ImageClassifierOptions(base_options=base)) as classifier:
            found = [classifier.classify(_image(raw)) for raw in raws]
    scores = [{each.category_name: each.score for each in answer.classifications[0].categories} for answer in found]
    sys.stdout.write(json.dumps(scores))


def _image(raw: Any) -> mediapipe.Image:
    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.array(raw, np.uint8))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(Path(sys.argv[2]).read_text()))
