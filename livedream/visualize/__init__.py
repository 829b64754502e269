"""Pictures of what a network looks for, from noise."""
