//! Everything that can be read and checked before anything is touched.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use doorward_core::ids::{DeviceName, ReaderIx};
use doorward_wire::card::{self, FormatTable};
use doorward_wire::osdp::{Address, Baud, BusConfig, ControlPanel, Mono, Security};
use tokio::sync::mpsc;

use super::{Fault, told};
use crate::admin::SocketSettings;
use crate::clock::Clock;
use crate::config::{self, ConfigError, KeySource, ReaderSecurity, SiteConfig};
use crate::doors::BusPlan;
use crate::keys::{
    KeptReader, KeyFolder, KeyKeeper, KeyNews, KeyRing, NEWS_MAX, ORDERS_MAX, ReaderKeys, Seal,
};
use crate::readers::{BusOrder, BusReader, Buses, CardReader, Converters, KeyLine, WiegandPlan};
use crate::relays::config::{self as relay_config, LineConfig};
use crate::relays::profiles::Profiles;
use crate::store::Store;
use crate::system::exit::Exit;
use crate::uplink::Broker;

/// A configuration with every file that it names.
pub(super) struct Prepared {
    pub(super) config: SiteConfig,
    pub(super) cards: Arc<CardReader>,
    pub(super) lines: Vec<LineConfig>,
    pub(super) wiegand: Vec<WiegandPlan>,
    pub(super) socket: SocketSettings,
    broker: Option<Broker>,
    buses: Vec<(BusConfig, Vec<BusReader>)>,
    keys: KeyFolder,
    rings: Vec<KeyRing>,
}

/// The readers with their keys, and what is to come of them.
pub(super) struct KeyKeeping {
    readers: Vec<KeptReader>,
    news: mpsc::Receiver<KeyNews>,
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
        let wiegand = keep_all(&mut wrong, wiegand(&config));
        let socket = keep(
            &mut wrong,
            SocketSettings::resolve(&config.api).map_err(|error| told(&error)),
        );
        let broker = config.uplink.as_ref().map(|uplink| {
            let texts = |problems: Vec<_>| problems.iter().map(ToString::to_string).collect();
            keep_all(&mut wrong, Broker::prepare(uplink).map_err(texts))
        });
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let credentials = credentials.as_deref();
        let seal = keep(
            &mut wrong,
            Seal::load(credentials).map_err(|error| told(&error)),
        );
        let keys = KeyFolder::new(&config.data, seal.flatten());
        let rings = rings(&config, &keys, credentials, &mut wrong);
        let buses = buses(&config, &rings);
        match (cards, lines, wiegand, socket) {
            (Some(cards), Some(lines), Some(wiegand), Some(socket)) if wrong.is_empty() => {
                Ok(Self {
                    cards: Arc::new(cards),
                    lines,
                    wiegand,
                    socket,
                    broker: broker.flatten(),
                    buses,
                    keys,
                    rings,
                    config,
                })
            }
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
        let wiegand = match config.wiegand.len() {
            0 => String::new(),
            count => format!(" {count} behind converters,"),
        };
        format!(
            "site \"{}\", {} readers on {} OSDP buses,{wiegand} {} relay boards, {broker}",
            config.name,
            config
                .buses
                .iter()
                .map(|bus| bus.readers.len())
                .sum::<usize>(),
            config.buses.len(),
            config.boards.len(),
        )
    }

    /// The buses, each with a panel of its own, sown with fresh random numbers; and the readers on
    /// them with their keys, for whoever keeps those.
    pub(super) fn bus_plans(
        &mut self,
        bus_orders: Vec<mpsc::Receiver<BusOrder>>,
    ) -> Result<(Vec<BusPlan>, KeyKeeping), Fault> {
        let (news, news_inbox) = mpsc::channel(NEWS_MAX);
        let mut kept = Vec::new();
        let mut rings = std::mem::take(&mut self.rings).into_iter();
        let mut plans = Vec::new();
        let buses = std::mem::take(&mut self.buses).into_iter();
        let configured = self.config.buses.iter().zip(bus_orders);
        for ((bus, readers), (config, bus_orders)) in buses.zip(configured) {
            let mut seed = [0; 16];
            getrandom::fill(&mut seed).map_err(|error| Fault {
                message: format!("no random numbers: {error}"),
                exit: Exit::System,
            })?;
            let baud = bus.baud;
            let panel = ControlPanel::new(bus, seed, Mono::ZERO)
                .map_err(|error| Fault::new(Exit::Config, &error))?;
            let (orders, order_inbox) = mpsc::channel(ORDERS_MAX);
            kept.extend(
                readers
                    .iter()
                    .zip(&mut rings)
                    .map(|(reader, ring)| KeptReader {
                        ix: reader.ix,
                        name: reader.name.clone(),
                        ring,
                        bus: (!reader.is_clear).then(|| orders.clone()),
                    }),
            );
            plans.push(BusPlan {
                name: config.name.clone(),
                port: config.port.clone(),
                baud,
                readers,
                panel,
                orders: bus_orders,
                keys: KeyLine {
                    orders: order_inbox,
                    news: news.clone(),
                },
            });
        }
        let keeping = KeyKeeping {
            readers: kept,
            news: news_inbox,
        };
        Ok((plans, keeping))
    }

    /// Whoever keeps the readers' keys, and the handle by which it is asked.
    pub(super) fn key_keeper(
        &mut self,
        keeping: KeyKeeping,
        store: &Store,
        clock: &Arc<Clock>,
    ) -> (KeyKeeper, ReaderKeys) {
        for reader in &keeping.readers {
            // It can be read as it is; at the next start it is tried again.
            if let Err(error) = self.keys.seal_again(&reader.name) {
                log::error!(reader = &*reader.name; "reader `{}`: {}", reader.name, told(&error));
            }
        }
        let folder = std::mem::replace(&mut self.keys, KeyFolder::new(&self.config.data, None));
        KeyKeeper::new(
            keeping.readers,
            folder,
            store,
            Arc::clone(clock),
            keeping.news,
        )
    }

    /// The office's way to the buses, and the buses' ends of it.
    pub(super) fn bus_orders(&self) -> (Buses, Vec<mpsc::Receiver<BusOrder>>) {
        Buses::new(self.config.buses.iter().map(|bus| bus.name.clone()))
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

fn wiegand(config: &SiteConfig) -> Result<Vec<WiegandPlan>, Vec<String>> {
    let converters = Converters::load(config.reader_profiles.as_deref())
        .map_err(|error| vec![format!("`paths.reader_profiles`: {error}")])?;
    let mut wrong = Vec::new();
    let plans = config.wiegand.iter();
    let plans = plans.filter_map(|reader| keep(&mut wrong, converters.plan(reader)));
    let plans: Vec<_> = plans.collect();
    if wrong.is_empty() {
        Ok(plans)
    } else {
        Err(wrong)
    }
}

fn lines(config: &SiteConfig) -> Result<Vec<LineConfig>, Vec<String>> {
    let profiles = Profiles::load(config.board_profiles.as_deref())
        .map_err(|error| vec![format!("`paths.board_profiles`: {error}")])?;
    relay_config::lines(&config.boards, &profiles, |_| Vec::new())
        .map_err(|unknown| unknown.iter().map(ToString::to_string).collect())
}

/// What is known of each reader's key, in the order that numbers them.
fn rings(
    config: &SiteConfig,
    keys: &KeyFolder,
    credentials: Option<&Path>,
    wrong: &mut Vec<String>,
) -> Vec<KeyRing> {
    let readers = config.buses.iter().flat_map(|bus| &bus.readers);
    readers
        .map(|reader| {
            let ReaderSecurity::Secure(source) = &reader.security else {
                return KeyRing::default();
            };
            let given = match source {
                KeySource::File(path) => Some(config::read_scbk(path)),
                KeySource::Credential(name) => {
                    Some(config::read_scbk_credential(credentials, name))
                }
                KeySource::Installed => None,
            };
            let named = |error: &dyn Error| format!("reader `{}`: {}", reader.name, told(error));
            let given = given.transpose().map_err(|error| named(&error));
            let kept = keys.load(&reader.name).map_err(|error| named(&error));
            let (given, kept) = (keep(wrong, given), keep(wrong, kept));
            KeyRing::of(given.flatten(), kept.flatten())
        })
        .collect()
}

fn security(is_clear: bool, ring: &KeyRing) -> Security {
    match &ring.current {
        _ if is_clear => Security::Clear,
        Some(key) => Security::Required(key.clone()),
        None => Security::Unkeyed,
    }
}

fn buses(config: &SiteConfig, rings: &[KeyRing]) -> Vec<(BusConfig, Vec<BusReader>)> {
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
            let (ix, ring) = (ReaderIx(next), rings.get(usize::from(next)));
            next += 1;
            let (Some(ring), Ok(address)) = (ring, Address::new(reader.address)) else {
                continue;
            };
            let is_clear = reader.security == ReaderSecurity::Clear;
            panel = panel.with_reader(address, security(is_clear, ring));
            for key in &ring.candidates {
                panel = panel.with_candidate(key.clone());
            }
            readers.push(BusReader {
                ix,
                name: reader.name.clone(),
                address,
                is_clear,
            });
        }
        buses.push((panel, readers));
    }
    buses
}
