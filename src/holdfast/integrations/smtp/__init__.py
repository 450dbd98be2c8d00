"""Mail: messages leave by SMTP (RFC 5321)."""
