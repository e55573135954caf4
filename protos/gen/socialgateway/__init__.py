"""Generated from `protos/socialgateway`: do not edit."""
