"""Webhook endpoints: where the events of a location are delivered over HTTPS, and the deliveries.

Owns endpoints, their secrets, and when a delivery is tried again. Does not know what an event looks like on the wire:
who starts the deliveries says so.
"""
