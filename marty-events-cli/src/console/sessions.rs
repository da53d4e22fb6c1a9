//! Sessions of browsers. They are held in memory; a cookie identifies them.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use subtle::ConstantTimeEq;
use uuid::Uuid;

/// A session ends after this time without use. A page that refreshes itself uses it.
const IDLE: Duration = Duration::from_mins(30);
/// A session ends after this time in any case.
const LONGEST: Duration = Duration::from_hours(12);
/// The number of sessions. Everybody who reaches the sign-in page opens one, so the oldest of them give way.
const MOST: usize = 1_000;

/// A browser's session. Its id and its form token are random (UUID version 4, 122 bits from the system's source).
#[derive(Clone)]
pub(super) struct Session {
    /// The content of the cookie.
    pub(super) id: Uuid,
    /// The content of a hidden field in every form. A page of another site cannot read it.
    pub(super) form_token: Uuid,
    /// The session's name in the log. The id would let a reader of the log in.
    pub(super) name: Uuid,
    /// True once the token was shown, or if the console has none.
    pub(super) is_signed_in: bool,
}

impl Session {
    /// True for a form of this session.
    pub(super) fn made(&self, form_token: &str) -> bool {
        let own = self.form_token.to_string();
        own.as_bytes().ct_eq(form_token.as_bytes()).into()
    }
}

struct Held {
    session: Session,
    began: Instant,
    used: Instant,
}

impl Held {
    fn is_over(&self, now: Instant) -> bool {
        IDLE < now.duration_since(self.used) || LONGEST < now.duration_since(self.began)
    }
}

#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<Uuid, Held>>);

impl Sessions {
    pub(super) fn open(&self, is_signed_in: bool, now: Instant) -> Session {
        let session = Session { id: Uuid::new_v4(), form_token: Uuid::new_v4(), name: Uuid::now_v7(), is_signed_in };
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, other| !other.is_over(now));
        if MOST <= held.len() {
            // Sessions with the token outlive the others.
            let least = held.values().min_by_key(|held| (held.session.is_signed_in, held.used));
            if let Some(id) = least.map(|held| held.session.id) {
                held.remove(&id);
            }
        }
        held.insert(session.id, Held { session: session.clone(), began: now, used: now });
        session
    }

    /// The session with this id. Finding it counts as its use.
    pub(super) fn find(&self, id: Uuid, now: Instant) -> Option<Session> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = held.get_mut(&id).filter(|held| !held.is_over(now))?;
        found.used = now;
        Some(found.session.clone())
    }

    pub(super) fn close(&self, id: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_it_is_idle_or_old_or_closed() {
        let (sessions, begin) = (Sessions::default(), Instant::now());
        let idle = sessions.open(true, begin).id;
        assert!(sessions.find(idle, begin + IDLE).is_some());
        assert!(sessions.find(idle, begin + IDLE * 2).is_some(), "use puts the end off");
        assert!(sessions.find(idle, begin + IDLE * 3 + Duration::from_secs(1)).is_none());
        let old = sessions.open(true, begin).id;
        for step in 1..=24 {
            assert!(sessions.find(old, begin + IDLE * step).is_some());
        }
        assert!(sessions.find(old, begin + LONGEST + Duration::from_secs(1)).is_none());
        let closed = sessions.open(true, begin).id;
        sessions.close(closed);
        assert!(sessions.find(closed, begin).is_none());
    }

    #[test]
    fn strangers_push_out_each_other_and_nobody_who_signed_in() {
        let (sessions, begin) = (Sessions::default(), Instant::now());
        let signed_in = sessions.open(true, begin).id;
        let first = sessions.open(false, begin).id;
        for number in 0..MOST {
            sessions.open(false, begin + Duration::from_millis(number.try_into().unwrap()));
        }
        let later = begin + Duration::from_secs(2);
        assert!(sessions.find(first, later).is_none());
        assert!(sessions.find(signed_in, later).is_some());
        assert_eq!(sessions.0.lock().unwrap().len(), MOST);
    }

    #[test]
    fn a_form_belongs_to_one_session() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let (one, other) = (sessions.open(true, now), sessions.open(true, now));
        assert!(one.made(&one.form_token.to_string()));
        assert!(!one.made(&other.form_token.to_string()) && !one.made(""));
    }
}
