use marty_events::OutboxRepository;

use super::{
    attempts::Attempts, cookie::SessionCookie, origin::Origins, sessions::Sessions, token::Token, watch::Watch,
};

/// The state that all requests share.
pub(super) struct Console {
    pub(super) repository: OutboxRepository,
    pub(super) token: Option<Token>,
    pub(super) origins: Origins,
    pub(super) is_read_only: bool,
    pub(super) cookie: SessionCookie,
    pub(super) sessions: Sessions,
    pub(super) attempts: Attempts,
    pub(super) watch: Watch,
}

impl Console {
    pub(super) fn new(
        repository: OutboxRepository,
        token: Option<Token>,
        origins: Origins,
        is_read_only: bool,
        is_encrypted: bool,
    ) -> Self {
        Self {
            repository,
            token,
            origins,
            is_read_only,
            cookie: SessionCookie { is_encrypted },
            sessions: Sessions::default(),
            attempts: Attempts::default(),
            watch: Watch::default(),
        }
    }
}
