"""The contract as JSON over HTTP: every method that has a `google.api.http` annotation, under `/v1/`.

A request becomes the message that gRPC would have brought, and runs through the same pipeline; nothing here decides who
may do what. Does not know any method: what there is, the descriptors say.
"""
