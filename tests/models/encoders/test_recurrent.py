import pytest
import torch

from mgdist.models.encoders.recurrent import Cell, Direction, RecurrentEncoder, reversal

MASK = (torch.arange(6) < torch.tensor([[6], [3], [1], [0]])).float()


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("backward", [False, True])
def test_the_exported_steps_are_the_trained_loop(cell: Cell, backward: bool):
    torch.manual_seed(0)
    direction = Direction(cell=cell, channels=5, width=4, backward=backward)
    samples = torch.randn(4, 6, 5)
    looped, unrolled = direction.looped(samples, MASK), direction.unrolled(samples, MASK)
    assert torch.allclose(looped * MASK.unsqueeze(2), unrolled * MASK.unsqueeze(2), atol=1e-6)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_padded_unit_gives_the_states_of_a_packed_sequence(cell: Cell):
    torch.manual_seed(0)
    encoder = RecurrentEncoder(cell=cell, channels=5, width=8, layers=1, bidirectional=True)
    loop = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[cell]
    both = loop(5, 4, bidirectional=True, batch_first=True)
    forward, backward = (direction.rnn for direction in encoder.directions)
    both.load_state_dict(
        {**forward.state_dict(), **{f"{name}_reverse": value for name, value in backward.state_dict().items()}}
    )
    samples, lengths = torch.randn(3, 6, 5), torch.tensor([6, 3, 1])
    packed = torch.nn.utils.rnn.pack_padded_sequence(samples, lengths, batch_first=True)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(both(packed)[0], batch_first=True)
    assert torch.allclose(encoder(samples, MASK[:3])[0], expected, atol=1e-6)


def test_a_unit_is_reversed_up_to_its_end():
    assert reversal(torch.tensor([[1.0, 1.0, 1.0, 0.0]])).tolist() == [[2, 1, 0, 3]]
