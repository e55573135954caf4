"""Generated from `protos/socialgateway/ads`: do not edit."""
