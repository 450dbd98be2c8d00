"""Webhooks: messages leave as signed HTTP requests, as Standard Webhooks 1.0.0 says."""
