"""Where frames go: windows, video files, images, network streams, virtual cameras, standard output."""
