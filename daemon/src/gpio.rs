//! The only module that opens GPIO chips: the kernel's character device, by `gpiocdev`.
//!
//! What it gives out are two seams, `Edges` and `Pins`: everything above them runs on recorded edges
//! and on pins of a test just as well.

use std::io;
use std::path::{Path, PathBuf};

use doorward_wire::board::{ModbusRequest, ReplyValue};
use doorward_wire::wiegand::Line;
use gpiocdev::Request;
use gpiocdev::line::{Bias, EdgeDetection, Value};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::relays::Outcome;

/// What the kernel's lists of lines show.
const CONSUMER: &str = "doorward";
/// Edges that the kernel keeps for a busy daemon: eight of the longest cards.
const KERNEL_EDGES: u32 = 2048;
/// "Illegal function" (MODBUS Application Protocol Specification V1.1b3, clause 7).
const EXCEPTION_FUNCTION: u8 = 1;

/// Why a GPIO chip was not opened.
#[derive(Debug, thiserror::Error)]
#[error("lines {lines:?} of GPIO chip `{}` cannot be had", chip.display())]
pub(crate) struct GpioError {
    chip: PathBuf,
    lines: Vec<u32>,
    source: gpiocdev::Error,
}

/// Falling edges of two wires, in the order of their time.
pub(crate) trait Edges {
    /// The next edge, and when it was: microseconds of a clock that never goes back.
    ///
    /// Cancel-safe.
    fn next(&mut self) -> impl Future<Output = io::Result<(Line, u64)>>;

    /// Whether an edge waits to be taken.
    fn is_waiting(&self) -> io::Result<bool>;
}

/// The two wires of a Wiegand reader on GPIO lines.
#[derive(Debug)]
pub(crate) struct GpioEdges {
    request: AsyncFd<Request>,
    d0: u32,
}

/// Opens the two lines as inputs with pull-up. Must be called within a tokio runtime.
pub(crate) fn open_edges(chip: &Path, d0: u32, d1: u32) -> Result<GpioEdges, GpioError> {
    let lines = vec![d0, d1];
    let failed = |source| GpioError {
        chip: chip.to_owned(),
        lines: lines.clone(),
        source,
    };
    let request = Request::builder()
        .on_chip(chip)
        .with_consumer(CONSUMER)
        .with_kernel_event_buffer_size(KERNEL_EDGES)
        .with_lines(&lines)
        .as_input()
        .with_bias(Bias::PullUp)
        .with_edge_detection(EdgeDetection::FallingEdge)
        .request()
        .map_err(failed)?;
    #[expect(
        deprecated,
        reason = "its successor is unsafe; what it asks for holds: the request owns its descriptor"
    )]
    let request = AsyncFd::with_interest(request, Interest::READABLE)
        .map_err(|error| failed(gpiocdev::Error::InvalidArgument(error.to_string())))?;
    Ok(GpioEdges { request, d0 })
}

impl Edges for GpioEdges {
    async fn next(&mut self) -> io::Result<(Line, u64)> {
        loop {
            if self.is_waiting()? {
                let event = self.request.get_ref().read_edge_event();
                let event = event.map_err(io::Error::other)?;
                let line = if event.offset == self.d0 {
                    Line::D0
                } else {
                    Line::D1
                };
                return Ok((line, event.timestamp_ns / 1000));
            }
            self.request.readable().await?.clear_ready();
        }
    }

    fn is_waiting(&self) -> io::Result<bool> {
        let waiting = self.request.get_ref().has_edge_event();
        waiting.map_err(io::Error::other)
    }
}

/// Outputs and inputs that are driven at once, without a line between.
pub(crate) trait Pins: Send + std::fmt::Debug {
    /// Drives an output, counted from 0.
    fn set(&mut self, output: u16, on: bool) -> io::Result<()>;
    /// What the outputs do: bit 0 is the first.
    fn outputs(&self) -> io::Result<u64>;
    /// Whose circuit is closed: bit 0 is the first input.
    fn inputs(&self) -> io::Result<u64>;
}

/// Relays and inputs on GPIO lines of one chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpioBoard {
    /// The chip's device.
    pub chip: PathBuf,
    /// The line of each output, output 1 first.
    pub outputs: Vec<u32>,
    /// The line of each input, input 1 first.
    pub inputs: Vec<u32>,
    /// Whether a low output energises the relay, as on most modules with opto-couplers.
    pub is_active_low: bool,
}

#[derive(Debug)]
struct GpioPins {
    board: GpioBoard,
    outputs: Option<Request>,
    inputs: Option<Request>,
}

/// Opens the lines of a board: outputs released, inputs with pull-up and closed towards ground.
pub(crate) fn open_pins(board: &GpioBoard) -> Result<Box<dyn Pins>, GpioError> {
    #[cfg(test)]
    if let Some(pins) = testing::open(&board.chip) {
        return Ok(pins);
    }
    let failed = |lines: &[u32], source| GpioError {
        chip: board.chip.clone(),
        lines: lines.to_vec(),
        source,
    };
    let outputs = (!board.outputs.is_empty()).then(|| {
        let mut builder = Request::builder();
        builder.on_chip(&board.chip).with_consumer(CONSUMER);
        builder.with_lines(&board.outputs);
        if board.is_active_low {
            builder.as_active_low();
        }
        builder.as_output(Value::Inactive).request()
    });
    let inputs = (!board.inputs.is_empty()).then(|| {
        let mut builder = Request::builder();
        builder.on_chip(&board.chip).with_consumer(CONSUMER);
        builder.with_lines(&board.inputs).as_input();
        builder.as_active_low().with_bias(Bias::PullUp).request()
    });
    let outputs = outputs.transpose();
    let outputs = outputs.map_err(|source| failed(&board.outputs, source))?;
    let inputs = inputs.transpose();
    let inputs = inputs.map_err(|source| failed(&board.inputs, source))?;
    Ok(Box::new(GpioPins {
        board: board.clone(),
        outputs,
        inputs,
    }))
}

fn levels(request: Option<&Request>, lines: &[u32]) -> io::Result<u64> {
    let Some(request) = request else { return Ok(0) };
    let mut levels = 0;
    for (at, &line) in lines.iter().enumerate().take(64) {
        let value = request.value(line).map_err(io::Error::other)?;
        levels |= u64::from(value == Value::Active) << at;
    }
    Ok(levels)
}

impl Pins for GpioPins {
    fn set(&mut self, output: u16, on: bool) -> io::Result<()> {
        let line = self.board.outputs.get(usize::from(output));
        let (Some(&line), Some(request)) = (line, &self.outputs) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let value = if on { Value::Active } else { Value::Inactive };
        request.set_value(line, value).map_err(io::Error::other)
    }

    fn outputs(&self) -> io::Result<u64> {
        levels(self.outputs.as_ref(), &self.board.outputs)
    }

    fn inputs(&self) -> io::Result<u64> {
        levels(self.inputs.as_ref(), &self.board.inputs)
    }
}

/// Answers what the driver of relay boards asks: the pins are a board like any other, so that safe
/// states, pulses, read-back, debouncing and alarms are the same.
pub(crate) fn answer(pins: &mut dyn Pins, request: ModbusRequest) -> io::Result<Outcome> {
    let bits = |levels: u64, count: u16| {
        let mask = u64::MAX
            .checked_shr(64 - u32::from(count.min(64)))
            .unwrap_or(0);
        Outcome::Reply(ReplyValue::Bits(levels & mask))
    };
    Ok(match request {
        ModbusRequest::WriteCoil { address, value } => {
            pins.set(address, value == 0xFF00)?;
            Outcome::Reply(ReplyValue::Done)
        }
        ModbusRequest::ReadCoils { count, .. } => bits(pins.outputs()?, count),
        ModbusRequest::ReadDiscreteInputs { count, .. } => bits(pins.inputs()?, count),
        _ => Outcome::Exception(EXCEPTION_FUNCTION),
    })
}

/// The profile that the driver sees such a board by.
pub(crate) fn profile_text(board: &GpioBoard) -> String {
    let (outputs, inputs) = (board.outputs.len(), board.inputs.len());
    let mut text = format!("name = \"gpio\"\noutputs = {outputs}\ninputs = {inputs}\n");
    if outputs > 0 {
        text += "[write]\nfunction = 5\naddress = 0\n[read_back]\nfunction = 1\naddress = 0\n";
    }
    if inputs > 0 {
        text += "[input]\nfunction = 2\naddress = 0\n";
    }
    text
}

/// Pins that are only written down.
#[cfg(test)]
pub(crate) mod testing {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What the pins of a chip do.
    #[derive(Debug, Default)]
    pub(crate) struct Recorded {
        pub(crate) outputs: u64,
        pub(crate) inputs: u64,
    }

    static CHIPS: Mutex<BTreeMap<PathBuf, Arc<Mutex<Recorded>>>> = Mutex::new(BTreeMap::new());

    /// A chip at this path from now on, in place of the kernel's.
    pub(crate) fn chip(path: &Path) -> Arc<Mutex<Recorded>> {
        let mut chips = CHIPS.lock().unwrap();
        Arc::clone(chips.entry(path.to_owned()).or_default())
    }

    pub(super) fn open(path: &Path) -> Option<Box<dyn Pins>> {
        let pins = CHIPS.lock().unwrap().get(path).cloned();
        pins.map(|pins| Box::new(Shared(pins)) as Box<dyn Pins>)
    }

    #[derive(Debug)]
    struct Shared(Arc<Mutex<Recorded>>);

    impl Pins for Shared {
        fn set(&mut self, output: u16, on: bool) -> io::Result<()> {
            self.0.lock().unwrap().set(output, on)
        }

        fn outputs(&self) -> io::Result<u64> {
            self.0.lock().unwrap().outputs()
        }

        fn inputs(&self) -> io::Result<u64> {
            self.0.lock().unwrap().inputs()
        }
    }

    impl Pins for Recorded {
        fn set(&mut self, output: u16, on: bool) -> io::Result<()> {
            self.outputs = self.outputs & !(1 << output) | u64::from(on) << output;
            Ok(())
        }

        fn outputs(&self) -> io::Result<u64> {
            Ok(self.outputs)
        }

        fn inputs(&self) -> io::Result<u64> {
            Ok(self.inputs)
        }
    }
}

#[cfg(test)]
mod tests {
    use doorward_wire::board::{BoardProfile, OutputState};

    use super::testing::Recorded;
    use super::*;

    fn board(outputs: usize, inputs: usize) -> GpioBoard {
        GpioBoard {
            chip: PathBuf::from("/dev/gpiochip0"),
            outputs: (0..).take(outputs).collect(),
            inputs: (20..).take(inputs).collect(),
            is_active_low: false,
        }
    }

    #[test]
    fn pins_are_a_board_to_the_driver() {
        let profile = BoardProfile::parse(&profile_text(&board(4, 3))).unwrap();
        let mut pins = Recorded {
            inputs: 0b101,
            ..Recorded::default()
        };
        let mut ask =
            |request: Option<ModbusRequest>| match answer(&mut pins, request.unwrap()).unwrap() {
                Outcome::Reply(value) => value,
                other => panic!("{other:?}"),
            };
        ask(profile.drive(1, OutputState::On));
        ask(profile.drive(4, OutputState::On));
        ask(profile.drive(1, OutputState::Off));
        let outputs = ask(profile.read_outputs());
        assert_eq!(profile.output_levels(&outputs), Some(0b1000));
        let inputs = ask(profile.read_inputs());
        assert_eq!(profile.input_levels(&inputs), Some(0b101));
        assert!(profile.pulse(1, 100).is_none());
        let register = ModbusRequest::WriteRegister {
            address: 0,
            value: 1,
        };
        let refused = answer(&mut pins, register).unwrap();
        assert!(matches!(refused, Outcome::Exception(1)));
    }

    #[test]
    fn a_board_may_have_outputs_or_inputs_alone() {
        for (outputs, inputs) in [(0, 2), (2, 0), (28, 28)] {
            let text = profile_text(&board(outputs, inputs));
            let profile = BoardProfile::parse(&text);
            assert!(profile.is_ok(), "{text}: {profile:?}");
        }
    }

    /// Edges and pins of a simulated chip, where the kernel has gpio-sim and the test may make one: the
    /// whole of this module against the kernel.
    #[tokio::test]
    async fn a_simulated_chip_is_listened_to_and_driven() {
        let chip = match SimulatedChip::make() {
            Ok(chip) => chip,
            Err(why) => {
                // What was not tried is told where the test's output is read.
                eprintln!("skipped: the kernel has no simulated GPIO chip: {why}");
                return;
            }
        };
        let mut edges = open_edges(&chip.device, 0, 1).unwrap();
        for (line, expect) in [(0, Line::D0), (1, Line::D1)] {
            chip.pull(line, false);
            let (heard, _) = edges.next().await.unwrap();
            assert_eq!(heard, expect);
            chip.pull(line, true);
        }
        let board = GpioBoard {
            chip: chip.device.clone(),
            outputs: vec![2, 3],
            inputs: vec![4, 5],
            is_active_low: false,
        };
        let mut pins = open_pins(&board).unwrap();
        assert_eq!(pins.outputs().unwrap(), 0);
        pins.set(1, true).unwrap();
        assert_eq!(pins.outputs().unwrap(), 0b10);
        assert!(chip.level(3) && !chip.level(2));
        chip.pull(4, false);
        assert_eq!(pins.inputs().unwrap(), 0b01);
    }

    /// A chip of gpio-sim with eight lines (Documentation/admin-guide/gpio/gpio-sim.rst).
    struct SimulatedChip {
        config: PathBuf,
        device: PathBuf,
        lines: PathBuf,
    }

    impl SimulatedChip {
        fn make() -> io::Result<Self> {
            let name = format!("doorward-{}", std::process::id());
            let config = Path::new("/sys/kernel/config/gpio-sim").join(name);
            std::fs::create_dir(&config)?;
            let bank = config.join("bank");
            std::fs::create_dir(&bank)?;
            std::fs::write(bank.join("num_lines"), "8")?;
            std::fs::write(config.join("live"), "1")?;
            let read = |path: PathBuf| std::fs::read_to_string(path);
            let device = read(config.join("dev_name"))?;
            let chip = read(bank.join("chip_name"))?;
            let lines = Path::new("/sys/devices/platform").join(device.trim());
            let chip = Self {
                device: Path::new("/dev").join(chip.trim()),
                lines: lines.join(chip.trim()),
                config,
            };
            for line in 0..8 {
                chip.pull(line, true);
            }
            Ok(chip)
        }

        fn pull(&self, line: u32, up: bool) {
            let pull = if up { "pull-up" } else { "pull-down" };
            let path = self.lines.join(format!("sim_gpio{line}/pull"));
            std::fs::write(path, pull).unwrap();
        }

        fn level(&self, line: u32) -> bool {
            let path = self.lines.join(format!("sim_gpio{line}/value"));
            std::fs::read_to_string(path).unwrap().trim() == "1"
        }
    }

    impl Drop for SimulatedChip {
        fn drop(&mut self) {
            // What cannot be taken apart stays with the kernel until its next start.
            let _ = std::fs::write(self.config.join("live"), "0");
            let _ = std::fs::remove_dir(self.config.join("bank"));
            let _ = std::fs::remove_dir(&self.config);
        }
    }

    #[test]
    fn a_chip_that_is_not_there_is_told() {
        let missing = GpioBoard {
            chip: PathBuf::from("/dev/gpiochip-none"),
            ..board(1, 1)
        };
        let error = open_pins(&missing).unwrap_err().to_string();
        let expect = "lines [0] of GPIO chip `/dev/gpiochip-none` cannot be had";
        assert_eq!(error, expect);
    }
}
