//! Event streams: a browser reads back what was written, and no text adds a line.

use super::{Input, cases};
use crate::sse;

const WORDS: &[&str] = &[
    "\n", "\r", "\r\n", "data:", "id: 9", "event: x", "retry: 1", ":", " ", "{}", "é", "\0", "\u{feff}",
];

/// What a browser makes of a stream: the data and the last event id of each message (HTML standard, section 9.2.6).
fn read(stream: &str) -> Vec<(String, String)> {
    let stream = stream.replace("\r\n", "\n").replace('\r', "\n");
    let (mut messages, mut data, mut id) = (Vec::new(), Vec::new(), String::new());
    for line in stream.split('\n') {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if line.is_empty() => {
                if !data.is_empty() {
                    messages.push((data.join("\n"), id.clone()));
                }
                data = Vec::new();
            }
            "data" => data.push(value.to_owned()),
            "id" if !value.contains('\0') => value.clone_into(&mut id),
            "" | "retry" | "id" => {}
            other => panic!("a line that was not written: {other:?}"),
        }
    }
    messages
}

#[test]
fn a_browser_reads_back_what_was_written() {
    bolero::check!(name = "events")
        .with_iterations(4_000)
        .with_generator(cases(256))
        .for_each(|bytes| {
            let mut input = Input::new(bytes);
            let (first, second) = (input.text(80, WORDS), input.text(80, WORDS));
            let id = input.u32().to_string();
            let stream = [
                sse::comment("hello"),
                sse::event(&first),
                sse::retry(3_000),
                sse::event_with_id(&id, &second),
            ]
            .concat();
            let seen = |text: &str| text.replace('\r', "\n");
            let wanted = [(seen(&first), String::new()), (seen(&second), id)];
            assert_eq!(read(str::from_utf8(&stream).unwrap()), wanted);
        });
}
