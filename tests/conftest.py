"""Put tests/ on the path, so that every test folder can import `builders`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
