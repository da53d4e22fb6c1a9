use std::sync::Arc;

use super::{
    attempts::Attempts, cookie::SessionCookie, origin::Origins, outbox::ShownOutbox, sessions::Sessions, token::Token,
};

/// The state that all requests share.
pub(super) struct Console {
    /// The outboxes, in the order in which they were named.
    pub(super) outboxes: Vec<Arc<ShownOutbox>>,
    /// The name of the environment, by `--title`.
    pub(super) title: Option<String>,
    pub(super) token: Option<Token>,
    pub(super) origins: Origins,
    pub(super) is_read_only: bool,
    pub(super) cookie: SessionCookie,
    pub(super) sessions: Sessions,
    pub(super) attempts: Attempts,
}

impl Console {
    pub(super) fn new(
        outboxes: Vec<Arc<ShownOutbox>>,
        title: Option<String>,
        token: Option<Token>,
        origins: Origins,
        is_read_only: bool,
        is_encrypted: bool,
    ) -> Self {
        Self {
            outboxes,
            title,
            token,
            origins,
            is_read_only,
            cookie: SessionCookie { is_encrypted },
            sessions: Sessions::default(),
            attempts: Attempts::default(),
        }
    }
}
