"""Access: who gets in, and how; what they may reach stands in the roster (`holdfast.people`)."""
