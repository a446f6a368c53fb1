//! What a configuration asks for that was left out when the program was built.

use super::Config;

impl Config {
    /// What is asked for and was left out when the program was built.
    pub(super) fn problems_of_features(&self, problems: &mut Vec<String>) {
        for (key, feature, is_asked, is_built) in [
            (
                "authorize_bridge",
                "bridge",
                self.authorize_bridge,
                cfg!(feature = "bridge"),
            ),
            (
                "sealed_session",
                "sealed-session",
                self.sealed_session.is_some(),
                cfg!(feature = "sealed-session"),
            ),
            (
                "forward_auth",
                "forward-auth",
                self.forward_auth.is_some(),
                cfg!(feature = "forward-auth"),
            ),
        ] {
            if is_asked && !is_built {
                problems.push(format!(
                    "`{key}` needs the feature `{feature}` of `headcount-server`, which this program was built without: add it in \
                     Cargo.toml, or leave `{key}` out"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secret;

    #[test]
    fn what_was_left_out_of_the_program_is_said() {
        let config = Config::default().with(|config| {
            config.admin_secret = Some(Secret::new("correct horse battery staple"));
            config.authorize_bridge = true;
        });
        let problems = config.problems();
        assert_eq!(problems.is_empty(), cfg!(feature = "bridge"));
        assert!(
            problems
                .iter()
                .all(|problem| problem.contains("the feature `bridge`"))
        );
    }
}
