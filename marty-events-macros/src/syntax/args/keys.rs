//! Keys of each attribute: known and required ones.

use crate::syntax::kind::Kind;

/// Keys that every attribute takes.
const SHARED: [&str; 7] = ["data", "success", "priority", "delivery", "transaction", "on_publish_error", "crate"];

const AUDIT: [&str; 11] = [
    "event_type",
    "action",
    "resource_type",
    "resource_id_field",
    "previous_state",
    "new_state",
    "compliance_tags",
    "risk_level",
    "on",
    "error",
    "error_code",
];
const DOMAIN: [&str; 7] =
    ["aggregate_type", "event_type", "aggregate_id_field", "event_version", "ordering", "on", "error"];
const NOTIFICATION: [&str; 5] = ["event_type", "recipient_type", "recipient_id_field", "subject", "message"];
const CUSTOM: [&str; 5] = ["topic", "event_type", "key_field", "on", "error"];

pub(crate) fn known(kind: Kind) -> impl Iterator<Item = &'static str> {
    let own: &[&str] = match kind {
        Kind::Audit => &AUDIT,
        Kind::Domain => &DOMAIN,
        Kind::Notification => &NOTIFICATION,
        Kind::Custom => &CUSTOM,
    };
    own.iter().chain(&SHARED).copied()
}

/// True if any attribute has the key.
pub(super) fn is_any(key: &str) -> bool {
    owner(key).is_some()
}

/// Another attribute that has the key.
pub(super) fn owner(key: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| known(*kind).any(|known| known == key))
}

/// The key of this attribute with the meaning that `key` has in another one.
pub(super) fn counterpart(kind: Kind, key: &str) -> Option<&'static str> {
    let kinds_key = |kind| match kind {
        Kind::Audit => "resource_type",
        Kind::Domain => "aggregate_type",
        Kind::Notification => "recipient_type",
        Kind::Custom => "topic",
    };
    if Kind::ALL.into_iter().any(|other| other.id_key() == key) {
        return Some(kind.id_key());
    }
    Kind::ALL.into_iter().any(|other| kinds_key(other) == key).then(|| kinds_key(kind))
}

/// The attribute that was probably meant: more than one key is unknown here, and all keys together are those of that
/// one.
pub(super) fn of_another_kind(kind: Kind, given: &[String], unknown: &[String]) -> Option<Kind> {
    let all = || given.iter().chain(unknown);
    let has_all = |other: &Kind| {
        all().all(|key| known(*other).any(|known| known == key))
            && required(*other).iter().all(|(key, _)| all().any(|given| given == key))
    };
    if unknown.len() < 2 { None } else { Kind::ALL.into_iter().filter(|other| *other != kind).find(has_all) }
}

/// Required keys, with an example of each.
pub(crate) fn required(kind: Kind) -> &'static [(&'static str, &'static str)] {
    match kind {
        Kind::Audit => &[
            ("event_type", "event_type = AuditEventType::DataCreated"),
            ("action", "action = \"create_user\""),
            ("resource_type", "resource_type = \"user\""),
            (
                "resource_id_field",
                "resource_id_field = \"user_id\"` with the argument that holds the id, or `resource_id_field = none",
            ),
        ],
        Kind::Domain => &[
            ("aggregate_type", "aggregate_type = \"user\""),
            ("event_type", "event_type = \"user_created\""),
            (
                "aggregate_id_field",
                "aggregate_id_field = \"user_id\"` with the argument that holds the id in place of `user_id",
            ),
        ],
        Kind::Notification => &[
            ("event_type", "event_type = NotificationEventType::UserWelcome"),
            ("recipient_type", "recipient_type = \"user\""),
            (
                "recipient_id_field",
                "recipient_id_field = \"user_id\"` with the argument that holds the id in place of `user_id",
            ),
            ("subject", "subject = \"Welcome, {name}!\""),
            ("message", "message = \"Account created\""),
        ],
        Kind::Custom => &[("topic", "topic = \"billing.ledger\""), ("event_type", "event_type = \"entry_posted\"")],
    }
}
