//! A log that cannot be written: nothing but the log suffers.

use serde_json::json;

use crate::client::{Ask, Transport, Visit, ask};
use crate::process::{Process, Reader};

/// More than a pipe holds of the lines that commands log.
const COMMANDS: u32 = 1_200;

/// Where the reader had left, the first command ended the commander. Where it did not read, everything stopped when the pipe was full.
#[test]
fn a_log_that_is_not_read_holds_nothing_up() {
    for reader in [Reader::Leaves, Reader::Stalls] {
        let server = Process::read_by(reader);
        let mut tab = Visit::new(Transport::WebSocket, "/").open(server.address);
        for number in 0..COMMANDS {
            server.post("releases", &json!({"version": format!("v{number}")}));
        }
        while tab.next_of("version")["version"] != format!("v{}", COMMANDS - 1) {}
        assert_eq!(
            ask(server.address, &Ask::get("/healthz")).status,
            200,
            "{reader:?}"
        );
        let guess = Ask::get("/api/admin/stats").bearer("a wrong one");
        assert_eq!(ask(server.address, &guess).status, 401, "{reader:?}");
        assert_eq!(server.terminate(), Some(0), "{reader:?}");
    }
}
