"""Reading in order: RNN, GRU and LSTM."""

from collections.abc import Callable, Sequence
from typing import Literal, assert_never

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

Cell = Literal["rnn", "gru", "lstm"]


class RecurrentEncoder(nn.Module):
    """Recurrent layers along the samples of a unit.

    RNN after Elman, "Finding Structure in Time", 1990; GRU after Cho et al., EMNLP 2014; LSTM after Hochreiter and
    Schmidhuber, 1997. The samples of a unit come first and its padding last, and the padding never matters, in
    neither direction.

    Args:
        cell: rnn, gru or lstm.
        channels: C of what it reads.
        width: D of each state; even where it reads both ways.
        layers: recurrent layers, one on top of another.
        bidirectional: read both ways; each direction has half of the width.
        dropout: share of the numbers between two layers dropped in training.
        fused: the device computes each layer as one operator; lstm only.
    """

    def __init__(
        self,
        *,
        cell: Cell,
        channels: int,
        width: int,
        layers: int,
        bidirectional: bool,
        dropout: float = 0.0,
        fused: bool = False,
    ) -> None:
        super().__init__()
        assert cell == "lstm" or not fused, "an LSTM is fused, and nothing else"
        self.ways = 2 if bidirectional else 1
        self.directions = nn.ModuleList(
            Direction(
                cell=cell,
                channels=width if layer else channels,
                width=width // self.ways,
                backward=bool(way),
                fused=fused,
            )
            for layer in range(layers)
            for way in range(self.ways)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "N S C"], mask: Float[Tensor, "N S"]
    ) -> tuple[Float[Tensor, "N S D"], Float[Tensor, "N S"]]:
        """Return the states, zero where masked, and their mask."""
        for first in range(0, len(self.directions), self.ways):
            x = self.dropout(x) if first else x
            layer = self.directions[first : first + self.ways]
            x = torch.cat([direction(x, mask) for direction in layer], 2) * mask.unsqueeze(2)
        return x, mask


Whole = Callable[[Float[Tensor, "N T C"], Sequence[Tensor]], Float[Tensor, "N T H"]]
"""Returns all states of an LSTM, for its samples and the weights and biases from input and from state; it starts from
where it stood before, and where the last number of a sample is ``RESET``, its state is zero."""
RESET = 1e4
"""Closes all gates: larger than what any sample and state say."""


class Direction(nn.Module):
    """One layer, read one way.

    It has forms with the same weights: PyTorch's own loop for training, and for the export, since neither packed
    sequences nor PyTorch's loop convert, one step after another, or one operator.

    Args:
        cell: rnn, gru or lstm.
        channels: C of what it reads.
        width: H of each state.
        backward: read from a unit's last sample to its first.
        fused: one operator on the device.

    Attributes:
        whole: stands for that operator, where there is one; set by the export.
    """

    def __init__(self, *, cell: Cell, channels: int, width: int, backward: bool, fused: bool = False) -> None:
        super().__init__()
        self.cell, self.backward, self.fused = cell, backward, fused
        self.rnn = _loop(cell)(channels, width, batch_first=True)
        self.whole: Whole | None = None

    def forward(self, x: Float[Tensor, "N S C"], mask: Float[Tensor, "N S"]) -> Float[Tensor, "N S H"]:
        """Return the states, in the form that suits: training or export."""
        if not torch.compiler.is_exporting():
            return self.looped(x, mask)
        return self.unrolled(x, mask) if self.whole is None else self.at_once(self.whole, x, mask)

    def looped(self, x: Float[Tensor, "N S C"], mask: Float[Tensor, "N S"]) -> Float[Tensor, "N S H"]:
        """Read the whole rectangle: what stands behind a unit's end is read after it, so it cannot matter."""
        states: Tensor
        if not self.backward:
            states, _ = self.rnn(x)
            return states
        turn = reversal(mask)
        states, _ = self.rnn(_taken(x, turn))
        return _taken(states, turn)

    def unrolled(self, x: Float[Tensor, "N S C"], mask: Float[Tensor, "N S"]) -> Float[Tensor, "N S H"]:
        """Take one step after another, with as few operators as can be: the device has a copy of them for each step.

        Forward, padding comes last and needs no mask. Backward it comes first, and must leave the state zero.
        """
        from_input, from_state, input_bias, state_bias = self.rnn.all_weights[0]
        inputs = F.linear(x, from_input, input_bias)
        state = memory = x.new_zeros(x.shape[0], 1, self.rnn.hidden_size)
        states = []
        for step in _steps(x.shape[1], backward=self.backward):
            hidden = F.linear(state, from_state, state_bias)
            state, memory = _next(self.cell, inputs[:, step], hidden, state, memory)
            if self.backward:
                seen = mask[:, step].unsqueeze(2)
                state, memory = state * seen, memory * seen
            states.append(state)
        return torch.cat(states[::-1] if self.backward else states, 1)

    def at_once(self, whole: Whole, x: Float[Tensor, "N S C"], mask: Float[Tensor, "N S"]) -> Float[Tensor, "N S H"]:
        """Read all samples with one operator, zero where masked.

        The operator goes on from where the call before left it, so that a first sample, which is none, sets its state
        to zero. So does padding, which comes first backward. A client has nothing to reset, and cannot forget to.
        """
        padding = (1 - mask).unsqueeze(2)
        samples = torch.cat([x * mask.unsqueeze(2), RESET * padding], 2)
        samples = samples.flip(1) if self.backward else samples
        begin = torch.zeros_like(samples[:, :1])
        begin = torch.cat([begin[:, :, :-1], begin[:, :, -1:] + RESET], 2)
        states = whole(torch.cat([begin, samples], 1), self.rnn.all_weights[0])[:, 1:]
        return states.flip(1) if self.backward else states


def _loop(cell: Cell) -> type[nn.RNN] | type[nn.GRU] | type[nn.LSTM]:
    match cell:
        case "rnn":
            return nn.RNN
        case "gru":
            return nn.GRU
        case "lstm":
            return nn.LSTM
        case _ as never:
            assert_never(never)


def _next(cell: Cell, inputs: Tensor, hidden: Tensor, state: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
    """Return the next state and memory (N, 1, H); only an LSTM has a memory, the others pass it on."""
    match cell:
        case "rnn":
            return torch.tanh(inputs + hidden), memory
        case "gru":
            return _gru(inputs, hidden, state), memory
        case "lstm":
            return _lstm(inputs + hidden, memory)
        case _ as never:
            assert_never(never)


def _steps(count: int, *, backward: bool) -> list[slice]:
    steps = [slice(step, step + 1) for step in range(count)]
    return steps[::-1] if backward else steps


def _gru(inputs: Tensor, hidden: Tensor, state: Tensor) -> Tensor:
    both = 2 * state.shape[2]
    reset, update = torch.sigmoid(inputs[:, :, :both] + hidden[:, :, :both]).chunk(2, 2)
    new = torch.tanh(inputs[:, :, both:] + reset * hidden[:, :, both:])
    return new + update * (state - new)


def _lstm(gates: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
    enter, forget, new, leave = gates.chunk(4, 2)
    memory = torch.sigmoid(forget) * memory + torch.sigmoid(enter) * torch.tanh(new)
    return torch.sigmoid(leave) * torch.tanh(memory), memory


def reversal(mask: Float[Tensor, "N S"]) -> Tensor:
    """Return (N, S) where each sample comes from when a unit is read backwards; its padding stays.

    What is not heard between two samples keeps its place between them.
    """
    places = torch.arange(mask.shape[1], device=mask.device)
    last = (mask * (places + 1)).amax(1, keepdim=True).long() - 1
    return torch.where(places <= last, last - places, places)


def _taken(x: Float[Tensor, "N S C"], places: Tensor) -> Float[Tensor, "N S C"]:
    return x.gather(1, places.unsqueeze(2).expand_as(x))
