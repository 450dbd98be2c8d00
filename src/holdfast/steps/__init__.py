"""Every step that a person can take, declared once for all interfaces."""
