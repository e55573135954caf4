"""Generated from `protos/socialgateway/admin`: do not edit."""
