/** In which group of the panel a control is shown. */

/** @typedef {{name: string, kind: "integer"|"number"|"text"|"choice", default: any, low: number|null, high: number|null,
 *   step: number|null, unit: string, help: string, details: string, choices: string[], only: "videos"|"pictures"|null,
 *   live: boolean, prepared: boolean, group?: string}} Control */

export const GROUPS = ["Look", "Dream", "Motion", "Mask", "Machine", "For pictures"];

/** For a server that names no groups. @type {Record<string, string>} */
const BY_NAME = {
  ...Object.fromEntries(["layers", "strength", "step_size", "natural_color", "coarseness", "pooling"].map((name) => [name, "Look"])),
  ...Object.fromEntries(["keep", "temporal_smoothing", "flow_scale", "still_scene", "zoom", "rotate"].map((name) => [name, "Motion"])),
  ...Object.fromEntries(["mask", "mask_feather", "mask_strength", "motion_seconds", "no_person"].map((name) => [name, "Mask"])),
  ...Object.fromEntries(["model", "weights", "device", "precision"].map((name) => [name, "Machine"])),
};

/** @param {Control} control */
function groupOf(control) {
  if (control.only === "pictures" || control.group === "pictures") return "For pictures";
  const named = control.group && control.group.charAt(0).toUpperCase() + control.group.slice(1);
  return named || BY_NAME[control.name] || "Dream";
}

/** @param {Control[]} controls @returns {[string, Control[]][]} the groups that are not empty, in their order */
export function grouped(controls) {
  /** @type {Map<string, Control[]>} */
  const groups = new Map(GROUPS.map((name) => [name, []]));
  for (const control of controls) {
    const name = groupOf(control);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name)?.push(control);
  }
  return [...groups].filter(([, members]) => members.length);
}
