//! Whether a value is what a schema of the OpenAPI document says.
//!
//! Stricter than JSON Schema: a field that the schema does not name is wrong, because it is not documented. A keyword that this file does
//! not know is a panic, so that nothing in the document goes unchecked.

use serde_json::Value;

/// Keywords that say nothing about a value.
const SILENT: [&str; 4] = ["description", "default", "format", "propertyNames"];

/// What is wrong with `value`, and where.
pub(super) fn problems(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$ref" => {
                let pointer = rule.as_str().unwrap().trim_start_matches('#');
                found.extend(problems(document, document.pointer(pointer).unwrap(), value, at));
            }
            "type" if !is(rule.as_str().unwrap(), value) => {
                found.push(format!("{at}: {value} is not {rule}"));
            }
            "enum" if !rule.as_array().unwrap().contains(value) => {
                found.push(format!("{at}: {value} is not among {rule}"));
            }
            "minimum" if value.as_f64() < rule.as_f64() => {
                found.push(format!("{at}: {value} is below {rule}"));
            }
            "maximum" if value.as_f64() > rule.as_f64() => {
                found.push(format!("{at}: {value} is above {rule}"));
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(problems(document, rule, item, &format!("{at}/{index}")));
                }
            }
            "oneOf" => {
                let fits = |choice: &&Value| problems(document, choice, value, at).is_empty();
                let fitting = rule.as_array().unwrap().iter().filter(fits).count();
                if fitting != 1 {
                    found.push(format!("{at}: {value} fits {fitting} choices"));
                }
            }
            "required" => {
                let missing = rule
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|name| value.get(name.as_str().unwrap()).is_none());
                found.extend(missing.map(|name| format!("{at}: {name} is missing")));
            }
            "type" | "enum" | "minimum" | "maximum" | "properties" | "additionalProperties" => {}
            silent => assert!(SILENT.contains(&silent), "{at}: unknown keyword {silent}"),
        }
    }
    if let Some(fields) = value.as_object() {
        for (name, field) in fields {
            let at = format!("{at}/{name}");
            match (&schema["properties"][name], &schema["additionalProperties"]) {
                (Value::Null, Value::Null | Value::Bool(false)) if schema.get("type").is_some() => {
                    found.push(format!("{at}: is not documented"));
                }
                (Value::Null, Value::Object(_)) => {
                    found.extend(problems(document, &schema["additionalProperties"], field, &at));
                }
                (Value::Null, _) => {}
                (property, _) => found.extend(problems(document, property, field, &at)),
            }
        }
    }
    found
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("unknown type {other}"),
    }
}
