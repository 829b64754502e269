"""How the names of picture files end, in small letters: what is read, and what is written."""

PICTURES_IN = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".avif", ".avifs", ".heic", ".heif", ".hif"),
    *(".jxl", ".gif", ".tif", ".tiff", ".bmp", ".dib", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".j2k", ".jpf"),
    *(".jpx", ".ico", ".qoi", ".psd", ".dds", ".pcx"),
)
"""What is read. Some of these files hold a film: only their content tells, see `livedream.capture.kind`."""
PICTURES_OUT = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
"""What is written."""
RAW = (
    *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".orf", ".rw2", ".raf", ".pef", ".srw"),
    *(".x3f", ".3fr", ".iiq", ".erf", ".kdc", ".dcr", ".mrw", ".rwl", ".gpr"),
)
"""The raw files of cameras. Pillow and FFmpeg find only the thumbnail in many of them, so they are refused."""
