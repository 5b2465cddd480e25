//! Server-sent events: the text format of the WHATWG HTML standard, section 9.2.

/// The most bytes in one server-sent event.
pub const SSE_EVENT_MAX: usize = 4 * 1024 * 1024;

/// One server-sent event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SseEvent {
    /// Its `id`, where it has one.
    pub id: Option<String>,
    /// Its type; empty when not said.
    pub event: String,
    /// Its data, lines joined by line feeds.
    pub data: String,
}

/// Why bytes are not server-sent events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// One event is larger than [`SSE_EVENT_MAX`].
    #[error("a server-sent event has more than {SSE_EVENT_MAX} bytes")]
    TooLarge,
    /// Not UTF-8.
    #[error("a server-sent event is not UTF-8")]
    NotUtf8,
}

/// Takes a stream of bytes apart into events, however they are cut.
#[derive(Debug, Default)]
pub struct SseParser {
    line: Vec<u8>,
    skip_line_feed: bool,
    event: SseEvent,
    has_data: bool,
    size: usize,
}

impl SseParser {
    /// Takes in `bytes` and hands each event that they complete to `sink`.
    ///
    /// Comments and unknown fields are passed over. After an error the stream is of no more use.
    pub fn feed(&mut self, bytes: &[u8], mut sink: impl FnMut(SseEvent)) -> Result<(), SseError> {
        for &byte in bytes {
            // A carriage return ends a line alone or with the line feed behind it.
            let after_return = core::mem::take(&mut self.skip_line_feed);
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => {
                    self.skip_line_feed = byte == b'\r';
                    if let Some(event) = self.end_line()? {
                        sink(event);
                    }
                }
                byte => {
                    self.size += 1;
                    if self.size > SSE_EVENT_MAX {
                        return Err(SseError::TooLarge);
                    }
                    self.line.push(byte);
                }
            }
        }
        Ok(())
    }

    fn end_line(&mut self) -> Result<Option<SseEvent>, SseError> {
        let line = core::mem::take(&mut self.line);
        let line = String::from_utf8(line).map_err(|_| SseError::NotUtf8)?;
        if line.is_empty() {
            let event = core::mem::take(&mut self.event);
            self.size = 0;
            return Ok(core::mem::take(&mut self.has_data).then_some(event));
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" if !value.contains('\0') => self.event.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.event.event),
            "data" => {
                if core::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // A comment keeps the connection alive and must not add up to an event's size.
            "" => self.size -= line.len(),
            _ => {}
        }
        Ok(None)
    }
}

impl SseEvent {
    /// The event as bytes to send.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::with_capacity(self.data.len() + 48);
        let mut field = |name: &str, value: &str| {
            text.push_str(name);
            text.push_str(": ");
            text.push_str(value);
            text.push('\n');
        };
        if let Some(id) = &self.id {
            field("id", id);
        }
        if !self.event.is_empty() {
            field("event", &self.event);
        }
        self.data.split('\n').for_each(|line| field("data", line));
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(chunks: &[&[u8]]) -> Result<Vec<SseEvent>, SseError> {
        let mut parser = SseParser::default();
        let mut events = Vec::new();
        for chunk in chunks {
            parser.feed(chunk, |event| events.push(event))?;
        }
        Ok(events)
    }

    fn event(id: Option<&str>, event: &str, data: &str) -> SseEvent {
        SseEvent {
            id: id.map(str::to_owned),
            event: event.to_owned(),
            data: data.to_owned(),
        }
    }

    #[test]
    fn the_same_events_however_the_bytes_are_cut() {
        let text = b": alive\n\nid: 7\nevent: event\ndata: {\"a\":1}\n\ndata:x\r\ndata: y\r\n\r\nid: 8\rdata\r\r";
        let expect = [
            event(Some("7"), "event", "{\"a\":1}"),
            event(None, "", "x\ny"),
            event(Some("8"), "", ""),
        ];
        for cut in 0..=text.len() {
            let (one, two) = text.split_at(cut);
            assert_eq!(parse(&[one, two]).unwrap(), expect, "cut at {cut}");
        }
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(parse(&single).unwrap(), expect);
    }

    #[test]
    fn an_event_without_data_is_none() {
        assert_eq!(
            parse(&[b"id: 3\nevent: x\n\n", b"retry: 5\n\n"]).unwrap(),
            []
        );
    }

    #[test]
    fn an_event_has_a_largest_size() {
        let mut parser = SseParser::default();
        let chunk = [b'x'; 1024];
        let mut result = Ok(());
        for _ in 0..=SSE_EVENT_MAX / chunk.len() {
            result = parser.feed(&chunk, |_| {});
        }
        assert_eq!(result, Err(SseError::TooLarge));
    }

    #[test]
    fn comments_never_add_up() {
        let mut parser = SseParser::default();
        let comment = format!(":{}\n", "x".repeat(1023));
        for _ in 0..2 * SSE_EVENT_MAX / comment.len() {
            parser.feed(comment.as_bytes(), |_| {}).unwrap();
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert_eq!(parse(&[b"data: \xFF\n\n"]), Err(SseError::NotUtf8));
    }

    #[test]
    fn what_is_encoded_comes_back() {
        for event in [
            event(None, "", "one"),
            event(Some("5"), "event", "{\"a\":\"b\"}"),
            event(Some("6"), "live", "two\nlines\n"),
        ] {
            assert_eq!(parse(&[event.encode().as_bytes()]).unwrap(), [event]);
        }
    }
}
