"""The files of the studio, and the jobs that dream uploads."""
