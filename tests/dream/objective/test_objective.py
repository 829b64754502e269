import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from livedream.dream.image.octaves import share_of
from livedream.dream.objective.objective import channel, class_logit, direction, guide, layer, mask, mean, neuron, tv
from livedream.dream.objective.parser import LONGEST, MOST_TERMS, parse
from livedream.errors import ArgumentError, SourceError
from livedream.models import find_channels


@pytest.mark.parametrize(
    ("text", "objective"),
    [
        ("fire6", layer("fire6")),
        ("features.22", layer("features.22")),
        ("fire9:77", channel("fire9", 77)),
        ("fire6 + 0.5*fire9:77", layer("fire6") + 0.5 * channel("fire9", 77)),
        ("inception_4c/output - 0.2*layer3.0.conv1", layer("inception_4c/output") - 0.2 * layer("layer3.0.conv1")),
        ("mixed4-a", layer("mixed4-a")),
        ("-fire4 + 1e-7*fire6", -layer("fire4") + 1e-7 * layer("fire6")),
        ("mean(fire6) + mean(fire9:77)", mean("fire6") + mean("fire9", 77)),
        ("neuron(fire9:77) + neuron(fire9:3, 0.25, 1)", neuron("fire9", 77) + neuron("fire9", 3, 0.25, 1)),
        ("direction(fire9, 3, 7:-0.5)", direction("fire9", [0, 0, 0, 1, 0, 0, 0, -0.5])),
        ("direction(fire9, d/v-1.npy)", direction("fire9", "d/v-1.npy")),
        ('direction(fire9, "3")', direction("fire9", "3")),
        ("class:goldfinch - 0.5*tv", class_logit("goldfinch") - 0.5 * tv()),
        ("class:great white shark + class:7", class_logit("great white shark") + class_logit(7)),
        ("guide:a+b/c.jpg@fire6", guide("a+b/c.jpg", "fire6")),
        ('guide:"my ""photo"" @home.jpg"@fire6', guide('my "photo" @home.jpg', "fire6")),
        ("fire6 + mask:C:\\faces\\a.png", layer("fire6") + mask("C:\\faces\\a.png")),
        ("fire6 + mask:person", layer("fire6") + mask("person")),
        ('fire6 + mask:"person"', layer("fire6") + mask(Path("person"))),
        ("fire6 + mask:background(8)", layer("fire6") + mask("background", feather=8)),
        ("fire6 + mask:a.png(12, .5)", layer("fire6") + mask("a.png", feather=12, strength=0.5)),
        ('fire6 + mask:"a b.png"(, 0.25)', layer("fire6") + mask("a b.png", strength=0.25)),
        ('fire6 + mask:"persons"', layer("fire6") + mask(Path("persons"))),
        ("a + mask:motion + mask:still(0,1)", layer("a") + mask("motion") + mask("still", feather=0, strength=1)),
        ("fire4 | fire6 + fire9:1 | -fire9", layer("fire4") | layer("fire6") + channel("fire9", 1) | -layer("fire9")),
        ("fire6 + -fire4", layer("fire6") - layer("fire4")),
        (" .5 * a+-2*b:0 ", 0.5 * layer("a") + -2 * channel("b", 0)),
    ],
)
def test_text_and_objects_mean_the_same(text, objective) -> None:
    assert parse(text) == objective
    assert parse(str(objective)) == objective


@pytest.mark.parametrize(
    "text",
    [
        *("", "fire6 +", "fire6:", "fire6:x", "2 fire6", "fire 6", "*fire6", "-", "fire6 | ", "fire6 -", "class:"),
        *("mean(fire6", "neuron(fire9)", "neuron(fire9:3, 0.5)", "direction(fire9)", "guide:a.jpg", "mask:", 'mask:""'),
        *("fire6 + mask:person(", "fire6 + mask:person()", "fire6 + mask:person(8,)", "fire6 + mask:person(8, 1, 2)"),
    ],
)
def test_invalid_text_is_refused(text) -> None:
    with pytest.raises(ArgumentError, match="invalid layers"):
        parse(text)


@pytest.mark.parametrize("text", ["1e999*fire6", "direction(fire9, 3:1e999)", "direction(fire9, 3:0)"])
def test_invalid_weights_are_refused(text) -> None:
    with pytest.raises(ArgumentError, match=r"finite number|not 0"):
        parse(text)
    with pytest.raises(ArgumentError, match="invalid weight nan for fire6: expected a finite number"):
        float("nan") * layer("fire6")


def test_values_of_sums_computed_by_hand() -> None:
    activations = {
        "a": torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]]),  # squares 1 4 9 16
        "b": torch.tensor([[[[2.0]]]]),
    }
    assert layer("a")(activations) == 7.5
    assert channel("a", 1)(activations) == 12.5
    assert (layer("a") + 0.5 * layer("b"))(activations) == 9.5
    assert (2 * (layer("a") + layer("b")))(activations) == 23


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("maen(fire6)", "unknown function: maen", "mean"),
        ("calss:goldfinch", "unknown word: calss:", "class:"),
        ("fire6 + 2*mask:a.png", "a mask can only be added", "fire6 + mask:"),
        ("fire6 + -mask:a.png", "a mask can only be added", "fire6 + mask:"),
        ("fire6 - mask:a.png", "a mask can only be added", "fire6 + mask:"),
        ("tv + mask:a.png", "no layer is named", "add one"),
        ("fire6 + mask:persn", "unknown mask: persn", "did you mean person"),
        (
            "fire6 + mask:person(-1)",
            "invalid mask feather -1 for person: expected a number from 0 to 500",
            "feather and strength",
        ),
        (
            "fire6 + mask:a.png(8, 1.5)",
            "invalid mask strength 1.5 for a.png: expected a number from 0 to 1",
            "feather and strength",
        ),
        ("neuron(fire9:3, 2, 0)", "invalid neuron position 2, 0: expected x and y from 0 to 1", "middle"),
    ],
)
def test_likely_mistakes_get_a_specific_hint(text, message, hint) -> None:
    with pytest.raises(ArgumentError, match=message) as caught:
        parse(text)
    assert hint in caught.value.hint


def test_an_invalid_mask_is_refused_in_python_too() -> None:
    with pytest.raises(ArgumentError, match="unknown mask: persn"):
        mask("persn")
    with pytest.raises(ArgumentError, match="needs a name"):
        mask("")
    for feather in ("8", True):
        with pytest.raises(
            ArgumentError, match=f"invalid mask feather {feather!r} for person: expected a number from 0 to 500"
        ):
            mask("person", feather=feather)  # type: ignore[arg-type]
    for wrong in (lambda: 2 * mask("person"), lambda: layer("fire6") - mask("person")):
        with pytest.raises(ArgumentError, match="cannot multiply the mask"):
            wrong()


def test_auto_is_a_layer() -> None:
    assert parse("auto + mask:a.png", auto="fire6") == layer("fire6") + mask("a.png")


@pytest.mark.parametrize("vector", [[[1.0]], [0.0, 0.0], [float("nan")]])
def test_an_invalid_direction_is_refused(vector) -> None:
    with pytest.raises(ArgumentError, match="expected one finite number per channel"):
        direction("a", vector)


def test_values_of_terms_computed_by_hand() -> None:
    maps = torch.tensor([[[[1.0, -2.0]], [[3.0, 4.0]]]])  # two channels of one row
    activations = {
        "a": maps,
        "logits": torch.tensor([[0.25, -7.0]]),
        "image": torch.tensor([[[[0.0, 10.0], [30.0, 0.0]]]]),
    }
    assert mean("a")(activations) == 1.5
    assert mean("a", 1)(activations) == 3.5
    assert neuron("a", 0)(activations) == -2  # the middle of two pixels belongs to the second
    assert neuron("a", 1, 0.0, 0.9)(activations) == 3
    assert neuron("logits", 1)(activations) == -7
    assert tv()(activations) == (30 + 10) / 2 + (10 + 30) / 2  # down, across
    assert (layer("a") - 2 * mean("a"))(activations) == 7.5 - 3


class Seeing:
    """A network whose only layer holds the red and green of its image."""

    name = "squeezenet"

    def __init__(self, device="cpu") -> None:
        self.device = torch.device(device)

    @property
    def channels(self):
        return {"a": 2, "logits": 1000}

    def activations_of(self, pixels, height):
        return {"a": torch.from_numpy(pixels[:, :, :2].astype(np.float32)).permute(2, 0, 1)[None]}


def test_direction_is_the_mean_product(tmp_path) -> None:
    np.save(tmp_path / "v.npy", np.array([0.5, -1.0]))
    activations = {"a": torch.tensor([[[[1.0, -2.0]], [[3.0, 4.0]]]])}
    for wanted in (direction("a", [0.5, -1.0]), direction("a", tmp_path / "v.npy")):
        assert wanted.bind(Seeing())(activations) == -0.25 - 3.5


def test_vector_of_a_direction_lies_where_the_network_is() -> None:
    bound = direction("a", [0.5, -1.0]).bind(Seeing("meta"))
    assert bound.terms[0].term.vector.device.type == "meta"  # type: ignore[attr-defined]
    assert bound({"a": torch.zeros(1, 2, 3, 4, device="meta")}).device.type == "meta"


def test_class_is_its_score() -> None:
    scores = torch.zeros(1, 1000)
    scores[0, 11] = 2.5
    assert class_logit("goldfinch").bind(Seeing())({"logits": scores}) == 2.5


def test_a_guide_amplifies_the_best_match_at_each_position(tmp_path) -> None:
    # The guide has the features (1, 0) and (0, 3). Their products with (2, 1) are 2 and 3, with (4, 1) 4 and 3.
    Image.fromarray(np.array([[[1, 0, 0], [0, 3, 0]]], np.uint8)).save(tmp_path / "guide.png")
    wanted = guide(tmp_path / "guide.png", "a").bind(Seeing())
    activations = torch.tensor([[[[2.0, 4.0]], [[1.0, 1.0]]]], requires_grad=True)
    value = wanted({"a": activations})
    assert value == (3 + 4) / 4
    value.backward()
    assert (4 * activations.grad).tolist() == [
        [[[0.0, 1.0]], [[3.0, 0.0]]]
    ]  # the best matching features, as in Google's code


def test_an_unbound_objective_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"objective\.bind"):
        class_logit("goldfinch")({"logits": torch.zeros(1, 1000)})


@pytest.mark.parametrize(
    ("wanted", "error", "message"),
    [
        (guide("none.jpg", "a"), SourceError, "no such picture: none.jpg"),
        (direction("a", "none.npy"), SourceError, "no such file: none.npy"),
        (direction("a", __file__), SourceError, "is not a vector of numbers"),
        (class_logit("goldfinsh"), ArgumentError, "unknown class: goldfinsh"),
        (class_logit(1000), ArgumentError, "invalid class 1000: squeezenet has 1000 classes"),
    ],
)
def test_missing_files_and_unknown_classes_are_refused_when_binding(wanted, error, message) -> None:
    with pytest.raises(error, match=message):
        wanted.bind(Seeing())


def test_vector_of_another_length_is_refused(tmp_path) -> None:
    np.save(tmp_path / "v.npy", np.ones(3))
    with pytest.raises(ArgumentError, match=r"v\.npy has 3 numbers, but layer a has 2 channels"):
        direction("a", tmp_path / "v.npy").bind(Seeing())


@pytest.mark.parametrize(("octaves", "expected"), [(1, "c"), (2, "ac"), (3, "abc"), (5, "abbcc")])
def test_schedule_goes_from_the_smallest_octave_to_the_full_size(octaves, expected) -> None:
    schedule = layer("a") | layer("b") | layer("c")
    seen = [str(schedule.at(share_of(number, octaves))) for number in reversed(range(octaves))]
    assert "".join(seen) == expected
    assert sorted(schedule.layers) == ["a", "b", "c"]


def test_schedules_scale_and_add() -> None:
    schedule = layer("a") | layer("b")
    assert str(2 * schedule + channel("c", 1)) == "2*a + c:1 | 2*b + c:1"
    assert str(tv() + schedule) == "tv + a | tv + b"
    assert (schedule + mask("m.png")).all_masks == mask("m.png").masks
    with pytest.raises(ArgumentError, match="cannot add two schedules"):
        schedule + schedule


def test_half_precision_squares_do_not_overflow() -> None:
    assert layer("a")({"a": torch.full((1, 1, 2, 2), 60000.0, dtype=torch.float16)}) == pytest.approx(
        60000.0**2, rel=1e-3
    )


@pytest.mark.parametrize("text", ["snow-leopard", '"snow leopard"', "Snow_Leopard"])
def test_a_channel_name_resolves_to_its_channel(text) -> None:
    (term,) = parse(f"0.5*{text}", network="squeezenet").terms
    assert term.term.layers == ("fire9",)
    ((channel, pull),) = term.term.entries  # type: ignore[attr-defined]
    assert (channel, term.weight) == (31, 0.5)
    assert pull > 0


def test_a_group_resolves_to_the_mean_of_its_channels_layer_by_layer() -> None:
    rows = find_channels("squeezenet", "dogs")
    terms = parse("dogs", network="squeezenet").terms
    assert [term.term.layer for term in terms] == ["fire8", "fire9"]  # type: ignore[attr-defined]
    found = {(term.term.layer, channel): pull for term in terms for channel, pull in term.term.entries}  # type: ignore[attr-defined]
    assert found == {(row.layer, row.channel): pytest.approx(row.pull / len(rows)) for row in rows}


def test_names_are_not_resolved_without_a_network() -> None:
    assert str(parse("dogs + 0.3*snow-leopard | fire6")) == "dogs + 0.3*snow-leopard | fire6"
    assert parse("fire8 | dogs", network="vgg16") == layer("fire8") | layer("dogs")


def test_names_are_resolved_in_schedules() -> None:
    first, last = parse("dogs | fire6 + mask:a.png", network="squeezenet").parts
    assert first.layers == ["fire8", "fire9"]
    assert last == layer("fire6") + mask("a.png")


@pytest.mark.parametrize("text", ["dogs:3", "mean(dogs)", "neuron(dogs:3)", "guide:a.png@dogs"])
def test_a_channel_name_can_only_replace_a_layer_that_stands_alone(text) -> None:
    with pytest.raises(ArgumentError, match="dogs is a name of channels, not a layer"):
        parse(text, network="squeezenet")


@pytest.mark.parametrize("shape", [(1, 8, 3, 5), (2, 8)])
def test_hand_written_gradient_of_a_direction_matches_autograd(shape) -> None:
    class Eight:
        name, channels, device = "squeezenet", {"a": 8}, torch.device("cpu")

    objective = -2 * parse("direction(a, 3, 5:-0.5, 3:2)").bind(Eight())  # type: ignore[arg-type]
    activations = torch.rand(shape, requires_grad=True)
    (expected,) = torch.autograd.grad(objective({"a": activations}), activations)
    assert objective.has_gradient
    torch.testing.assert_close(objective.layer_gradients({"a": activations.detach()})["a"], expected)


def test_a_group_of_classes_is_the_mean_of_their_scores() -> None:
    class Thousand:
        name, channels, device = "squeezenet", {"logits": 1000}, torch.device("cpu")

    logits = torch.arange(1000.0)[None]
    assert parse("class:cats").bind(Thousand())({"logits": logits}) == 283  # type: ignore[arg-type]  # 281 to 285
    assert parse("class:big cats").bind(Thousand())({"logits": logits}) == 289.5  # type: ignore[arg-type]
    assert parse("class:tabby").bind(Thousand())({"logits": logits}) == 281  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fire6 + " * MOST_TERMS + "fire6", f"the layers have more than {MOST_TERMS} terms"),
        ("fire6 | " * MOST_TERMS + "fire6", f"the layers have more than {MOST_TERMS} terms"),
        ("fire6 + mask:a.png" + " + mask:a.png" * MOST_TERMS, f"the layers have more than {MOST_TERMS} terms"),
        ("fire6 + " * 50_000 + "fire6", f"the layers are 400005 characters long, more than {LONGEST}"),
        (f"fire9:{'9' * 5000}", "invalid channel '9999"),
        (f"neuron(fire9:3, {'9' * 400}, 1)", "expected a finite number"),
        (f"direction(fire9, 3:{'9' * 400})", "expected a finite number"),
        (f"{'9' * 400}*fire9", "invalid weight inf for fire9"),
        (f"fire6 {'x' * 50_000}", "expected .* at 'xxx"),
        ("fire6 \x1b[31m\nerror: forged", "expected .* at "),
    ],
)
def test_the_size_of_objectives_is_bounded(text, message) -> None:
    """Before there were bounds, 50,000 terms took 14 s, and 5,000 digits raised a ValueError of int()."""
    began = time.process_time()
    with pytest.raises(ArgumentError, match=message) as caught:
        parse(text)
    assert time.process_time() - began < 1
    assert len(str(caught.value)) < 1000 and str(caught.value).isprintable()


@pytest.mark.parametrize("sign", ["+", "|"])
def test_the_longest_objective_is_parsed_quickly(sign) -> None:
    text = f" {sign} ".join(f"fire6:{number}" for number in range(MOST_TERMS))
    began = time.process_time()
    objective = parse(text)
    assert str(objective) == text
    assert objective.layers == ["fire6"] and len(objective.parts) == (1 if sign == "+" else MOST_TERMS)
    assert time.process_time() - began < 1
