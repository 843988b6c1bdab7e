"""Columns: what they seem to be, which role that suggests, and the ladders by which their values are made coarser."""
