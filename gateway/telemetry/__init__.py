"""Telemetry: metrics for Prometheus or over OTLP, and traces over OTLP; nothing of it is imported unless asked for.

Owns the names of all metrics, what a measurement costs, and which libraries receive it. Does not know what is measured.
"""
