from omegaconf import OmegaConf

from seqtrain.config.resolve import UNKNOWN, resolve_tree


def test_values_borrowed_from_other_keys() -> None:
    resolved = resolve_tree(OmegaConf.create({"a": {"b": 2}, "c": ["${a.b}"], "d": "${a}"}))
    assert resolved.tree == {"a": {"b": 2}, "c": [2], "d": {"b": 2}}
    assert resolved.borrowed == {"c[0]", "d"}
    assert resolved.problems == []


def test_values_that_cannot_be_resolved() -> None:
    resolved = resolve_tree(OmegaConf.create({"a": "???", "b": "${none}", "c": "${c}", "d": "\\${x}"}))
    assert resolved.tree == dict.fromkeys("abcd", UNKNOWN)
    assert resolved.problems == [
        "a: has no value yet (???); give it one with a=VALUE",
        "b: ${none} names a key that does not exist",
        "c: ${c} cannot be resolved: Recursive interpolation detected",
        "d: got '${x}', expected a value without ${",
    ]
