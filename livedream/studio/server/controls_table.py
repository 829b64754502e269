"""The table of controls as the page gets it."""

from livedream.control import Control
from livedream.settings import CONTROLS
from livedream.studio.server.models import ControlRow

_GROUPS = {
    "look": ("layers", "strength", "natural_color", "coarseness", "pooling"),
    "dream": ("steps", "step_size", "octaves", "octave_scale", "jitter", "working_height", "seed"),
    "motion": ("keep", "temporal_smoothing", "still_scene", "zoom", "rotate", "flow_scale"),
    "mask": ("mask", "mask_feather", "mask_strength", "motion_seconds", "no_person"),
    "pictures": ("still_steps", "still_height", "smallest_octave", "tile_size"),
    "machine": ("model", "weights", "device", "precision"),
}
_FINEST = {"keep": 0.001, "zoom": 0.001, "step_size": 0.05, "rotate": 0.05}
"""Steps of a slider where a hundredth of the range is too coarse."""


def control_rows() -> list[ControlRow]:
    """Return all controls in the order of the table."""
    return [_row(control) for control in CONTROLS]


def _row(control: Control) -> ControlRow:
    is_number = control.kind is not str
    kinds = {int: "integer", float: "number", str: "choice" if control.choices else "text"}
    return ControlRow.model_validate(
        {
            "name": control.name,
            "kind": kinds[control.kind],
            "default": control.default,
            "low": control.low if is_number else None,
            "high": control.high if is_number else None,
            "step": _step(control) if is_number else None,
            "unit": control.unit,
            "help": control.help,
            "details": control.details,
            "choices": list(control.choices),
            "only": control.only,
            "live": control.live,
            "prepared": control.prepared,
            "group": next(group for group, names in _GROUPS.items() if control.name in names),
        }
    )


def _step(control: Control) -> float:
    return 1 if control.kind is int else _FINEST.get(control.name, 0.01)
