"""TikTok's API for Business as the provider uses it."""
