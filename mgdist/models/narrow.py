"""Fully connected layers of which a part may run: the first of their outputs, over the first of their inputs."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class NarrowLinear(nn.Linear):
    """A fully connected layer that computes as many outputs as it is asked for, from as many inputs as it is given.

    After Yu et al., "Slimmable Neural Networks", ICLR 2019, whose narrow networks are the first channels of wide ones.
    """

    def forward(self, x: Float[Tensor, "*any C"], outputs: int | None = None) -> Float[Tensor, "*any D"]:
        """Return the first ``outputs``, or all."""
        if outputs is None and x.shape[-1] == self.in_features:
            return super().forward(x)
        return F.linear(x, self.weight[:outputs, : x.shape[-1]], None if self.bias is None else self.bias[:outputs])

    def ignore(self, inputs: int) -> None:
        """Begin with weights of 0 for all but the first ``inputs``: when the others join, they change nothing.

        After Chen et al., "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016, who copy units so that
        the wider network begins as the narrower one ended; here what joins has learned nothing, and says nothing.
        """
        with torch.no_grad():
            self.weight[:, inputs:] = 0
