"""A Modbus master for the tests, by pymodbus, which shares nothing with Doorward's.

    pymodbus_client.py HOST PORT UNIT COILS

Switches each of the first COILS coils on and off again, one after the other, reads all of them back each
time, and reads as many discrete inputs. Says as one line of JSON what it read:
    {"coils": [[true, false, ...], ...], "off": [false, ...], "inputs": [false, ...], "beyond": 2}
`beyond` is the exception code for a coil that is not there.
"""

import json
import sys

from pymodbus.client import ModbusTcpClient

host, port, unit, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
client = ModbusTcpClient(host, port=port)
assert client.connect(), "cannot connect"


def coils():
    reply = client.read_coils(0, count=count, device_id=unit)
    assert not reply.isError(), reply
    return reply.bits[:count]


read = []
for coil in range(count):
    assert not client.write_coil(coil, True, device_id=unit).isError()
    read.append(coils())
    assert not client.write_coil(coil, False, device_id=unit).isError()
inputs = client.read_discrete_inputs(0, count=count, device_id=unit)
assert not inputs.isError(), inputs
beyond = client.write_coil(4000, True, device_id=unit)
print(json.dumps({
    "coils": read,
    "off": coils(),
    "inputs": inputs.bits[:count],
    "beyond": beyond.exception_code if beyond.isError() else 0,
}))
