from livedream.bench.bound import work_of_a_step
from livedream.dream.grammar import parse


def test_work_by_hand() -> None:
    # conv1 to 31x31, rectified, pooled to 15x15; then fire2 by hand. Products both ways, two operations each; the
    # picture's own gradient included.
    conv1 = 31 * 31 * 27 * 64
    fire2 = 15 * 15 * (64 * 16 + 16 * 64 + 9 * 16 * 64)
    work = work_of_a_step("squeezenet", parse("fire2"), (64, 64))
    assert work.flops == 2 * 2 * (conv1 + fire2)
    # Written: conv1 and its ReLU, the pool, squeeze and its ReLU, two expansions, their concatenation and its ReLU.
    assert work.activations == 2 * 31 * 31 * 64 + 15 * 15 * (64 + 2 * 16 + 2 * 64 + 2 * 128)
