"""Refuses a dependency that states a later Rust than this crate does.

Reads `cargo metadata` from standard input; the argument is the `rust-version` of this crate.
"""

import json
import sys


def version(text):
    return tuple(int(part) for part in text.split("."))


stated = version(sys.argv[1])
packages = json.load(sys.stdin)["packages"]
later = [
    f"{package['name']} {package['version']} needs Rust {package['rust_version']}"
    for package in packages
    if package["rust_version"] and version(package["rust_version"])[:2] > stated[:2]
]
print("\n".join(later) or f"of {len(packages)} crates, none states a later Rust than {sys.argv[1]}")
sys.exit(1 if later else 0)
