"""Where frames come from: cameras, video files, images, streams, the screen."""
