//! Everything that can be read and checked before anything is touched.

use std::path::Path;
use std::sync::Arc;

use doorward_core::ids::{DeviceName, ReaderIx};
use doorward_wire::card::{self, FormatTable};
use doorward_wire::osdp::{Address, Baud, BusConfig, ControlPanel, Mono, Security};

use super::{Fault, told};
use crate::admin::SocketSettings;
use crate::config::{self, ConfigError, ReaderSecurity, SiteConfig};
use crate::doors::BusPlan;
use crate::readers::{BusReader, CardReader};
use crate::relays::config::{self as relay_config, LineConfig};
use crate::relays::profiles::Profiles;
use crate::system::exit::Exit;
use crate::uplink::Broker;

/// A configuration with every file that it names.
pub(super) struct Prepared {
    pub(super) config: SiteConfig,
    pub(super) cards: Arc<CardReader>,
    pub(super) lines: Vec<LineConfig>,
    pub(super) socket: SocketSettings,
    broker: Option<Broker>,
    buses: Vec<(BusConfig, Vec<BusReader>)>,
}

impl Prepared {
    /// Reads `path` and what it names. All that is wrong at once.
    pub(super) fn load(path: &Path) -> Result<Self, Fault> {
        let config = SiteConfig::load(path).map_err(|error| {
            let exit = match &error {
                ConfigError::Read { source, .. }
                    if source.kind() == std::io::ErrorKind::PermissionDenied =>
                {
                    Exit::Permission
                }
                _ => Exit::Config,
            };
            Fault::new(exit, &error)
        })?;
        let mut wrong = Vec::new();
        let cards = keep(&mut wrong, cards(&config));
        let lines = keep_all(&mut wrong, lines(&config));
        let socket = keep(
            &mut wrong,
            SocketSettings::resolve(&config.api).map_err(|error| told(&error)),
        );
        let broker = config.uplink.as_ref().map(|uplink| {
            let texts = |problems: Vec<_>| problems.iter().map(ToString::to_string).collect();
            keep_all(&mut wrong, Broker::prepare(uplink).map_err(texts))
        });
        let buses = buses(&config, &mut wrong);
        match (cards, lines, socket) {
            (Some(cards), Some(lines), Some(socket)) if wrong.is_empty() => Ok(Self {
                cards: Arc::new(cards),
                lines,
                socket,
                broker: broker.flatten(),
                buses,
                config,
            }),
            _ => {
                let list: String = wrong.iter().map(|line| format!("\n  {line}")).collect();
                let message = format!("`{}` is wrong:{list}", path.display());
                Err(Fault {
                    message,
                    exit: Exit::Config,
                })
            }
        }
    }

    /// What is configured, in one line.
    pub(super) fn summary(&self) -> String {
        let config = &self.config;
        let broker = config.uplink.as_ref().map_or_else(
            || "no broker".to_owned(),
            |uplink| format!("broker {}:{}", uplink.host, uplink.port),
        );
        format!(
            "site \"{}\", {} readers on {} OSDP buses, {} relay boards, {broker}",
            config.name,
            config.reader_names().count(),
            config.buses.len(),
            config.boards.len(),
        )
    }

    /// The buses, each with a panel of its own, sown with fresh random numbers.
    pub(super) fn bus_plans(&mut self) -> Result<Vec<BusPlan>, Fault> {
        let plans = std::mem::take(&mut self.buses)
            .into_iter()
            .zip(&self.config.buses);
        plans
            .map(|((bus, readers), config)| {
                let mut seed = [0; 16];
                getrandom::fill(&mut seed).map_err(|error| Fault {
                    message: format!("no random numbers: {error}"),
                    exit: Exit::System,
                })?;
                let baud = bus.baud;
                let panel = ControlPanel::new(bus, seed, Mono::ZERO)
                    .map_err(|error| Fault::new(Exit::Config, &error))?;
                Ok(BusPlan {
                    name: config.name.clone(),
                    port: config.port.clone(),
                    baud,
                    readers,
                    panel,
                })
            })
            .collect()
    }

    /// The broker, once, with its name as people know it.
    pub(super) fn named_broker(&mut self) -> Option<(String, Broker)> {
        let broker = self.broker.take()?;
        let name = self
            .config
            .uplink
            .as_ref()
            .map(|uplink| format!("{}:{}", uplink.host, uplink.port));
        Some((name.unwrap_or_default(), broker))
    }

    /// The names of all readers: [`ReaderIx`] counts them.
    pub(super) fn reader_names(&self) -> Vec<DeviceName> {
        self.config.reader_names().cloned().collect()
    }

    /// The names of all relay boards, in the order that numbers them.
    pub(super) fn board_names(&self) -> Vec<DeviceName> {
        self.config
            .boards
            .iter()
            .map(|board| board.name.clone())
            .collect()
    }
}

fn keep<T>(wrong: &mut Vec<String>, result: Result<T, String>) -> Option<T> {
    keep_all(wrong, result.map_err(|problem| vec![problem]))
}

fn keep_all<T>(wrong: &mut Vec<String>, result: Result<T, Vec<String>>) -> Option<T> {
    result.map_err(|problems| wrong.extend(problems)).ok()
}

/// How cards are read: the site's table, and what of it is in use.
fn cards(config: &SiteConfig) -> Result<CardReader, String> {
    let table = formats(config)?;
    let names = config.formats_in_use.as_deref();
    CardReader::new(table, names).map_err(|error| format!("`cards.formats`: {error}"))
}

fn formats(config: &SiteConfig) -> Result<FormatTable, String> {
    let Some(path) = &config.card_formats else {
        return FormatTable::parse(card::BUILT_IN).map_err(|errors| errors.to_string());
    };
    let text = std::fs::read_to_string(path).map_err(|error| {
        format!(
            "`paths.card_formats`: cannot read `{}`: {error}",
            path.display()
        )
    })?;
    FormatTable::parse(&text).map_err(|errors| {
        format!(
            "`paths.card_formats`: `{}` is wrong: {errors}",
            path.display()
        )
    })
}

fn lines(config: &SiteConfig) -> Result<Vec<LineConfig>, Vec<String>> {
    let profiles = Profiles::load(config.board_profiles.as_deref())
        .map_err(|error| vec![format!("`paths.board_profiles`: {error}")])?;
    relay_config::lines(&config.boards, &profiles, |_| Vec::new())
        .map_err(|unknown| unknown.iter().map(ToString::to_string).collect())
}

fn buses(config: &SiteConfig, wrong: &mut Vec<String>) -> Vec<(BusConfig, Vec<BusReader>)> {
    let mut next = 0;
    let mut buses = Vec::new();
    for bus in &config.buses {
        let mut readers = Vec::new();
        let Ok(baud) = Baud::new(bus.baud) else {
            continue;
        };
        let mut panel = BusConfig::new(baud);
        // A UART hands over the end of a reply three to four characters after it (its receive
        // time-out), a USB adapter a millisecond after; and the mark is one more character at rest. A
        // timer for the standard's two would only add a wake-up to every exchange.
        panel.idle_bytes = 0;
        for reader in &bus.readers {
            let security = match &reader.security {
                ReaderSecurity::Clear => Some(Security::Clear),
                ReaderSecurity::Secure { key_file } => {
                    let key = config::read_scbk(key_file);
                    let named =
                        key.map_err(|error| format!("reader `{}`: {}", reader.name, told(&error)));
                    keep(wrong, named).map(Security::Required)
                }
            };
            let ix = ReaderIx(next);
            next += 1;
            let (Some(security), Ok(address)) = (security, Address::new(reader.address)) else {
                continue;
            };
            panel = panel.with_reader(address, security);
            readers.push(BusReader {
                ix,
                name: reader.name.clone(),
                address,
            });
        }
        buses.push((panel, readers));
    }
    buses
}
