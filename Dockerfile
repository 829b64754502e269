# livedream without a display: films, network cameras, and recordings or streams of them.
#
#   docker build -t livedream .
#   docker run --rm -v "$PWD:/work" livedream run film.mp4 --to dream.mp4
#   docker run --rm -v "$PWD:/work" --device /dev/video0 --group-add video livedream run 0 --to take.mp4
#
# For an NVIDIA GPU: docker build --build-arg TORCH=https://download.pytorch.org/whl/cu130 -t livedream .
# and docker run --gpus all. docs/how-to/unattended.md has more.

FROM python:3.12-slim

ARG TORCH=https://download.pytorch.org/whl/cpu

WORKDIR /opt/livedream
COPY requirements.txt ./
# The headless OpenCV: the other one wants libGL, and they conflict (opencv/opencv-python#370).
RUN sed 's/^opencv-python\b/opencv-python-headless/' requirements.txt > headless.txt \
    && pip install --no-cache-dir --extra-index-url "$TORCH" --requirement headless.txt

COPY pyproject.toml setup.py README.md LICENSE ./
COPY livedream ./livedream
# --no-deps: they are there, but for the OpenCV with windows, which must not come. The compiler is for kernels.c alone;
# what that needs of it later is OpenMP.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev libgomp1 \
    && pip install --no-cache-dir --no-deps . \
    && apt-get purge --yes gcc libc6-dev && apt-get autoremove --yes \
    && rm -rf /var/lib/apt/lists/*

# Nobody's home; what is dreamt belongs to whoever runs it (docker run --user "$(id -u):$(id -g)").
ENV XDG_CACHE_HOME=/tmp/cache TORCH_HOME=/tmp/cache/torch PYTHONUNBUFFERED=1
RUN useradd --create-home --groups video dreamer
USER dreamer
WORKDIR /work

# SIGTERM, which `docker stop` sends, ends a recording properly.
STOPSIGNAL SIGTERM
ENTRYPOINT ["livedream"]
CMD ["doctor"]
