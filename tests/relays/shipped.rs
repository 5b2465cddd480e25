//! Every profile that is shipped, against a board that answers as its maker's manual says
//! (`tests/peers/pymodbus_models.py`).

use std::time::Duration;

use anyhow::{Context as _, Result};
use doorward_core::controller::RelayCommand;
use doorward_sim::line::{Hearing, LineSpec, PacedLine, Port};
use doorward_tests::modbus_board::{BoardOrder, BoardReport, Boards, rtu_model, tcp_model};
use doorward_wire::board::{BUILT_IN, BoardProfile, ModbusRequest, Transport, built_in};

use crate::site::{SOON, Site, board, ms, rtu_line, tcp_line, wait_level};

/// What a profile that names no speed is tried at.
const BAUD: u32 = 9600;
/// What a supervised loop measures, in millivolts: touching wires, closed, open, cut.
const LOOP: [(u16, &str); 4] = [
    (0, "InputFaults(1)"),
    (2100, "Inputs(1)"),
    (7800, "Inputs(0)"),
    (10_000, "InputFaults(1)"),
];

/// A board under its shipped profile, and what its line hangs on.
struct Tried {
    profile: BoardProfile,
    boards: Boards,
    site: Site,
    _line: Option<(PacedLine, tempfile::TempDir)>,
}

impl Tried {
    fn start(name: &str, transport: Transport) -> Result<Self> {
        let profile = built_in(name).context("no such profile")??;
        let mut config = board(0, name);
        if profile.outputs == 0 {
            config.safe.clear();
        }
        let (boards, line, wire) = match transport {
            Transport::Tcp => {
                let (boards, port) = tcp_model(name)?;
                (boards, tcp_line(port, vec![config]), None)
            }
            Transport::Rtu => {
                let baud = profile.baud.unwrap_or(BAUD);
                let folder = tempfile::tempdir()?;
                let spec = LineSpec {
                    hearing: Hearing::FOUR_WIRE,
                    ..LineSpec::new(baud, 1)
                };
                let wire = PacedLine::start(folder.path(), spec)?;
                let boards = rtu_model(name, &wire.path(Port::Device(0)), baud)?;
                let line = rtu_line(&wire.path(Port::Panel), baud, vec![config]);
                (boards, line, Some((wire, folder)))
            }
        };
        let mut site = Site::online(line)?;
        // Only then has everything been asked once.
        if profile.inputs > 0 {
            site.wait_for("Inputs(0)")?;
        }
        Ok(Self {
            profile,
            boards,
            site,
            _line: wire,
        })
    }

    /// On and off by itself, and by the right output each time.
    fn drive_every_output(&mut self) -> Result<()> {
        for output in 1..=self.profile.outputs {
            for (command, on) in [(RelayCommand::On, true), (RelayCommand::Off, false)] {
                self.boards.forget();
                self.site.send(output, command)?;
                let level = self.boards.wait_for("a change", SOON, level)?;
                anyhow::ensure!(level == (output, on), "output {output} {on}: {level:?}");
            }
        }
        Ok(())
    }

    /// A pulse, by the board where the profile says so and else by the driver.
    fn pulse(&mut self) -> Result<()> {
        self.boards.forget();
        self.site.send(2, RelayCommand::Pulse { ms: 300 })?;
        if self.profile.pulse(2, 300).is_some() {
            let timed = self
                .boards
                .wait_for("a pulse", SOON, |report| match *report {
                    BoardReport::Pulse { output, units, .. } => Some((output, units)),
                    BoardReport::Wrote { .. } => Some((0, 0)),
                    _ => None,
                })?;
            anyhow::ensure!(timed == (2, 3), "timed by the board: {timed:?}");
        }
        let on = wait_level(&mut self.boards, 1, 2, true)?;
        let off = wait_level(&mut self.boards, 1, 2, false)?;
        anyhow::ensure!((290.0..800.0).contains(&ms(on, off)), "{} ms", ms(on, off));
        Ok(())
    }

    /// What the board has forgotten is read back, and driven again.
    fn read_back(&mut self) -> Result<()> {
        self.site.send(1, RelayCommand::On)?;
        wait_level(&mut self.boards, 1, 1, true)?;
        self.boards.send(&BoardOrder::PowerCycle { unit: 1 })?;
        wait_level(&mut self.boards, 1, 1, false)?;
        wait_level(&mut self.boards, 1, 1, true)?;
        self.site.send(1, RelayCommand::Off)?;
        wait_level(&mut self.boards, 1, 1, false)?;
        Ok(())
    }

    fn read_every_input(&mut self) -> Result<()> {
        for input in 0..self.profile.inputs {
            let levels = 1 << input;
            self.boards.send(&BoardOrder::Inputs { unit: 1, levels })?;
            self.site.wait_for(&format!("Inputs({levels})"))?;
        }
        Ok(())
    }

    fn measure_every_loop(&mut self) -> Result<()> {
        // All registers hold nothing yet: their wires touch.
        for input in 1..=self.profile.inputs {
            self.measure(input, 7800)?;
        }
        self.site.wait_for("InputFaults(0)")?;
        for input in 1..=self.profile.inputs {
            for (value, expect) in LOOP {
                self.measure(input, value)?;
                let (event, rest) = expect.split_once('(').context("an event")?;
                let bit: u64 = rest.trim_end_matches(')').parse()?;
                self.site
                    .wait_for(&format!("{event}({})", bit << (input - 1)))?;
            }
            self.measure(input, 7800)?;
            self.site.wait_for("InputFaults(0)")?;
        }
        Ok(())
    }

    fn measure(&mut self, input: u16, value: u16) -> Result<()> {
        self.boards.send(&BoardOrder::Analogue {
            unit: 1,
            input,
            value,
        })
    }

    /// Stopped in order, it leaves nothing on.
    fn stop(mut self) -> Result<()> {
        let is_driven = self.profile.outputs > 0;
        if is_driven {
            self.site.send(1, RelayCommand::On)?;
            wait_level(&mut self.boards, 1, 1, true)?;
        }
        self.site.expect_quiet(Duration::from_millis(100))?;
        self.site.stop()?;
        if is_driven {
            wait_level(&mut self.boards, 1, 1, false)?;
        }
        Ok(())
    }
}

fn level(report: &BoardReport) -> Option<(u16, bool)> {
    match *report {
        BoardReport::Level { output, on, .. } => Some((output, on)),
        _ => None,
    }
}

fn has_loops(profile: &BoardProfile) -> bool {
    matches!(
        profile.read_inputs(),
        Some(ModbusRequest::ReadInputRegisters { .. })
    )
}

fn check(name: &str, transport: Transport) -> Result<()> {
    let mut tried = Tried::start(name, transport)?;
    if tried.profile.outputs > 0 {
        tried.drive_every_output()?;
        tried.pulse()?;
        tried.read_back()?;
    }
    if has_loops(&tried.profile) {
        tried.measure_every_loop()?;
    } else {
        tried.read_every_input()?;
    }
    tried.stop()
}

#[test]
fn every_shipped_profile_drives_its_board() -> Result<()> {
    // Each waits for its board most of the time.
    std::thread::scope(|scope| {
        let tries: Vec<_> = BUILT_IN
            .iter()
            .flat_map(|(name, text)| {
                let transports = BoardProfile::parse(text).map(|profile| profile.transports);
                let transports = transports.unwrap_or_default();
                assert!(!transports.is_empty(), "`{name}` names no transport");
                transports
                    .into_iter()
                    .map(move |transport| (*name, transport))
            })
            .map(|(name, transport)| {
                let tried = scope.spawn(move || check(name, transport));
                (name, transport, tried)
            })
            .collect();
        for (name, transport, tried) in tries {
            let result = tried.join().map_err(|_| anyhow::anyhow!("it panicked"));
            result
                .and_then(|result| result)
                .with_context(|| format!("`{name}` by {transport:?}"))?;
        }
        Ok(())
    })
}
