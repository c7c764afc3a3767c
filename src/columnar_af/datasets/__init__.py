"""Filesets: which files belong to which dataset, what is known of them, and what is in them."""
