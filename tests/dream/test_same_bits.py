"""A step gives the same bits on any number of threads, so a dream does not depend on the machine's cores."""

import pytest
import torch

from livedream.dream.compute.threads import sleeping_at_barriers
from tests.dream.dreams import make_ascent


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("model", "layers"),
    [("squeezenet", "fire8"), ("efficientnet_lite0", "blocks.10"), ("googlenet", "inception4c")],
)
def test_a_step_gives_the_same_bits_on_one_two_and_four_threads(model, layers, dtype) -> None:
    if dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("this processor has no bfloat16")
    ascent = make_ascent(layers=layers, model=model, dtype=dtype)
    image = torch.rand(1, 3, 118, 150, generator=torch.Generator().manual_seed(3)) * 255
    before, steps = torch.get_num_threads(), []
    try:
        for count in (1, 2, 4):
            torch.set_num_threads(count)
            with sleeping_at_barriers():
                # Jittered, and at a smaller octave too, so that all that a step does is in it.
                steps.append([ascent.step(image, size, (3, -5), 2.0) for size in ((118, 150), (83, 107))])
    finally:
        torch.set_num_threads(before)
    assert not torch.equal(steps[0][0], image)
    for others in steps[1:]:
        for one, other in zip(steps[0], others, strict=True):
            assert torch.equal(one, other)
