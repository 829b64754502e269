"""What decides about the last bit of a pixel on a machine, and how a worker becomes like the one of the plan."""

from dataclasses import dataclass

from livedream.dream.compute.precision import choose_compute, merging_pays_in, pin_merging, rounding
from livedream.dream.compute.threads import pin_threads
from livedream.dream.objective.ingredients import ingredients
from livedream.errors import ArgumentError, DeviceError
from livedream.farm.manifest import Machine, Manifest
from livedream.hints import option
from livedream.recipe import library_versions
from livedream.settings import DreamSettings


def processor_for(device: str) -> str:
    """Return what rounds here, on a device of this kind; empty if there is none."""
    try:
        choose_compute(device, "float32")
    except DeviceError:
        return ""
    return rounding(device)


def machine_for(settings: DreamSettings, threads: int) -> Machine:
    """Return how the settings are dreamt here with `threads`, as a manifest pins it.

    A plan for GPUs can be made without one: name the device in the settings.
    """
    device, precision = str(settings.device), str(settings.precision)
    if device == "auto":
        device = choose_compute(device, "float32").device.type
    if precision == "auto":
        precision = "float16"
        if device == "cpu":
            precision = str(choose_compute(device, "auto").dtype).removeprefix("torch.")
    return Machine(
        versions=library_versions(),
        device=device,
        precision=precision,
        merging=device == "cpu" and merging_pays_in(precision),
        threads=threads,
        processor=processor_for(device),
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which a machine differs from the manifest."""

    what: str
    planned: str
    here: str

    def __str__(self) -> str:
        return f"the manifest was planned with {self.what} {self.planned}, here is {self.here or 'none'}"


def differences(machine: Machine) -> list[Difference]:
    """Return in what this machine differs from the one of a manifest, as far as that changes pixels."""
    here = library_versions()
    found = [
        Difference(name, version, here.get(name, ""))
        for name, version in machine.versions.items()
        if here.get(name) != version
    ]
    processor = processor_for(machine.device)
    if machine.processor and processor != machine.processor:
        found.append(Difference("the processor", machine.processor, processor))
    return found


def become(manifest: Manifest) -> DreamSettings:
    """Make this process dream as the manifest says, and return the settings for it.

    Raises:
        ArgumentError: versions, processor or other files differ, and the manifest does not allow it.
        DeviceError: the device is not here.
    """
    machine = manifest.machine
    found = differences(machine)
    if found and not manifest.mixed:
        hint = f"install the same versions on all machines, or plan with {option('mixed', True)}: rounding may differ"
        raise ArgumentError(str(found[0]), hint)
    if ingredients(manifest.settings) != manifest.ingredients:
        text = "the files that the layers or weights of the manifest name are others here"
        raise ArgumentError(text, "copy the files of the plan to this machine")
    pin_threads(machine.threads)
    pin_merging(machine.precision, pays=machine.merging)
    return manifest.settings.replace(device=machine.device, precision=machine.precision)


def become_itself(manifest: Manifest) -> None:
    """Undo `become`."""
    pin_threads(None)
    pin_merging(manifest.machine.precision, pays=None)
