"""Generated from `protos/socialgateway/v1`: do not edit."""
