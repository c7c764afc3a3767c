"""Processing: from a fileset to chunks, through an executor, to one merged result."""
