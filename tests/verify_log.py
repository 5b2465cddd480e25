#!/usr/bin/env python3
"""Checks an export of a log (`doorward log export events --proof`) on its own.

Shares no code with the product: what it knows stands in docs/log-proof.md. Prints what each row says
with `--print`. `--head SEQ:HASH` holds the export against a head that was noted earlier, from the
status or from MQTT: without one, whoever rewrites a whole log goes unnoticed.
Exit code 0: nothing was altered; 1: something was, and standard error says what and where.
"""
import hashlib, json, re, struct, sys

TAGS = {"events": b"doorward/event/1", "audit": b"doorward/audit/1"}
ROW = ["commitment", "hash", "personal", "public", "salt", "seq"]

class Altered(Exception):
    pass

def must(true, what):
    if not true:
        raise Altered(what)

def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

def raw(text, length=None):
    must(isinstance(text, str) and re.fullmatch("([0-9a-f]{2})*", text), f"{text!r} is not hexadecimal")
    value = bytes.fromhex(text)
    must(length in (None, len(value)), f"{len(value)} bytes, expected {length}")
    return value

def record(line):
    must(line.endswith("\n"), "a line is cut")
    try:
        value = json.loads(line)
    except ValueError as error:
        raise Altered(f"not JSON: {error}")
    # One way to write each value: so every byte of the file counts.
    must(line == json.dumps(value, separators=(",", ":"), sort_keys=True) + "\n", "not as it was written")
    must(isinstance(value, dict), "not an object")
    return value

def unpack(data):
    """The one MessagePack value that `data` holds, read by the specification."""
    def take(count):
        nonlocal data
        must(len(data) >= count, "MessagePack is cut")
        part, data = data[:count], data[count:]
        return part
    def number(form):
        return struct.unpack(">" + form, take(struct.calcsize(form)))[0]
    def value():
        kind = number("B")
        if kind < 0x80 or kind >= 0xE0: return kind if kind < 0x80 else kind - 256
        if kind < 0x90: return {value(): value() for _ in range(kind & 15)}
        if kind < 0xA0: return [value() for _ in range(kind & 15)]
        if kind < 0xC0: return take(kind & 31).decode()
        if kind in (0xC0, 0xC2, 0xC3): return {0xC0: None, 0xC2: False, 0xC3: True}[kind]
        if 0xC4 <= kind <= 0xC6: return take(number("BHI"[kind - 0xC4])).hex()
        if 0xCA <= kind <= 0xD3: return number("fdBHIQbhiq"[kind - 0xCA])
        if 0xD9 <= kind <= 0xDB: return take(number("BHI"[kind - 0xD9])).decode()
        if kind in (0xDC, 0xDD): return [value() for _ in range(number("HI"[kind - 0xDC]))]
        if kind in (0xDE, 0xDF): return {value(): value() for _ in range(number("HI"[kind - 0xDE]))}
        raise Altered(f"MessagePack kind {kind:#x}")
    whole = value()
    must(not data, "bytes after the MessagePack value")
    return whole

def verify(lines, head=None):
    """Yields each row as (seq, public, personal or None if erased); raises Altered."""
    lines = iter(lines)
    first = record(next(lines, ""))
    must(sorted(first) == ["after", "log", "previous", "proof"] and first["proof"] == "doorward/1", "not a proof")
    must(first["log"] in TAGS, f"unknown log {first['log']!r}")
    tag, seq, previous = TAGS[first["log"]], first["after"], raw(first["previous"], 32)
    must(seq > 0 or previous == sha(tag), "it does not begin at the beginning")
    seen, rows = {seq: previous}, 0
    for line in lines:
        row = record(line)
        if sorted(row) == ["head", "rows"]:
            must(row["rows"] == rows, f"{rows} rows, the last line says {row['rows']}")
            must(raw(row["head"], 32) == previous, "the last line names another head")
            must(next(lines, None) is None, "lines after the last line")
            break
        must(sorted(row) == ROW, f"after row {seq}: not a row")
        must(row["seq"] == seq + 1, f"row {row['seq']} after row {seq}")
        seq, rows = seq + 1, rows + 1
        public, commitment = raw(row["public"]), raw(row["commitment"], 32)
        must((row["salt"] is None) == (row["personal"] is None), f"row {seq}: half erased")
        personal = None if row["personal"] is None else raw(row["personal"])
        if personal is not None:
            must(sha(raw(row["salt"], 32), personal) == commitment, f"row {seq}: its personal part was altered")
        previous = sha(tag, previous, struct.pack(">Q", seq), struct.pack(">I", len(public)), public, commitment)
        must(previous == raw(row["hash"], 32), f"row {seq}: it does not follow from the row before it")
        seen[seq] = previous
        yield seq, unpack(public), None if personal is None else unpack(personal)
    else:
        raise Altered("the end is missing")
    if head:
        must(seen.get(head[0]) == head[1], f"row {head[0]} is not the one that was noted")

def main(arguments):
    show = "--print" in arguments
    heads = [arguments[at + 1] for at, name in enumerate(arguments) if name == "--head"]
    files = [name for name in arguments if not name.startswith("--") and name not in heads]
    head = None
    if heads:
        seq, _, noted = heads[0].partition(":")
        head = (int(seq), bytes.fromhex(noted))
    count = erased = 0
    try:
        with open(files[0], encoding="utf-8", newline="") if files else sys.stdin as lines:
            for seq, public, personal in verify(lines, head):
                count, erased = count + 1, erased + (personal is None)
                if show:
                    print(json.dumps({"seq": seq, "public": public, "personal": personal}))
    except (Altered, ValueError) as error:
        print(f"ALTERED: {error}", file=sys.stderr)
        return 1
    print(f"{count} rows hold, {erased} of them erased", file=sys.stderr)
    return 0

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
