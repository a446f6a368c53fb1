//! What nodes pass on for connections, as it is written.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::UnreadableMessage;
use crate::cluster::Errand;
use crate::stats::Form;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(super) enum WireErrand {
    Navigate {
        route: Arc<str>,
    },
    Say {
        text: Arc<str>,
    },
    Alive,
    Subscribe {
        form: WireForm,
        /// Base64, URL-safe and without padding.
        credentials: String,
    },
    Send {
        text: Arc<str>,
    },
    Unknown,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WireForm {
    Whole,
    Deltas,
    Counts,
}

impl From<&Errand> for WireErrand {
    fn from(errand: &Errand) -> Self {
        match errand {
            Errand::Navigate(route) => Self::Navigate {
                route: Arc::clone(route),
            },
            Errand::Say(text) => Self::Say {
                text: Arc::clone(text),
            },
            Errand::Alive => Self::Alive,
            Errand::Subscribe { form, credentials } => Self::Subscribe {
                form: match form {
                    Form::Whole => WireForm::Whole,
                    Form::Deltas => WireForm::Deltas,
                    Form::Counts => WireForm::Counts,
                },
                credentials: URL_SAFE_NO_PAD.encode(credentials),
            },
            Errand::Send(text) => Self::Send {
                text: Arc::clone(text),
            },
            Errand::Unknown => Self::Unknown,
        }
    }
}

impl WireErrand {
    pub(super) fn into_errand(self) -> Result<Errand, UnreadableMessage> {
        Ok(match self {
            Self::Navigate { route } => Errand::Navigate(route),
            Self::Say { text } => Errand::Say(text),
            Self::Alive => Errand::Alive,
            Self::Subscribe { form, credentials } => Errand::Subscribe {
                form: match form {
                    WireForm::Whole => Form::Whole,
                    WireForm::Deltas => Form::Deltas,
                    WireForm::Counts => Form::Counts,
                },
                credentials: URL_SAFE_NO_PAD
                    .decode(credentials)
                    .map_err(|_| UnreadableMessage::Refused("credentials that are not base64"))?
                    .into(),
            },
            Self::Send { text } => Errand::Send(text),
            Self::Unknown => Errand::Unknown,
        })
    }
}
