import threading

import pytest

from livedream.pipeline.frame_queue import Ended, FrameQueue
from tests.pipeline.parts import SECONDS


def in_thread(work):
    """Run `work` on a thread; return a function that waits for what it returned."""
    results = []
    thread = threading.Thread(target=lambda: results.append(work()), daemon=True)
    thread.start()

    def result():
        thread.join(SECONDS)
        assert not thread.is_alive(), "it hangs"
        return results[0]

    return result


def test_the_newest_wins_and_the_loss_is_counted():
    box = FrameQueue[str](1, on_full="drop_oldest")
    assert [box.put(item) for item in "abc"] == [True, True, True]
    assert box.take() == "c"
    assert box.dropped == 2


def test_a_deeper_box_drops_its_oldest():
    box = FrameQueue[str](2, on_full="drop_oldest")
    for item in "abc":
        box.put(item)
    assert [box.take(), box.take()] == ["b", "c"]
    assert box.dropped == 1


def test_a_giver_waits_for_room_and_nothing_is_lost():
    box = FrameQueue[str](1, on_full="wait")
    box.put("a")
    second = in_thread(lambda: box.put("b"))
    assert box.take(SECONDS) == "a"
    assert box.take(SECONDS) == "b"
    assert second() is True
    assert box.dropped == 0


def test_take_says_when_nothing_came():
    with pytest.raises(TimeoutError):
        FrameQueue(1, on_full="wait").take(timeout=0.01)


def test_what_is_inside_comes_out_before_the_end():
    box = FrameQueue[str](2, on_full="wait")
    box.put("a")
    box.close()
    assert box.put("b") is False
    assert box.take() == "a"
    for _ in range(2):
        with pytest.raises(Ended):
            box.take()


def test_discard_throws_away_what_is_inside():
    box = FrameQueue[str](2, on_full="wait")
    box.put("a")
    box.discard()
    with pytest.raises(Ended):
        box.take()


@pytest.mark.parametrize("end", ["close", "discard"])
def test_the_end_wakes_a_giver(end):
    box = FrameQueue[str](1, on_full="wait")
    box.put("a")
    second = in_thread(lambda: box.put("b"))
    getattr(box, end)()
    assert second() is False


@pytest.mark.parametrize("end", ["close", "discard"])
def test_the_end_wakes_a_taker(end):
    box = FrameQueue[str](1, on_full="wait")

    def take():
        try:
            return box.take()
        except Ended:
            return "ended"

    taken = in_thread(take)
    getattr(box, end)()
    assert taken() == "ended"


@pytest.mark.parametrize("depth", [1, 4])
def test_two_threads_hand_over_everything_in_order(depth):
    box = FrameQueue[int](depth, on_full="wait")

    def give():
        for number in range(2000):
            box.put(number)
        box.close()

    given = in_thread(give)
    taken = []
    with pytest.raises(Ended):
        while True:
            taken.append(box.take(SECONDS))
    given()
    assert taken == list(range(2000))


def test_waiting_for_room_ends_with_the_taking_or_the_closing():
    box = FrameQueue[str](1, on_full="wait")
    box.wait_for_room()
    box.put("a")
    room = in_thread(box.wait_for_room)
    assert box.take() == "a"
    room()
    box.put("b")
    room = in_thread(box.wait_for_room)
    box.close()
    room()


def test_waiting_for_a_taker_ends_when_there_is_one():
    box = FrameQueue[str](1, on_full="wait")
    box.wait_for_taker(0.01)  # there is none
    taken = in_thread(lambda: box.take(SECONDS))
    box.wait_for_taker(SECONDS)
    box.put("a")
    assert taken() == "a"
    waiting = in_thread(lambda: box.wait_for_taker(SECONDS))
    box.close()
    waiting()
