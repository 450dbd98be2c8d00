"""Pages, one module for each place a reader goes. A view translates and calls; rules live in the steps."""
