"""Validates messages against the JSON Schemas of an AsyncAPI document.

usage: validate.py asyncapi.yaml prefix < lines

Each line is {"topic": …, "payload": …}. The channel is found by its address, and the payload must
fit the schema of exactly one of the channel's messages.
"""

import json
import re
import sys

import yaml
from jsonschema import Draft202012Validator, FormatChecker


def resolve(document, node):
    """Follows a reference within the document."""
    while "$ref" in node:
        target = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def topic_pattern(address, prefix):
    parts = re.split(r"(\{[a-z_]+\})", address.replace("{prefix}", prefix))
    pattern = ["[^/]+" if part.startswith("{") else re.escape(part) for part in parts]
    return re.compile("^" + "".join(pattern) + "$")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        document = yaml.safe_load(file)
    channels = []
    for name, channel in document["channels"].items():
        validators = {}
        for message_name, message in channel["messages"].items():
            # Other definitions are found by way of the document's own components.
            payload = {**resolve(document, message)["payload"], "components": document["components"]}
            Draft202012Validator.check_schema(payload)
            validators[message_name] = Draft202012Validator(payload, format_checker=FormatChecker())
        channels.append((name, topic_pattern(channel["address"], sys.argv[2]), validators))

    wrong = 0
    for number, line in enumerate(sys.stdin, 1):
        message = json.loads(line)
        found = [entry for entry in channels if entry[1].match(message["topic"])]
        if len(found) != 1:
            wrong += 1
            print(f"line {number}: topic {message['topic']} fits {len(found)} channels", file=sys.stderr)
            continue
        name, _, validators = found[0]
        errors = {key: list(each.iter_errors(message["payload"])) for key, each in validators.items()}
        if sum(not each for each in errors.values()) != 1:
            wrong += 1
            print(f"line {number}: {name}: {line.strip()}", file=sys.stderr)
            for key, each in errors.items():
                for error in each:
                    print(f"  {key}: {error.json_path}: {error.message}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


main()
