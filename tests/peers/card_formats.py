"""The card formats once more, independently: pictures of bits and rows of parity.

Written from the published tables (docs/card-formats.md says which), not from Doorward's own table; it
shares nothing with Doorward. Speaks JSON lines. Orders:

    {"order": "names"}
    {"order": "encode", "format": ..., "cards": [{"facility": ..., "number": ..., ...}, ...]}
    {"order": "decode", "format": ..., "bits": ["0101...", ...]}

A picture has a letter a bit: F facility code, N card number, I issue level, M maker's code, P parity,
0 and 1 fixed, `-` unused. Positions count from 0, as in the sources. A parity row is (kind, position,
positions covered): the sum with the parity bit itself is even (E) or odd (O).
"""

import json
import sys


def span(first, last, step=1):
    """Positions from first to last, both included."""
    return list(range(first, last + 1, step))


def pairs(first, last, skip):
    """Every position of a span but each third one, beginning with `skip`."""
    return [at for at in span(first, last) if (at - skip) % 3 != 0]


def halves(picture):
    """Even parity in front of the first half, odd behind the second; an odd bit counts in both."""
    data = len(picture) - 2
    half = (data + 1) // 2
    return [("E", 0, span(1, half)), ("O", data + 1, span(data - half + 1, data))]


# name: (picture or its length with scattered fields, parity rows in the order to be written)
FORMATS = {
    "H10301": ("P" + "F" * 8 + "N" * 16 + "P", halves),
    "Ind26": ("P" + "F" * 12 + "N" * 12 + "P", halves),
    "Ind27": ("F" * 13 + "N" * 14, []),
    "IndASC27": (
        {
            "bits": 27,
            "F": [9, 4, 6, 5, 0, 7, 19, 8, 10, 16, 24, 12, 22],
            "N": [26, 1, 3, 15, 14, 17, 20, 13, 25, 2, 18, 21, 11, 23],
        },
        [],
    ),
    "Tecom27": (
        {
            "bits": 27,
            "F": [15, 19, 24, 23, 22, 18, 6, 10, 14, 3, 2],
            "N": [0, 1, 13, 12, 9, 26, 20, 16, 17, 21, 25, 7, 8, 11, 4, 5],
        },
        [],
    ),
    "2804W": (
        "P-P-" + "F" * 8 + "N" * 15 + "P",
        [
            ("O", 2, pairs(4, 26, 6)),
            ("E", 0, span(1, 13)),
            ("O", 27, span(0, 26)),
        ],
    ),
    "Ind29": ("F" * 13 + "N" * 16, []),
    "ATSW30": ("P" + "F" * 12 + "N" * 16 + "P", [("E", 0, span(1, 12)), ("O", 29, span(13, 28))]),
    "ADT31": ("-" + "F" * 4 + "N" * 23 + "---", []),
    "HCP32": ("-" + "N" * 24 + "-" * 7, []),
    "HPP32": ("-" + "F" * 12 + "N" * 19, []),
    "Kastle32": (
        "P1" + "I" * 5 + "F" * 8 + "N" * 16 + "P",
        [("E", 0, span(1, 16)), ("O", 31, span(14, 30))],
    ),
    "KSF32": ("-" * 7 + "F" * 8 + "N" * 16 + "-", []),
    "WIE32": ("----" + "F" * 12 + "N" * 16, []),
    "ATSW32": ("P" + "F" * 13 + "N" * 17 + "P", [("E", 0, span(1, 13)), ("O", 31, span(14, 30))]),
    "CSN32": ("N" * 32, []),
    "Sch1040": ("P" + "F" * 11 + "0" + "N" * 18 + "P", halves),
    "D10202": ("P" + "F" * 7 + "N" * 24 + "P", [("E", 0, span(1, 16)), ("O", 32, span(16, 31))]),
    "H10306": ("P" + "F" * 16 + "N" * 16 + "P", halves),
    "WIE34": ("P" + "N" * 32 + "P", halves),
    "BQT34": ("P" + "F" * 8 + "N" * 24 + "P", halves),
    "Optus34": ("-" + "N" * 16 + "-" * 5 + "F" * 11 + "-", []),
    "SMP34": ("-" + "F" * 13 + "III" + "N" * 16 + "-", []),
    "C1k35s": (
        "PP" + "F" * 12 + "N" * 20 + "P",
        [("E", 1, pairs(2, 33, 4)), ("O", 34, pairs(1, 32, 3)), ("O", 0, span(1, 34))],
    ),
    "C15001": ("P" + "M" * 10 + "F" * 8 + "N" * 16 + "P", halves),
    "S12906": (
        "P" + "F" * 8 + "II" + "N" * 24 + "P",
        [("O", 0, span(1, 17)), ("O", 35, span(17, 34))],
    ),
    "S12906b": (
        "P" + "F" * 8 + "PP" + "N" * 24 + "-",
        [
            ("E", 9, [2, 3, 5, 6, 8] + [11, 13, 14, 16, 17, 19, 20, 22, 23, 25, 26, 28, 29, 31, 32, 34, 35]),
            ("E", 10, [1, 3, 4, 6, 7] + [11, 12, 14, 15, 17, 18, 20, 21, 23, 24, 26, 27, 29, 30, 32, 33, 35]),
            ("O", 0, [1, 2, 4, 5, 7, 8] + [12, 13, 15, 16, 18, 19, 21, 22, 24, 25, 27, 28, 30, 31, 33, 34]),
        ],
    ),
    "Sie36": (
        "P" + "F" * 18 + "N" * 16 + "P",
        [("O", 0, pairs(1, 34, 2)), ("E", 35, pairs(1, 34, 3))],
    ),
    "AWID36": ("-" * 6 + "F" * 11 + "N" * 18 + "-", []),
    "H10320": (
        "D" * 32 + "PPPP",
        [("E", 32, span(0, 28, 4)), ("O", 33, span(1, 29, 4)), ("E", 34, span(2, 30, 4)), ("E", 35, span(3, 31, 4))],
    ),
    "H10302": ("P" + "N" * 35 + "P", halves),
    "H10304": ("P" + "F" * 16 + "N" * 19 + "P", halves),
    "H10320-37": (
        "1" + "D" * 32 + "PPPP",
        [("E", 33, span(1, 29, 4)), ("O", 34, span(2, 30, 4)), ("E", 35, span(3, 31, 4)), ("E", 36, span(4, 32, 4))],
    ),
    "P10004": ("-" + "F" * 13 + "N" * 18 + "-" * 5, []),
    "HGen37": (
        "P-PP" + "N" * 32 + "1",
        [("E", 0, span(4, 32, 4)), ("O", 2, span(6, 34, 4)), ("E", 3, span(7, 35, 4))],
    ),
    "MDI37": ("P--" + "F" * 4 + "N" * 29 + "P", halves),
    "BQT38": ("P" + "N" * 19 + "I" * 4 + "F" * 13 + "P", halves),
    "ISCS38": ("P" + "M" * 4 + "F" * 10 + "N" * 22 + "P", halves),
    "PW39": ("P" + "F" * 17 + "N" * 20 + "P", [("E", 0, span(1, 18)), ("O", 38, span(19, 37))]),
    "XSF39": ("F" * 22 + "N" * 16 + "-", []),
    "P10001": (
        "1111" + "F" * 12 + "N" * 16 + "P" * 8,
        [("E", 32 + bit, span(bit, bit + 24, 8)) for bit in range(8)],
    ),
    "Casi40": ("-" + "N" * 38 + "-", []),
    "Verkada40": ("P" + "F" * 10 + "N" * 28 + "P", [("E", 0, span(1, 10)), ("E", 39, span(11, 38))]),
    "BC40": ("M" * 7 + "F" * 12 + "N" * 19 + "-P", [("O", 39, span(19, 37))]),
    "EM4100": ("F" * 8 + "N" * 32, []),
    "Defcon42": (
        "P" + "F" * 16 + "I" * 4 + "N" * 20 + "P",
        [("E", 0, span(2, 20, 2)), ("O", 41, span(21, 39, 2))],
    ),
    "H800002": ("P" + "F" * 14 + "N" * 30 + "P", [("E", 0, span(1, 44)), ("O", 45, span(1, 44))]),
    "C1k48s": (
        "PP" + "F" * 22 + "N" * 23 + "P",
        [("E", 1, pairs(3, 46, 5)), ("O", 47, pairs(2, 45, 4)), ("O", 0, span(1, 47))],
    ),
    "AWID50": ("P" + "F" * 16 + "N" * 32 + "P", halves),
    "Avig56": ("P" + "F" * 20 + "N" * 34 + "P", halves),
    "IR56": ("F" * 24 + "N" * 32, []),
    "CSN56": ("N" * 56, []),
    "CSN64": ("N" * 64, []),
    "PIV75": ("P" + "F" * 28 + "N" * 20 + "-" * 25 + "P", [("E", 0, span(1, 37)), ("O", 74, span(38, 73))]),
}

# What stands in the maker's code when nobody says.
USUAL = {"C15001": {"oem": 900}}
LETTERS = {"F": "facility", "N": "number", "D": "number", "I": "issue", "M": "oem"}


class Format:
    """One format, ready to write and read."""

    def __init__(self, name):
        self.name = name
        picture, parity = FORMATS[name]
        if isinstance(picture, dict):
            self.bits = picture["bits"]
            self.fields = {"F": picture["F"], "N": picture["N"]}
            self.fixed = {}
            parity = list(parity)
        else:
            self.bits = len(picture)
            self.fields = {}
            for at, letter in enumerate(picture):
                if letter in LETTERS:
                    self.fields.setdefault(letter, []).append(at)
            self.fixed = {at: letter for at, letter in enumerate(picture) if letter in "01"}
            parity = parity(picture) if callable(parity) else parity
        self.parity = parity

    def encode(self, card):
        bits = ["0"] * self.bits
        for at, digit in self.fixed.items():
            bits[at] = digit
        for letter, positions in self.fields.items():
            value = card.get(LETTERS[letter])
            if value is None:
                value = USUAL.get(self.name, {}).get(LETTERS[letter], 0)
            if letter == "D":
                text = "".join(format(int(digit), "04b") for digit in str(value).zfill(len(positions) // 4))
            else:
                text = format(value, "b").zfill(len(positions))
            for at, digit in zip(positions, text, strict=True):
                bits[at] = digit
        for kind, at, covered in self.parity:
            odd = sum(bits[each] == "1" for each in covered) % 2 == 1
            bits[at] = "1" if odd != (kind == "O") else "0"
        return "".join(bits)

    def decode(self, bits):
        if len(bits) != self.bits or any(bits[at] != digit for at, digit in self.fixed.items()):
            return None
        for kind, at, covered in self.parity:
            odd = sum(bits[each] == "1" for each in [at, *covered]) % 2 == 1
            if odd != (kind == "O"):
                return None
        card = {}
        for letter, positions in self.fields.items():
            text = "".join(bits[at] for at in positions)
            if letter == "D":
                digits = [int(text[at : at + 4], 2) for at in range(0, len(text), 4)]
                if max(digits) > 9:
                    return None
                card["number"] = int("".join(map(str, digits)))
            else:
                card[LETTERS[letter]] = int(text, 2)
        return card


def main():
    formats = {}
    for line in sys.stdin:
        order = json.loads(line)
        if order["order"] == "names":
            answer = {"names": list(FORMATS)}
        else:
            name = order["format"]
            if name not in formats:
                formats[name] = Format(name)
            known = formats[name]
            if order["order"] == "encode":
                answer = {"bits": [known.encode(card) for card in order["cards"]]}
            else:
                answer = {"cards": [known.decode(bits) for bits in order["bits"]]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
