"""Selections: cuts on candidates, what each leaves (cutflow), and what it would look like without one (N-1)."""
