"""How things look as JSON: the same document from the API, from the command line, and in a file a person
writes for either.

One module for each noun. What is *shown* is built from the state that facts add up to; what is *asked* is
checked like any other file, so that an error names the place and the remedy.
"""
