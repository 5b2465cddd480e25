//! A line with one control panel and its readers, in virtual time.
//!
//! Bytes take their time; what two stations send at once is destroyed; noise comes from a seed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use doorward_wire::osdp::{
    Address, Baud, BusConfig, BusEvent, CardCoding, CardRead, ControlPanel, DeviceConfig,
    DeviceSecurity, LinkEvent, Mono, PdEvent, PeripheralDevice, ReportId, Scbk, Security,
};

/// A small generator: what is wanted is variety from a seed.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % sides
    }

    fn seed(&mut self) -> [u8; 16] {
        core::array::from_fn(|_| self.roll(256) as u8)
    }
}

/// How often in 10,000 bytes each kind of damage is done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Noise {
    pub(crate) lost: u64,
    pub(crate) corrupted: u64,
    pub(crate) doubled: u64,
    pub(crate) swapped: u64,
    /// A byte out of nothing.
    pub(crate) added: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Station {
    Panel,
    Reader(usize),
}

/// One byte on its way: it has arrived at `.0`.
type Flying = (u64, u64, Station, u8, Baud);

#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) device: PeripheralDevice,
    pub(crate) plugged: bool,
    /// Cards shown and not yet known to be delivered or dropped.
    pending: BTreeMap<ReportId, u32>,
    pub(crate) delivered: Vec<u32>,
    pub(crate) dropped: Vec<u32>,
    pub(crate) events: Vec<PdEvent>,
    config: DeviceConfig,
}

#[derive(Debug)]
pub(crate) struct Bus {
    pub(crate) now: u64,
    pub(crate) panel: ControlPanel,
    pub(crate) readers: Vec<Reader>,
    pub(crate) noise: Noise,
    pub(crate) dice: Dice,
    /// One reply in 20 leaves this much later.
    pub(crate) lag_us: u64,
    /// What the panel has reported, with the time.
    pub(crate) reported: Vec<(u64, BusEvent)>,
    /// Every byte that was sent, by whom.
    pub(crate) wire: Vec<u8>,
    pub(crate) keeps_wire: bool,
    flying: BinaryHeap<Reverse<Flying>>,
    /// At what each station talks and listens.
    speeds: BTreeMap<Station, Baud>,
    /// Until when each station sends.
    sending: BTreeMap<Station, (u64, u64)>,
    /// Readers that agree to every rate and stay at their own.
    pub(crate) stubborn: BTreeSet<usize>,
    /// The panel hears itself, as behind a two-wire adapter with its receiver left on.
    pub(crate) echoes: bool,
    /// So many of the next replies break off in the middle.
    pub(crate) broken_replies: usize,
    /// There is noise only above this rate.
    pub(crate) noise_above: Option<Baud>,
    count: u64,
    held: Option<(Station, u8)>,
    pub(crate) shown: BTreeMap<u32, u64>,
    next_card: u32,
}

pub(crate) fn address(at: usize) -> Address {
    Address::new(u8::try_from(at).unwrap()).unwrap()
}

/// A key for each reader.
pub(crate) fn key(at: usize) -> Scbk {
    Scbk::new(core::array::from_fn(|byte| {
        (byte * byte * 7 + at * 13 + 5) as u8
    }))
}

pub(crate) fn card(number: u32) -> CardRead {
    CardRead::new(0, CardCoding::Wiegand, 32, &number.to_be_bytes()).unwrap()
}

pub(crate) fn number(card: &CardRead) -> u32 {
    u32::from_be_bytes(card.bytes().try_into().unwrap())
}

impl Bus {
    /// `count` readers in Secure Channel with keys of their own.
    pub(crate) fn secure(count: usize, baud: Baud, seed: u64) -> Self {
        let config = (0..count).fold(BusConfig::new(baud), |config, at| {
            config.with_reader(address(at), Security::Required(key(at)))
        });
        Self::new(config, seed, |at| DeviceSecurity::Required(key(at)))
    }

    pub(crate) fn new(
        config: BusConfig,
        seed: u64,
        security: impl Fn(usize) -> DeviceSecurity,
    ) -> Self {
        let mut dice = Dice::new(seed);
        let (baud, count) = (config.baud, config.readers.len());
        let readers = (0..count).map(|at| {
            let mut config = DeviceConfig::reader(address(at), baud, security(at));
            // The line rests for two bytes, then the reader answers.
            config.turnaround_us = baud.bytes_us(2) + dice.roll(200);
            Reader {
                device: PeripheralDevice::new(config.clone(), dice.seed(), Mono::ZERO),
                plugged: true,
                pending: BTreeMap::new(),
                delivered: Vec::new(),
                dropped: Vec::new(),
                events: Vec::new(),
                config,
            }
        });
        let readers = readers.collect();
        Self {
            now: 0,
            panel: ControlPanel::new(config, dice.seed(), Mono::ZERO).unwrap(),
            readers,
            noise: Noise::default(),
            dice,
            lag_us: 0,
            reported: Vec::new(),
            wire: Vec::new(),
            keeps_wire: false,
            flying: BinaryHeap::new(),
            speeds: (0..count)
                .map(|at| (Station::Reader(at), baud))
                .chain([(Station::Panel, baud)])
                .collect(),
            stubborn: BTreeSet::new(),
            noise_above: None,
            echoes: false,
            broken_replies: 0,
            sending: BTreeMap::new(),
            count: 0,
            held: None,
            shown: BTreeMap::new(),
            next_card: 0x7A3C_9100,
        }
    }

    /// Shows the next card at a reader and returns its number.
    pub(crate) fn show(&mut self, at: usize) -> u32 {
        let number = self.next_card;
        self.next_card += 1;
        self.shown.insert(number, self.now);
        let reader = &mut self.readers[at];
        if let Ok(id) = reader
            .device
            .show_card(Mono::from_micros(self.now), card(number))
        {
            reader.pending.insert(id, number);
        }
        number
    }

    /// Takes the reader off the line and the power.
    pub(crate) fn unplug(&mut self, at: usize) {
        let reader = &mut self.readers[at];
        reader.plugged = false;
        reader.drain();
        reader
            .dropped
            .extend(core::mem::take(&mut reader.pending).into_values());
    }

    /// Puts it back: it starts anew.
    pub(crate) fn replug(&mut self, at: usize) {
        let seed = self.dice.seed();
        let reader = &mut self.readers[at];
        reader.device =
            PeripheralDevice::new(reader.config.clone(), seed, Mono::from_micros(self.now));
        reader.plugged = true;
    }

    /// Lets time pass until `until`.
    pub(crate) fn run_until(&mut self, until: u64) {
        loop {
            let next = self.next_time();
            if next > until {
                self.now = self.now.max(until);
                return;
            }
            assert!(next >= self.now, "time goes back");
            self.now = next;
            self.step();
        }
    }

    pub(crate) fn run_for(&mut self, micros: u64) {
        self.run_until(self.now + micros);
    }

    /// Lets time pass until `done`, and says how long it took; fails after `limit` microseconds.
    pub(crate) fn run_while(
        &mut self,
        limit: u64,
        mut is_waiting: impl FnMut(&Self) -> bool,
    ) -> u64 {
        let start = self.now;
        while is_waiting(self) {
            assert!(self.now - start <= limit, "not done after {limit} us");
            self.run_for(500);
        }
        self.now - start
    }

    pub(crate) fn all_online(&self) -> bool {
        (0..self.readers.len()).all(|at| self.panel.presence(address(at)).is_some())
    }

    pub(crate) fn events_of(&self, at: usize) -> impl Iterator<Item = &LinkEvent> {
        let address = address(at);
        self.reported
            .iter()
            .filter(move |(_, event)| event.address == address)
            .map(|(_, event)| &event.event)
    }

    /// The cards the panel has reported from a reader.
    pub(crate) fn cards_of(&self, at: usize) -> Vec<u32> {
        let cards = self.events_of(at).filter_map(|event| match event {
            LinkEvent::Card(card) => Some(number(card)),
            _ => None,
        });
        cards.collect()
    }

    /// From showing a card to the panel's event, for each card that arrived.
    pub(crate) fn latencies_us(&self) -> Vec<u64> {
        let cards = self
            .reported
            .iter()
            .filter_map(|(at, event)| match &event.event {
                LinkEvent::Card(card) => Some(at - self.shown[&number(card)]),
                _ => None,
            });
        let mut latencies: Vec<u64> = cards.collect();
        latencies.sort_unstable();
        latencies
    }

    fn next_time(&self) -> u64 {
        let bytes = self.flying.peek().map(|Reverse((at, ..))| *at);
        let timers = self.readers.iter().filter(|reader| reader.plugged);
        let timers = timers
            .filter_map(|reader| reader.device.poll_timeout())
            .map(Mono::as_micros);
        let panel = self.panel.poll_timeout().map(Mono::as_micros);
        timers
            .chain(bytes)
            .chain(panel)
            .map(|at| at.max(self.now))
            .min()
            .unwrap_or(u64::MAX)
    }

    fn step(&mut self) {
        let mut is_progress = false;
        while self
            .flying
            .peek()
            .is_some_and(|Reverse((at, ..))| *at <= self.now)
        {
            let Some(Reverse((_, _, from, byte, baud))) = self.flying.pop() else {
                break;
            };
            self.arrive(from, byte, baud);
            is_progress = true;
        }
        let now = Mono::from_micros(self.now);
        self.panel.handle_timeout(now);
        let mut out = Vec::new();
        if let Some(transmit) = self.panel.poll_transmit(now, &mut out) {
            self.speeds.insert(Station::Panel, transmit.baud);
            self.put_on_line(Station::Panel, &out);
            is_progress = true;
        }
        while let Some(event) = self.panel.poll_event() {
            self.reported.push((self.now, event));
        }
        for at in 0..self.readers.len() {
            let reader = &mut self.readers[at];
            if !reader.plugged {
                continue;
            }
            reader.device.handle_timeout(now);
            out.clear();
            if reader.device.poll_transmit(now, &mut out).is_some() {
                self.put_on_line(Station::Reader(at), &out);
                is_progress = true;
            }
            self.readers[at].drain();
            self.obey_comset(at);
        }
        // A timer that stays in the past without anything happening would be a busy loop in a shell.
        if !is_progress && self.next_time() <= self.now {
            self.count += 1;
            assert!(
                !self.count.is_multiple_of(1000),
                "busy loop at {}",
                self.now
            );
        }
    }

    fn put_on_line(&mut self, from: Station, bytes: &[u8]) {
        if self.keeps_wire {
            self.wire.extend_from_slice(bytes);
        }
        let is_broken = from != Station::Panel && self.broken_replies > 0;
        self.broken_replies -= usize::from(is_broken);
        let bytes = if is_broken {
            &bytes[..bytes.len() / 2]
        } else {
            bytes
        };
        let is_late = self.lag_us > 0 && from != Station::Panel && self.dice.roll(20) == 0;
        let mut at = self.now + if is_late { self.lag_us } else { 0 };
        let baud = self.speeds[&from];
        let byte_us = baud.bytes_us(1);
        self.sending
            .insert(from, (at, at + byte_us * bytes.len() as u64));
        for byte in bytes {
            at += byte_us;
            self.count += 1;
            self.flying
                .push(Reverse((at, self.count, from, *byte, baud)));
        }
    }

    /// A reader that was told another rate takes it once its reply is out.
    fn obey_comset(&mut self, at: usize) {
        let station = Station::Reader(at);
        let is_sending = self
            .sending
            .get(&station)
            .is_some_and(|(_, to)| *to > self.now);
        let told = self.readers[at].device.baud();
        if is_sending || self.readers[at].device.is_answering() || self.speeds[&station] == told {
            return;
        }
        if !self.stubborn.contains(&at) {
            self.readers[at].config.baud = told;
            self.speeds.insert(station, told);
        }
    }

    /// What a reader speaks at.
    pub(crate) fn speed(&self, at: usize) -> Baud {
        self.speeds[&Station::Reader(at)]
    }

    /// Puts a reader on the line that the panel knows nothing of.
    pub(crate) fn add_stranger(&mut self, address: Address, baud: Baud, security: DeviceSecurity) {
        let at = self.readers.len();
        let mut config = DeviceConfig::reader(address, baud, security);
        config.turnaround_us = baud.bytes_us(2);
        config.id.serial = 1000 + u32::from(address.number());
        self.readers.push(Reader {
            device: PeripheralDevice::new(
                config.clone(),
                self.dice.seed(),
                Mono::from_micros(self.now),
            ),
            plugged: true,
            pending: BTreeMap::new(),
            delivered: Vec::new(),
            dropped: Vec::new(),
            events: Vec::new(),
            config,
        });
        self.speeds.insert(Station::Reader(at), baud);
    }

    /// Makes a reader one that takes no rate above `fastest`.
    pub(crate) fn slow_down(&mut self, at: usize, fastest: Baud) {
        self.readers[at].config.fastest = fastest;
        self.replug(at);
    }

    /// Makes a reader one that thinks for so long before it answers.
    pub(crate) fn set_turnaround(&mut self, at: usize, us: u64) {
        self.readers[at].config.turnaround_us = us;
        self.replug(at);
    }

    /// Sets a reader to another rate behind everybody's back.
    pub(crate) fn set_speed(&mut self, at: usize, baud: Baud) {
        self.readers[at].config.baud = baud;
        self.speeds.insert(Station::Reader(at), baud);
        self.replug(at);
    }

    fn arrive(&mut self, from: Station, byte: u8, baud: Baud) {
        if let Station::Reader(at) = from
            && !self.readers[at].plugged
        {
            return;
        }
        let (start, end) = (self.now - baud.bytes_us(1), self.now);
        let is_collision = self
            .sending
            .iter()
            .any(|(other, (from_us, to_us))| *other != from && *from_us < end && *to_us > start);
        let flip = if is_collision {
            1 + self.dice.roll(255) as u8
        } else {
            0
        };
        self.damage(from, byte ^ flip, baud);
    }

    fn damage(&mut self, from: Station, byte: u8, baud: Baud) {
        let Noise {
            lost,
            corrupted,
            doubled,
            swapped,
            added,
        } = self.noise;
        if self.noise_above.is_some_and(|limit| baud <= limit) {
            return self.deliver(from, byte, baud);
        }
        let dice = self.dice.roll(10_000);
        let limits = [lost, corrupted, doubled, swapped, added];
        let mut reached = 0;
        let kind = limits.iter().position(|share| {
            reached += share;
            dice < reached
        });
        match kind {
            Some(0) => {}
            Some(1) => {
                let flip = 1 << self.dice.roll(8);
                self.deliver(from, byte ^ flip, baud);
            }
            Some(2) => {
                self.deliver(from, byte, baud);
                self.deliver(from, byte, baud);
            }
            Some(3) if self.held.is_none() => self.held = Some((from, byte)),
            Some(4) => {
                let stray = self.dice.roll(256) as u8;
                self.deliver(from, stray, baud);
                self.deliver(from, byte, baud);
            }
            _ => {
                self.deliver(from, byte, baud);
                if let Some((from, held)) = self.held.take() {
                    self.deliver(from, held, baud);
                }
            }
        }
    }

    fn deliver(&mut self, from: Station, byte: u8, baud: Baud) {
        let now = Mono::from_micros(self.now);
        let speeds = &self.speeds;
        let dice = &mut self.dice;
        let mut heard = |listener: Station| {
            let is_same = speeds[&listener] == baud;
            let flip = if is_same { 0 } else { 1 + dice.roll(255) as u8 };
            [byte ^ flip]
        };
        if from != Station::Panel || self.echoes {
            self.panel.handle_bytes(now, &heard(Station::Panel));
        }
        for (at, reader) in self.readers.iter_mut().enumerate() {
            if reader.plugged && from != Station::Reader(at) {
                reader.device.handle_bytes(now, &heard(Station::Reader(at)));
            }
        }
    }

    /// Bytes from nowhere, as from a reader gone mad.
    pub(crate) fn inject(&mut self, bytes: &[u8]) {
        let now = Mono::from_micros(self.now);
        self.panel.handle_bytes(now, bytes);
        for reader in &mut self.readers {
            reader.device.handle_bytes(now, bytes);
        }
    }

    pub(crate) fn panel_bytes(&mut self, bytes: &[u8]) {
        self.panel.handle_bytes(Mono::from_micros(self.now), bytes);
    }
}

impl Reader {
    fn drain(&mut self) {
        while let Some(event) = self.device.poll_event() {
            match &event {
                PdEvent::Delivered(id) => self.delivered.extend(self.pending.remove(id)),
                PdEvent::Dropped(id) => self.dropped.extend(self.pending.remove(id)),
                _ => {}
            }
            self.events.push(event);
        }
    }
}

/// The value below which a share `percent` of the sorted `values` lies.
pub(crate) fn percentile(values: &[u64], percent: usize) -> u64 {
    values[(values.len() - 1) * percent / 100]
}
