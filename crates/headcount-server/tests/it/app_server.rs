//! An app server's end of a bridge.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::client::{Ask, connect};
use crate::server::SECRET;

/// A bridge that is open, and what its app knows of connections: version and route by id.
#[derive(Debug)]
pub(crate) struct Bridge {
    lines: BufReader<TcpStream>,
    pub(crate) known: BTreeMap<String, (String, String)>,
    /// How often a connection was said to open twice, or something was said of one that is not open.
    pub(crate) surprises: Vec<Value>,
}

impl Bridge {
    /// Opens one with this query, and reads `hello`.
    pub(crate) fn open(address: SocketAddr, query: &str) -> Self {
        Self::open_on(connect(address), address, query)
    }

    /// As [`Bridge::open`], on a socket that was prepared.
    pub(crate) fn open_on(mut socket: TcpStream, address: SocketAddr, query: &str) -> Self {
        let request = Ask::get(format!("/api/admin/bridge?{query}")).bearer(SECRET);
        // The answer to an old version is not cut into chunks.
        let request = request.text(address, "close").replacen("HTTP/1.1", "HTTP/1.0", 1);
        socket.write_all(request.as_bytes()).unwrap();
        let mut lines = BufReader::new(socket);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(lines.read_line(&mut head).unwrap(), 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.0 200"), "{head}");
        assert!(head.contains("content-type: application/x-ndjson"), "{head}");
        let mut bridge = Self {
            lines,
            known: BTreeMap::new(),
            surprises: Vec::new(),
        };
        assert_eq!(bridge.next()["type"], "hello");
        bridge
    }

    /// The next line other than a keepalive.
    pub(crate) fn next(&mut self) -> Value {
        self.next_or_end().unwrap_or_else(|| panic!("the bridge ended"))
    }

    /// The next line other than a keepalive; `None` at the end.
    pub(crate) fn next_or_end(&mut self) -> Option<Value> {
        loop {
            let mut text = String::new();
            match self.lines.read_line(&mut text) {
                Ok(0) => return None,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                read => read.unwrap(),
            };
            let line: Value = serde_json::from_str(&text).unwrap();
            self.learn(&line);
            if line["type"] != "keepalive" {
                return Some(line);
            }
        }
    }

    /// Reads up to the line of this type.
    pub(crate) fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let line = self.next();
            if line["type"] == kind {
                return line;
            }
        }
    }

    fn learn(&mut self, line: &Value) {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let id = text("id");
        let is_new = match line["type"].as_str().unwrap() {
            "open" => self.known.insert(id, (text("version"), text("route"))).is_none(),
            "route-update" => match self.known.get_mut(&id) {
                Some((_, route)) => {
                    *route = text("route");
                    true
                }
                None => false,
            },
            "close" => self.known.remove(&id).is_some(),
            _ => true,
        };
        if !is_new {
            self.surprises.push(line.clone());
        }
    }
}
