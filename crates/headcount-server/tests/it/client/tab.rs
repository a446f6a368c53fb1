//! One open tab, over SSE or WebSocket.

use std::cell::RefCell;
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::client::Request;
use tungstenite::{HandshakeError, Message, WebSocket};

use super::http::{ask_on, connect, header, read_head, status_of};
use super::sse::Events;
use super::{Answer, Ask};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Sse,
    WebSocket,
}

pub(crate) const BOTH: [Transport; 2] = [Transport::Sse, Transport::WebSocket];

/// How a tab connects.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    transport: Transport,
    base: String,
    query: Vec<String>,
    cookies: Vec<String>,
    headers: Vec<(String, String)>,
    /// A page asked for first, on the same connection.
    page_first: Option<String>,
}

impl Visit {
    /// By this transport, on this page.
    pub(crate) fn new(transport: Transport, route: &str) -> Self {
        Self {
            transport,
            base: "/__skew".to_owned(),
            query: vec![format!("route={route}")],
            cookies: Vec::new(),
            headers: Vec::new(),
            page_first: None,
        }
    }

    pub(crate) fn base(mut self, base: &str) -> Self {
        base.clone_into(&mut self.base);
        self
    }

    /// Runs this build, as its cookie says.
    pub(crate) fn version(self, version: &str) -> Self {
        self.cookie(&format!("__nkpv={version}"))
    }

    pub(crate) fn cookie(mut self, pair: &str) -> Self {
        self.cookies.push(pair.to_owned());
        self
    }

    /// One more `name=value` in the query.
    pub(crate) fn query(mut self, pair: &str) -> Self {
        self.query.push(pair.to_owned());
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Asks for this page before it asks for the stream.
    pub(crate) fn page_first(mut self, target: &str) -> Self {
        self.page_first = Some(target.to_owned());
        self
    }

    fn target(&self) -> String {
        let endpoint = match self.transport {
            Transport::Sse => "sse",
            Transport::WebSocket => "ws",
        };
        format!("{}/{endpoint}?{}", self.base, self.query.join("&"))
    }

    fn headers(&self) -> impl Iterator<Item = (String, String)> {
        let cookies = (!self.cookies.is_empty()).then(|| ("cookie".to_owned(), self.cookies.join("; ")));
        cookies.into_iter().chain(self.headers.clone())
    }

    /// Connects; returns the answer if it is not a stream.
    pub(crate) fn try_open(self, address: SocketAddr) -> Result<Tab, Answer> {
        let socket = connect(address);
        if let Some(target) = &self.page_first {
            let mut reader = BufReader::new(socket.try_clone().unwrap());
            (&socket)
                .write_all(Ask::get(target).text(address, "keep-alive").as_bytes())
                .unwrap();
            let head = read_head(&mut reader).unwrap();
            let length = header(&head, "content-length").unwrap().parse().unwrap();
            std::io::Read::read_exact(&mut reader, &mut vec![0; length]).unwrap();
            assert_eq!(status_of(&head), 200, "{head}");
        }
        match self.transport {
            Transport::Sse => self.open_sse(socket, address),
            Transport::WebSocket => self.open_websocket(socket, address),
        }
    }

    /// Connects, and reads `connected`.
    pub(crate) fn open(self, address: SocketAddr) -> Tab {
        let mut tab = self
            .try_open(address)
            .unwrap_or_else(|answer| panic!("no stream: {answer:?}"));
        let first = tab.next();
        assert_eq!(first["type"], "connected", "{first}");
        first["connectionId"].as_str().unwrap().clone_into(&mut tab.id);
        tab.connected = first;
        tab
    }

    fn open_sse(self, mut socket: TcpStream, address: SocketAddr) -> Result<Tab, Answer> {
        let mut request = Ask::get(self.target());
        for (name, value) in self.headers() {
            request = request.header(&name, value);
        }
        socket
            .write_all(request.text(address, "keep-alive").as_bytes())
            .unwrap();
        let mut reader = BufReader::new(socket);
        let head = read_head(&mut reader).unwrap();
        if status_of(&head) != 200 || header(&head, "content-type") != Some("text/event-stream") {
            let length = header(&head, "content-length").unwrap_or("0").parse().unwrap();
            let mut body = vec![0; length];
            std::io::Read::read_exact(&mut reader, &mut body).unwrap();
            return Err(Answer::parse(&[head.as_bytes(), b"\r\n", &body].concat()));
        }
        let chunked = header(&head, "transfer-encoding") == Some("chunked");
        let stream = Stream::Sse(Events::new(reader, chunked));
        Ok(self.tab(stream, address, head))
    }

    fn open_websocket(self, socket: TcpStream, address: SocketAddr) -> Result<Tab, Answer> {
        let mut request: Request = format!("ws://{address}{}", self.target())
            .into_client_request()
            .unwrap();
        for (name, value) in self.headers() {
            let name = tungstenite::http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        match tungstenite::client::client(request, socket) {
            Ok((websocket, response)) => {
                let head = format!("{} {:?}", response.status(), response.headers());
                Ok(self.tab(Stream::WebSocket(Box::new(websocket)), address, head))
            }
            Err(HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                let mut head = format!("HTTP/1.1 {}\r\n", response.status());
                for (name, value) in response.headers() {
                    head.extend([name.as_str(), ": ", value.to_str().unwrap(), "\r\n"]);
                }
                let body = response.body().clone().unwrap_or_default();
                Err(Answer::parse(&[head.as_bytes(), b"\r\n", &body].concat()))
            }
            Err(error) => panic!("no handshake: {error}"),
        }
    }

    fn tab(self, stream: Stream, address: SocketAddr, head: String) -> Tab {
        let given = header(&head, "set-cookie")
            .and_then(|cookie| cookie.split(';').next())
            .map(str::to_owned);
        let mut visit = self;
        visit.cookies.extend(given);
        Tab {
            id: String::new(),
            connected: Value::Null,
            head,
            last_event_id: None,
            resume: String::new(),
            epoch: String::new(),
            visit,
            address,
            posts: RefCell::new(None),
            stream,
        }
    }
}

#[derive(Debug)]
enum Stream {
    Sse(Events),
    WebSocket(Box<WebSocket<TcpStream>>),
}

/// How a stream ended: with the code of its WebSocket close frame, if it had one.
pub(crate) type Ended = Option<u16>;

#[derive(Debug)]
pub(crate) struct Tab {
    /// Its connection id.
    pub(crate) id: String,
    /// The first message.
    pub(crate) connected: Value,
    /// The head of the answer.
    pub(crate) head: String,
    /// Of SSE, the last `id:`.
    pub(crate) last_event_id: Option<String>,
    /// What it brings back when it reconnects, kept as PROTOCOL.md tells clients to.
    pub(crate) resume: String,
    /// Whose numbers the commands have.
    pub(crate) epoch: String,
    visit: Visit,
    address: SocketAddr,
    /// What its browser keeps open for requests.
    posts: RefCell<Option<BufReader<TcpStream>>>,
    stream: Stream,
}

impl Tab {
    pub(crate) fn transport(&self) -> Transport {
        self.visit.transport
    }

    /// The next message other than a keepalive.
    pub(crate) fn next(&mut self) -> Value {
        self.next_or_end()
            .unwrap_or_else(|code| panic!("the stream ended: {code:?}"))
    }

    /// The next message of this type; others are passed over.
    pub(crate) fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next();
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// Everything up to the message of this type, which is not among it.
    pub(crate) fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut before = Vec::new();
        loop {
            let message = self.next();
            if message["type"] == kind {
                return before;
            }
            before.push(message);
        }
    }

    /// Reads to the end of the stream.
    pub(crate) fn end(&mut self) -> Ended {
        loop {
            if let Err(ended) = self.next_or_end() {
                return ended;
            }
        }
    }

    /// The next message other than a keepalive, or how the stream ended.
    pub(crate) fn next_or_end(&mut self) -> Result<Value, Ended> {
        loop {
            let message = self.receive()?;
            if message["type"] != "keepalive" {
                return Ok(message);
            }
        }
    }

    /// The next message of any kind.
    pub(crate) fn receive(&mut self) -> Result<Value, Ended> {
        loop {
            let text = match &mut self.stream {
                Stream::Sse(events) => {
                    let event = events.next().ok_or(None)?;
                    self.last_event_id = event.id.or(self.last_event_id.take());
                    event.data.unwrap_or_default()
                }
                Stream::WebSocket(websocket) => next_text(websocket)?,
            };
            if !text.is_empty() {
                let mut message: Value = serde_json::from_str(&text).unwrap();
                self.keep_epoch(&mut message);
                self.keep_resume(&message);
                return Ok(message);
            }
        }
    }

    /// The epoch of `connected`. Each command names the same one, which tests need not write out.
    fn keep_epoch(&mut self, message: &mut Value) {
        if message["type"] == "connected" {
            // A server that waits for its cluster names none, and no commands.
            message["epoch"]
                .as_str()
                .unwrap_or_default()
                .clone_into(&mut self.epoch);
        }
        if message["type"] == "version" {
            let named = message.as_object_mut().unwrap().remove("epoch");
            assert_eq!(named, Some(Value::from(&*self.epoch)), "{message}");
        }
    }

    fn keep_resume(&mut self, message: &Value) {
        if let Some(given) = message["resume"].as_str() {
            given.clone_into(&mut self.resume);
        }
        if message["force"] == true || message["prompt"] == true {
            let mark = if self.resume.contains(';') { ',' } else { ';' };
            self.resume.push(mark);
            self.resume.push_str(&message["id"].to_string());
        }
    }

    /// Says anything: as a WebSocket message, or by POST.
    pub(crate) fn tell(&mut self, message: &Value) {
        match self.transport() {
            Transport::WebSocket => self.say(message),
            Transport::Sse => {
                let mut body = message.clone();
                body["connectionId"] = self.id.as_str().into();
                assert_eq!(self.post("message", &body).json(), json!({"ok": true}));
            }
        }
    }

    /// Says that it shows another page. What SSE was answered; a WebSocket gets no answer.
    pub(crate) fn navigate(&mut self, route: &str) {
        match self.transport() {
            Transport::WebSocket => self.say(&json!({"type": "route-update", "route": route})),
            Transport::Sse => {
                let body = json!({"connectionId": self.id, "route": route});
                assert_eq!(self.post("route", &body).json(), json!({"ok": true}));
            }
        }
    }

    /// Asks for stats, showing the cookies it has.
    pub(crate) fn subscribe(&mut self) {
        match self.transport() {
            Transport::WebSocket => self.say(&json!({"type": "subscribe-stats"})),
            Transport::Sse => {
                let answer = self.post("subscribe-stats", &json!({"connectionId": self.id}));
                assert_eq!(answer.json(), json!({"ok": true}));
            }
        }
    }

    /// Posts to an endpoint below the base path with the cookies of its browser, on a connection that is kept while the
    /// server keeps it.
    pub(crate) fn post(&self, endpoint: &str, body: &Value) -> Answer {
        let mut request = Ask::post(format!("{}/{endpoint}", self.visit.base), &body);
        if !self.visit.cookies.is_empty() {
            request = request.header("cookie", self.visit.cookies.join("; "));
        }
        let mut posts = self.posts.borrow_mut();
        let kept = posts
            .as_mut()
            .and_then(|kept| ask_on(kept, self.address, &request));
        kept.unwrap_or_else(|| {
            let fresh = posts.insert(BufReader::new(connect(self.address)));
            ask_on(fresh, self.address, &request).unwrap()
        })
    }

    /// Sends a WebSocket message.
    pub(crate) fn say(&mut self, message: &Value) {
        self.send(Message::text(message.to_string()));
    }

    /// Sends WebSocket messages in one write, so that the server reads them together.
    pub(crate) fn say_at_once(&mut self, messages: &[Value]) {
        let Stream::WebSocket(websocket) = &mut self.stream else {
            panic!("SSE clients send nothing")
        };
        for message in messages {
            websocket.write(Message::text(message.to_string())).unwrap();
        }
        websocket.flush().unwrap();
    }

    pub(crate) fn send(&mut self, message: Message) {
        match &mut self.stream {
            Stream::WebSocket(websocket) => websocket.send(message).unwrap(),
            Stream::Sse(_) => panic!("SSE clients send nothing"),
        }
    }

    /// The socket below, for what no client does.
    pub(crate) fn socket(&self) -> &TcpStream {
        match &self.stream {
            Stream::Sse(events) => events.socket(),
            Stream::WebSocket(websocket) => websocket.get_ref(),
        }
    }
}

fn next_text(websocket: &mut WebSocket<TcpStream>) -> Result<String, Ended> {
    loop {
        match websocket.read() {
            Ok(Message::Text(text)) => return Ok(text.to_string()),
            Ok(Message::Close(frame)) => return Err(frame.map(|frame| frame.code.into())),
            Ok(_) => {}
            Err(tungstenite::Error::Io(error))
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) =>
            {
                panic!("nothing came")
            }
            Err(_) => return Err(None),
        }
    }
}
