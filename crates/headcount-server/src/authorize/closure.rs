//! An embedder's own decision: any async function as an [`Authorizer`].

use std::fmt;
use std::future::Future;

use super::authorizer::{AuthorizeRequest, Authorizer, Verdict, VerdictFuture};
use super::credentials::Reads;

/// What a closure may answer: a [`Verdict`], or a `bool` where `true` admits for `limits.admission_ms` and is then asked for
/// again.
///
/// ```
/// use headcount_server::authorize::Verdict;
/// use headcount_server::authorize::closure::IntoVerdict;
///
/// assert_eq!(true.into_verdict(), Verdict::ADMITTED);
/// assert_eq!(false.into_verdict(), Verdict::Refused);
/// ```
pub trait IntoVerdict {
    /// What it means.
    fn into_verdict(self) -> Verdict;
}

impl IntoVerdict for Verdict {
    fn into_verdict(self) -> Verdict {
        self
    }
}

impl IntoVerdict for bool {
    fn into_verdict(self) -> Verdict {
        if self { Verdict::ADMITTED } else { Verdict::Refused }
    }
}

/// Asks `decide` who may see stats. `reads` names the headers that it needs; nothing else is kept for it. A browser
/// without any of them is refused without a call, unless `reads` comes from [`Reads::nothing`].
///
/// The closure is called again whenever an admission ends, so what it answers may change while a stream is open. It runs on
/// the caller's runtime and is dropped after ten seconds, which counts as [`Verdict::Unavailable`].
///
/// ```
/// use headcount_server::authorize::closure::closure;
/// use headcount_server::authorize::{AuthorizeRequest, Reads};
/// use headcount_server::head::cookie;
/// # #[derive(Clone)] struct Sessions;
/// # impl Sessions { async fn is_admin(&self, id: &str) -> bool { id == "s3ss10n" } }
/// # let sessions = Sessions;
///
/// let authorizer = closure(Reads::cookie("sid"), move |request: AuthorizeRequest| {
///     let sessions = sessions.clone();
///     async move {
///         match cookie(&*request.credentials, "sid") {
///             Some(id) => sessions.is_admin(id).await,
///             None => false,
///         }
///     }
/// });
/// # let _ = authorizer;
/// ```
pub fn closure<F, Fut>(reads: Reads, decide: F) -> impl Authorizer
where
    F: Fn(AuthorizeRequest) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoVerdict> + Send + 'static,
{
    Closure { reads, decide }
}

struct Closure<F> {
    reads: Reads,
    decide: F,
}

impl<F, Fut> Authorizer for Closure<F>
where
    F: Fn(AuthorizeRequest) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoVerdict> + Send + 'static,
{
    fn reads(&self) -> Reads {
        self.reads.clone()
    }

    fn authorize<'a>(&'a self, request: &'a AuthorizeRequest) -> VerdictFuture<'a> {
        let answer = (self.decide)(request.clone());
        Box::pin(async move { answer.await.into_verdict() })
    }
}

impl<F> fmt::Debug for Closure<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closure")
            .field("reads", &self.reads)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::tests::request;
    use crate::head::Head;

    #[tokio::test]
    async fn a_bool_admits_or_refuses() {
        let authorizer = closure(Reads::header("x-user"), |request: AuthorizeRequest| async move {
            request.credentials.header("x-user") == Some("ada")
        });
        let ada = authorizer.authorize(&request(&[("x-user", "ada")], 5)).await;
        assert_eq!(ada, Verdict::ADMITTED);
        let eve = authorizer.authorize(&request(&[("x-user", "eve")], 5)).await;
        assert_eq!(eve, Verdict::Refused);
    }

    #[tokio::test]
    async fn a_verdict_passes_as_it_is() {
        let until_ms = 77;
        let authorizer = closure(Reads::nothing(), move |_| async move {
            Verdict::Admitted { until_ms }
        });
        assert_eq!(
            authorizer.authorize(&request(&[], 5)).await,
            Verdict::Admitted { until_ms }
        );
    }
}
