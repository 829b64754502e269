import pytest

from livedream import models
from livedream.errors import ArgumentError

# By hand, from a bird book's families: names, so that a shifted run of numbers is noticed.
BIRDS = """cock, hen, ostrich, brambling, goldfinch, house finch, junco, indigo bunting, robin, bulbul, jay, magpie,
chickadee, water ouzel, kite, bald eagle, vulture, great grey owl, black grouse, ptarmigan, ruffed grouse,
prairie chicken, peacock, quail, partridge, African grey, macaw, sulphur-crested cockatoo, lorikeet, coucal, bee eater,
hornbill, hummingbird, jacamar, toucan, drake, red-breasted merganser, goose, black swan, white stork, black stork,
spoonbill, flamingo, little blue heron, American egret, bittern, crane bird, limpkin, European gallinule,
American coot, bustard, ruddy turnstone, red-backed sandpiper, redshank, dowitcher, oystercatcher, pelican,
king penguin, albatross"""
CLASSES = models.class_names("squeezenet")


def members(group: str) -> set[str]:
    return {CLASSES[number] for number in models.class_group(group)}


def test_the_group_of_birds_is_complete() -> None:
    assert members("birds") == {name.strip() for name in BIRDS.replace("\n", " ").split(",")}


@pytest.mark.parametrize(
    ("group", "count", "inside", "outside"),
    [
        ("dogs", 118, {"Chihuahua", "pug", "Mexican hairless", "Siberian husky"}, {"timber wolf", "dingo", "sea lion"}),
        ("cats", 5, {"tabby", "Siamese cat"}, {"cougar", "Madagascar cat"}),
        ("big cats", 8, {"tiger", "lion", "snow leopard"}, {"tabby", "brown bear"}),
        ("snakes", 17, {"green mamba", "sidewinder"}, {"trilobite", "triceratops"}),
        ("lizards", 11, {"Gila monster", "banded gecko"}, {"axolotl", "African crocodile"}),
        ("turtles", 5, {"loggerhead", "terrapin"}, {"tailed frog"}),
        ("fish", 16, {"goldfish", "hammerhead", "puffer"}, {"killer whale", "cock"}),
        ("spiders", 6, {"tarantula", "black widow"}, {"spider web", "scorpion", "tick"}),
        ("insects", 27, {"ladybug", "monarch", "mantis"}, {"tarantula", "starfish"}),
        ("monkeys", 13, {"baboon", "spider monkey"}, {"gorilla", "indri"}),
        ("hoofed animals", 17, {"zebra", "llama"}, {"guinea pig", "weasel"}),
        ("fruit", 10, {"Granny Smith", "pomegranate"}, {"acorn", "bell pepper"}),
        ("mushrooms", 8, {"agaric", "bolete", "mushroom"}, {"ear", "corn"}),
        ("flowers", 3, {"daisy"}, {"pinwheel"}),
        ("cars", 9, {"sports car", "Model T"}, {"freight car", "car wheel"}),
        ("trains", 5, {"steam locomotive"}, {"streetcar"}),
        ("clocks", 5, {"wall clock"}, {"barometer"}),
        ("instruments", 26, {"sax", "violin"}, {"drumstick"}),
    ],
)
def test_members_by_name(group, count, inside, outside) -> None:
    assert len(models.class_group(group)) == count
    assert inside <= members(group)
    assert not outside & members(group)


@pytest.mark.parametrize(
    ("small", "large"),
    [("terriers", "dogs"), ("parrots", "birds"), ("snakes", "reptiles"), ("sharks", "fish"), ("crabs", "crustaceans")],
)
def test_a_part_is_inside_its_whole(small, large) -> None:
    assert members(small) < members(large)


@pytest.mark.parametrize("text", ["big cats", "Big_Cats", " big-cats "])
def test_spaces_and_case_make_no_difference(text) -> None:
    assert models.class_group(text) == models.class_group("big cats")


def test_the_hint_for_an_unknown_group_lists_the_closest() -> None:
    with pytest.raises(ArgumentError, match="unknown group of classes: dogz") as caught:
        models.class_group("dogz")
    assert "dogs" in caught.value.hint


def test_no_group_has_the_name_of_a_class() -> None:
    assert not set(models.class_group_names()) & {name.lower().replace("-", " ") for name in CLASSES}


def test_a_text_means_a_class_or_a_group() -> None:
    assert models.find_classes("squeezenet", "goldfinch") == (11,)
    assert models.find_classes("squeezenet", "282") == (282,)
    assert models.find_classes("squeezenet", "Cats") == (281, 282, 283, 284, 285)


def test_the_hint_for_unknown_text_lists_the_closest_classes_and_groups() -> None:
    for text, near in (("terrierz", "terriers"), ("goldfinsh", "goldfinch")):
        with pytest.raises(ArgumentError, match=f"unknown class: {text}") as caught:
            models.find_classes("squeezenet", text)
        assert near in caught.value.hint


def test_groups_need_the_classes_of_imagenet() -> None:
    with pytest.raises(ArgumentError, match="not known"):
        models.find_classes("squeezenet", "dogs", 10)
