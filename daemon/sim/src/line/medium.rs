//! The wire itself, without I/O: who is on it, when each byte has been sent, and what arrives.
//!
//! Time is an argument (nanoseconds of one monotonic clock), so that everything about pacing,
//! collisions and noise is tested in virtual time.

use std::collections::VecDeque;

use super::{Damage, Hearing, Noise, Port};

/// A burst is delivered when its last byte has been sent; no byte waits longer than this for it.
/// It stands for the receive FIFO of a UART.
pub(super) const BURST_NS: u64 = 1_000_000;

/// Bytes one port may have waiting to be sent; more stay in the pseudo-terminal, as with a driver's
/// transmit buffer.
pub(super) const QUEUED_BYTES_MAX: usize = 4096;

/// Start bit, eight data bits, stop bit.
const BITS_PER_BYTE: u64 = 10;
const NS_PER_S: u64 = 1_000_000_000;

/// Bytes that finished arriving together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Burst {
    /// When the last byte had been sent.
    pub(super) at_ns: u64,
    /// Who sent it; `None` for noise from outside.
    pub(super) from: Option<Port>,
    /// The rate it was sent at.
    pub(super) baud: u32,
    pub(super) bytes: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Medium {
    stations: Vec<Station>,
    hearing: Hearing,
    noise: Noise,
    random: Random,
    damage: Damage,
}

#[derive(Debug)]
struct Station {
    /// `None` is noise from outside.
    port: Option<Port>,
    baud: u32,
    connected: bool,
    /// When everything queued has been sent.
    free_ns: u64,
    queue: VecDeque<Symbol>,
}

#[derive(Debug, Clone, Copy)]
struct Symbol {
    byte: u8,
    baud: u32,
    start_ns: u64,
    end_ns: u64,
    collided: bool,
}

impl Medium {
    pub(super) fn new(devices: usize, baud: u32, hearing: Hearing, noise: Noise) -> Self {
        let ports = std::iter::once(None)
            .chain(std::iter::once(Some(Port::Panel)))
            .chain((0..devices).map(|index| Some(Port::Device(index))));
        let stations = ports
            .map(|port| Station {
                port,
                baud,
                connected: true,
                free_ns: 0,
                queue: VecDeque::new(),
            })
            .collect();
        Self {
            stations,
            hearing,
            noise,
            random: Random::new(noise.seed),
            damage: Damage::default(),
        }
    }

    pub(super) const fn damage(&self) -> Damage {
        self.damage
    }

    pub(super) fn set_noise(&mut self, noise: Noise) {
        self.noise = noise;
        self.random = Random::new(noise.seed);
    }

    pub(super) fn set_baud(&mut self, port: Port, baud: u32) {
        if let Some(station) = self.station(Some(port)) {
            station.baud = baud;
        }
    }

    /// Cuts a port off, losing what it was sending, or joins it again.
    pub(super) fn set_connected(&mut self, port: Port, connected: bool) {
        if let Some(station) = self.station(Some(port)) {
            station.connected = connected;
            let was_talking = !station.queue.is_empty();
            station.queue.clear();
            station.free_ns = 0;
            self.damage.halved += u64::from(was_talking);
        }
    }

    /// How many more bytes the port may hand over now.
    pub(super) fn room(&self, port: Port) -> usize {
        self.stations
            .iter()
            .find(|station| station.port == Some(port))
            .map_or(0, |station| {
                QUEUED_BYTES_MAX.saturating_sub(station.queue.len())
            })
    }

    /// A port, or the world outside (`None`), hands bytes to its transmitter at `now_ns`.
    pub(super) fn send(&mut self, now_ns: u64, port: Option<Port>, bytes: &[u8]) {
        let Some(at) = self
            .stations
            .iter()
            .position(|station| station.port == port)
        else {
            return;
        };
        let station = &mut self.stations[at];
        if !station.connected {
            return;
        }
        let byte_ns = BITS_PER_BYTE * NS_PER_S / u64::from(station.baud.max(1));
        let first = station.queue.len();
        let mut start_ns = now_ns.max(station.free_ns);
        for &byte in bytes.iter().take(QUEUED_BYTES_MAX.saturating_sub(first)) {
            let end_ns = start_ns + byte_ns;
            station.queue.push_back(Symbol {
                byte,
                baud: station.baud,
                start_ns,
                end_ns,
                collided: false,
            });
            start_ns = end_ns;
        }
        station.free_ns = start_ns;
        self.collide(at, first);
    }

    /// When the next burst will be complete.
    pub(super) fn next_ns(&self) -> Option<u64> {
        self.stations
            .iter()
            .filter_map(|station| station.burst().map(|(_, at_ns)| at_ns))
            .min()
    }

    /// The next burst that is complete at `now_ns`; call until `None`.
    pub(super) fn deliver(&mut self, now_ns: u64) -> Option<Burst> {
        let (at, count, at_ns) = self
            .stations
            .iter()
            .enumerate()
            .filter_map(|(at, station)| station.burst().map(|(count, ns)| (at, count, ns)))
            .min_by_key(|&(_, _, at_ns)| at_ns)
            .filter(|&(_, _, at_ns)| at_ns <= now_ns)?;
        let station = &mut self.stations[at];
        let baud = station.queue.front()?.baud;
        let (noise, random, damage) = (self.noise, &mut self.random, &mut self.damage);
        let mut bytes = Vec::with_capacity(count);
        for symbol in station.queue.drain(..count) {
            if random.chance(noise.drop_per_million) {
                damage.noisy_bytes += 1;
                continue;
            }
            let mut byte = symbol.byte;
            if symbol.collided {
                damage.collided_bytes += 1;
                byte ^= random.nonzero_byte();
            }
            if random.chance(noise.flip_per_million) {
                damage.noisy_bytes += 1;
                byte ^= 1 << (random.next() % 8);
            }
            bytes.push(byte);
            if random.chance(noise.repeat_per_million) {
                damage.noisy_bytes += 1;
                bytes.push(byte);
            }
        }
        Some(Burst {
            at_ns,
            from: station.port,
            baud,
            bytes,
        })
    }

    /// What `listener` makes of a burst: nothing, the bytes, or, at another baud rate, garbage.
    pub(super) fn heard(&mut self, burst: &Burst, listener: Port) -> Option<Vec<u8>> {
        let hears = match burst.from {
            None => true,
            Some(from) if from == listener => self.hearing.echo,
            Some(Port::Panel) => true,
            Some(Port::Device(_)) => listener == Port::Panel || self.hearing.devices_hear_devices,
        };
        let station = self.station(Some(listener))?;
        if !hears || !station.connected {
            return None;
        }
        let mut bytes = burst.bytes.clone();
        if burst.from.is_some() && burst.baud != station.baud {
            for byte in &mut bytes {
                *byte ^= self.random.nonzero_byte();
            }
        }
        Some(bytes)
    }

    fn station(&mut self, port: Option<Port>) -> Option<&mut Station> {
        self.stations
            .iter_mut()
            .find(|station| station.port == port)
    }

    /// Two transmitters at once leave neither readable.
    fn collide(&mut self, talker: usize, first: usize) {
        for other in (0..self.stations.len()).filter(|&other| other != talker) {
            let Ok([talker, other]) = self.stations.get_disjoint_mut([talker, other]) else {
                continue;
            };
            for theirs in &mut other.queue {
                for ours in talker.queue.iter_mut().skip(first) {
                    if ours.start_ns < theirs.end_ns && theirs.start_ns < ours.end_ns {
                        ours.collided = true;
                        theirs.collided = true;
                    }
                }
            }
        }
    }
}

impl Station {
    /// How many bytes make up the next burst, and when the last of them has been sent.
    fn burst(&self) -> Option<(usize, u64)> {
        let first = self.queue.front()?;
        let limit_ns = first.start_ns + BURST_NS;
        let count = self
            .queue
            .iter()
            .take_while(|symbol| symbol.end_ns <= limit_ns && symbol.baud == first.baud)
            .count()
            .max(1);
        self.queue.get(count - 1).map(|last| (count, last.end_ns))
    }
}

/// xorshift64*: noise must be the same for the same seed, nothing more.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed ^ 0x9E37_79B9_7F4A_7C15 | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn chance(&mut self, per_million: u32) -> bool {
        per_million != 0 && self.next() % 1_000_000 < u64::from(per_million)
    }

    fn nonzero_byte(&mut self) -> u8 {
        (self.next() % 255) as u8 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Noise = Noise::NONE;
    const MS: u64 = 1_000_000;

    fn medium(devices: usize, baud: u32) -> Medium {
        Medium::new(devices, baud, Hearing::TWO_WIRE, QUIET)
    }

    /// Runs until nothing is left on the wire, delivering each burst exactly when it is due.
    fn drain(medium: &mut Medium) -> Vec<Burst> {
        let mut bursts = Vec::new();
        while let Some(at_ns) = medium.next_ns() {
            assert_eq!(
                medium.deliver(at_ns - 1),
                None,
                "delivered before it was sent"
            );
            bursts.extend(medium.deliver(at_ns));
        }
        bursts
    }

    #[test]
    fn a_byte_takes_ten_bits_of_time() {
        for (baud, expect_ns) in [(9600, 1_041_666), (38_400, 260_416), (115_200, 86_805)] {
            let mut medium = medium(1, baud);
            medium.send(7 * MS, Some(Port::Panel), &[0x53]);
            let bursts = drain(&mut medium);
            assert_eq!(bursts.len(), 1);
            assert_eq!(bursts[0].at_ns, 7 * MS + expect_ns, "at {baud} baud");
        }
    }

    #[test]
    fn a_frame_arrives_whole_in_bursts_and_never_early() {
        let frame: Vec<u8> = (0..100).collect();
        let mut medium = medium(1, 115_200);
        medium.send(0, Some(Port::Panel), &frame[..60]);
        medium.send(MS, Some(Port::Panel), &frame[60..]);
        let bursts = drain(&mut medium);
        let arrived: Vec<u8> = bursts
            .iter()
            .flat_map(|burst| burst.bytes.clone())
            .collect();
        assert_eq!(arrived, frame);
        assert_eq!(bursts.last().unwrap().at_ns, 100 * 86_805);
        for pair in bursts.windows(2) {
            assert!(pair[1].at_ns - pair[0].at_ns <= BURST_NS);
        }
    }

    #[test]
    fn talking_at_once_garbles_both_and_talking_in_turn_neither() {
        let check = |second_ns: u64, expect_clean: bool| {
            let mut medium = medium(2, 9600);
            medium.send(0, Some(Port::Device(0)), &[1, 2, 3]);
            medium.send(second_ns, Some(Port::Device(1)), &[9, 9]);
            let bursts = drain(&mut medium);
            let clean = bursts.iter().all(|burst| match burst.from {
                Some(Port::Device(0)) => [1, 2, 3].contains(&burst.bytes[0]),
                _ => burst.bytes[0] == 9,
            });
            assert_eq!(clean, expect_clean, "second talker at {second_ns} ns");
        };
        check(MS, false);
        check(4 * MS, true);
    }

    #[test]
    fn hearing_follows_the_wiring() {
        let check = |hearing: Hearing, from: Port, listener: Port, expect: bool| {
            let mut medium = Medium::new(2, 9600, hearing, QUIET);
            medium.send(0, Some(from), &[0x53]);
            let burst = drain(&mut medium).remove(0);
            let heard = medium.heard(&burst, listener);
            assert_eq!(
                heard.is_some(),
                expect,
                "{from:?} to {listener:?} with {hearing:?}"
            );
        };
        let echoing = Hearing {
            echo: true,
            ..Hearing::TWO_WIRE
        };
        check(Hearing::TWO_WIRE, Port::Panel, Port::Device(1), true);
        check(Hearing::TWO_WIRE, Port::Device(0), Port::Panel, true);
        check(Hearing::TWO_WIRE, Port::Device(0), Port::Device(1), true);
        check(Hearing::FOUR_WIRE, Port::Device(0), Port::Device(1), false);
        check(Hearing::TWO_WIRE, Port::Panel, Port::Panel, false);
        check(echoing, Port::Panel, Port::Panel, true);
    }

    #[test]
    fn a_cut_port_neither_talks_nor_hears_until_joined() {
        let mut medium = medium(1, 9600);
        medium.send(0, Some(Port::Device(0)), &[1]);
        medium.set_connected(Port::Device(0), false);
        medium.send(0, Some(Port::Device(0)), &[2]);
        assert_eq!(drain(&mut medium), []);
        medium.send(0, Some(Port::Panel), &[3]);
        let burst = drain(&mut medium).remove(0);
        assert_eq!(medium.heard(&burst, Port::Device(0)), None);
        medium.set_connected(Port::Device(0), true);
        assert_eq!(medium.heard(&burst, Port::Device(0)), Some(vec![3]));
    }

    #[test]
    fn another_baud_rate_hears_garbage() {
        let mut medium = medium(1, 9600);
        medium.set_baud(Port::Device(0), 115_200);
        medium.send(0, Some(Port::Panel), &[0x53]);
        let burst = drain(&mut medium).remove(0);
        assert_ne!(medium.heard(&burst, Port::Device(0)), Some(vec![0x53]));
    }

    #[test]
    fn damage_is_counted_by_its_cause() {
        let check = |noise: Noise, happen: fn(&mut Medium), expect: Damage| {
            let mut medium = Medium::new(2, 9600, Hearing::TWO_WIRE, noise);
            happen(&mut medium);
            drain(&mut medium);
            assert_eq!(medium.damage(), expect);
        };
        let talk = |medium: &mut Medium| medium.send(0, Some(Port::Panel), &[1, 2, 3]);
        check(QUIET, talk, Damage::default());
        let every = Noise {
            seed: 1,
            flip_per_million: 1_000_000,
            ..QUIET
        };
        let flipped = Damage {
            noisy_bytes: 3,
            ..Damage::default()
        };
        check(every, talk, flipped);
        let both = |medium: &mut Medium| {
            medium.send(0, Some(Port::Device(0)), &[1, 2]);
            medium.send(0, Some(Port::Device(1)), &[1, 2]);
        };
        let collided = Damage {
            collided_bytes: 4,
            ..Damage::default()
        };
        check(QUIET, both, collided);
        let cut = |medium: &mut Medium| {
            medium.send(0, Some(Port::Device(0)), &[1, 2]);
            medium.set_connected(Port::Device(0), false);
            medium.set_connected(Port::Device(1), false);
        };
        let halved = Damage {
            halved: 1,
            ..Damage::default()
        };
        check(QUIET, cut, halved);
    }

    #[test]
    fn noise_is_the_same_for_the_same_seed() {
        let run = |seed: u64| {
            let noise = Noise {
                seed,
                flip_per_million: 100_000,
                drop_per_million: 100_000,
                repeat_per_million: 100_000,
            };
            let mut medium = Medium::new(1, 115_200, Hearing::TWO_WIRE, noise);
            medium.send(0, Some(Port::Panel), &[0xAA; 500]);
            drain(&mut medium)
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }
}
