//! Reading a query. What is wrong with it is said by the name of the parameter.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;

use crate::error::Refusal;

/// A query that may be wrong.
pub(super) type AnyQuery<T> = Result<Query<T>, QueryRejection>;

/// What the standard library says of a text that is no number.
const NO_NUMBER: [&str; 4] = [
    "invalid digit found in string",
    "cannot parse integer from empty string",
    "number too large to fit in target type",
    "number too small to fit in target type",
];

/// The query. The error says what is wrong with it.
pub(super) fn asked<T>(query: AnyQuery<T>) -> Result<T, Refusal> {
    let Query(query) =
        query.map_err(|rejection| Refusal::invalid_query(explained(&rejection.body_text())))?;
    Ok(query)
}

/// `text`, which the parser of queries says to programmers, for those who wrote the query.
fn explained(text: &str) -> String {
    let problem = text
        .strip_prefix("Failed to deserialize query string: ")
        .unwrap_or(text);
    if let Some((_, unknown)) = problem.split_once("unknown field ") {
        return format!(
            "unknown parameter {}",
            unknown.replacen(", expected ", ": write ", 1)
        );
    }
    if let Some((_, name)) = problem.split_once("duplicate field ") {
        return format!("{name} is given twice: write it once");
    }
    if let Some((_, name)) = problem.split_once("missing field ") {
        return format!("{name} is missing");
    }
    let Some((name, reason)) = problem.split_once(": ") else {
        return problem.to_owned();
    };
    if NO_NUMBER.contains(&reason) {
        format!("`{name}`: write a whole number")
    } else if reason.ends_with("expected a nonzero u64") {
        format!("`{name}`: write a whole number, 1 or more")
    } else if let Some(unknown) = reason.strip_prefix("unknown variant ") {
        format!("`{name}` has {}", unknown.replacen(", expected ", ": write ", 1))
    } else {
        format!("`{name}`: {reason}")
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        Each,
        One,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the errors are looked at")]
    struct Asked {
        id: u32,
        limit: Option<usize>,
        step: Option<NonZeroU64>,
        mode: Option<Mode>,
    }

    #[test]
    fn each_problem_names_its_parameter() {
        for (query, said) in [
            ("id=x", "`id`: write a whole number"),
            ("id=", "`id`: write a whole number"),
            ("id=99999999999", "`id`: write a whole number"),
            ("id=1&limit=-1", "`limit`: write a whole number"),
            ("id=1&step=0", "`step`: write a whole number, 1 or more"),
            ("id=1&mode=two", "`mode` has `two`: write `each` or `one`"),
            (
                "id=1&top=2",
                "unknown parameter `top`: write one of `id`, `limit`, `step`, `mode`",
            ),
            ("id=1&id=2", "`id` is given twice: write it once"),
            ("limit=1", "`id` is missing"),
        ] {
            let uri = format!("/?{query}").parse().unwrap();
            let rejection = Query::<Asked>::try_from_uri(&uri).unwrap_err();
            assert_eq!(explained(&rejection.body_text()), said, "{query}");
        }
    }
}
