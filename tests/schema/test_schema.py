#!/usr/bin/env python3
"""The JSON Schema of `stack config --schema` is one, accepts the examples and refuses mistakes.

   test_schema.py STACK [FILE...]      FILE: further stack files that must be accepted
"""

import json
import pathlib
import subprocess
import sys

try:
    import jsonschema
    import yaml
except ImportError as error:
    print(f"SKIPPED: {error} (python3-jsonschema, python3-yaml)")
    sys.exit(77)

TOP = pathlib.Path(__file__).resolve().parent.parent.parent

MISTAKES = [
    "services: [web]",
    "service: {}",
    "services: {web: {imag: host}}",
    "services: {web: {image: [host]}}",
    "services: {web: {image: host, ports: {80: 80}}}",
    "services: {web: {image: host, depends_on: {db: {conditon: x}}}}",
    "services: {web: {image: host, healthcheck: {interval: [1]}}}",
    "services: {web: {image: host, cgroup: own}}",
    "networks: {a: {drivers: bridge}}",
]


class Loader(yaml.SafeLoader):
    """Knows the tags of a stack file: what they stand before is what counts."""


def untagged(loader, node):
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


Loader.add_constructor("!reset", untagged)
Loader.add_constructor("!override", untagged)


def main():
    stack, files = sys.argv[1], [pathlib.Path(name) for name in sys.argv[2:]]
    text = subprocess.run([stack, "config", "--schema"], check=True, stdout=subprocess.PIPE).stdout
    schema = json.loads(text)
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    failed = 0
    files += sorted((TOP / "examples").glob("**/*.yaml"))
    for file in files:
        for document in yaml.load_all(file.read_text(encoding="utf-8-sig"), Loader):
            for error in validator.iter_errors(document):
                failed += 1
                print(f"{file}: {'.'.join(map(str, error.path))}: {error.message[:200]}")
    for mistake in MISTAKES:
        if validator.is_valid(yaml.safe_load(mistake)):
            failed += 1
            print(f"accepted: {mistake}")
    print(f"{len(files)} files and {len(MISTAKES)} mistakes, {failed} failures")
    return 1 if failed or not files else 0


if __name__ == "__main__":
    sys.exit(main())
