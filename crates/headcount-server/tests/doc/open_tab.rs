// A tab that is open, for the examples in the documentation. They include this file.

use std::io::{Error, Result};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use headcount_server::Headcount;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Longer than any wait takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A tab on the build `v1`. It closes when this is dropped.
pub struct OpenTab {
    pub id: String,
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

/// Serves `headcount` on a free port of this machine, and opens a tab there that shows `route`.
pub async fn open_tab(headcount: &Headcount, route: &str) -> Result<OpenTab> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let headcount = headcount.clone();
    tokio::spawn(async move {
        let for_ever = std::future::pending();
        headcount.serve(listener, Headcount::no_site(), for_ever).await
    });
    let head = format!("GET /__skew/sse?route={route} HTTP/1.1\r\nhost: {address}\r\ncookie: __nkpv=v1\r\n\r\n");
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(head.as_bytes()).await?;
    let mut tab = OpenTab {
        id: String::new(),
        address,
        stream: BufReader::new(stream),
    };
    let connected = tab.message("connected").await?;
    tab.id = connected["connectionId"].as_str().unwrap_or_default().to_owned();
    Ok(tab)
}

impl OpenTab {
    /// The next message of this type.
    pub async fn message(&mut self, kind: &str) -> Result<serde_json::Value> {
        let read = async {
            loop {
                let mut line = String::new();
                if self.stream.read_line(&mut line).await? == 0 {
                    return Err(Error::other("the stream ended"));
                }
                let Some(text) = line.strip_prefix("data: ") else {
                    continue;
                };
                let message: serde_json::Value = serde_json::from_str(text)?;
                if message["type"] == kind {
                    return Ok(message);
                }
            }
        };
        tokio::time::timeout(PATIENCE, read).await?
    }

    /// Shows another page.
    pub async fn go_to(&self, route: &str) -> Result<()> {
        let body = serde_json::json!({ "connectionId": self.id, "route": route }).to_string();
        let (address, length) = (self.address, body.len());
        let request = format!(
            "POST /__skew/route HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let mut socket = TcpStream::connect(address).await?;
        socket.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        tokio::time::timeout(PATIENCE, socket.read_to_string(&mut answer)).await??;
        Ok(())
    }
}
