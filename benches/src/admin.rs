//! Calls to the admin API: one connection a call, blocking, bounded in time; and the bridge that an app keeps open.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde::Deserialize;

use crate::client::Response;
use crate::failure::Failure;
use crate::server::SECRET;

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a server says is open.
#[derive(Debug, Deserialize)]
pub(crate) struct Counts {
    pub(crate) total: u64,
    pub(crate) routes: BTreeMap<String, u64>,
}

/// Which nodes of its cluster a server sees.
#[derive(Debug, Deserialize)]
pub(crate) struct Nodes {
    pub(crate) nodes: Vec<serde::de::IgnoredAny>,
}

/// How many tabs a rule matches.
#[derive(Debug, Deserialize)]
pub(crate) struct Matched {
    pub(crate) tabs: u64,
}

/// What opens a bridge.
const BRIDGE: &str = "GET bridge";

/// Asks a server what is open.
pub(crate) fn stats(server: SocketAddr) -> Result<Counts, Failure> {
    let body = call(server, "GET", "stats", "")?;
    serde_json::from_str(&body).map_err(|_| refused("GET stats", &body))
}

/// Makes a release current, which tells every tab.
pub(crate) fn release(server: SocketAddr, body: &str) -> Result<(), Failure> {
    call(server, "POST", "releases", body).map(drop)
}

/// Tells every tab whose route begins with `route` to refresh.
pub(crate) fn invalidate(server: SocketAddr, route: &str) -> Result<(), Failure> {
    call(
        server,
        "POST",
        "invalidate-route",
        &format!(r#"{{"route":"{route}"}}"#),
    )
    .map(drop)
}

/// Asks a server which nodes it sees.
pub(crate) fn nodes(server: SocketAddr) -> Result<Nodes, Failure> {
    let body = call(server, "GET", "nodes", "")?;
    serde_json::from_str(&body).map_err(|_| refused("GET nodes", &body))
}

/// Tells every tab whose route begins with `route` to refresh, the current release or not, and all of them at once.
pub(crate) fn refresh(server: SocketAddr, route: &str) -> Result<Matched, Failure> {
    let rule = format!(r#"{{"match":{{"prefix":"{route}"}},"audience":"all","spreadMs":0}}"#);
    let body = call(server, "POST", "invalidations", &rule)?;
    serde_json::from_str(&body).map_err(|_| refused("POST invalidations", &body))
}

/// What another server than headcount answers at this path.
pub(crate) fn page(server: SocketAddr, path: &str) -> Result<String, Failure> {
    answered(&format!("GET {path}"), exchange(server, "GET", path, ""))
}

/// A bridge of an app that decides who may see stats. It gets no questions here. It ends when dropped.
#[derive(Debug)]
pub(crate) struct Bridge(TcpStream);

impl Bridge {
    /// Opens one and waits for the server's greeting. What comes then is read and forgotten.
    pub(crate) fn open(server: SocketAddr) -> Result<Self, Failure> {
        let (socket, greeting) = greeted(server).map_err(Failure::to(BRIDGE))?;
        if !greeting.contains("\"hello\"") {
            return Err(refused(BRIDGE, &greeting));
        }
        let mut rest = socket.try_clone().map_err(Failure::to(BRIDGE))?;
        std::thread::spawn(move || std::io::copy(&mut rest, &mut std::io::sink()));
        Ok(Self(socket))
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        drop(self.0.shutdown(Shutdown::Both));
    }
}

/// Asks for a bridge, and reads its first line or a refusal.
fn greeted(server: SocketAddr) -> std::io::Result<(TcpStream, String)> {
    let mut socket = TcpStream::connect(server)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let request = format!(
        "GET /api/admin/bridge?hooks=authorize HTTP/1.1\r\nHost: {server}\r\nAuthorization: Bearer {SECRET}\r\nConnection: close\r\n\r\n"
    );
    socket.write_all(request.as_bytes())?;
    let mut greeting = String::new();
    for line in BufReader::new(&socket).lines() {
        greeting += &line?;
        // A refusal is one line, too.
        if greeting.ends_with('}') {
            break;
        }
    }
    socket.set_read_timeout(None)?;
    Ok((socket, greeting))
}

fn call(server: SocketAddr, method: &str, endpoint: &str, body: &str) -> Result<String, Failure> {
    let name = format!("{method} {endpoint}");
    let path = format!("/api/admin/{endpoint}");
    answered(&name, exchange(server, method, &path, body))
}

/// The body of a good answer.
fn answered(name: &str, answer: std::io::Result<Vec<u8>>) -> Result<String, Failure> {
    let answer = answer.map_err(Failure::to(name))?;
    let head = Response::parse(&answer)
        .ok()
        .flatten()
        .ok_or_else(|| refused(name, "something other than HTTP"))?;
    let body = String::from_utf8_lossy(&answer[head.head_bytes..]).into_owned();
    match head.status {
        200..=299 => Ok(body),
        status => Err(refused(name, &format!("{status} {body}"))),
    }
}

fn exchange(server: SocketAddr, method: &str, path: &str, body: &str) -> std::io::Result<Vec<u8>> {
    let mut socket = TcpStream::connect(server)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {server}\r\nAuthorization: Bearer {SECRET}\r\n\
         Connection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    socket.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    Ok(answer)
}

fn refused(who: &str, answer: &str) -> Failure {
    Failure::Refused {
        who: who.to_owned(),
        answer: answer.chars().take(300).collect(),
    }
}
