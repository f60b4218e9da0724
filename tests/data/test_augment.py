from __future__ import annotations

import math

import pytest
import torch

from seqtrain.data import RandomAffine, RandomElastic
from seqtrain.data.augment import affine_grid, bend, resample

NONE = torch.zeros(1)
SAME_SIZE = torch.ones(1)


def picture(height: int = 5, width: int = 7) -> torch.Tensor:
    return torch.rand(1, height, width, generator=torch.Generator().manual_seed(0)) + 0.1


def affine(images: torch.Tensor, *changes: torch.Tensor) -> torch.Tensor:
    return resample(images, affine_grid(images, *changes))


def unchanged(images: torch.Tensor) -> torch.Tensor:
    return affine_grid(images, NONE, torch.zeros(1, 2), SAME_SIZE, NONE)


def close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=0)


def test_no_change_is_the_image_itself() -> None:
    images = picture()
    assert RandomAffine()(images) is images
    close(affine(images, NONE, torch.zeros(1, 2), SAME_SIZE, NONE), images)


def test_translation_moves_whole_pixels_right_and_down() -> None:
    images = picture()
    moved = affine(images, NONE, torch.tensor([[2 / 7, 1 / 5]]), SAME_SIZE, NONE)
    close(moved[:, 1:, 2:], images[:, :-1, :-2])
    close(moved[:, 0], torch.zeros(1, 7))
    close(moved[:, :, :2], torch.zeros(1, 5, 2))


def test_a_quarter_turn_is_clockwise_and_keeps_the_middle() -> None:
    images = picture(5, 5)
    close(affine(images, NONE + 90, torch.zeros(1, 2), SAME_SIZE, NONE), images.rot90(-1, (1, 2)))


def test_a_half_turn_of_an_oblong_image() -> None:
    images = picture()
    close(affine(images, NONE + 180, torch.zeros(1, 2), SAME_SIZE, NONE), images.flip(1, 2))


def test_double_size_spreads_the_middle() -> None:
    images = picture(6, 6)
    doubled = affine(images, NONE, torch.zeros(1, 2), SAME_SIZE * 2, NONE)
    # Output pixel 2 lies 0.5 from the middle, that is 0.25 in the old image: between its pixels 2 and 3.
    a, b, c, d = images[0, 2, 2], images[0, 2, 3], images[0, 3, 2], images[0, 3, 3]
    close(doubled[0, 2, 2], 0.75 * (0.75 * a + 0.25 * b) + 0.25 * (0.75 * c + 0.25 * d))


def test_shear_moves_each_row_by_its_height() -> None:
    images = picture(5, 9)
    leaning = affine(images, NONE, torch.zeros(1, 2), SAME_SIZE, NONE + 45)
    close(leaning[0, 2], images[0, 2])
    close(leaning[0, 3, 1:], images[0, 3, :-1])  # one below the middle: one to the right
    close(leaning[0, 0, :-2], images[0, 0, 2:])  # two above: two to the left


def test_images_differ_and_the_seed_decides() -> None:
    images = picture().expand(4, -1, -1)
    augment = RandomAffine(max_degrees=20, max_translation=0.2, max_scaling=0.2, max_shear=10)
    torch.manual_seed(3)
    first, second = augment(images), augment(images)
    torch.manual_seed(3)
    assert torch.equal(augment(images), first)
    assert not torch.equal(first, second)
    assert not torch.equal(first[0], first[1])


def test_draws_stay_within_the_bounds() -> None:
    images = torch.zeros(500, 41, 41)
    images[:, 20, 20] = 1
    torch.manual_seed(0)
    moved = RandomAffine(max_translation=0.25)(images)
    rows = moved.sum(2).mul(torch.arange(41.0)).sum(1) - 20
    assert rows.abs().max() <= 0.25 * 41
    assert rows.abs().max() > 0.24 * 41
    assert rows.mean() == pytest.approx(0, abs=3 * 0.25 * 41 / math.sqrt(3 * 500))


@pytest.mark.parametrize(
    ("name", "value", "limit"),
    [("max_degrees", -1, 180), ("max_translation", 1.5, 1), ("max_scaling", 1.0, 0.9), ("max_shear", 90, 80)],
)
def test_bounds_that_make_no_image_are_refused(name: str, value: float, limit: float) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be from 0 to {limit}, got {value}$"):
        RandomAffine(**{name: value})


def test_an_even_bend_is_a_translation() -> None:
    images = picture()
    displacement = torch.zeros(1, 2, 3, 3)
    displacement[:, 0] = 2 / 7  # every pixel comes from two to its right
    close(resample(images, bend(unchanged(images), displacement))[:, :, :-2], images[:, :, 2:])


def test_a_bend_moves_what_is_near_its_point() -> None:
    images = picture(9, 9)
    displacement = torch.zeros(1, 2, 3, 3)
    displacement[0, 1, 1, 1] = 1 / 9  # the middle comes from one below
    bent = resample(images, bend(unchanged(images), displacement))
    close(bent[0, 4, 4], images[0, 5, 4])
    for row, column in ((0, 0), (0, 8), (8, 4)):
        close(bent[0, row, column], images[0, row, column])


def test_elastic_without_displacement_is_affine() -> None:
    images = picture().expand(4, -1, -1)
    torch.manual_seed(0)
    expected = RandomAffine(max_degrees=20, max_scaling=0.2)(images)
    torch.manual_seed(0)
    found = RandomElastic(max_degrees=20, max_scaling=0.2, max_displacement=0.0)(images)
    close(found, expected)


def test_elastic_bends_every_image_by_its_own_draw_within_the_bound() -> None:
    images = torch.zeros(64, 21, 21)
    images[:, 10, 10] = 1.0
    bent = RandomElastic(max_displacement=0.1, points=4)(images)
    assert len(bent.unique(dim=0)) == 64
    far = torch.ones(21, 21, dtype=torch.bool)
    far[6:15, 6:15] = False  # 0.1 of 21 is two pixels; bicubic curves go a little beyond their points
    assert bent[:, far].abs().max() == 0
    assert bent.flatten(1).sum(dim=1).min() > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_displacement": 1.5}, "max_displacement must be from 0 to 1, got 1.5"),
        ({"points": 1}, "points must be at least 2, got 1"),
        ({"max_degrees": -1}, "max_degrees must be from 0 to 180, got -1"),
    ],
)
def test_elastic_refuses(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        RandomElastic(**options)
