"""Dream a camera into a virtual camera, which a video call or OBS can choose.

    python examples/virtual_camera.py [SOURCE] [SINK]

A virtual camera needs `pip install 'livedream[virtualcam]'`, and on Linux the kernel module v4l2loopback.
"""

import sys

import livedream

source = sys.argv[1] if sys.argv[1:] else 0
sink = sys.argv[2] if sys.argv[2:] else "virtual-camera"
try:
    livedream.run(source, "live", sink)
except KeyboardInterrupt:
    print("stopped")
except livedream.LivedreamError as error:
    sys.exit(f"error: {error}\nhint: {error.hint}")
