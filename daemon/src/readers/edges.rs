//! Frames from edges: waits for the silence that ends them.

use std::io;
use std::time::Duration;

use doorward_wire::wiegand::{Frame, PulseNoise, Pulses};
use tokio::time::{Instant, sleep_until};

use crate::gpio::Edges;

/// Takes edges until they make a frame.
///
/// Cancel-safe: what was taken stays in `pulses`, and a silence that has begun is waited for anew.
pub(super) async fn next_frame(
    edges: &mut impl Edges,
    pulses: &mut Pulses,
    gap: Duration,
) -> io::Result<Result<Frame, PulseNoise>> {
    loop {
        let Some(due_us) = pulses.poll_timeout() else {
            let (line, at_us) = edges.next().await?;
            if let Some(frame) = pulses.fell(line, at_us) {
                return Ok(frame);
            }
            continue;
        };
        // The time stamps are the kernel's, the silence is waited for by this task's clock. An edge that
        // waits when the time is over came before: its own time says whether it still belongs here.
        let silent = Instant::now() + gap;
        let edge = tokio::select! {
            biased;
            edge = edges.next() => Some(edge?),
            () = sleep_until(silent) => None,
        };
        let ended = match edge {
            Some((line, at_us)) => pulses.fell(line, at_us),
            None if edges.is_waiting()? => None,
            None => pulses.silent_until(due_us),
        };
        if let Some(frame) = ended {
            return Ok(frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use doorward_wire::wiegand::{Keypad, Line, PulseRule};

    use super::*;

    /// Recorded edges: how long after the one before each becomes readable, its wire, and its time.
    struct Recording {
        edges: VecDeque<(u64, Line, u64)>,
        readable: Option<Instant>,
    }

    impl Recording {
        fn new(edges: impl IntoIterator<Item = (u64, Line, u64)>) -> Self {
            Self {
                edges: edges.into_iter().collect(),
                readable: None,
            }
        }
    }

    impl Edges for Recording {
        async fn next(&mut self) -> io::Result<(Line, u64)> {
            let Some(&(after_us, line, at_us)) = self.edges.front() else {
                return std::future::pending().await;
            };
            let now = Instant::now();
            let readable = *self
                .readable
                .get_or_insert(now + Duration::from_micros(after_us));
            sleep_until(readable).await;
            self.edges.pop_front();
            self.readable = None;
            Ok((line, at_us))
        }

        fn is_waiting(&self) -> io::Result<bool> {
            let due = self.readable.is_some_and(|at| at <= Instant::now());
            Ok(
                due || self.readable.is_none()
                    && self.edges.front().is_some_and(|edge| edge.0 == 0),
            )
        }
    }

    async fn frames(
        recording: impl IntoIterator<Item = (u64, Line, u64)>,
        count: usize,
    ) -> Vec<String> {
        let mut edges = Recording::new(recording);
        let rule = PulseRule::default();
        let gap = Duration::from_micros(u64::from(rule.frame_gap_us));
        let mut pulses = Pulses::new(rule);
        let mut found = Vec::new();
        for _ in 0..count {
            let frame = next_frame(&mut edges, &mut pulses, gap).await.unwrap();
            found.push(match frame {
                Ok(frame) => {
                    let key = Keypad::FourOrEightBits.key(&frame).map(char::from);
                    format!("{} {:02X?} {key:?}", frame.bit_count(), frame.bytes())
                }
                Err(noise) => noise.to_string(),
            });
        }
        found
    }

    /// A card of 26 bits, one bit every 2 ms.
    fn card(begin_us: u64) -> Vec<(Line, u64)> {
        let bits = "10010101000000000010001010";
        let edges = (0..).zip(bits.chars());
        let line = |bit| if bit == '1' { Line::D1 } else { Line::D0 };
        edges
            .map(|(at, bit)| (line(bit), begin_us + at * 2000))
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn recorded_edges_become_a_card_and_a_key() {
        let key = [Line::D0, Line::D1, Line::D1, Line::D1]
            .into_iter()
            .zip([0, 1, 2, 3]);
        let key = key.map(|(line, at)| (line, 100_000 + at * 2000));
        let mut before = 0;
        let live = card(0).into_iter().chain(key).map(|(line, at_us)| {
            let after = at_us - std::mem::replace(&mut before, at_us);
            (after, line, at_us)
        });
        let expect = ["26 [95, 00, 22, 80] None", "4 [70] Some('7')"];
        assert_eq!(frames(live.collect::<Vec<_>>(), 2).await, expect);
    }

    /// The daemon did not run for a second: all edges of two cards wait, and their own times tell the
    /// cards apart.
    #[tokio::test(start_paused = true)]
    async fn edges_that_waited_are_told_apart_by_their_own_times() {
        let late = card(0).into_iter().chain(card(200_000));
        let late = late.map(|(line, at_us)| (0, line, at_us));
        let expect = ["26 [95, 00, 22, 80] None", "26 [95, 00, 22, 80] None"];
        assert_eq!(frames(late.collect::<Vec<_>>(), 2).await, expect);
    }
}
