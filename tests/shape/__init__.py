"""The shape of the code: who may import whom, how long things are, and where time may be read."""
