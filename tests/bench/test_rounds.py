from types import SimpleNamespace

from livedream.bench.rounds import median_seconds


def test_variants_take_turns_and_warm_up_rounds_do_not_count(monkeypatch) -> None:
    clock = SimpleNamespace(now=100)
    called: list[str] = []
    durations = {"a": iter([50, 1, 3, 2]), "b": iter([60, 5, 5, 6])}

    def run(name: str) -> None:
        called.append(name)
        clock.now += next(durations[name])

    monkeypatch.setattr("livedream.bench.rounds.time", SimpleNamespace(perf_counter=lambda: clock.now))
    assert median_seconds({"a": lambda: run("a"), "b": lambda: run("b")}, rounds=3, warm_up=1) == {"a": 2, "b": 5}
    assert called == ["a", "b"] * 4
