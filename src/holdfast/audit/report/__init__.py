"""The report: one incident as a document to read (PDF/A-2a, PDF/UA-1, tagged).

One idea: what the report says is decided in Python (`content`), how it looks in Typst (`templates`), and
everything from the record crosses between the two as data. A title that looks like markup is a title.
"""
