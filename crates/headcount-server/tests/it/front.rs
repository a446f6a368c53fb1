//! A load balancer before nodes that knows nothing of them.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// Hands each connection to the next of these nodes, until it is dropped.
pub(crate) async fn round_robin(listener: std::net::TcpListener, nodes: Vec<SocketAddr>) {
    listener.set_nonblocking(true).unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    for node in nodes.iter().cycle() {
        let (client, _) = listener.accept().await.unwrap();
        tokio::spawn(carry(client, *node));
    }
}

async fn carry(mut client: TcpStream, node: SocketAddr) {
    // A node that accepts nobody any more: its client sees the same.
    let Ok(mut server) = TcpStream::connect(node).await else {
        return;
    };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let _reset = copy_bidirectional(&mut client, &mut server).await;
}
