//! HTTP as text over a socket, so that a test can send what no library would.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::PATIENCE;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Ask {
    pub(crate) fn get(target: impl Into<String>) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn new(method: &str, target: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.into(),
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// A POST of this text as JSON.
    pub(crate) fn post(target: impl Into<String>, body: &(impl ToString + ?Sized)) -> Self {
        Self::with("POST", target, body)
    }

    /// This text as JSON.
    pub(crate) fn with(method: &str, target: impl Into<String>, body: &(impl ToString + ?Sized)) -> Self {
        let mut ask = Self::new(method, target).header("content-type", "application/json");
        ask.body = body.to_string();
        ask
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With the admin secret.
    pub(crate) fn bearer(self, secret: &str) -> Self {
        self.header("authorization", format!("Bearer {secret}"))
    }

    /// The request as it goes over the wire, with these header lines before its own.
    pub(crate) fn text(&self, address: SocketAddr, connection: &str) -> String {
        let mut text = format!(
            "{} {} HTTP/1.1\r\nhost: {address}\r\nconnection: {connection}\r\n",
            self.method, self.target
        );
        if !self.body.is_empty() || self.method == "POST" {
            text.extend(["content-length: ", &self.body.len().to_string(), "\r\n"]);
        }
        for (name, value) in &self.headers {
            text.extend([&**name, ": ", value, "\r\n"]);
        }
        text + "\r\n" + &self.body
    }
}

impl Answer {
    /// Reads a whole answer, from its head to the end of the connection.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut answer = Self {
            status: status_of(head),
            head: head.to_owned(),
            body: body.to_owned(),
        };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = unchunked(body);
        }
        answer
    }

    /// The first header of this name, given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The `code` of an error.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

pub(super) fn status_of(head: &str) -> u16 {
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    status.unwrap_or_else(|| panic!("no status line: {head:?}"))
}

pub(super) fn header<'head>(head: &'head str, name: &str) -> Option<&'head str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn unchunked(mut rest: &str) -> String {
    let mut whole = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or_default();
        let Some(chunk) = after.get(..size).filter(|_| size > 0) else {
            break;
        };
        whole.push_str(chunk);
        rest = after[size..].trim_start_matches("\r\n");
    }
    whole
}

/// A socket whose reads and writes have a time limit.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// One request on a new connection.
pub(crate) fn ask(address: SocketAddr, ask: &Ask) -> Answer {
    Answer::parse(&exchange(address, ask.text(address, "close").as_bytes()))
}

/// One request on a connection that stays open; `None` if the server has closed it since.
pub(super) fn ask_on(kept: &mut BufReader<TcpStream>, address: SocketAddr, ask: &Ask) -> Option<Answer> {
    let request = ask.text(address, "keep-alive");
    kept.get_mut().write_all(request.as_bytes()).ok()?;
    let head = read_head(kept)?;
    let length = header(&head, "content-length").unwrap_or("0").parse().unwrap();
    let mut body = vec![0; length];
    kept.read_exact(&mut body).unwrap();
    Some(Answer::parse(&[head.as_bytes(), b"\r\n", &body].concat()))
}

/// An answer's head, with its last line end; `None` where the connection ends before it.
pub(super) fn read_head(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        match reader.read_line(&mut line) {
            Ok(0) => return None,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
            read => read.unwrap(),
        };
        if line == "\r\n" {
            return Some(head);
        }
        head.push_str(&line);
    }
}

/// Sends these bytes on a new connection and reads to its end. A reset ends it too.
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    // A server that refuses early may have closed before everything was written.
    let _refused_early = stream.write_all(bytes);
    read_to_end(&mut stream)
}

/// Everything up to the end of the connection.
pub(crate) fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let (mut all, mut piece) = (Vec::new(), [0; 4_096]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return all,
            Ok(read) => all.extend_from_slice(&piece[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return all,
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&all)),
        }
    }
}
