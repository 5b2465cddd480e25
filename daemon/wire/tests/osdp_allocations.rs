//! Polling, and a card on its way from the line to its event, allocate nothing.

#[cfg(test)]
mod tests {
    use doorward_wire::osdp::{
        Address, Baud, BusConfig, CardCoding, CardRead, ControlPanel, DeviceConfig, DeviceSecurity,
        LinkEvent, Mono, PeripheralDevice, Scbk, Security,
    };

    struct Pair {
        panel: ControlPanel,
        device: PeripheralDevice,
        now: Mono,
        to_device: Vec<u8>,
        to_panel: Vec<u8>,
        cards: usize,
    }

    impl Pair {
        fn new() -> Self {
            let (address, key) = (
                Address::new(0).unwrap(),
                Scbk::new(core::array::from_fn(|at| (at * at + 7) as u8)),
            );
            let config =
                BusConfig::new(Baud::B115200).with_reader(address, Security::Required(key.clone()));
            let device =
                DeviceConfig::reader(address, Baud::B115200, DeviceSecurity::Required(key));
            Self {
                panel: ControlPanel::new(config, [1; 16], Mono::ZERO).unwrap(),
                device: PeripheralDevice::new(device, [2; 16], Mono::ZERO),
                now: Mono::ZERO,
                to_device: Vec::with_capacity(2048),
                to_panel: Vec::with_capacity(2048),
                cards: 0,
            }
        }

        /// One exchange; what the panel's side of it allocates is returned.
        fn exchange(&mut self) -> u64 {
            self.now = self.now.plus_us(10_000);
            self.to_device.clear();
            self.to_panel.clear();
            let now = self.now;
            let sent = allocation_counter::measure(|| {
                self.panel.handle_timeout(now);
                self.panel.poll_transmit(now, &mut self.to_device).unwrap();
            });
            self.device.handle_bytes(now, &self.to_device);
            self.device.poll_transmit(now, &mut self.to_panel).unwrap();
            while self.device.poll_event().is_some() {}
            let heard = allocation_counter::measure(|| {
                self.panel.handle_bytes(now, &self.to_panel);
                while let Some(event) = self.panel.poll_event() {
                    self.cards += usize::from(matches!(event.event, LinkEvent::Card(_)));
                }
            });
            sent.count_total + heard.count_total
        }
    }

    #[test]
    fn polls_and_cards_allocate_nothing() {
        let mut pair = Pair::new();
        for _ in 0..50 {
            pair.exchange();
        }
        let card = CardRead::new(0, CardCoding::Wiegand, 200, &[0x5A; 25]).unwrap();
        let mut allocations = 0;
        for turn in 0..1000 {
            if turn % 3 == 0 {
                pair.device.show_card(pair.now, card).unwrap();
            }
            allocations += pair.exchange();
        }
        assert_eq!(pair.cards, 334);
        assert_eq!(allocations, 0);
    }
}
