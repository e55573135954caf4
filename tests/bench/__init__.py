"""What the gateway costs beside a bare server of the same kind, on this machine: `python -m tests.bench`.

Owns measurements, which are no tests: nothing here is collected by pytest.
"""

import os

# curl is started while gRPC runs; gRPC otherwise complains about each such start. Read when grpc is imported.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
