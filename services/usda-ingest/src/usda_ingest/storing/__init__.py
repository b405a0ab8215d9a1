"""From rows to tables: one transaction a file, accounted for to the last row."""
