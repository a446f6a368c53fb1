//! A real server is what `docs/reference/openapi.json` says: its endpoints, their methods, each answer and each error.

mod answers;
mod errors;
mod schema;
mod vectors;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::client::{Answer, Ask, ask};
use crate::server::{Server, config};

/// Where the endpoints are made.
const TABLE: &str = include_str!("../../../src/endpoints/mod.rs");
/// Their endpoints are not part of the document: `protocol/PROTOCOL.md` describes them.
const OTHER_ROUTERS: [&str; 3] = ["client_router", "board_router", "operations_router"];

/// The document, and what was seen of it.
struct Document {
    text: Value,
    /// `<operationId> <status>` of every answer that was checked, and of an error its code.
    seen: BTreeSet<String>,
}

impl Document {
    fn read() -> Self {
        let text = include_str!("../../../../../docs/reference/openapi.json");
        Self {
            text: serde_json::from_str(text).unwrap(),
            seen: BTreeSet::new(),
        }
    }

    /// Every operation: its method in capitals, its path, itself.
    fn operations(&self) -> Vec<(String, String, Value)> {
        let paths = self.text["paths"].as_object().unwrap();
        let of_path = |(path, item): (&String, &Value)| {
            let operations = item.as_object().unwrap().iter();
            let path = path.clone();
            operations
                .map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation.clone()))
                .collect::<Vec<_>>()
        };
        paths.iter().flat_map(of_path).collect()
    }

    fn operation(&self, id: &str) -> Value {
        let found = self
            .operations()
            .into_iter()
            .find(|(.., operation)| operation["operationId"] == id);
        found.unwrap_or_else(|| panic!("no operation {id}")).2
    }

    /// Checks an answer of an operation, and returns its body.
    fn check(&mut self, id: &str, answer: &Answer) -> Value {
        let operation = self.operation(id);
        let response = &operation["responses"][answer.status.to_string()];
        let (media, content) = response["content"]
            .as_object()
            .and_then(|content| content.iter().next())
            .unwrap_or_else(|| panic!("{id} documents no such answer: {answer:?}"));
        assert!(
            answer.header("content-type").unwrap().starts_with(media),
            "{answer:?}"
        );
        let body = answer.json();
        self.check_value(&content["schema"], &body, id);
        let code = body["error"]["code"].as_str().unwrap_or_default().to_owned();
        if answer.status != 200 {
            assert!(
                content["examples"].get(&code).is_some(),
                "{id} documents no `{code}`: {answer:?}"
            );
        }
        self.seen.insert(format!("{id} {} {code}", answer.status));
        body
    }

    fn check_value(&self, schema: &Value, value: &Value, what: &str) {
        let problems = schema::problems(&self.text, schema, value, what);
        assert!(problems.is_empty(), "{problems:#?}");
    }

    /// Checks the body of a request that the server took.
    fn check_request(&self, id: &str, body: &Value) {
        let content = &self.operation(id)["requestBody"]["content"]["application/json"];
        self.check_value(&content["schema"], body, id);
    }
}

/// The paths that a router of the table has, without what it has before them.
fn routed(router: &str) -> BTreeSet<String> {
    let (_, text) = TABLE.split_once(&format!("pub fn {router}(")).unwrap();
    let (text, _) = text.split_once("\n    }\n").unwrap();
    let calls = text.split(".route(").skip(1);
    calls
        .map(|call| {
            let literal = call.split('"').nth(1).unwrap();
            literal
                .replace("{base}", "")
                .replace("{{", "{")
                .replace("}}", "}")
        })
        .collect()
}

#[test]
fn every_endpoint_of_the_admin_api_is_in_the_document_with_its_methods() {
    let document = Document::read();
    let routers = TABLE.matches("_router(&self)").count();
    assert_eq!(
        routers,
        OTHER_ROUTERS.len() + 1,
        "a new router: is it part of the document?"
    );
    let documented: BTreeSet<String> = document
        .operations()
        .into_iter()
        .map(|(_, path, _)| path)
        .collect();
    assert_eq!(documented, routed("admin_router"));
    for router in OTHER_ROUTERS {
        assert!(TABLE.contains(&format!("pub fn {router}(")), "{router}");
    }
    let server = Server::start(config());
    for path in documented {
        let target = format!("/api/admin{}", path.replace("{id}", "1"));
        let answer = ask(server.address, &Ask::new("PUT", target));
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (405, "method-not-allowed"),
            "{path}"
        );
        let allowed: BTreeSet<String> = answer
            .header("allow")
            .unwrap()
            .split(',')
            .map(|method| method.trim().to_owned())
            .filter(|method| method != "HEAD")
            .collect();
        let of_path = document
            .operations()
            .into_iter()
            .filter(|(_, other, _)| *other == path);
        assert_eq!(
            of_path.map(|(method, ..)| method).collect::<BTreeSet<_>>(),
            allowed,
            "{path}"
        );
    }
}

#[test]
fn the_bounds_of_each_parameter_are_those_of_the_server() {
    let mut document = Document::read();
    let server = Server::start(config());
    let mut bounds = 0;
    for (method, path, operation) in document.operations() {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let id = operation["operationId"].as_str().unwrap();
            let mut asked = |value: u64| {
                let name = parameter["name"].as_str().unwrap();
                let answer = server.admin(Ask::new(&method, format!("/api/admin{path}?{name}={value}")));
                document.check(id, &answer);
                answer.status
            };
            if let Some(most) = parameter["schema"]["maximum"].as_u64() {
                assert_eq!((asked(most), asked(most + 1)), (200, 400), "{id}");
                bounds += 1;
            }
            if let Some(least @ 1..) = parameter["schema"]["minimum"].as_u64() {
                assert_eq!((asked(least), asked(least - 1)), (200, 400), "{id}");
                bounds += 1;
            }
        }
    }
    assert!(bounds >= 5, "{bounds}");
}

#[test]
fn every_metric_is_on_the_page_of_metrics() {
    let page = include_str!("../../../../../docs/reference/metrics.md");
    let server = Server::start(config());
    let text = ask(server.address, &Ask::get("/metrics")).body;
    let mut families = 0;
    for line in text.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let (name, help) = line.split_once(' ').unwrap();
        let counter = text.contains(&format!("# TYPE {name} counter"));
        let row = format!(
            "| `{name}{}` | {} |",
            if counter { "_total" } else { "" },
            help.trim_end_matches('.')
        );
        assert!(page.contains(&row), "{row}");
        families += 1;
    }
    assert!(families > 15, "{families}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let kind = line
            .split_once("{kind=\"")
            .and_then(|(_, rest)| rest.split_once('"'));
        assert!(
            kind.is_none_or(|(kind, _)| page.contains(&format!("`{kind}`"))),
            "{line}"
        );
    }
}
