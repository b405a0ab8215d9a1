"""What a report comes in: a header and the records below it, whether as CSV, HTML table, XML or JSON."""
