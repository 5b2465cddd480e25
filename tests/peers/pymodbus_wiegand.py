"""A Modbus device that keeps the last card, by pymodbus: the registers of config/readers/wiegand-modbus.

    pymodbus_wiegand.py HOST PORT UNIT        PORT 0 takes a free one, told when listening

Holding registers: 0 a counter, 1 the number of bits, 2 to 9 the bits, first bit first. Takes orders as
JSON lines on standard input:
    {"order": "card", "bits": "0101"}         it was shown
    {"order": "silent", "on": true}           it answers nothing
Tells {"report": "listening", "port": 5020}, and {"report": "read"} for every question.
"""

import asyncio
import json
import sys

from pymodbus.constants import ExcCodes
from pymodbus.datastore import ModbusServerContext
from pymodbus.exceptions import NoSuchIdException
from pymodbus.server import ModbusTcpServer

REGISTERS = 10


def tell(report, **fields):
    print(json.dumps({"report": report, **fields}), flush=True)


class Device(ModbusServerContext):
    """What pymodbus reads: it asks here instead of in a datastore of its own."""

    def __init__(self, unit):
        self.unit = unit
        # A card was shown before anybody listened.
        self.registers = [41, 4] + [0x6000] + [0] * 7
        self.silent = False
        self.simdevices = []
        self.old_simulator = True

    def device_ids(self):
        return [self.unit]

    def show(self, bits):
        padded = bits.ljust(128, "0")
        words = [int(padded[at : at + 16], 2) for at in range(0, 128, 16)]
        counter = (self.registers[0] + 1) & 0xFFFF
        self.registers = [counter, len(bits), *words]

    async def async_getValues(self, device_id, func_code, address, count=1):
        if device_id != self.unit or self.silent:
            raise NoSuchIdException("silent")
        tell("read")
        if func_code != 3:
            return ExcCodes.ILLEGAL_FUNCTION
        if address + count > REGISTERS:
            return ExcCodes.ILLEGAL_ADDRESS
        return self.registers[address : address + count]

    async def async_setValues(self, device_id, func_code, address, values):
        return ExcCodes.ILLEGAL_FUNCTION


async def main():
    host, port, unit = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    device = Device(unit)
    server = ModbusTcpServer(context=device, address=(host, port), ignore_missing_devices=True)
    await server.serve_forever(background=True)
    tell("listening", port=server.transport.sockets[0].getsockname()[1])
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        if order["order"] == "card":
            device.show(order["bits"])
        else:
            device.silent = order["on"]


asyncio.run(main())
