from __future__ import annotations

import torch
from omegaconf import OmegaConf

from seqtrain.training.network import construct


def test_nested_nodes_are_constructed_first() -> None:
    node = OmegaConf.create(
        {
            "_target_": "torch.nn.TransformerEncoder",
            "encoder_layer": {"_target_": "torch.nn.TransformerEncoderLayer", "d_model": 4, "nhead": 2},
            "num_layers": 1,
            "enable_nested_tensor": False,
        }
    )
    built = construct(node)
    assert type(built) is torch.nn.TransformerEncoder
    assert built.layers[0].self_attn.num_heads == 2


def test_given_arguments_win_over_the_keys_of_the_node() -> None:
    node = OmegaConf.create({"_target_": "torch.nn.Linear", "in_features": None, "out_features": 2})
    assert construct(node, in_features=3).weight.shape == (2, 3)


def test_values_are_plain_python() -> None:
    node = OmegaConf.create({"_target_": "torch.nn.Unflatten", "dim": 1, "unflattened_size": [2, 3]})
    size = construct(node).unflattened_size
    assert (type(size), size) == (list, [2, 3])
