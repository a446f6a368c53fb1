//! The names that a cluster has at its broker.

use headcount_core::connection::NodeId;

/// Bytes of the longest name of a cluster.
const NAME_BYTES_MAX: usize = 32;

/// The subjects and the stream of one cluster.
#[derive(Clone, Debug)]
pub(crate) struct Subjects {
    cluster: String,
}

impl Subjects {
    /// `None`: a subject or a stream cannot have this name in it.
    pub(crate) fn of(cluster: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits = (1..=NAME_BYTES_MAX).contains(&cluster.len()) && cluster.bytes().all(is_plain);
        fits.then(|| Self {
            cluster: cluster.to_owned(),
        })
    }

    pub(crate) fn stream(&self) -> String {
        format!("HEADCOUNT_{}", self.cluster)
    }

    /// Everything that the stream keeps.
    pub(crate) fn log(&self) -> String {
        format!("headcount.{}.log.>", self.cluster)
    }

    pub(crate) fn entry(&self) -> String {
        format!("headcount.{}.log.entry", self.cluster)
    }

    pub(crate) fn checkpoint(&self) -> String {
        format!("headcount.{}.log.checkpoint", self.cluster)
    }

    /// Where the broker says what it stored.
    pub(crate) fn stored(&self) -> String {
        format!("headcount.{}.stored.>", self.cluster)
    }

    pub(crate) fn all(&self) -> String {
        format!("headcount.{}.bus.all", self.cluster)
    }

    pub(crate) fn watchers(&self) -> String {
        format!("headcount.{}.bus.watchers", self.cluster)
    }

    pub(crate) fn node(&self, node: NodeId) -> String {
        format!("headcount.{}.bus.node.{node}", self.cluster)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_nothing_that_a_subject_gives_a_meaning() {
        let long = "a".repeat(33);
        for name in ["", "a.b", "a b", "*", ">", "shop\r\n", "käse", "$SYS", &long] {
            assert!(Subjects::of(name).is_none(), "{name:?}");
        }
        let subjects = Subjects::of("Shop_1-b").unwrap();
        assert_eq!(subjects.stream(), "HEADCOUNT_Shop_1-b");
        assert_eq!(subjects.node(NodeId(10)), "headcount.Shop_1-b.bus.node.0000000a");
    }
}
