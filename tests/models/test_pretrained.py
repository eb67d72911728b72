"""A pre-trained encoder in our own operators, against transformers' own forward."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from mgdist.errors import JobError
from mgdist.job.checkpoint import read_checkpoint
from mgdist.models.encoders.pretrained import PretrainedEncoder
from mgdist.models.pretrained import copy_encoder, copy_table, read_weights
from tests import checkpoint


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small BERT with random weights and padding 3, as transformers saves it."""
    return checkpoint.saved(tmp_path_factory.mktemp("checkpoint"))


def _encoder(folder: Path, learning: int | None = None, layers: int | None = None, length: int = 16):
    known = read_checkpoint(str(folder))
    encoder = PretrainedEncoder(
        width=known.width,
        length=length,
        layers=layers or known.layers,
        heads=known.heads,
        inner=known.inner,
        activation=known.activation,
        epsilon=known.epsilon,
        learning=learning,
    )
    weights = read_weights(known, "here")
    table = torch.zeros(known.vocabulary, known.width)
    with torch.no_grad():
        copy_encoder(encoder, weights)
        copy_table(table, weights["embeddings.word_embeddings.weight"], known.padding)
    return encoder.eval(), table


def test_states_are_those_of_transformers(saved):
    from transformers import BertModel

    encoder, table = _encoder(saved)
    mask = torch.ones(5, 9)
    mask[1, 4:] = mask[3, 1:] = 0
    ids = torch.randint(4, 24, (5, 9))
    theirs = BertModel.from_pretrained(saved).eval()(input_ids=ids, attention_mask=mask.long()).last_hidden_state
    states, seen = encoder(table[ids] * mask.unsqueeze(2), mask)
    assert torch.equal(seen, mask)
    torch.testing.assert_close(states, theirs * mask.unsqueeze(2), atol=1e-5, rtol=0)


def test_the_padding_changes_places_with_id_0(saved):
    from transformers import BertModel

    _, table = _encoder(saved)
    theirs = BertModel.from_pretrained(saved).embeddings.word_embeddings.weight
    assert not table[0].any()
    torch.testing.assert_close(table[3], theirs[0])
    torch.testing.assert_close(table[4:], theirs[4:])


def test_padding_does_not_change_a_state(saved):
    encoder, table = _encoder(saved)
    ids, mask = torch.randint(4, 24, (2, 5)), torch.ones(2, 5)
    alone, _ = encoder(table[ids], mask)
    wide = torch.nn.functional.pad(table[ids], (0, 0, 0, 11), value=7.0)
    padded, _ = encoder(wide, torch.nn.functional.pad(mask, (0, 11)))
    torch.testing.assert_close(padded[:, :5], alone, atol=1e-5, rtol=0)
    assert not padded[:, 5:].any()


def test_the_first_layers_can_be_kept_alone(saved):
    from transformers import BertModel

    encoder, table = _encoder(saved, layers=2)
    ids = torch.randint(4, 24, (3, 7))
    theirs = BertModel.from_pretrained(saved).eval()(ids, output_hidden_states=True).hidden_states[2]
    torch.testing.assert_close(encoder(table[ids], torch.ones(3, 7))[0], theirs, atol=1e-5, rtol=0)


def test_what_is_frozen_makes_no_graph(saved):
    encoder, table = _encoder(saved, learning=0)
    states, _ = encoder(table[torch.randint(4, 24, (2, 6))], torch.ones(2, 6))
    assert states.grad_fn is None
    assert not [weight for weight in encoder.parameters() if weight.requires_grad]


def test_only_the_last_layers_learn(saved):
    encoder, _ = _encoder(saved, learning=1)
    learning = {name.split(".")[1] for name, weight in encoder.named_parameters() if weight.requires_grad}
    assert learning == {"2"}


def test_a_checkpoint_without_its_weights_is_refused(saved, tmp_path):
    shutil.copy(saved / "config.json", tmp_path)
    with pytest.raises(JobError, match=r"here: expected a checkpoint with model.safetensors; got: "):
        read_weights(read_checkpoint(str(tmp_path)), "here")


def test_weights_of_another_network_are_refused(saved, tmp_path):
    shutil.copytree(saved, tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 4}))
    with pytest.raises(JobError, match=r"here: expected the weights of a BERT encoder; it lacks encoder.layer.3"):
        read_weights(read_checkpoint(str(tmp_path)), "here")
