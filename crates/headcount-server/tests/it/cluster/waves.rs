//! A rule in waves over a cluster: one server opens it, and where that ends, another one goes on.

use serde_json::{Value, json};

use super::at_each_broker;
use super::broker::Version;
use super::counts::{await_nodes, await_total};
use super::node::Site;
use crate::client::{Ask, BOTH, Tab, Visit, eventually};
use crate::server::Server;

at_each_broker! {
    waves_go_on_where_the_server_that_opens_them_dies,
    a_tab_has_its_place_on_every_server,
}

fn visit(number: usize) -> Visit {
    Visit::new(BOTH[number % 2], "/shop")
        .version("old")
        .query(&format!("tab=the-tab-of-visitor-{number}"))
}

fn shop(spread: &Value) -> Value {
    json!({"match": {"segment": "/shop"}, "audience": "all", "spread": spread})
}

fn spread(server: &Server) -> Value {
    let rules = server.admin(Ask::get("/api/admin/invalidations")).json();
    rules["invalidations"][0]["spread"].clone()
}

/// How often a tab was told since the last call.
fn told(server: &Server, tab: &mut Tab) -> usize {
    server.mark(&tab.id);
    let before = tab.until("marker");
    before.iter().filter(|message| message["force"] == true).count()
}

/// The number of the server with the least id: it opens waves.
fn opener(servers: &[Server]) -> usize {
    let id = |server: &Server| {
        let nodes = server.admin(Ask::get("/api/admin/nodes")).json();
        let nodes = nodes["nodes"].as_array().unwrap().clone();
        let here = nodes.into_iter().find(|node| node["here"] == true).unwrap();
        here["id"].as_str().unwrap().to_owned()
    };
    let ids: Vec<String> = servers.iter().map(id).collect();
    (0..ids.len()).min_by_key(|number| &ids[*number]).unwrap()
}

fn waves_go_on_where_the_server_that_opens_them_dies(version: Version) {
    let site = Site::start(version);
    let mut servers: Vec<Server> = site.three().into();
    await_nodes(&servers);
    let dies = opener(&servers);
    let opener = servers.remove(dies);
    let mut tabs: Vec<Tab> = (0..30)
        .map(|number| visit(number).open(servers[number % 2].address))
        .collect();
    let mut times = [0; 30];
    let waves = json!({"waves": [20, 40, 100], "everyMs": 1_500});
    let given = opener.invalidate(&shop(&waves));
    assert_eq!(given["tabs"], 30);
    eventually("a second wave is open", || {
        (spread(&servers[0])["open"].as_f64()? >= 40.0).then_some(())
    });
    // A process that ends without a word.
    let Server {
        runtime, headcount, ..
    } = opener;
    runtime.shutdown_background();
    drop(headcount);
    for server in &servers {
        eventually("the others open the rest", || {
            (spread(server)["state"] == "complete").then_some(())
        });
    }
    let mut count = || {
        for (number, tab) in tabs.iter_mut().enumerate() {
            times[number] += told(&servers[number % 2], tab);
        }
        times.iter().sum::<usize>()
    };
    eventually("all are told", || (count() >= 30).then_some(()));
    assert_eq!(times, [1; 30]);
    assert_eq!(spread(&servers[0]), spread(&servers[1]));
}

fn a_tab_has_its_place_on_every_server(version: Version) {
    let site = Site::start(version);
    let servers = site.three();
    await_nodes(&servers);
    let mut tabs: Vec<Tab> = (0..24)
        .map(|number| visit(number).open(servers[number % 3].address))
        .collect();
    let waves = json!({"waves": [50, 100], "everyMs": 3_600_000});
    let id = servers[0].invalidate(&shop(&waves))["id"].clone();
    for server in &servers {
        eventually("it stands everywhere", || {
            (spread(server)["open"] == 50).then_some(())
        });
    }
    let told_on = |tabs: &mut [Tab], hop: usize| -> usize {
        let tabs = tabs.iter_mut().enumerate();
        tabs.map(|(number, tab)| told(&servers[(number + hop) % 3], tab))
            .sum()
    };
    let all = told_on(&mut tabs, 0);
    // Each goes from server to server, and is told no more than it was.
    for hop in 1..3 {
        let resumes: Vec<String> = tabs.drain(..).map(|tab| tab.resume.clone()).collect();
        await_total(&servers, 0);
        for (number, resume) in resumes.iter().enumerate() {
            let visit = visit(number).query(&format!("since={resume}"));
            tabs.push(visit.open(servers[(number + hop) % 3].address));
        }
        assert_eq!(told_on(&mut tabs, hop), 0, "{hop}");
    }
    assert!((1..24).contains(&all), "{all}");
    for (server, state) in [(1, "paused"), (2, "running"), (0, "aborted")] {
        let body = json!({"state": state});
        let path = format!("/api/admin/invalidations/{id}");
        let changed = servers[server].admin(Ask::with("PATCH", path, &body)).json();
        assert_eq!(changed["invalidation"]["spread"]["state"], state);
        assert_eq!(changed["nodes"]["answered"], 3);
    }
}
