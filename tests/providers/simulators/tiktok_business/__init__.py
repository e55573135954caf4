"""The simulated API for Business, called as TikTok's documentation says."""
