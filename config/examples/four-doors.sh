#!/bin/sh
# The doors of config/examples/four-doors.toml, once the daemon runs. Relay and inputs by the terminals of
# the board: door n has relay n, its contact at input 2n-1 and its exit button at input 2n.
set -e
doorward doors add 'Main entrance'  --entry main-in  --relay cabinet:1 --contact cabinet:1 --rex cabinet:2
doorward doors add 'Staff entrance' --entry staff-in --relay cabinet:2 --contact cabinet:3 --rex cabinet:4
doorward doors add 'Store'          --entry store-in --relay cabinet:3 --contact cabinet:5 --rex cabinet:6
doorward doors add 'Laboratory'     --entry lab-in --exit lab-out --relay cabinet:4 --contact cabinet:7 --rex cabinet:8
