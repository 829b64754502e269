"""Groups of ImageNet classes with plain names: `dogs`, `birds`, `mushrooms`. Does not import torch."""

from itertools import chain

from livedream.errors import unknown
from livedream.models.classes import IMAGENET, class_names, find_class, plain_name


def class_group_names() -> list[str]:
    """Return the names of all groups, sorted."""
    return sorted(_GROUPS)


def class_group(name: str) -> tuple[int, ...]:
    """Return the numbers of the classes in the group `name`, in ascending order.

    Case, spaces, `-` and `_` make no difference.

    Raises:
        ArgumentError: the group is unknown; the hint names the closest ones.
    """
    plain = plain_name(name)
    if plain not in _GROUPS:
        raise unknown("group of classes", plain, class_group_names())
    return _GROUPS[plain]


def find_classes(network: str, text: str, count: int = IMAGENET) -> tuple[int, ...]:
    """Return the numbers of the classes that `text` stands for: one class, or all classes of a group.

    Args:
        network: the network.
        text: the name or number of a class, or the name of a group.
        count: number of classes of the network. Groups need ImageNet's thousand.

    Raises:
        ArgumentError: the class or group is unknown; the hint names the closest ones.
    """
    plain = plain_name(text)
    names = [plain_name(known) for known in class_names(network)]
    if count != len(names) or plain.isdecimal() or plain in names:
        return (find_class(network, text, count),)
    if plain in _GROUPS:
        return _GROUPS[plain]
    where = f"give a class such as {names[11]}, a group such as dogs, or a number from 0 to {count - 1}"
    raise unknown("class", plain, [*names, *_GROUPS], where)


def _numbers(*parts: int | range) -> tuple[int, ...]:
    return tuple(sorted(set(chain.from_iterable([part] if isinstance(part, int) else part for part in parts))))


def _to(first: int, last: int) -> range:
    return range(first, last + 1)


# By class number: ImageNet's order follows WordNet, so animals form long runs and objects are scattered.
_GROUPS: dict[str, tuple[int, ...]] = {
    "fish": _numbers(_to(0, 6), _to(389, 397)),
    "sharks": _numbers(_to(2, 4)),
    "rays": _numbers(_to(5, 6)),
    "birds": _numbers(_to(7, 24), _to(80, 100), _to(127, 146)),
    "songbirds": _numbers(_to(10, 20)),
    "birds of prey": _numbers(_to(21, 24)),
    "parrots": _numbers(_to(87, 90)),
    "grouse": _numbers(_to(80, 83)),
    "waterfowl": _numbers(_to(97, 100)),
    "wading birds": _numbers(_to(127, 137), _to(139, 143)),
    "salamanders": _numbers(_to(25, 29)),
    "frogs": _numbers(_to(30, 32)),
    "amphibians": _numbers(_to(25, 32)),
    "turtles": _numbers(_to(33, 37)),
    "lizards": _numbers(_to(38, 48)),
    "crocodiles": _numbers(_to(49, 50)),
    "snakes": _numbers(_to(52, 68)),
    "reptiles": _numbers(_to(33, 68)),
    "spiders": _numbers(_to(72, 77)),
    "arachnids": _numbers(_to(70, 78)),
    "beetles": _numbers(_to(300, 307)),
    "butterflies": _numbers(_to(321, 326)),
    "insects": _numbers(_to(300, 326)),
    "crabs": _numbers(_to(118, 121), 125),
    "lobsters": _numbers(_to(122, 124)),
    "crustaceans": _numbers(_to(118, 126)),
    "shells": _numbers(_to(112, 113), _to(116, 117)),
    "corals": _numbers(_to(108, 109), 973),
    "marsupials": _numbers(_to(104, 106)),
    "whales": _numbers(_to(147, 148)),
    "dogs": _numbers(_to(151, 268)),
    "terriers": _numbers(158, _to(179, 195), _to(199, 203)),
    "hounds": _numbers(_to(160, 178)),
    "spaniels": _numbers(152, 156, 215, _to(217, 221)),
    "retrievers": _numbers(_to(205, 209)),
    "schnauzers": _numbers(_to(196, 198)),
    "poodles": _numbers(_to(265, 267)),
    "huskies": _numbers(_to(248, 250)),
    "wolves": _numbers(_to(269, 272)),
    "foxes": _numbers(_to(277, 280)),
    "cats": _numbers(_to(281, 285)),
    "big cats": _numbers(_to(286, 293)),
    "bears": _numbers(_to(294, 297)),
    "pandas": _numbers(_to(387, 388)),
    "rabbits": _numbers(_to(330, 332)),
    "rodents": _numbers(_to(333, 338)),
    "weasels": _numbers(_to(356, 362)),
    "horses": _numbers(_to(339, 340)),
    "pigs": _numbers(_to(341, 343)),
    "cattle": _numbers(_to(345, 347)),
    "sheep": _numbers(_to(348, 349)),
    "antelopes": _numbers(_to(351, 353)),
    "hoofed animals": _numbers(_to(339, 355)),
    "apes": _numbers(_to(365, 369)),
    "monkeys": _numbers(_to(370, 382)),
    "primates": _numbers(_to(365, 384)),
    "elephants": _numbers(101, 385, 386),
    "fruit": _numbers(_to(948, 957)),
    "vegetables": _numbers(_to(936, 946), 987),
    "mushrooms": _numbers(947, _to(991, 997)),
    "flowers": _numbers(_to(984, 986)),
    "food": _numbers(_to(924, 935), _to(959, 965)),
    "cars": _numbers(436, 468, 511, 609, 627, 656, 661, 751, 817),
    "trucks": _numbers(555, 569, 675, 717, 864, 867),
    "buses": _numbers(654, 779, 874),
    "trains": _numbers(466, 547, 565, 705, 820),
    "ships": _numbers(403, 510, 628, 724, 780),
    "boats": _numbers(472, 484, 554, 576, 625, 814, 871, 914),
    "aircraft": _numbers(404, 405, 417, 895),
    "bicycles": _numbers(444, 671),
    "clocks": _numbers(409, 530, 531, 826, 892),
    "towers": _numbers(437, 442, 682, 832, 900),
    "churches": _numbers(442, 497, 663),
    "castles": _numbers(483, 698),
    "bridges": _numbers(821, 839, 888),
    "buildings": _numbers(425, 437, 442, 449, 483, 497, 498, 500, 538, 580, 663, 668, 698, 727, 743, 832, 873, 915),
    "furniture": _numbers(
        423, 431, 453, 492, 493, 495, 516, 520, 526, 532, 548, 559, 564, 648, 703, 765, 831, 857, 894
    ),
    "instruments": _numbers(
        401,
        402,
        420,
        432,
        486,
        494,
        513,
        541,
        546,
        558,
        566,
        577,
        579,
        593,
        594,
        641,
        642,
        683,
        684,
        687,
        699,
        776,
        822,
        875,
        881,
        889,
    ),
    "landscapes": _numbers(970, 972, _to(974, 980)),
}
