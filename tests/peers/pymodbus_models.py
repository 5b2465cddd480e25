"""What relay boards answer, each as its maker's manual says: written from those manuals, never from
Doorward's profiles, which are tried against them.

A model reads and writes a `Board` of pymodbus_board.py by function code and address. What its manual
does not have is refused with the exception that the Modbus specification names.
"""

from pymodbus.constants import ExcCodes

READ_COILS, READ_DISCRETE, READ_HOLDING, READ_INPUT = 1, 2, 3, 4
WRITE_COIL, WRITE_REGISTER, WRITE_COILS = 5, 6, 15
WRITES = (WRITE_COIL, WRITE_REGISTER, WRITE_COILS)


class Region:
    """`count` values from `address`, read or written by some functions."""

    def __init__(self, functions, address, count, read=None, write=None):
        self.functions, self.address, self.count = functions, address, count
        self.read, self.write = read, write

    def holds(self, function, address, count):
        end = self.address + self.count
        return function in self.functions and self.address <= address and address + count <= end


def output_coils(address, count, functions=(READ_COILS, WRITE_COIL, WRITE_COILS)):
    def write(board, at, value):
        board.write(at, bool(value))

    return Region(functions, address, count, lambda board, at: board.coils[at], write)


def input_bits(function, address, count):
    return Region((function,), address, count, lambda board, at: board.inputs[at])


def output_registers(address, count, states):
    """Registers that switch outputs: `states` maps the values written to on or off."""

    def write(board, at, value):
        if value not in states:
            return ExcCodes.ILLEGAL_VALUE
        board.write(at, states[value])
        return None

    return Region((WRITE_REGISTER,), address, count, write=write)


def state_registers(address, count):
    return Region((READ_HOLDING,), address, count, lambda board, at: int(board.coils[at]))


def analogue(address, count):
    return Region((READ_INPUT,), address, count, lambda board, at: board.analogue[at])


def everything(address, outputs):
    """One coil for all outputs at once."""

    def write(board, _, value):
        for at in range(outputs):
            board.write(at, bool(value))

    return Region((WRITE_COIL,), address, 1, write=write)


class Model:
    def __init__(self, *regions, flash=0):
        self.regions = regions
        # So many outputs take Waveshare's "flash on" at 0x0200 and following.
        self.flash = flash

    def find(self, function, address, count):
        known = [region for region in self.regions if function in region.functions]
        if not known:
            return ExcCodes.ILLEGAL_FUNCTION
        found = [region for region in known if region.holds(function, address, count)]
        return found[0] if found else ExcCodes.ILLEGAL_ADDRESS

    def get(self, board, function, address, count):
        if function in WRITES:
            # The echo of what was just written.
            return board.written[-count:]
        region = self.find(function, address, count)
        if isinstance(region, ExcCodes):
            return region
        first = address - region.address
        return [region.read(board, first + step) for step in range(count)]

    def set(self, board, function, address, values):
        region = self.find(function, address, len(values))
        if isinstance(region, ExcCodes):
            return region
        board.written = list(values)
        for step, value in enumerate(values):
            if code := region.write(board, address - region.address + step, value):
                return code
        return None


def waveshare(outputs, inputs):
    regions = [output_coils(0, outputs), everything(0x00FF, outputs)]
    if inputs:
        regions.append(input_bits(READ_DISCRETE, 0, inputs))
    return Model(*regions, flash=outputs)


def smart_8():
    # Control registers hold what was last chosen; coils tell what the relays do.
    return Model(
        output_registers(0, 8, {1: False, 2: True}),
        output_coils(0, 8, (READ_COILS,)),
        state_registers(0, 8),
    )


MODELS = {
    "generic-coil": Model(output_coils(0, 16), input_bits(READ_DISCRETE, 0, 16)),
    "generic-register": Model(
        output_registers(0, 16, {0: False, 1: True}), state_registers(0, 16)
    ),
    "waveshare-rtu-relay-8ch": waveshare(8, 0),
    "waveshare-rtu-relay-d-8ch": waveshare(8, 8),
    "waveshare-poe-eth-relay-8ch": waveshare(8, 0),
    "waveshare-poe-eth-relay-b-8ch": waveshare(8, 8),
    # Inputs are coils here, too: 00001 and following; outputs stand at 00017 and following.
    "advantech-adam-6050": Model(input_bits(READ_COILS, 0, 12), output_coils(16, 6)),
    "advantech-adam-6060": Model(input_bits(READ_COILS, 0, 6), output_coils(16, 6)),
    # 0x0300 toggles, 0x0400 latches, 0x0500 and 0x06NN are timed; those stay unused.
    "eletechsup-r4d8a08": Model(
        output_registers(1, 8, {0x0100: True, 0x0200: False}), state_registers(1, 8)
    ),
    "rlh-smart-8": smart_8(),
    # No function 15, and no inputs.
    "kmtronic-rtu-8ch": Model(output_coils(0, 8, (READ_COILS, WRITE_COIL))),
    "waveshare-rtu-analog-input-8ch-b": Model(analogue(0, 8)),
    "wirenboard-mr6c": Model(output_coils(0, 6), input_bits(READ_DISCRETE, 0, 7)),
}
