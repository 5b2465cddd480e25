"""Relay boards for the tests, by pymodbus: an implementation that shares nothing with Doorward's.

    pymodbus_board.py [--model NAME] tcp HOST PORT UNIT...    PORT 0 takes a free one, told when listening
    pymodbus_board.py [--model NAME] rtu DEVICE BAUD UNIT...

With a model a board answers as the maker of that one says (pymodbus_models.py). Without, it has 64
coils and 64 discrete inputs from address 0. Written like a Waveshare board's "flash
on" command (function 05, address 0x0200 and following, value in units of 100 ms), a coil goes on
and comes off by itself.

Takes orders as JSON lines on standard input:
    {"order": "inputs", "unit": 1, "levels": 5}       bit 0 is input 1
    {"order": "analogue", "unit": 1, "input": 1, "value": 2100}    what a model measures
    {"order": "silent", "unit": 1, "on": true}        it answers nothing, and does nothing
    {"order": "deaf", "unit": 1, "on": true}          it does what it is told, and answers nothing
    {"order": "refuse", "unit": 1, "code": 2}         exception to writes; null for none
    {"order": "refuse_reads", "unit": 1, "code": 2}   exception to reads; null for none
    {"order": "delay", "unit": 1, "ms": 50}           before every answer
    {"order": "power_cycle", "unit": 1}               it forgets its outputs
    {"order": "close"}                                TCP: connections and listener are closed
    {"order": "listen"}                               TCP: and opened again at the same port
Ends at the end of its input. Tells as JSON lines on standard output, times in nanoseconds of
CLOCK_MONOTONIC, outputs from 1:
    {"report": "listening", "port": 5020}             also on a serial line, without port
    {"report": "connected"}  {"report": "disconnected"}
    {"report": "wrote", "unit": 1, "output": 1, "on": true, "ns": 1}      a write of a coil
    {"report": "pulse", "unit": 1, "output": 1, "units": 7, "ns": 1}      a flash-on command
    {"report": "level", "unit": 1, "output": 1, "on": false, "ns": 1}     a coil has changed
    {"report": "read", "unit": 1, "ns": 1}                                inputs were read
"""

import asyncio
import json
import struct
import sys
import time

from pymodbus.constants import ExcCodes
from pymodbus.datastore import ModbusServerContext
from pymodbus.exceptions import NoSuchIdException
from pymodbus.pdu import ExceptionResponse
from pymodbus.pdu.bit_message import WriteSingleCoilRequest
from pymodbus.server import ModbusSerialServer, ModbusTcpServer

from pymodbus_models import MODELS

COILS = 64
FLASH_ON = 0x0200
FLASH_UNIT_S = 0.1


def tell(report, **fields):
    print(json.dumps({"report": report, **fields}), flush=True)


class Board:
    def __init__(self, unit, model):
        self.unit = unit
        self.model = model
        self.analogue = [0] * COILS
        self.written = []
        self.coils = [False] * COILS
        self.inputs = [False] * COILS
        self.flashes = {}
        self.silent = False
        self.deaf = False
        self.refuses = None
        self.refuses_reads = None
        self.delay_s = 0

    def set(self, at, on):
        if self.coils[at] != on:
            self.coils[at] = on
            tell("level", unit=self.unit, output=at + 1, on=on, ns=time.monotonic_ns())

    def write(self, at, on):
        self.end_flash(at)
        tell("wrote", unit=self.unit, output=at + 1, on=on, ns=time.monotonic_ns())
        self.set(at, on)

    def flash(self, at, units):
        self.end_flash(at)
        tell("pulse", unit=self.unit, output=at + 1, units=units, ns=time.monotonic_ns())
        self.set(at, True)
        loop = asyncio.get_running_loop()
        self.flashes[at] = loop.call_later(units * FLASH_UNIT_S, self.set, at, False)

    def end_flash(self, at):
        if timer := self.flashes.pop(at, None):
            timer.cancel()

    def forget_outputs(self):
        for at in range(COILS):
            self.end_flash(at)
            self.set(at, False)


class Boards(ModbusServerContext):
    """What pymodbus reads and writes: it asks here instead of in a datastore of its own."""

    def __init__(self, units, model):
        self.boards = {unit: Board(unit, model) for unit in units}
        self.simdevices = []
        self.old_simulator = True

    def device_ids(self):
        return list(self.boards)

    async def board(self, unit):
        board = self.boards.get(unit)
        if board is None or board.silent:
            # The server leaves such a request without an answer.
            raise NoSuchIdException("silent")
        if board.delay_s:
            await asyncio.sleep(board.delay_s)
        return board

    async def async_getValues(self, device_id, func_code, address, count=1):
        board = await self.board(device_id)
        if func_code == 2:
            tell("read", unit=device_id, ns=time.monotonic_ns())
        if board.model:
            return board.model.get(board, func_code, address, count)
        if board.refuses_reads and func_code in (1, 2):
            return ExcCodes(board.refuses_reads)
        if func_code not in (1, 2, 5, 15):
            return ExcCodes.ILLEGAL_FUNCTION
        if address + count > COILS:
            return ExcCodes.ILLEGAL_ADDRESS
        if board.deaf:
            raise NoSuchIdException("deaf")
        levels = board.inputs if func_code == 2 else board.coils
        return levels[address : address + count]

    async def async_setValues(self, device_id, func_code, address, values):
        board = await self.board(device_id)
        if board.refuses:
            return ExcCodes(board.refuses)
        if board.model:
            return board.model.set(board, func_code, address, values)
        if func_code not in (5, 15):
            return ExcCodes.ILLEGAL_FUNCTION
        if address + len(values) > COILS:
            return ExcCodes.ILLEGAL_ADDRESS
        for at, on in enumerate(values, address):
            board.write(at, bool(on))
        return None

    async def flash(self, unit, address, units):
        board = await self.board(unit)
        if board.refuses:
            return ExcCodes(board.refuses)
        outputs = board.model.flash if board.model else COILS
        if address >= FLASH_ON + outputs or not 1 <= units <= 0x7FFF:
            return ExcCodes.ILLEGAL_VALUE
        board.flash(address - FLASH_ON, units)
        if board.deaf:
            raise NoSuchIdException("deaf")
        return None


class WriteCoilOrFlash(WriteSingleCoilRequest):
    """Function 05 whose value field may be a time, echoed as it came."""

    def decode(self, data):
        super().decode(data)
        (self.value,) = struct.unpack(">H", data[2:4])

    def encode(self):
        return struct.pack(">HH", self.address, self.value)

    async def datastore_update(self, context, device_id):
        if self.address < FLASH_ON:
            if self.value not in (0x0000, 0xFF00):
                return ExceptionResponse(self.function_code, ExcCodes.ILLEGAL_VALUE)
            return await super().datastore_update(context, device_id)
        if code := await context.flash(device_id, self.address, self.value):
            return ExceptionResponse(self.function_code, code)
        return self


class Server:
    def __init__(self, kind, place, number, units, model):
        self.kind, self.place, self.number = kind, place, number
        self.boards = Boards(units, model)
        self.server = None

    async def listen(self):
        options = {
            "context": self.boards,
            "ignore_missing_devices": True,
            "trace_connect": lambda on: tell("connected" if on else "disconnected"),
            "custom_pdu": [WriteCoilOrFlash],
        }
        if self.kind == "tcp":
            self.server = ModbusTcpServer(address=(self.place, self.number), **options)
        else:
            self.server = ModbusSerialServer(port=self.place, baudrate=self.number, **options)
        await self.server.serve_forever(background=True)
        if self.kind == "tcp":
            self.number = self.server.transport.sockets[0].getsockname()[1]
            tell("listening", port=self.number)
        else:
            tell("listening")

    async def close(self):
        await self.server.shutdown()

    async def obey(self, order):
        board = self.boards.boards.get(order.get("unit"))
        match order["order"]:
            case "inputs":
                board.inputs = [bool(order["levels"] >> at & 1) for at in range(COILS)]
            case "analogue":
                board.analogue[order["input"] - 1] = order["value"]
            case "silent":
                board.silent = order["on"]
            case "deaf":
                board.deaf = order["on"]
            case "refuse":
                board.refuses = order["code"]
            case "refuse_reads":
                board.refuses_reads = order["code"]
            case "delay":
                board.delay_s = order["ms"] / 1000
            case "power_cycle":
                board.forget_outputs()
            case "close":
                await self.close()
            case "listen":
                await self.listen()
            case other:
                raise ValueError(f"no such order: {other}")


async def main():
    arguments = sys.argv[1:]
    model = None
    if arguments[0] == "--model":
        model = MODELS[arguments[1]]
        arguments = arguments[2:]
    kind, place, number, *units = arguments
    server = Server(kind, place, int(number), [int(unit) for unit in units], model)
    await server.listen()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        await server.obey(json.loads(line))


asyncio.run(main())
