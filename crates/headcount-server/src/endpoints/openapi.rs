//! The admin API and the bridge as an OpenAPI document.
//!
//! Paths, queries, bodies and answers come from the handlers and from the very types that they take and answer. What a request can be
//! refused for comes from [`Refusal`], so statuses, codes and messages are the server's own: each operation names its [`Cause`]s.
//!
//! `cargo xtask generate` writes the document to `docs/reference/openapi.json`. The tests of this crate hold a real server to that file.

use headcount_core::pattern::RoutePattern;
use headcount_core::protocol::admin::ErrorAnswer;
use headcount_core::version::check_release;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use super::{admin, bridge, principal, rules};
use crate::error::{CommandError, Refusal};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "headcount",
        description = "The admin API and the bridge of a headcount server. Times are milliseconds since the Unix epoch. A field that is \
                       not required is absent where it has no value, never null. Clients ignore fields that they do not know.\n\n\
                       In a cluster every server answers for all. `nodes` in an answer says how many of them it is of, and is absent \
                       without a cluster. While the broker is not reached, the numbers are those of the server that answers, and \
                       commands are refused with `store-hangs`, or with `may-be-stored` where one was under way. Refused pages are \
                       those of the server that answers."
    ),
    servers((url = "/api/admin", description = "Where the server has `admin_path`")),
    tags(
        (name = "Counts", description = "What is open now, and what was open"),
        (name = "Releases", description = "Which build is current"),
        (name = "Rules", description = "Which tabs refresh"),
        (name = "Session", description = "A cookie for the board instead of the secret"),
        (name = "Bridge", description = "For app servers: what happens to tabs, messages to tabs, who may see stats"),
    ),
    paths(
        admin::stats,
        admin::pages,
        admin::adoption,
        admin::nodes,
        admin::refusals,
        admin::history,
        admin::connections,
        admin::releases,
        admin::announce,
        rules::rules,
        rules::invalidate,
        rules::change,
        rules::lift_by_query,
        rules::lift,
        rules::invalidate_route,
        bridge::lines,
        bridge::messages,
        bridge::answers,
        bridge::ended,
        principal::sign_in,
        principal::sign_out,
    ),
    components(schemas(ErrorAnswer))
)]
struct Described;

/// Why an operation may refuse a request.
#[derive(Clone, Copy, Debug)]
enum Cause {
    /// It needs the admin secret, or a ticket.
    Principal,
    /// It needs a secret that opens the bridge.
    AppServer,
    /// It needs the secret that decides who sees stats.
    Authorizing,
    /// It takes the secret in its body.
    SecretInBody,
    /// It reads a body.
    Body,
    /// It reads a query, or a number in the path.
    Query,
    /// It asks the shards, which may be late.
    Late,
    /// It asks the shards, which may be late or have ended.
    Shards,
    /// It needs tracking that may be off.
    Tracking,
    /// It needs a cluster.
    Cluster,
    /// It stores something.
    Store,
    /// It takes a version.
    Version,
    /// It takes a pattern.
    Pattern,
    /// It takes the number of a rule.
    RuleNumber,
    /// It needs a rule in waves.
    Waves,
    /// It opens a bridge.
    Bridge,
}

/// What each operation may refuse a request for.
const CAUSES: &[(&str, &[Cause])] = {
    use Cause::{
        AppServer, Authorizing, Body, Bridge, Cluster, Late, Pattern, Principal, Query, RuleNumber,
        SecretInBody, Shards, Store, Tracking, Version, Waves,
    };
    &[
        ("stats", &[Principal, Shards, Tracking]),
        ("pages", &[Principal, Query, Shards, Tracking]),
        (
            "adoption",
            &[Principal, Query, Version, Pattern, Shards, Tracking],
        ),
        ("nodes", &[Principal, Cluster]),
        ("refusals", &[Principal]),
        ("history", &[Principal, Query, Tracking]),
        ("connections", &[Principal, Query, Shards, Tracking]),
        ("releases", &[Principal]),
        ("announce", &[Principal, Body, Version, Store, Shards]),
        ("rules", &[Principal, Late]),
        ("invalidate", &[Principal, Body, Pattern, Tracking, Store, Shards]),
        (
            "change",
            &[Principal, Query, Body, RuleNumber, Waves, Store, Shards],
        ),
        ("lift_by_query", &[Principal, Query, RuleNumber, Store, Shards]),
        ("lift", &[Principal, Query, RuleNumber, Store, Shards]),
        (
            "invalidate_route",
            &[Principal, SecretInBody, Body, Pattern, Tracking, Store, Shards],
        ),
        ("lines", &[AppServer, Authorizing, Query, Bridge]),
        ("messages", &[AppServer, Body]),
        ("answers", &[AppServer, Authorizing, Body]),
        ("ended", &[AppServer, Authorizing, Body]),
        ("sign_in", &[SecretInBody, Body]),
        ("sign_out", &[Principal]),
    ]
};

impl Cause {
    fn refusals(self) -> Vec<Refusal> {
        match self {
            Self::Principal => vec![
                Refusal::unauthorized(),
                Refusal::wrong_secret(),
                Refusal::too_many_guesses(),
                Refusal::bridge_only(),
                Refusal::foreign_origin(),
                Refusal::not_configured(),
            ],
            Self::AppServer => vec![
                Refusal::unauthorized(),
                Refusal::wrong_secret(),
                Refusal::ticket_at_bridge(),
                Refusal::too_many_guesses(),
                Refusal::not_configured(),
            ],
            Self::Authorizing => vec![Refusal::bridge_secret_needed()],
            Self::SecretInBody => vec![
                Refusal::wrong_secret(),
                Refusal::too_many_guesses(),
                Refusal::foreign_origin(),
                Refusal::not_configured(),
            ],
            Self::Body => vec![
                Refusal::invalid_body("missing field `version`"),
                Refusal::slow_body(),
                Refusal::body_too_large(65_536),
            ],
            Self::Query => vec![Refusal::invalid_query("`limit`: write a whole number")],
            Self::Late => vec![Refusal::overloaded()],
            Self::Shards => vec![Refusal::overloaded(), Refusal::draining()],
            Self::Tracking => vec![command(CommandError::Off {
                setting: "route_tracking",
            })],
            Self::Cluster => vec![command(CommandError::Off { setting: "cluster" })],
            Self::Store => of_the_log(),
            Self::Version => check_release("", 128)
                .map_err(CommandError::from)
                .map_err(command)
                .err()
                .into_iter()
                .collect(),
            Self::Pattern => RoutePattern::regex("(", &headcount_core::limits::Limits::default())
                .map_err(CommandError::from)
                .map_err(command)
                .err()
                .into_iter()
                .collect(),
            Self::RuleNumber => vec![command(CommandError::NoSuchRule { id: 7 })],
            Self::Waves => vec![command(CommandError::NotInWaves { id: 7 })],
            Self::Bridge => vec![
                Refusal::full("too many bridges are open: close one, or raise `limits.bridges_max`"),
                Refusal::draining(),
            ],
        }
    }
}

/// What keeps the commands refuses one.
fn of_the_log() -> Vec<Refusal> {
    vec![
        command(STORE_HANGS),
        command(MAY_BE_STORED),
        command(CommandError::Draining),
        Refusal::not_stored("the command could not be stored, so no tab was told"),
        command(CommandError::OutOfNumbers),
    ]
}

const STORE_HANGS: CommandError = CommandError::StoreHangs {
    reason: "the disk does not answer",
};

const MAY_BE_STORED: CommandError = CommandError::MayBeStored {
    reason: "the broker does not answer",
};

fn command(error: CommandError) -> Refusal {
    Refusal::from(error)
}

/// The OpenAPI 3.1 document of the admin API and the bridge.
///
/// ```
/// let document = headcount_server::openapi::document();
/// assert_eq!(document["openapi"], "3.1.0");
/// assert!(document["paths"]["/stats"]["get"].is_object());
/// ```
pub fn document() -> Value {
    let mut document = serde_json::to_value(Described::openapi()).unwrap_or_default();
    without_null(&mut document);
    document["components"]["securitySchemes"] = json!({
        "secret": {"type": "http", "scheme": "bearer", "description": "The admin secret. At the bridge: the bridge secret, if there is one."},
        "ticket": {"type": "apiKey", "in": "cookie", "name": crate::authorize::ticket::TICKET_COOKIE,
            "description": "The ticket from `POST /session`. `_` and 8 digits of the server follow the name."},
    });
    let mut codes = Map::new();
    for item in objects(&mut document["paths"]) {
        for operation in objects(item) {
            finish(operation, &mut codes);
        }
    }
    document["components"]["examples"] = codes.into();
    document
}

/// Adds what an operation may refuse, and what opens it.
fn finish(operation: &mut Value, codes: &mut Map<String, Value>) {
    let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
    let causes = CAUSES
        .iter()
        .find(|(name, _)| *name == id)
        .map_or(&[][..], |(_, causes)| causes);
    let is = |wanted: fn(&Cause) -> bool| causes.iter().any(wanted);
    operation["security"] = if is(|cause| matches!(cause, Cause::AppServer)) {
        json!([{"secret": []}])
    } else if is(|cause| matches!(cause, Cause::SecretInBody)) {
        json!([{}, {"secret": []}, {"ticket": []}])
    } else {
        json!([{"secret": []}, {"ticket": []}])
    };
    let every = [Refusal::ambiguous_head(), Refusal::foreign_host()];
    let refusals = every
        .into_iter()
        .chain(causes.iter().flat_map(|cause| cause.refusals()));
    for refusal in refusals {
        let (status, code, message) = refusal.parts();
        add(&mut operation["responses"][status.as_str()], code);
        let example = json!({"summary": status.as_u16().to_string(), "value": {"error": {"code": code, "message": message}}});
        codes.entry(code).or_insert(example);
    }
}

/// Adds one code to the answers of a status.
fn add(response: &mut Value, code: &str) {
    if response.is_null() {
        *response = json!({
            "description": "",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}, "examples": {}}},
        });
    }
    let examples = &mut response["content"]["application/json"]["examples"];
    examples[code] = json!({"$ref": format!("#/components/examples/{code}")});
    let codes: Vec<String> = examples
        .as_object()
        .map(|examples| examples.keys().map(|code| format!("`{code}`")).collect())
        .unwrap_or_default();
    response["description"] = codes.join(", ").into();
}

fn objects(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_object_mut().map(Map::values_mut).into_iter().flatten()
}

/// An `Option` of ours is absent where it has no value, never null.
fn without_null(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(fields) => {
            if let Some(Value::Array(kinds)) = fields.get_mut("type") {
                kinds.retain(|kind| kind != "null");
                if let [one] = &kinds[..] {
                    let one = one.clone();
                    fields.insert("type".to_owned(), one);
                }
            }
            if let Some(Value::Array(choices)) = fields.get_mut("oneOf") {
                choices.retain(|choice| choice["type"] != "null");
                if let [Value::Object(one)] = &choices[..] {
                    let one = one.clone();
                    fields.remove("oneOf");
                    fields.extend(one);
                }
            }
            fields.values_mut().for_each(without_null);
        }
        _ => {}
    }
}
