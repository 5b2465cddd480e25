//! libosdp as the control panel, refreshed as tightly as its users would.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::rc::Rc;

use doorward_core::card::CardBits;
use doorward_sim::line::monotonic_ns;
use libosdp::{
    ControlPanel, ControlPanelBuilder, OsdpComSet, OsdpCommand, OsdpCommandBuzzer,
    OsdpCommandKeyset, OsdpCommandLed, OsdpEvent, OsdpLedParams, OsdpStatusReportType,
    PdInfoBuilder,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::channel::SerialChannel;
use super::orders::{PanelOrder, PanelReport, PanelSaw, PanelSpec};
use super::stdio::{Orders, report};

/// libosdp asks to be refreshed at least every 50 ms, and its examples do so every 20 to 50 ms.
/// Here it is refreshed whenever bytes arrive, and every millisecond besides, so that what is
/// measured is the library and not its caller.
const REFRESH_MS: u8 = 1;

/// Serves orders from standard input until it closes.
///
/// # Errors
/// When standard input or output fails.
pub fn serve() -> io::Result<()> {
    let mut orders = Orders::<PanelOrder>::from_stdin()?;
    let mut panel: Option<Panel> = None;
    loop {
        let mut fds = vec![PollFd::new(orders.fd(), PollFlags::POLLIN)];
        fds.extend(
            panel
                .iter()
                .map(|p| PollFd::new(p.port.as_fd(), PollFlags::POLLIN)),
        );
        poll(&mut fds, PollTimeout::from(REFRESH_MS))?;
        for order in orders.take()? {
            if let Err((name, why)) = obey(&mut panel, order) {
                say(&name, PanelSaw::Refused { why })?;
            }
        }
        if orders.closed() {
            return Ok(());
        }
        if let Some(panel) = &mut panel {
            panel.turn()?;
        }
    }
}

struct Panel {
    panel: ControlPanel,
    port: File,
    names: Vec<String>,
    events: Rc<RefCell<VecDeque<(u64, i32, OsdpEvent)>>>,
    online: Vec<bool>,
    secure: Vec<bool>,
}

fn obey(panel: &mut Option<Panel>, order: PanelOrder) -> Result<(), (String, String)> {
    let (name, command) = match order {
        PanelOrder::Start(spec) => {
            *panel = Some(Panel::start(&spec).map_err(|why| (String::new(), why))?);
            return say("", PanelSaw::Started).map_err(|e| (String::new(), e.to_string()));
        }
        PanelOrder::Led { name, color, timer } => (name, led(color, timer)),
        PanelOrder::Buzzer { name, on } => (
            name,
            OsdpCommand::Buzzer(OsdpCommandBuzzer {
                reader: 0,
                control_code: 2,
                on_count: on,
                off_count: 1,
                rep_count: 1,
            }),
        ),
        PanelOrder::KeySet { name, key } => match key.bytes() {
            Some(key) => (name, OsdpCommand::KeySet(OsdpCommandKeyset::new_scbk(key))),
            None => return Err((name, "the key is not 32 hexadecimal digits".to_owned())),
        },
        PanelOrder::ComSet {
            name,
            address,
            baud,
        } => (
            name,
            OsdpCommand::ComSet(OsdpComSet {
                address,
                baud_rate: baud,
            }),
        ),
    };
    let Some(panel) = panel else {
        return Err((name, "the panel has not been started".to_owned()));
    };
    let Some(at) = panel.names.iter().position(|known| *known == name) else {
        let why = format!("no reader `{name}`");
        return Err((name, why));
    };
    let sent = panel.panel.send_command(index(at), command);
    sent.map_err(|error| (name, error.to_string()))
}

impl Panel {
    fn start(spec: &PanelSpec) -> Result<Self, String> {
        let (channel, port) = SerialChannel::open(0, &spec.path, spec.baud)
            .map_err(|error| format!("cannot open `{}`: {error}", spec.path.display()))?;
        let infos = spec.readers.iter().map(|reader| {
            let info = PdInfoBuilder::new()
                .name(&reader.name)
                .and_then(|info| info.address(i32::from(reader.address)))
                .and_then(|info| info.baud_rate(spec.baud.cast_signed()))
                .map_err(|error| error.to_string())?;
            match &reader.key {
                None => Ok(info),
                Some(key) => {
                    let key = key.bytes().ok_or("the key is not 32 hexadecimal digits")?;
                    Ok(info.secure_channel_key(key))
                }
            }
        });
        let infos = infos.collect::<Result<Vec<_>, String>>()?;
        let built = ControlPanelBuilder::new().add_channel(Box::new(channel), infos);
        let mut panel = built.build().map_err(|error| error.to_string())?;
        let events = Rc::new(RefCell::new(VecDeque::new()));
        panel.set_event_callback({
            let events = Rc::clone(&events);
            move |reader, event| {
                events
                    .borrow_mut()
                    .push_back((monotonic_ns(), reader, event));
                0
            }
        });
        Ok(Self {
            panel,
            port,
            names: spec
                .readers
                .iter()
                .map(|reader| reader.name.clone())
                .collect(),
            events,
            online: vec![false; spec.readers.len()],
            secure: vec![false; spec.readers.len()],
        })
    }

    fn turn(&mut self) -> io::Result<()> {
        self.panel.refresh();
        loop {
            let next = self.events.borrow_mut().pop_front();
            let Some((at_ns, reader, event)) = next else {
                break;
            };
            let name = usize::try_from(reader)
                .ok()
                .and_then(|at| self.names.get(at));
            if let (Some(name), Some(saw)) = (name, seen(event)) {
                let name = name.clone();
                report(&PanelReport { at_ns, name, saw })?;
            }
        }
        for (at, name) in self.names.iter().enumerate() {
            let online = self.panel.is_online(index(at));
            if std::mem::replace(&mut self.online[at], online) != online {
                say(
                    name,
                    if online {
                        PanelSaw::Online
                    } else {
                        PanelSaw::Offline
                    },
                )?;
            }
            let secure = self.panel.is_sc_active(index(at));
            if std::mem::replace(&mut self.secure[at], secure) != secure {
                say(
                    name,
                    if secure {
                        PanelSaw::Secure
                    } else {
                        PanelSaw::Insecure
                    },
                )?;
            }
        }
        Ok(())
    }
}

fn led(color: u8, timer: u16) -> OsdpCommand {
    OsdpCommand::Led(OsdpCommandLed {
        reader: 0,
        led_number: 0,
        temporary: OsdpLedParams {
            control_code: 2,
            on_count: 1,
            off_count: 0,
            on_color: color.into(),
            off_color: 0.into(),
            timer_count: timer,
        },
        permanent: OsdpLedParams::default(),
    })
}

fn seen(event: OsdpEvent) -> Option<PanelSaw> {
    match event {
        OsdpEvent::CardRead(read) => {
            let bits = CardBits::new(read.nr_bits, &read.data).ok()?;
            Some(PanelSaw::Card { bits })
        }
        OsdpEvent::KeyPress(press) => Some(PanelSaw::Keys {
            keys: String::from_utf8_lossy(&press.data).into_owned(),
        }),
        OsdpEvent::Status(status) => match status.type_ {
            OsdpStatusReportType::Local => Some(PanelSaw::LocalStatus {
                tamper: status.report[0] != 0,
                power: status.report[1] != 0,
            }),
            _ => None,
        },
        OsdpEvent::MfgReply(_) => None,
    }
}

fn say(name: &str, saw: PanelSaw) -> io::Result<()> {
    report(&PanelReport {
        at_ns: monotonic_ns(),
        name: name.to_owned(),
        saw,
    })
}

/// libosdp counts readers in an `i32`; a bus has at most 127 of them.
fn index(at: usize) -> i32 {
    i32::try_from(at).unwrap_or(-1)
}
