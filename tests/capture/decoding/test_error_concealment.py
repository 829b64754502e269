"""Pictures lost to damage. They are letters here, one tick apart; the expected rows are worked out by hand."""

from typing import Any

from livedream.capture.decoding.error_concealment import Concealment


def play(told: str) -> str:
    """What comes out for a film, told in packets: `.` is a time without one, `x` one that cannot be decoded.

    A capital is a key frame. The n-th letter has time n.
    """
    gaps: Concealment[str] = Concealment(1, longest=100)
    shown: list[tuple[str, int | None]] = []
    for ticks, letter in enumerate(told):
        if letter == ".":
            continue
        gaps.expect(ticks, key=letter.isupper())
        if letter == "x":
            gaps.damage()
        else:
            shown += gaps.put(letter, ticks)
    shown += gaps.rest()
    times = [time for _, time in shown if time is not None]
    assert times == sorted(set(times))
    return "".join(letter for letter, _ in shown)


def test_a_whole_film_is_as_it_was() -> None:
    assert play("AbcdEfgh") == "AbcdEfgh"


def test_what_cannot_be_decoded_repeats_the_one_before() -> None:
    assert play("AbxxeFg") == "AbbbeFg"


def test_where_no_packet_is_left_the_hole_is_filled_evenly() -> None:
    gaps: Concealment[str] = Concealment(10, longest=100)
    shown = [*gaps.put("A", 0)]
    gaps.damage()
    shown += [*gaps.put("b", 41), *gaps.rest()]
    assert shown == [("A", 0), ("A", 10), ("A", 20), ("A", 30), ("b", 41)]


def test_holes_of_a_whole_film_stay() -> None:
    assert play("Ab...f") == "Abf"


def test_damage_at_the_end_is_filled() -> None:
    assert play("Abcxx") == "Abccc"


def test_damage_at_the_beginning_has_nothing_to_repeat() -> None:
    assert play("xxCd") == "Cd"


def test_after_a_key_frame_all_is_well_again() -> None:
    assert play("AxcDe..hi") == "AAcDehi"


def test_pictures_behind_damage_come_in_the_order_of_their_times() -> None:
    gaps: Concealment[str] = Concealment(1, longest=100)
    shown: list[Any] = []
    for ticks in range(5):
        gaps.expect(ticks, key=ticks == 0)
    shown += gaps.put("A", 0)
    gaps.damage()
    for letter, ticks in (("e", 4), ("c", 2), ("d", 3)):
        shown += gaps.put(letter, ticks)
    shown += gaps.rest()
    assert shown == [("A", 0), ("A", 1), ("c", 2), ("d", 3), ("e", 4)]


def test_a_wrong_time_is_not_filled_for_ever() -> None:
    gaps: Concealment[str] = Concealment(1, longest=100)
    gaps.damage()
    shown = [*gaps.put("A", 0), *gaps.put("b", 10**9), *gaps.rest()]
    assert shown == [("A", 0), ("b", 10**9)]
