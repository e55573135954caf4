"""Generated from `protos/socialgateway/admin/v1`: do not edit."""
