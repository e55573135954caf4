"""The demo: a caller's whole way, on this machine, against a simulated vendor.

Owns a client of the gateway like anybody else's, and the processes it starts. Knows neither rules nor rows: it talks
gRPC and HTTP, and so stands beside the entrances, not behind them.
"""
