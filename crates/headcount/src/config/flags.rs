//! The command line.

use super::given::Given;
use super::location::Location;
use super::nearest::nearest;
use super::table;
use crate::arguments::ServeArguments;

const LIMIT: &str = "--limit";

/// The settings on the command line.
pub(super) fn given(arguments: &ServeArguments, problems: &mut Vec<String>) -> Vec<Given> {
    let singles = [
        ("listen", "--listen", &arguments.listen),
        ("admin_listen", "--admin-listen", &arguments.admin_listen),
        ("release", "--release", &arguments.release),
        ("data_dir", "--data-dir", &arguments.data_dir),
        (
            "ephemeral",
            "--ephemeral",
            &arguments.ephemeral.then(|| "true".to_owned()),
        ),
        ("shards", "--shards", &arguments.shards),
        ("base_path", "--base-path", &arguments.base_path),
        ("admin_path", "--admin-path", &arguments.admin_path),
        ("board_path", "--board-path", &arguments.board_path),
        ("cookie_name", "--cookie-name", &arguments.cookie_name),
        (
            "connection_tracking",
            "--connection-tracking",
            &arguments.connection_tracking,
        ),
        ("route_tracking", "--route-tracking", &arguments.route_tracking),
        ("ip_tracking", "--ip-tracking", &arguments.ip_tracking),
        (
            "authorize_bridge",
            "--authorize-bridge",
            &arguments.authorize_bridge.then(|| "true".to_owned()),
        ),
        ("bots", "--bots", &arguments.bots),
        ("log_format", "--log-format", &arguments.log_format),
    ];
    let lists = [
        ("allowed_origins", "--allowed-origin", &arguments.allowed_origin),
        ("trusted_proxies", "--trusted-proxy", &arguments.trusted_proxy),
        ("address_headers", "--address-header", &arguments.address_header),
    ];
    let singles = singles
        .into_iter()
        .chain(of_access(arguments))
        .chain(of_cluster(arguments))
        .filter_map(|(key, flag, text)| Some((key, flag, vec![text.clone()?])));
    let lists = lists.into_iter().filter(|(.., texts)| !texts.is_empty());
    let lists = lists.map(|(key, flag, texts)| (key, flag, texts.clone()));
    let given = singles.chain(lists).filter_map(|(key, flag, texts)| {
        Some(Given {
            setting: table::find(key)?,
            texts,
            place: Location::Flag(flag),
        })
    });
    given.chain(limits(&arguments.limit, problems)).collect()
}

/// The settings of secrets and authorizers.
fn of_access(arguments: &ServeArguments) -> [(&'static str, &'static str, &Option<String>); 9] {
    [
        (
            "admin_secret_file",
            "--admin-secret-file",
            &arguments.admin_secret_file,
        ),
        (
            "admin_secret_previous_file",
            "--admin-secret-previous-file",
            &arguments.admin_secret_previous_file,
        ),
        (
            "bridge_secret_file",
            "--bridge-secret-file",
            &arguments.bridge_secret_file,
        ),
        (
            "bridge_secret_previous_file",
            "--bridge-secret-previous-file",
            &arguments.bridge_secret_previous_file,
        ),
        (
            "sealed_session.password_file",
            "--session-password-file",
            &arguments.session_password_file,
        ),
        (
            "sealed_session.cookie",
            "--session-cookie",
            &arguments.session_cookie,
        ),
        ("sealed_session.rule", "--session-rule", &arguments.session_rule),
        ("forward_auth.url", "--forward-auth", &arguments.forward_auth),
        ("authorize", "--authorize", &arguments.authorize),
    ]
}

/// The settings of the cluster.
fn of_cluster(arguments: &ServeArguments) -> [(&'static str, &'static str, &Option<String>); 10] {
    [
        ("cluster", "--cluster", &arguments.cluster),
        ("cluster_name", "--cluster-name", &arguments.cluster_name),
        (
            "cluster_secret_file",
            "--cluster-secret-file",
            &arguments.cluster_secret_file,
        ),
        (
            "cluster_credentials",
            "--cluster-credentials",
            &arguments.cluster_credentials,
        ),
        ("cluster_nkey", "--cluster-nkey", &arguments.cluster_nkey),
        ("cluster_ca", "--cluster-ca", &arguments.cluster_ca),
        (
            "cluster_certificate",
            "--cluster-certificate",
            &arguments.cluster_certificate,
        ),
        ("cluster_key", "--cluster-key", &arguments.cluster_key),
        (
            "cluster_replicas",
            "--cluster-replicas",
            &arguments.cluster_replicas,
        ),
        ("node_name", "--node-name", &arguments.node_name),
    ]
}

fn limits(texts: &[String], problems: &mut Vec<String>) -> Vec<Given> {
    let mut given = Vec::new();
    for text in texts {
        match limit(text) {
            Ok(one) => given.push(one),
            Err(problem) => problems.push(format!("{LIMIT}: {problem}")),
        }
    }
    given
}

fn limit(text: &str) -> Result<Given, String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` has no value: write NAME=VALUE, as in tick_ms=200"))?;
    let setting = table::find(&format!("limits.{name}")).ok_or_else(|| {
        let known = super::limits::SETTINGS
            .iter()
            .filter_map(|limit| limit.key.strip_prefix("limits."));
        let hint = match nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`headcount serve --help` lists the limits".to_owned(),
        };
        format!("unknown limit `{name}`; {hint}")
    })?;
    Ok(Given {
        setting,
        texts: vec![value.to_owned()],
        place: Location::Flag(LIMIT),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_names_a_setting() {
        let text = || Some("x".to_owned());
        let arguments = ServeArguments {
            listen: text(),
            admin_listen: text(),
            release: text(),
            data_dir: text(),
            ephemeral: true,
            config: None,
            shards: text(),
            base_path: text(),
            admin_path: text(),
            board_path: text(),
            cookie_name: text(),
            connection_tracking: text(),
            route_tracking: text(),
            ip_tracking: text(),
            allowed_origin: vec!["x".to_owned()],
            bots: text(),
            trusted_proxy: vec!["x".to_owned()],
            address_header: vec!["x".to_owned()],
            admin_secret_file: text(),
            admin_secret_previous_file: text(),
            bridge_secret_file: text(),
            bridge_secret_previous_file: text(),
            session_password_file: text(),
            session_cookie: text(),
            session_rule: text(),
            forward_auth: text(),
            authorize_bridge: true,
            authorize: text(),
            limit: vec!["tick_ms=1".to_owned()],
            log_format: text(),
            cluster: text(),
            cluster_name: text(),
            cluster_secret_file: text(),
            cluster_credentials: text(),
            cluster_nkey: text(),
            cluster_ca: text(),
            cluster_certificate: text(),
            cluster_key: text(),
            cluster_replicas: text(),
            node_name: text(),
        };
        let mut problems = Vec::new();
        assert_eq!(given(&arguments, &mut problems).len(), 39);
        assert_eq!(problems, Vec::<String>::new());
    }
}
