"""A folder of this machine, or of a disk mounted here, as the vault."""
