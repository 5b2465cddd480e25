//! libosdp as readers: any number of peripheral devices in one thread that wakes on their bytes.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::rc::Rc;
use std::time::{Duration, Instant};

use doorward_sim::line::{monotonic_ns, set_baud};
use libosdp::{
    OsdpCommand, OsdpEvent, OsdpEventCardRead, OsdpEventKeyPress, OsdpFlag, OsdpStatusReport,
    OsdpStatusReportType, PdCapEntity, PdCapability, PdId, PdInfoBuilder, PeripheralDevice,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::channel::SerialChannel;
use super::orders::{KeyText, ReaderOrder, ReaderReport, ReaderSaw, ReaderSpec};
use super::stdio::{Orders, report};

/// Nothing in libosdp's device needs the time more often than this.
const REFRESH_MS: u8 = 20;

/// From the reply to COMSET to the new baud rate.
const COMSET: Duration = Duration::from_millis(5);

/// Serves orders from standard input until it closes.
///
/// # Errors
/// When standard input or output fails.
pub fn serve() -> io::Result<()> {
    let mut orders = Orders::<ReaderOrder>::from_stdin()?;
    let mut readers: Vec<Reader> = Vec::new();
    loop {
        let ready = wait(&orders, &readers)?;
        for order in orders.take()? {
            obey(&mut readers, order)?;
        }
        if orders.closed() {
            return Ok(());
        }
        for reader in &mut readers {
            reader.turn()?;
        }
        for name in ready.hung_up {
            remove(&mut readers, &name)?;
        }
    }
}

struct Ready {
    hung_up: Vec<String>,
}

fn wait(orders: &Orders<ReaderOrder>, readers: &[Reader]) -> io::Result<Ready> {
    let mut fds = vec![PollFd::new(orders.fd(), PollFlags::POLLIN)];
    fds.extend(
        readers
            .iter()
            .map(|r| PollFd::new(r.port.as_fd(), PollFlags::POLLIN)),
    );
    poll(&mut fds, PollTimeout::from(REFRESH_MS))?;
    let gone = PollFlags::POLLHUP | PollFlags::POLLERR;
    let hung_up = readers
        .iter()
        .zip(&fds[1..])
        .filter(|(_, fd)| fd.revents().is_some_and(|events| events.intersects(gone)))
        .map(|(reader, _)| reader.name.clone())
        .collect();
    Ok(Ready { hung_up })
}

fn obey(readers: &mut Vec<Reader>, order: ReaderOrder) -> io::Result<()> {
    match order {
        ReaderOrder::Add(spec) => {
            readers.retain(|reader| reader.name != spec.name);
            match Reader::start(&spec, readers.len()) {
                Ok(reader) => {
                    readers.push(reader);
                    say(&spec.name, ReaderSaw::Added)
                }
                Err(why) => say(&spec.name, ReaderSaw::Refused { why }),
            }
        }
        ReaderOrder::Remove { name } => remove(readers, &name),
        ReaderOrder::Card { name, bits } => submit(readers, &name, |_| {
            let read = OsdpEventCardRead::new_wiegand(bits.len(), bits.bytes().to_vec());
            read.map(OsdpEvent::CardRead)
                .map_err(|error| error.to_string())
        }),
        ReaderOrder::Keys { name, keys } => submit(readers, &name, |_| {
            Ok(OsdpEvent::KeyPress(OsdpEventKeyPress::new(
                keys.into_bytes(),
            )))
        }),
        ReaderOrder::Power { name, failed } => submit(readers, &name, |reader| {
            reader.status.borrow_mut().report[1] = u8::from(failed);
            Ok(OsdpEvent::Status(*reader.status.borrow()))
        }),
        ReaderOrder::Tamper { name, open } => submit(readers, &name, |reader| {
            reader.status.borrow_mut().report[0] = u8::from(open);
            Ok(OsdpEvent::Status(*reader.status.borrow()))
        }),
    }
}

fn remove(readers: &mut Vec<Reader>, name: &str) -> io::Result<()> {
    readers.retain(|reader| reader.name != name);
    say(name, ReaderSaw::Removed)
}

/// Hands an event to libosdp; the time reported is the moment just before.
fn submit(
    readers: &mut [Reader],
    name: &str,
    event: impl FnOnce(&Reader) -> Result<OsdpEvent, String>,
) -> io::Result<()> {
    let done = match readers.iter_mut().find(|reader| reader.name == name) {
        None => Err(format!("no reader `{name}`")),
        Some(reader) => event(reader).and_then(|event| {
            let at_ns = monotonic_ns();
            let sent = reader.device.notify_event(event);
            sent.map(|()| at_ns).map_err(|error| error.to_string())
        }),
    };
    match done {
        Ok(at_ns) => report(&ReaderReport {
            at_ns,
            name: name.to_owned(),
            saw: ReaderSaw::Submitted,
        }),
        Err(why) => say(name, ReaderSaw::Refused { why }),
    }
}

fn say(name: &str, saw: ReaderSaw) -> io::Result<()> {
    report(&ReaderReport {
        at_ns: monotonic_ns(),
        name: name.to_owned(),
        saw,
    })
}

struct Reader {
    name: String,
    device: PeripheralDevice,
    port: File,
    commands: Rc<RefCell<VecDeque<(u64, ReaderSaw)>>>,
    status: Rc<RefCell<OsdpStatusReport>>,
    online: bool,
    secure: bool,
    /// The baud rate to be set, and when: the line has taken the reply to COMSET by then.
    next_baud: Option<(Instant, u32)>,
}

impl Reader {
    fn start(spec: &ReaderSpec, index: usize) -> Result<Self, String> {
        let id = i32::try_from(index).map_err(|error| error.to_string())?;
        let (channel, port) = SerialChannel::open(id, &spec.path, spec.baud)
            .map_err(|error| format!("cannot open `{}`: {error}", spec.path.display()))?;
        let device = PeripheralDevice::new(device_info(spec)?, Box::new(channel));
        let mut device = device.map_err(|error| error.to_string())?;
        let commands = Rc::new(RefCell::new(VecDeque::new()));
        let status = Rc::new(RefCell::new(OsdpStatusReport {
            type_: OsdpStatusReportType::Local,
            nr_entries: 2,
            report: [0; 64],
        }));
        device.set_command_callback({
            let (commands, status) = (Rc::clone(&commands), Rc::clone(&status));
            let fastest = if spec.refuses_comset {
                0
            } else {
                spec.fastest_baud.unwrap_or(u32::MAX)
            };
            move |command| {
                if let OsdpCommand::Status(asked) = command {
                    if let OsdpStatusReportType::Local = asked.type_ {
                        *asked = *status.borrow();
                    }
                    return 0;
                }
                if let OsdpCommand::ComSet(line) = command
                    && line.baud_rate > fastest
                {
                    return -1;
                }
                if let Some(saw) = seen(command) {
                    commands.borrow_mut().push_back((monotonic_ns(), saw));
                }
                0
            }
        });
        Ok(Self {
            name: spec.name.clone(),
            device,
            port,
            commands,
            status,
            online: false,
            secure: false,
            next_baud: None,
        })
    }

    fn turn(&mut self) -> io::Result<()> {
        self.device.refresh();
        loop {
            let next = self.commands.borrow_mut().pop_front();
            let Some((at_ns, saw)) = next else {
                break;
            };
            if let ReaderSaw::ComSet { baud, .. } = saw {
                self.next_baud = Some((Instant::now() + COMSET, baud));
            }
            report(&ReaderReport {
                at_ns,
                name: self.name.clone(),
                saw,
            })?;
        }
        if let Some((_, baud)) = self.next_baud.take_if(|(at, _)| *at <= Instant::now()) {
            set_baud(&self.port, baud)?;
        }
        let online = self.device.is_online();
        if online != self.online {
            self.online = online;
            say(
                &self.name,
                if online {
                    ReaderSaw::Online
                } else {
                    ReaderSaw::Offline
                },
            )?;
        }
        let secure = self.device.is_sc_active();
        if secure != self.secure {
            self.secure = secure;
            say(
                &self.name,
                if secure {
                    ReaderSaw::Secure
                } else {
                    ReaderSaw::Insecure
                },
            )?;
        }
        Ok(())
    }
}

fn device_info(spec: &ReaderSpec) -> Result<PdInfoBuilder, String> {
    let text = |error: libosdp::OsdpError| error.to_string();
    let mut capabilities = vec![
        PdCapability::ContactStatusMonitoring(PdCapEntity::new(1, 2)),
        PdCapability::OutputControl(PdCapEntity::new(1, 1)),
        PdCapability::CardDataFormat(PdCapEntity::new(1, 1)),
        PdCapability::CheckCharacterSupport(PdCapEntity::new(1, 0)),
        PdCapability::CommunicationSecurity(PdCapEntity::new(1, 1)),
        PdCapability::ReceiveBufferSize(PdCapEntity::new(0, 1)),
    ];
    if !spec.plain {
        capabilities.extend([
            PdCapability::LedControl(PdCapEntity::new(4, 1)),
            PdCapability::AudibleOutput(PdCapEntity::new(2, 1)),
            PdCapability::TextOutput(PdCapEntity::new(1, 1)),
        ]);
    }
    let mut info = PdInfoBuilder::new()
        .name(&spec.name)
        .and_then(|info| info.address(i32::from(spec.address)))
        .and_then(|info| info.baud_rate(spec.baud.cast_signed()))
        .map_err(text)?
        .id(&PdId::from_number(spec.address))
        .capabilities(&capabilities);
    if let Some(key) = &spec.key {
        let key = key.bytes().ok_or("the key is not 32 hexadecimal digits")?;
        info = info.secure_channel_key(key);
    }
    if spec.install_mode {
        info = info.flag(OsdpFlag::InstallMode);
    }
    Ok(info)
}

/// What to tell of a command.
fn seen(command: &OsdpCommand) -> Option<ReaderSaw> {
    Some(match command {
        OsdpCommand::Led(led) => ReaderSaw::Led {
            led: led.led_number,
            temporary_code: led.temporary.control_code,
            temporary_on_color: led.temporary.on_color.into(),
            temporary_timer: led.temporary.timer_count,
            permanent_code: led.permanent.control_code,
            permanent_on_color: led.permanent.on_color.into(),
        },
        OsdpCommand::Buzzer(buzzer) => ReaderSaw::Buzzer {
            tone: buzzer.control_code,
            on: buzzer.on_count,
            off: buzzer.off_count,
            count: buzzer.rep_count,
        },
        OsdpCommand::Text(text) => ReaderSaw::Text {
            text: String::from_utf8_lossy(&text.data).into_owned(),
        },
        OsdpCommand::Output(output) => ReaderSaw::Output {
            output: output.output_no,
            code: output.control_code,
            timer: output.timer_count,
        },
        OsdpCommand::ComSetDone(line) => ReaderSaw::ComSet {
            address: line.address,
            baud: line.baud_rate,
        },
        OsdpCommand::KeySet(key) => ReaderSaw::KeySet {
            key: KeyText(key.data.iter().map(|byte| format!("{byte:02x}")).collect()),
        },
        _ => return None,
    })
}
