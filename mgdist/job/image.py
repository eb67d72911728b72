"""Image inputs: which column, which size, and how the training images are varied."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from mgdist.job.strict import Spec, as_tuple
from mgdist_edge.grid import divide
from mgdist_edge.windows import Window

GRANULARITIES = ("patch", "region", "image")
"""The levels that an image can be read at, finest first."""

Side = Annotated[int, Field(ge=1, le=8192)]


class AugmentSpec(Spec):
    """How training images are varied each time they are seen; others never are."""

    crop: int = Field(0, ge=0, le=1024)
    """pixels of black border that are put around an image, of which its size is cut out again at a random place"""
    flip: bool = False
    """mirror left and right in half of the cases; wrong for digits and letters"""
    erase: float = Field(0.0, ge=0, le=1)
    """share of the images of which a random rectangle is replaced by noise (Zhong et al., 2017)"""


class ImageSpec(Spec):
    """Images: regions of patches of pixels."""

    kind: Literal["image"]
    column: str = "image"
    """column of the image: the pixels' bytes, an image file's bytes, its path, or an array"""
    size: Annotated[tuple[Side, Side], BeforeValidator(as_tuple)]
    """height and width in pixels, to which all images are brought"""
    channels: Literal[1, 3] = 3
    """1 is grey; 3 is red, green and blue; image files of the other kind are turned into it"""
    resize: Literal["fit", "pad", "none"] = "fit"
    """how an image of another size is brought to size: fit scales the smaller side and crops the centre, pad scales the
    larger side and adds a black border, none refuses it"""
    augment: AugmentSpec | None = None
    """how the training images are varied; null: not at all"""


def image_mistakes(spec: ImageSpec, levels: Mapping[str, Window]) -> list[tuple[str, str]]:
    """Return where the levels do not divide the image without a rest.

    Args:
        spec: of the input.
        levels: granularity -> what a unit covers, finest first.

    Returns:
        the path below ``granularities``, such as ``region.length``, and what is wrong there.
    """
    return divide(spec.size, levels)[1]
