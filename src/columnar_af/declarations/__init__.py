"""Files that users write (YAML): read safely, and with the line of each value."""
