"""Generated from `protos/socialgateway/ads/v1`: do not edit."""
