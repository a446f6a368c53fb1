//! Frames of an event stream ([the HTML standard's server-sent events][sse]), as bytes to send as they are.
//!
//! Every function returns a complete block with its empty line, so blocks can be sent in any order and number. There is
//! no `event:` field: existing clients read only the default `message` events.
//!
//! [sse]: https://html.spec.whatwg.org/multipage/server-sent-events.html

use bytes::Bytes;

/// One message. `data` is one line in all our use, since JSON is written without line breaks; were there one, each line
/// gets its own `data:`, so that no text can forge a frame, and the client reads it back as a line break.
pub fn event(data: &str) -> Bytes {
    let mut block = String::with_capacity(data.len() + 8);
    push_data(&mut block, data);
    block.into()
}

/// One message that the client names in `Last-Event-ID` when it comes back. `id` is a number in all our use: it must not
/// hold a line break or NUL.
pub fn event_with_id(id: &str, data: &str) -> Bytes {
    debug_assert!(!id.contains(['\r', '\n', '\0']), "{id:?} would break the frame");
    let mut block = String::with_capacity(id.len() + data.len() + 13);
    block.push_str("id: ");
    block.push_str(id);
    block.push('\n');
    push_data(&mut block, data);
    block.into()
}

/// A line that clients skip: keeps a connection alive, or is a note for a person who reads the stream. `text` must be one
/// line.
pub fn comment(text: &str) -> Bytes {
    debug_assert!(!text.contains(['\r', '\n']), "{text:?} would break the frame");
    format!(": {text}\n\n").into()
}

/// Tells the client how long to wait before it reconnects, in milliseconds. No message: nothing is dispatched.
pub fn retry(ms: u32) -> Bytes {
    format!("retry: {ms}\n\n").into()
}

fn push_data(block: &mut String, data: &str) {
    for line in data.split(['\r', '\n']) {
        block.push_str("data: ");
        block.push_str(line);
        block.push('\n');
    }
    block.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_as_the_standard_writes_them() {
        assert_eq!(event(r#"{"type":"pong"}"#), "data: {\"type\":\"pong\"}\n\n");
        assert_eq!(event_with_id("17", "{}"), "id: 17\ndata: {}\n\n");
        assert_eq!(comment("hello"), ": hello\n\n");
        assert_eq!(retry(3_000), "retry: 3000\n\n");
    }

    #[test]
    fn a_line_break_in_data_cannot_forge_a_frame() {
        for forged in ["a\n\nid: 9", "a\r\rid: 9"] {
            assert_eq!(event(forged), "data: a\ndata: \ndata: id: 9\n\n");
        }
    }

    #[test]
    fn vectors() {
        let text = include_str!("../../../protocol/vectors/sse.json");
        let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
        for case in vectors["cases"].as_array().unwrap() {
            let make = &case["make"];
            let bytes = match (
                make["id"].as_str(),
                make["event"].as_str(),
                make["comment"].as_str(),
            ) {
                (Some(id), Some(data), _) => event_with_id(id, data),
                (None, Some(data), _) => event(data),
                (_, None, Some(text)) => comment(text),
                _ => retry(make["retry"].as_u64().unwrap().try_into().unwrap()),
            };
            assert_eq!(bytes, case["bytes"].as_str().unwrap(), "{}", case["name"]);
        }
    }
}
