"""Small pictures to choose by: presets, layers and channels."""
