"""The gRPC entrance: one servicer per noun, which reads a request, asks the rules, and writes the answer.

Owns the conversions between the contract's messages and the rules' own types. Does not decide anything.
"""
