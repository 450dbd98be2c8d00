"""What a person can do, declared once for pages, API and terminal: a module for each noun, listed in
`table.py`."""
