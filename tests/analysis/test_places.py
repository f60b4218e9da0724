from seqtrain.analysis.places import name_members, name_place


def test_a_place_is_a_layer_and_a_direction() -> None:
    assert name_place(1, 0) == "layer1/forward"
    assert name_place(0, 1) == "layer0/backward"


def test_only_members_of_an_ensemble_have_a_prefix() -> None:
    assert name_members(1) == [""]
    assert name_members(2) == ["member0/", "member1/"]
